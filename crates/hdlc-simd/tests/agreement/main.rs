//! Every instruction set against the RFC's words, octet by octet.

use std::io::Write;

use hdlc_simd::{Class, ESCAPE, FLAG, Isa};

mod folding;
mod stuffing;
mod unstuffing;

/// What this processor lacks is named even where the test harness captures what tests print: nobody shall take a green
/// run for more than it is.
#[test]
fn instruction_sets_that_are_not_tested_here_are_named() {
    for isa in Isa::ALL {
        let verdict = if isa.is_available() { "tested" } else { "NOT TESTED: this processor lacks it" };
        let _ = writeln!(std::io::stderr(), "{isa}: {verdict}");
    }
    assert!(Isa::Portable.is_available());
}

#[test]
fn the_best_of_those_available_is_in_use_and_another_can_be_preferred() {
    let best = Isa::available().last().unwrap();
    assert_eq!(Isa::in_use(), best);
    for isa in Isa::available() {
        isa.prefer();
        assert_eq!(Isa::in_use(), isa);
    }
    // The last one was the best again.
    assert_eq!(Isa::in_use(), best);
}

#[test]
fn what_the_processor_lacks_is_refused() {
    for isa in Isa::ALL.into_iter().filter(|isa| !isa.is_available()) {
        assert!(std::panic::catch_unwind(|| isa.prefer()).is_err());
        assert!(std::panic::catch_unwind(|| Class::with_isa(isa, [])).is_err());
        assert!(
            std::panic::catch_unwind(|| hdlc_simd::Folding::new(0x8408).update_with(isa, 0, &[0; 64]))
                .is_err()
        );
    }
}

/// Each with classes of each kind, and with one that fills the whole table.
fn each_class(mut test: impl FnMut(Isa, &Class)) {
    let some = [0x11, 0x13, 0x91, 0xff];
    let odd: Vec<u8> = (0..=u8::MAX).filter(|octet| octet.count_ones() % 2 == 1).collect();
    for isa in Isa::available() {
        for others in [vec![], (0..0x20).collect(), some.to_vec(), odd.clone()] {
            test(isa, &Class::with_isa(isa, others));
        }
    }
}

/// Text, and in `per_256` of 256 cases a flag, a Control Escape, DC1 or anything, in no order that repeats.
fn octets(len: usize, seed: u64, per_256: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        // xorshift64 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 24
    };
    (0..len)
        .map(|_| match next() % 256 {
            n if n < per_256 => [FLAG, ESCAPE, 0x11, next() as u8][(next() % 4) as usize],
            _ => 0x22 + (next() % 0x40) as u8,
        })
        .collect()
}
