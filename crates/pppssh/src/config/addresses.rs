//! Addresses as pppd writes them: `LOCAL:REMOTE`, and IPv6 interface identifiers as `LOCAL,REMOTE`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::text::text_serde;

/// The IPv4 addresses of the two ends. A side left empty is asked of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Addresses {
    /// This end's address.
    pub local: Option<Ipv4Addr>,
    /// The other end's address.
    pub remote: Option<Ipv4Addr>,
}

/// Why a text is no [`Addresses`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddresses {
    /// There is no colon.
    #[error(
        "`{0}` is not LOCAL:REMOTE: write for example 192.168.1.1:192.168.2.1; either side may be left empty"
    )]
    NoColon(String),
    /// A side is neither empty nor an IPv4 address.
    #[error(
        "`{0}` is not an IPv4 address (host names are not looked up): write four numbers, or leave that side empty"
    )]
    NotIpv4(String),
    /// A side is an address that no end of a link can have.
    #[error(
        "{0} cannot be the address of one end of a link: use a unicast address, or leave that side empty"
    )]
    NotUnicast(Ipv4Addr),
    /// Both sides are the same.
    #[error("both ends would have the address {0}: give each end its own")]
    Same(Ipv4Addr),
}

fn side(text: &str) -> Result<Option<Ipv4Addr>, BadAddresses> {
    if text.is_empty() {
        return Ok(None);
    }
    let address: Ipv4Addr = text.parse().map_err(|_| BadAddresses::NotIpv4(text.to_owned()))?;
    // pppd reads 0.0.0.0 as "ask the peer", like an empty side.
    if address.is_unspecified() {
        return Ok(None);
    }
    if address.is_multicast() || address.is_broadcast() || address.is_loopback() {
        return Err(BadAddresses::NotUnicast(address));
    }
    Ok(Some(address))
}

impl FromStr for Addresses {
    type Err = BadAddresses;

    fn from_str(text: &str) -> Result<Self, BadAddresses> {
        let (local, remote) = text.split_once(':').ok_or_else(|| BadAddresses::NoColon(text.to_owned()))?;
        let addresses = Self { local: side(local)?, remote: side(remote)? };
        match (addresses.local, addresses.remote) {
            (Some(local), Some(remote)) if local == remote => Err(BadAddresses::Same(local)),
            _ => Ok(addresses),
        }
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(local) = self.local {
            write!(f, "{local}")?;
        }
        f.write_str(":")?;
        if let Some(remote) = self.remote {
            write!(f, "{remote}")?;
        }
        Ok(())
    }
}

text_serde!(Addresses, "LOCAL:REMOTE");

/// The IPv6 interface identifiers (RFC 5072 §4.1) of the two ends: the lower 64 bits of the link-local addresses.
/// A side left empty is made up at random and negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InterfaceIds {
    /// This end's identifier; never zero.
    pub local: Option<u64>,
    /// The identifier to suggest to the other end; never zero.
    pub remote: Option<u64>,
}

/// Why a text is no [`InterfaceIds`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadInterfaceIds {
    /// A side is not an identifier.
    #[error(
        "`{0}` is not an interface identifier: write its 64 bits as an IPv6 address, for example ::1 or ::dead:beef"
    )]
    NotAnId(String),
    /// Both sides are the same.
    #[error("both ends would have the identifier {0}: give each end its own")]
    Same(Ipv6Addr),
}

fn id(text: &str) -> Result<Option<u64>, BadInterfaceIds> {
    if text.is_empty() {
        return Ok(None);
    }
    let bits = text.parse::<Ipv6Addr>().map_err(|_| BadInterfaceIds::NotAnId(text.to_owned()))?.to_bits();
    match u64::try_from(bits) {
        Ok(0) | Err(_) => Err(BadInterfaceIds::NotAnId(text.to_owned())),
        Ok(id) => Ok(Some(id)),
    }
}

fn id_address(id: u64) -> Ipv6Addr {
    Ipv6Addr::from_bits(u128::from(id))
}

impl FromStr for InterfaceIds {
    type Err = BadInterfaceIds;

    fn from_str(text: &str) -> Result<Self, BadInterfaceIds> {
        let (local, remote) = text.split_once(',').unwrap_or((text, ""));
        let ids = Self { local: id(local)?, remote: id(remote)? };
        match (ids.local, ids.remote) {
            (Some(local), Some(remote)) if local == remote => Err(BadInterfaceIds::Same(id_address(local))),
            _ => Ok(ids),
        }
    }
}

impl fmt::Display for InterfaceIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(local) = self.local {
            write!(f, "{}", id_address(local))?;
        }
        f.write_str(",")?;
        if let Some(remote) = self.remote {
            write!(f, "{}", id_address(remote))?;
        }
        Ok(())
    }
}

text_serde!(InterfaceIds, "LOCAL,REMOTE interface identifiers");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_side_may_be_left_empty_and_is_written_back_as_it_was_read() {
        for text in ["192.168.1.1:192.168.2.1", "192.168.1.1:", ":192.168.2.1", ":"] {
            assert_eq!(text.parse::<Addresses>().unwrap().to_string(), text);
        }
        assert_eq!("0.0.0.0:0.0.0.0".parse(), Ok(Addresses::default()));
    }

    #[test]
    fn what_is_no_pair_of_unicast_addresses_is_refused_with_advice() {
        for bad in
            ["", "192.168.1.1", "saturn:venus", "1.2.3:", "224.0.0.1:", ":255.255.255.255", "127.0.0.1:"]
        {
            assert!(bad.parse::<Addresses>().is_err(), "{bad}");
        }
        let same = "10.0.0.1:10.0.0.1".parse::<Addresses>().unwrap_err();
        assert_eq!(same.to_string(), "both ends would have the address 10.0.0.1: give each end its own");
    }

    #[test]
    fn interface_identifiers_take_the_lower_64_bits_only() {
        let ids: InterfaceIds = "::1,::dead:beef".parse().unwrap();
        assert_eq!(ids, InterfaceIds { local: Some(1), remote: Some(0xdead_beef) });
        assert_eq!(ids.to_string().parse(), Ok(ids));
        assert_eq!("::1".parse(), Ok(InterfaceIds { local: Some(1), remote: None }));
        assert_eq!(",".parse(), Ok(InterfaceIds::default()));
        for bad in ["fe80::1,", "::,", "1,2", "::1,::1"] {
            assert!(bad.parse::<InterfaceIds>().is_err(), "{bad}");
        }
    }
}
