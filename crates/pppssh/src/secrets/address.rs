//! The address list of a secret, and pppd's `allow-ip`: `*`, `10.0.0.1`, `10.0.0.0/8`, `!10.0.0.7`.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use ppp_proto::{AddressRule, Ipv4Range};

/// Why a word is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddressRule {
    /// The number of bits.
    #[error("invalid address length {0} in auth. address list")]
    Length(String),
    /// Not an address, nor a host with one.
    #[error("unknown host {0} in auth. address list")]
    Host(String),
    /// An address that depends on the unit.
    #[error(
        "{0} depends on the number of the interface, which is not known before the link: write the address"
    )]
    Unit(String),
}

/// Reads one word. `resolve` gives the address of what is none.
pub fn rule(
    word: &str,
    resolve: &mut dyn FnMut(&str) -> Option<Ipv4Addr>,
) -> Result<AddressRule, BadAddressRule> {
    if word == "*" {
        return Ok(AddressRule::ANY);
    }
    let (allow, text) = word.strip_prefix('!').map_or((true, word), |rest| (false, rest));
    let (host, bits) = match text.split_once('/') {
        Some((_, bits)) if bits.ends_with('+') => return Err(BadAddressRule::Unit(word.to_owned())),
        Some((host, bits)) => {
            let length = bits.parse().ok().filter(|bits| (1..=32).contains(bits));
            (host, length.ok_or_else(|| BadAddressRule::Length(bits.to_owned()))?)
        }
        None => (text, 32),
    };
    let address = host.parse().ok().or_else(|| resolve(host));
    let address = address.ok_or_else(|| BadAddressRule::Host(host.to_owned()))?;
    let net = Ipv4Net::new(address, bits).map_err(|_| BadAddressRule::Length(bits.to_string()))?;
    // All of the network, as pppd has it; what no host can have is refused elsewhere.
    Ok(AddressRule { allow, range: Ipv4Range { first: net.network(), last: net.broadcast() } })
}
