//! Interface identifiers.

use std::{fmt, net::Ipv6Addr};

/// IPV6CP's side of a [`LinkConfig`](crate::LinkConfig).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ipv6cpConfig {
    /// Our interface identifier; without one it comes from the link's seed.
    pub local: Option<InterfaceId>,
    /// The only interface identifier the peer may have; without one any will do.
    pub remote: Option<InterfaceId>,
    /// Take another identifier than `local` if the peer suggests it (pppd's `ipv6cp-accept-local`).
    pub accept_local: bool,
    /// `remote` is for a peer that asks; it may have another one (pppd's `ipv6cp-accept-remote`).
    pub accept_remote: bool,
}

/// The lower half of a link-local address (RFC 5072 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct InterfaceId(pub [u8; 8]);

impl InterfaceId {
    /// "None", as it stands on the wire.
    pub const ZERO: InterfaceId = InterfaceId([0; 8]);

    /// fe80::/10 followed by the identifier.
    pub fn link_local(self) -> Ipv6Addr {
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&[0xfe, 0x80]);
        octets[8..].copy_from_slice(&self.0);
        Ipv6Addr::from(octets)
    }

    /// An identifier out of random bits: not zero, and with the "u" bit clear since it is not globally unique.
    pub(crate) fn from_random(bits: u64) -> InterfaceId {
        let mut octets = bits.to_be_bytes();
        octets[0] &= !UNIVERSAL_BIT;
        octets[7] |= 1;
        InterfaceId(octets)
    }
}

/// The universal/local bit in the identifier's first octet (RFC 5072 §4.1).
const UNIVERSAL_BIT: u8 = 0x02;

impl fmt::Display for InterfaceId {
    /// As pppd writes it: `fe80::0211:22ff:fe33:4455`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fe80:")?;
        self.0.chunks_exact(2).try_for_each(|pair| write!(f, ":{:02x}{:02x}", pair[0], pair[1]))
    }
}

impl fmt::Debug for InterfaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InterfaceId({self})")
    }
}
