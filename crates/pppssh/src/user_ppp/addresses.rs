//! `set ifaddr MY[/n] HIS[/n] [MASK [TRIGGER]]`.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use ppp_proto::{Ipv4Range, LocalAddress, RemoteAddress};

/// Addresses in one list of ranges; ppp's own limit is the length of a line.
const MAX_RANGES: usize = 64;

/// What `set ifaddr` says, in the link's terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IfAddr {
    /// Our address.
    pub local: LocalAddress,
    /// In which our address must lie, if it is not fixed. None: any.
    pub local_range: Option<Ipv4Net>,
    /// The peer's address.
    pub remote: RemoteAddress,
    /// MY and HIS, before anybody is asked, where they are addresses.
    written: (Option<Ipv4Addr>, Option<Ipv4Addr>),
}

impl IfAddr {
    /// Reads the words behind `set ifaddr`.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        if words.len() > 4 {
            return Err("write `set ifaddr MY[/n] HIS[/n] [MASK [TRIGGER]]`".to_owned());
        }
        let mut ifaddr = Self::default();
        if let Some(mine) = words.first() {
            let (address, bits) = range(mine)?;
            ifaddr.written.0 = Some(address).filter(|address| !address.is_unspecified());
            ifaddr.local = match (address, bits) {
                // 0 bits of nothing: ask.
                (address, _) if address.is_unspecified() => LocalAddress::Ask,
                (address, 32) => LocalAddress::Fixed(unicast(address)?),
                (address, bits) => {
                    if bits > 0 {
                        ifaddr.local_range = Ipv4Net::new(address, bits).ok().map(|net| net.trunc());
                    }
                    LocalAddress::Prefer(unicast(address)?)
                }
            };
        }
        if let Some(his) = words.get(1) {
            ifaddr.remote = remote(his)?;
            ifaddr.written.1 = match &ifaddr.remote {
                RemoteAddress::Fixed(address) | RemoteAddress::Prefer(address) => Some(*address),
                RemoteAddress::Ranges(ranges) => ranges.first().map(|range| range.first),
                RemoteAddress::Any => None,
            };
        }
        if let Some(mask) = words.get(2) {
            // The tunnel has two ends and no network around them: read, to find mistakes, and left.
            address(mask)?;
        }
        if let Some(trigger) = words.get(3) {
            // What the first request says. An address of its own there would be refused or taken: MY stands for it.
            let trigger = address(trigger)?;
            if let LocalAddress::Prefer(_) = ifaddr.local {
                ifaddr.local = if trigger.is_unspecified() {
                    LocalAddress::Ask
                } else {
                    LocalAddress::Prefer(unicast(trigger)?)
                };
            }
        }
        if let (LocalAddress::Fixed(mine), RemoteAddress::Fixed(his)) = (ifaddr.local, &ifaddr.remote)
            && mine == *his
        {
            return Err(format!("both ends would have the address {mine}: give each end its own"));
        }
        Ok(ifaddr)
    }

    /// Our address, if it is known before the negotiation.
    pub fn fixed_local(&self) -> Option<Ipv4Addr> {
        if let LocalAddress::Fixed(address) = self.local { Some(address) } else { None }
    }

    /// The peer's address, if it is known before the negotiation.
    pub fn fixed_remote(&self) -> Option<Ipv4Addr> {
        if let RemoteAddress::Fixed(address) = self.remote { Some(address) } else { None }
    }

    /// The addresses to give the device before anybody is called (`-auto`): those that the negotiation begins with.
    pub fn first_guess(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let (local, remote) = (self.written.0?, self.written.1?);
        (local != remote).then_some((local, remote))
    }

    /// Whether our address may become `address`.
    pub fn may_be(&self, address: Ipv4Addr) -> bool {
        match self.local {
            LocalAddress::Fixed(fixed) => fixed == address,
            _ => self.local_range.is_none_or(|range| range.contains(&address)),
        }
    }
}

fn remote(text: &str) -> Result<RemoteAddress, String> {
    if text.contains(['-', ',']) {
        let parts: Vec<_> = text.split(',').take(MAX_RANGES + 1).collect();
        if parts.len() > MAX_RANGES {
            return Err(format!("more than {MAX_RANGES} addresses: write ranges FIRST-LAST"));
        }
        let ranges = parts.into_iter().map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = Ipv4Range { first: unicast(address(first)?)?, last: unicast(address(last)?)? };
            if range.first > range.last {
                return Err(format!("{part} is empty: write the lower address first"));
            }
            Ok(range)
        });
        return Ok(RemoteAddress::Ranges(ranges.collect::<Result<_, _>>()?));
    }
    let (address, bits) = range(text)?;
    Ok(match (address, bits) {
        (address, _) if address.is_unspecified() => RemoteAddress::Any,
        (address, 32) => RemoteAddress::Fixed(unicast(address)?),
        (address, 0) => RemoteAddress::Prefer(unicast(address)?),
        (address, bits) => {
            let first = unicast(address)?;
            // ppp proposes the address itself and takes any other of the range.
            RemoteAddress::Ranges(vec![
                Ipv4Range { first, last: first },
                Ipv4Range::of_network(address, bits),
            ])
        }
    })
}

/// `ADDRESS[/BITS]`: how many bits must be as written; all of them by default.
fn range(text: &str) -> Result<(Ipv4Addr, u8), String> {
    let (written, bits) = text.split_once('/').unwrap_or((text, "32"));
    let bits = bits.parse().ok().filter(|bits| *bits <= 32);
    let bits = bits.ok_or_else(|| format!("`{text}`: behind the slash goes a number from 0 to 32"))?;
    Ok((address(written)?, bits))
}

/// An address; ppp's `0` is 0.0.0.0. Names are not looked up.
pub(super) fn address(text: &str) -> Result<Ipv4Addr, String> {
    if text == "0" {
        return Ok(Ipv4Addr::UNSPECIFIED);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).map(Ipv4Addr::from_bits).map_err(|_| not_an_address(text));
    }
    text.parse().map_err(|_| not_an_address(text))
}

fn not_an_address(text: &str) -> String {
    format!("`{text}` is not an IPv4 address (host names are not looked up): write four numbers")
}

fn unicast(address: Ipv4Addr) -> Result<Ipv4Addr, String> {
    if address.is_unspecified() || address.is_multicast() || address.is_broadcast() {
        return Err(format!("{address} cannot be the address of one end of a link"));
    }
    Ok(address)
}
