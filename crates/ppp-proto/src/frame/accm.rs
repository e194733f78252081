//! Which octets are escaped on the wire (RFC 1662 §4.2 and §7.1).

use std::fmt;

use hdlc_simd::Class;

/// Async-Control-Character-Map: bit *n* set means octet *n* (0–31) is sent escaped (RFC 1662 §7.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accm(pub u32);

impl Accm {
    /// Every control character, as before negotiation.
    pub const DEFAULT: Accm = Accm(0xffff_ffff);
    /// None: a transparent carrier.
    pub const NONE: Accm = Accm(0);

    /// Whether the map has this octet.
    pub const fn contains(self, octet: u8) -> bool {
        octet < 0x20 && self.0 >> octet & 1 == 1
    }
}

impl fmt::Debug for Accm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accm({:#010x})", self.0)
    }
}

/// pppd writes `<asyncmap 0x0>`; so do we.
impl fmt::Display for Accm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Octets escaped besides those of the ACCM (pppd's `escape` option). The peer unescapes them without being asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtraEscapes([u64; 4]);

/// An octet that cannot be escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EscapeError {
    /// Its escaped form would be the Flag Sequence.
    #[error("octet 0x5e cannot be escaped: 0x5e ^ 0x20 is the flag 0x7e; leave it out of the escape list")]
    WouldBeFlag,
    /// Its escaped form would be a control character, which the carrier may alter.
    #[error(
        "octet {0:#04x} cannot be escaped: {0:#04x} ^ 0x20 is a control character; expected 00-1f, 40-5d or 5f-ff"
    )]
    WouldBeControl(u8),
}

impl ExtraEscapes {
    /// No octet.
    pub const NONE: ExtraEscapes = ExtraEscapes([0; 4]);

    /// The given octets. Refused are those pppd's manual forbids: 5e and 20–3f. 7d and 7e, escaped anyway, do no harm.
    pub fn new(octets: &[u8]) -> Result<ExtraEscapes, EscapeError> {
        let mut set = ExtraEscapes::NONE;
        for &octet in octets {
            match octet {
                0x5e => return Err(EscapeError::WouldBeFlag),
                0x20..=0x3f => return Err(EscapeError::WouldBeControl(octet)),
                _ => set.0[usize::from(octet >> 6)] |= 1 << (octet & 0x3f),
            }
        }
        Ok(set)
    }

    /// Whether the set has this octet.
    pub const fn contains(self, octet: u8) -> bool {
        self.0[(octet >> 6) as usize] >> (octet & 0x3f) & 1 == 1
    }

    /// The octets in rising order.
    pub fn octets(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |&octet| self.contains(octet))
    }
}

impl fmt::Debug for ExtraEscapes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.octets().map(|octet| format!("{octet:02x}"))).finish()
    }
}

/// Flag and Control Escape always, and what `accm` and `extra` add.
pub(super) fn class(accm: Accm, extra: ExtraEscapes) -> Class {
    Class::new((0..=u8::MAX).filter(|&octet| accm.contains(octet) || extra.contains(octet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accm_bit_n_stands_for_octet_n_and_nothing_above_1f() {
        let xon_xoff = Accm(0x000a_0000);
        let members: Vec<u8> = (0..=u8::MAX).filter(|&octet| xon_xoff.contains(octet)).collect();
        assert_eq!(members, [0x11, 0x13]);
        assert_eq!((0..=u8::MAX).filter(|&octet| Accm::DEFAULT.contains(octet)).count(), 32);
        assert_eq!((0..=u8::MAX).filter(|&octet| Accm::NONE.contains(octet)).count(), 0);
    }

    #[test]
    fn extra_escapes_refuse_what_pppd_refuses() {
        assert_eq!(ExtraEscapes::new(&[0x5e]), Err(EscapeError::WouldBeFlag));
        for octet in 0x20..=0x3f {
            assert_eq!(ExtraEscapes::new(&[0xff, octet]), Err(EscapeError::WouldBeControl(octet)));
        }
        let all: Vec<u8> = (0..=u8::MAX).filter(|o| !matches!(o, 0x5e | 0x20..=0x3f)).collect();
        assert_eq!(ExtraEscapes::new(&all).unwrap().octets().collect::<Vec<_>>(), all);
    }

    #[test]
    fn what_is_escaped_is_the_union_of_its_parts() {
        let class = class(Accm(1 << 0x11), ExtraEscapes::new(&[0xff, 0x91]).unwrap());
        let members: Vec<u8> = (0..=u8::MAX).filter(|&octet| class.contains(octet)).collect();
        assert_eq!(members, [0x11, 0x7d, 0x7e, 0x91, 0xff]);
    }
}
