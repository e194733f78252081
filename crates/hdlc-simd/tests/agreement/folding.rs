//! Every instruction set makes of a register what one bit at a time makes of it.

use hdlc_simd::{Folding, Isa};
use proptest::prelude::*;

use crate::octets;

/// The two of RFC 1662 appendix C, and CRC-32C.
const POLYNOMIALS: [u32; 3] = [0x8408, 0xedb8_8320, 0x82f6_3b78];

/// One bit at a time, from the polynomial.
fn crc(polynomial: u32, register: u32, octets: &[u8]) -> u32 {
    octets.iter().fold(register, |register, &octet| {
        (0..8).fold(register ^ u32::from(octet), |r, _| if r & 1 == 1 { r >> 1 ^ polynomial } else { r >> 1 })
    })
}

/// A register that the polynomial may leave: 16 bits for one of degree 16.
fn register(polynomial: u32, seed: u32) -> u32 {
    if polynomial == 0x8408 { seed & 0xffff } else { seed }
}

#[test]
fn any_length_from_the_least_that_is_folded() {
    for isa in Isa::available() {
        for polynomial in POLYNOMIALS {
            let folding = Folding::new(polynomial);
            for len in (0..=700).chain([1499, 1500, 1504, 9000, 65535]) {
                // In memory of exactly this length, so that a sanitizer sees what is read beside it.
                let octets: Box<[u8]> = octets(len, len as u64, 64).into();
                let register = register(polynomial, 0x1d0f_a5c3_u32.rotate_left(len as u32));
                let folds = isa != Isa::Portable && len >= 32;
                let expected = folds.then(|| crc(polynomial, register, &octets));
                let updated = folding.update_with(isa, register, &octets);
                assert_eq!(updated, expected, "{isa}, {polynomial:x}, {len} octets");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_octets_and_any_register(
        polynomial in prop::sample::select(&POLYNOMIALS[..]),
        seed: u32,
        octets in proptest::collection::vec(any::<u8>(), 32..900),
    ) {
        let register = register(polynomial, seed);
        for isa in Isa::available().filter(|&isa| isa != Isa::Portable) {
            let updated = Folding::new(polynomial).update_with(isa, register, &octets);
            prop_assert_eq!(updated, Some(crc(polynomial, register, &octets)), "{}", isa);
        }
    }
}
