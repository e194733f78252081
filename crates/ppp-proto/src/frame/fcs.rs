//! Frame check sequences (RFC 1662 appendix C).
//!
//! ```text
//! FCS-16: x^16 + x^12 + x^5 + 1                          reflected 0x8408
//! FCS-32: x^32 + x^26 + x^23 + … + x^4 + x^2 + x + 1     reflected 0xedb88320
//! ```
//!
//! Both registers start as all ones; their complement is sent, least significant octet first.

use hdlc_simd::Folding;

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

/// Octets the table code takes at a time.
const SLICE: usize = 8;

/// The FCS-16 of `header` and `info`, as sent.
pub(super) fn fcs16(header: &[u8], info: &[u8]) -> u16 {
    !update16(update16(u16::MAX, header), info)
}

/// The FCS-32 of `header` and `info`, as sent.
pub(super) fn fcs32(header: &[u8], info: &[u8]) -> u32 {
    !update32(update32(u32::MAX, header), info)
}

fn update16(register: u16, octets: &[u8]) -> u16 {
    update(&FCS16, u32::from(register), octets) as u16
}

fn update32(register: u32, octets: &[u8]) -> u32 {
    update(&FCS32, register, octets)
}

/// What is worked out beforehand for a polynomial.
struct Polynomial {
    tables: Tables,
    folding: Folding,
}

static FCS16: Polynomial = polynomial(0x8408);
static FCS32: Polynomial = polynomial(0xedb8_8320);

const fn polynomial(reflected: u32) -> Polynomial {
    Polynomial { tables: tables(reflected), folding: Folding::new(reflected) }
}

fn update(polynomial: &Polynomial, register: u32, octets: &[u8]) -> u32 {
    let folded = polynomial.folding.update(register, octets);
    // What is short, and where there is no carry-less multiplication, all.
    folded.unwrap_or_else(|| by_table(&polynomial.tables, register, octets))
}

/// `[n][b]`: what octet `b` followed by `n` zero octets makes of a register of zeros.
type Tables = [[u32; 256]; SLICE];

const fn tables(polynomial: u32) -> Tables {
    let mut tables = [[0; 256]; SLICE];
    let mut octet = 0;
    while octet < 256 {
        let mut register = octet as u32;
        let mut bit = 0;
        while bit < 8 {
            register = if register & 1 == 1 { register >> 1 ^ polynomial } else { register >> 1 };
            bit += 1;
        }
        tables[0][octet] = register;
        octet += 1;
    }
    let mut n = 1;
    while n < SLICE {
        let mut octet = 0;
        while octet < 256 {
            let shorter = tables[n - 1][octet];
            tables[n][octet] = shorter >> 8 ^ tables[0][(shorter & 0xff) as usize];
            octet += 1;
        }
        n += 1;
    }
    tables
}

/// Eight octets at a time: each is looked up as followed by those after it, and the sum is the register.
fn by_table(tables: &Tables, mut register: u32, octets: &[u8]) -> u32 {
    let (slices, rest) = octets.as_chunks::<SLICE>();
    for slice in slices {
        let folded = u64::from_le_bytes(*slice) ^ u64::from(register);
        register =
            (0..SLICE).fold(0, |sum, n| sum ^ tables[SLICE - 1 - n][usize::from((folded >> (8 * n)) as u8)]);
    }
    for &octet in rest {
        register = register >> 8 ^ tables[0][usize::from(register as u8 ^ octet)];
    }
    register
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The register after a good frame together with its FCS (RFC 1662 appendix C.2).
    const GOOD_FCS16: u16 = 0xf0b8;
    /// The same for the 32-bit FCS (RFC 1662 appendix C.3).
    const GOOD_FCS32: u32 = 0xdebb_20e3;

    /// The plain twins: one bit at a time, from the polynomials.
    fn bitwise16(register: u16, octets: &[u8]) -> u16 {
        octets.iter().fold(register, |register, &octet| {
            (0..8).fold(register ^ u16::from(octet), |r, _| if r & 1 == 1 { r >> 1 ^ 0x8408 } else { r >> 1 })
        })
    }

    fn bitwise32(register: u32, octets: &[u8]) -> u32 {
        octets.iter().fold(register, |register, &octet| {
            (0..8).fold(
                register ^ u32::from(octet),
                |r, _| if r & 1 == 1 { r >> 1 ^ 0xedb8_8320 } else { r >> 1 },
            )
        })
    }

    #[test]
    fn check_values_of_the_crc_catalogue_hold() {
        // "CRC-16/IBM-SDLC" (X-25) and "CRC-32/ISO-HDLC" in the reveng catalogue: the CRC of "123456789".
        assert_eq!(fcs16(b"", b"123456789"), 0x906e);
        assert_eq!(fcs32(b"", b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_frame_and_its_fcs_leave_the_good_fcs_in_the_register() {
        for len in [1, 7, 8, 9, 31, 32, 33, 1500] {
            let mut octets: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let fcs = fcs16(&[], &octets);
            octets.extend_from_slice(&fcs.to_le_bytes());
            assert_eq!(update16(u16::MAX, &octets), GOOD_FCS16, "{len} octets");
            octets.truncate(len);
            let fcs = fcs32(&[], &octets);
            octets.extend_from_slice(&fcs.to_le_bytes());
            assert_eq!(update32(u32::MAX, &octets), GOOD_FCS32, "{len} octets");
        }
    }

    proptest! {
        #[test]
        fn table_and_folding_agree_with_the_bitwise_definition(
            register: u32,
            octets in proptest::collection::vec(any::<u8>(), 0..600),
        ) {
            let register16 = register as u16;
            prop_assert_eq!(by_table(&FCS16.tables, u32::from(register16), &octets) as u16, bitwise16(register16, &octets));
            prop_assert_eq!(update16(register16, &octets), bitwise16(register16, &octets));
            prop_assert_eq!(by_table(&FCS32.tables, register, &octets), bitwise32(register, &octets));
            prop_assert_eq!(update32(register, &octets), bitwise32(register, &octets));
        }

        #[test]
        fn header_and_info_count_as_one_run(
            octets in proptest::collection::vec(any::<u8>(), 0..600),
            header_len in 0usize..5,
        ) {
            let (header, info) = octets.split_at(header_len.min(octets.len()));
            prop_assert_eq!(fcs16(header, info), !bitwise16(u16::MAX, &octets));
            prop_assert_eq!(fcs32(header, info), !bitwise32(u32::MAX, &octets));
        }
    }
}
