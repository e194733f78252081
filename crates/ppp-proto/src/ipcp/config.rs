//! Address policy: who may be called what.

use std::{fmt, net::Ipv4Addr};

use crate::vj::VjConfig;

/// IPCP's side of a [`LinkConfig`](crate::LinkConfig).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpcpConfig {
    /// Our address.
    pub local: LocalAddress,
    /// The peer's address.
    pub remote: RemoteAddress,
    /// The peer's address if neither end names one. Without it, such a link fails.
    pub remote_fallback: Option<Ipv4Addr>,
    /// Ask the peer for DNS servers (RFC 1877 §1.1, §1.3).
    pub ask_dns: bool,
    /// Ask the peer for NetBIOS name servers (RFC 1877 §1.2, §1.4).
    pub ask_nbns: bool,
    /// DNS servers given to a peer that asks; the first two count, one alone is given for both.
    pub offer_dns: Vec<Ipv4Addr>,
    /// NetBIOS name servers given to a peer that asks; as `offer_dns`.
    pub offer_nbns: Vec<Ipv4Addr>,
    /// Compress TCP/IPv4 headers, in each direction whose receiver asks for it (RFC 1144).
    pub vj: Option<VjConfig>,
}

/// Which address this end may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LocalAddress {
    /// Ask with 0.0.0.0 and take what the peer assigns.
    #[default]
    Ask,
    /// This one or none.
    Fixed(Ipv4Addr),
    /// Propose this one, take another if the peer suggests it (pppd's `ipcp-accept-local`).
    Prefer(Ipv4Addr),
}

/// Which address the peer may have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RemoteAddress {
    /// Whatever it says; it must say something, there is nothing to assign.
    #[default]
    Any,
    /// This one; assigned when the peer asks with 0.0.0.0.
    Fixed(Ipv4Addr),
    /// Assigned when the peer asks with 0.0.0.0, another is accepted (pppd's `ipcp-accept-remote`).
    Prefer(Ipv4Addr),
    /// Any address of these; the first usable one is assigned when the peer asks with 0.0.0.0 or is outside.
    Ranges(Vec<Ipv4Range>),
}

/// Addresses from `first` up to and with `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv4Range {
    /// The lowest address.
    pub first: Ipv4Addr,
    /// The highest address; a range with `last` below `first` is empty.
    pub last: Ipv4Addr,
}

impl Ipv4Range {
    /// The host addresses of a network: without its network and broadcast addresses, except in /31 and /32.
    ///
    /// `prefix` above 32 counts as 32.
    pub fn of_network(network: Ipv4Addr, prefix: u8) -> Ipv4Range {
        let host_bits = 32 - u32::from(prefix.min(32));
        let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
        let (low, high) = (network.to_bits() & mask, network.to_bits() | !mask);
        let inset = u32::from(host_bits > 1);
        Ipv4Range { first: Ipv4Addr::from_bits(low + inset), last: Ipv4Addr::from_bits(high - inset) }
    }

    /// Whether `address` lies inside.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// A rule about addresses that a peer may have, once it is known who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRule {
    /// Whether they are allowed.
    pub allow: bool,
    /// Which addresses.
    pub range: Ipv4Range,
}

impl AddressRule {
    /// Every address is allowed.
    pub const ANY: AddressRule = AddressRule {
        allow: true,
        range: Ipv4Range { first: Ipv4Addr::UNSPECIFIED, last: Ipv4Addr::BROADCAST },
    };

    /// Whether `rules` allow `address`: the first that is about it counts, and what no rule is about is not allowed.
    pub fn allows(rules: &[AddressRule], address: Ipv4Addr) -> bool {
        rules.iter().find(|rule| rule.range.contains(address)).is_some_and(|rule| rule.allow)
    }

    /// The one address that the rule allows, if it is just one.
    pub(super) fn host(&self) -> Option<Ipv4Addr> {
        (self.allow && self.range.first == self.range.last).then_some(self.range.first)
    }
}

impl fmt::Display for Ipv4Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// What IPCP settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Params {
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's address; never equal to `local`.
    pub remote: Ipv4Addr,
    /// The DNS servers the peer gave us.
    pub dns: [Option<Ipv4Addr>; 2],
    /// The NetBIOS name servers the peer gave us.
    pub nbns: [Option<Ipv4Addr>; 2],
}
