//! Every instruction set stuffs as RFC 1662 §4.2 says, word for word.

use bytes::BytesMut;
use hdlc_simd::{Class, ESCAPE, FLAG, Isa};
use proptest::prelude::*;

use crate::{each_class, octets};

fn stuff(class: &Class, octets: &[u8], capacity: usize) -> Vec<u8> {
    let mut out = BytesMut::with_capacity(capacity);
    out.extend_from_slice(b"before");
    class.stuff(octets, &mut out);
    assert_eq!(&out[..6], b"before");
    out[6..].to_vec()
}

fn stuff_plainly(class: &Class, octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for &octet in octets {
        if class.contains(octet) {
            out.extend([0x7d, octet ^ 0x20]);
        } else {
            out.push(octet);
        }
    }
    out
}

fn position_plainly(class: &Class, octets: &[u8]) -> usize {
    octets.iter().position(|&octet| class.contains(octet)).unwrap_or(octets.len())
}

/// The octets in memory of exactly their length, so that a sanitizer sees what is read beside them.
fn check(isa: Isa, class: &Class, octets: &[u8]) {
    let octets: Box<[u8]> = octets.into();
    assert_eq!(stuff(class, &octets, 0), stuff_plainly(class, &octets), "{isa}, {class:?}, {octets:02x?}");
    let plain = position_plainly(class, &octets);
    assert_eq!(class.plain_prefix(&octets), plain, "{isa}, {class:?}, {octets:02x?}");
}

#[test]
fn a_class_has_flag_and_control_escape_and_what_it_is_given() {
    for isa in Isa::available() {
        for other in 0..=u8::MAX {
            let class = Class::with_isa(isa, [other]);
            for octet in 0..=u8::MAX {
                let expected = matches!(octet, 0x7d | 0x7e) || octet == other;
                assert_eq!(class.contains(octet), expected, "{octet:02x}");
            }
            let all: Vec<u8> = (0..=u8::MAX).collect();
            check(isa, &class, &all);
        }
    }
}

#[test]
fn thirty_two_others_need_not_be_the_control_characters() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for isa in Isa::available() {
        for missing in 0..0x20 {
            let others = (0..0x20).chain([0xff]).filter(|&octet| octet != missing);
            check(isa, &Class::with_isa(isa, others), &all);
        }
    }
}

#[test]
fn one_or_two_escapes_anywhere_in_any_length() {
    each_class(|isa, class| {
        for len in 0..=200 {
            check(isa, class, &vec![b'w'; len]);
            for at in 0..len {
                let mut octets = vec![b'w'; len];
                octets[at] = FLAG;
                check(isa, class, &octets);
                octets[(at * 7 + 1) % len] = ESCAPE;
                check(isa, class, &octets);
            }
        }
    });
}

#[test]
fn any_density_of_escapes_at_any_alignment() {
    each_class(|isa, class| {
        for per_256 in [0, 2, 20, 128, 255] {
            let octets = octets(1600, per_256, per_256);
            for from in 0..65 {
                for len in [31, 65, 200 + 20 * from] {
                    check(isa, class, &octets[from..from + len]);
                }
            }
        }
    });
}

proptest! {
    #[test]
    fn any_octets_and_any_class(
        others in proptest::collection::vec(any::<u8>(), 0..40),
        octets in proptest::collection::vec(
            prop_oneof![4 => any::<u8>(), 1 => Just(FLAG), 1 => Just(ESCAPE), 1 => 0u8..0x20, 8 => Just(b'x')],
            0..700,
        ),
        capacity in 0usize..1500,
    ) {
        for isa in Isa::available() {
            let class = Class::with_isa(isa, others.iter().copied());
            prop_assert_eq!(stuff(&class, &octets, capacity), stuff_plainly(&class, &octets), "{}", isa);
            prop_assert_eq!(class.plain_prefix(&octets), position_plainly(&class, &octets), "{}", isa);
        }
    }
}
