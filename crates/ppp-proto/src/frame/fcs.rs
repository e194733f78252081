//! Frame check sequences (RFC 1662 appendix C).
//!
//! Both are sent least significant octet first, and both are the complement of the register.

/// Which frame check sequence ends a frame (RFC 1570 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fcs {
    /// None for traffic; LCP, NCP and authentication packets still carry [`Fcs::Fcs16`] (RFC 1570 §2.1.2).
    Null,
    /// CRC-16 of X.25, the default.
    #[default]
    Fcs16,
    /// CRC-32 of IEEE 802.3.
    Fcs32,
}

/// What the FCS-16 register holds after a good frame and its FCS (RFC 1662 appendix C.2).
#[cfg(test)]
const GOOD_FCS16: u16 = 0xf0b8;
/// What the FCS-32 register holds after a good frame and its FCS (RFC 1662 appendix C.3).
#[cfg(test)]
const GOOD_FCS32: u32 = 0xdebb_20e3;

impl Fcs {
    /// Octets on the wire, before escaping.
    pub const fn wire_len(self) -> usize {
        match self {
            Fcs::Null => 0,
            Fcs::Fcs16 => 2,
            Fcs::Fcs32 => 4,
        }
    }
}
