//! Every instruction set undoes stuffing as RFC 1662 §4.2 says, word for word, wherever the octets are cut.

use hdlc_simd::{Class, ESCAPE, FLAG, Isa};
use proptest::prelude::*;

use crate::{each_class, octets};

/// What became of some octets up to their flag.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    octets: Vec<u8>,
    consumed: usize,
    dropped: usize,
    escaped: bool,
}

const UNLIMITED: usize = 100_000;

/// In pieces that end at `cuts`, each in memory of exactly its length, so that a sanitizer sees what is read beside it.
fn unstuff(class: &Class, stuffed: &[u8], cuts: &[usize]) -> Outcome {
    let mut outcome = Outcome { octets: Vec::new(), consumed: 0, dropped: 0, escaped: false };
    for &cut in cuts.iter().chain([&stuffed.len()]) {
        let piece: Box<[u8]> = stuffed[outcome.consumed..cut].into();
        let done = class.unstuff(&mut outcome.escaped, &piece, &mut outcome.octets, UNLIMITED);
        outcome.consumed += done.consumed;
        outcome.dropped += done.dropped;
        if outcome.consumed < cut {
            break;
        }
    }
    outcome
}

fn unstuff_plainly(class: &Class, stuffed: &[u8]) -> Outcome {
    let mut outcome = Outcome { octets: Vec::new(), consumed: 0, dropped: 0, escaped: false };
    for &octet in stuffed.iter().take_while(|&&octet| octet != 0x7e) {
        outcome.consumed += 1;
        if octet != 0x7d && class.contains(octet) {
            outcome.dropped += 1;
        } else if outcome.escaped {
            outcome.octets.push(octet ^ 0x20);
            outcome.escaped = false;
        } else if octet == 0x7d {
            outcome.escaped = true;
        } else {
            outcome.octets.push(octet);
        }
    }
    outcome
}

fn check(isa: Isa, class: &Class, stuffed: &[u8], cuts: &[usize]) {
    assert_eq!(
        unstuff(class, stuffed, cuts),
        unstuff_plainly(class, stuffed),
        "{isa}, {class:?}, cut at {cuts:?}: {stuffed:02x?}"
    );
}

#[test]
fn one_escape_or_one_flag_anywhere_in_any_length() {
    each_class(|isa, class| {
        for len in 0..=200 {
            let plain = vec![b'w'; len];
            check(isa, class, &plain, &[]);
            for at in 0..len {
                for special in [ESCAPE, FLAG, 0x11] {
                    let mut stuffed = plain.clone();
                    stuffed[at] = special;
                    check(isa, class, &stuffed, &[]);
                }
            }
        }
    });
}

#[test]
fn escapes_flags_and_inserted_octets_beside_each_other_at_any_place() {
    // Well-formed, escaped twice, aborted, interrupted, and long runs of each.
    let runs: [&[u8]; 9] = [
        &[0x7d, 0x5e, 0x7d, 0x5d],
        &[0x7d, 0x7d, 0x7d, 0x5e],
        &[0x7d, 0x7e],
        &[0x7d, 0x11, 0x5e],
        &[0x11, 0x13, 0x7d, 0x11, 0x13, 0x7d],
        &[0x7e, 0x7e, 0x7d],
        &[0x7d; 140],
        &[0x11; 140],
        &[0x7d, 0x31, 0x7d, 0x33, 0x7d, 0x31, 0x7d, 0x33, 0x7d, 0x31, 0x7d, 0x33, 0x7d, 0x31, 0x7d, 0x33],
    ];
    each_class(|isa, class| {
        for run in runs {
            for before in 0..140 {
                let stuffed = [&vec![b'w'; before][..], run, &[b'w'; 70]].concat();
                check(isa, class, &stuffed, &[]);
                for cut in before..before + run.len().min(6) {
                    check(isa, class, &stuffed, &[cut]);
                }
            }
        }
    });
}

#[test]
fn a_cut_at_any_place_changes_nothing() {
    each_class(|isa, class| {
        for per_256 in [4, 60, 255] {
            let mut stuffed = octets(230, per_256, per_256);
            // Where flags are this frequent, nothing is long enough to be cut.
            stuffed[..200].iter_mut().filter(|octet| **octet == FLAG).for_each(|octet| *octet = ESCAPE);
            for cut in 0..200 {
                check(isa, class, &stuffed, &[cut]);
                check(isa, class, &stuffed, &[cut / 2, cut]);
            }
        }
    });
}

#[test]
fn what_passes_the_limit_is_left_and_takes_no_more_memory() {
    const LIMIT: usize = 150;
    each_class(|isa, class| {
        for stuffed in [vec![b'w'; 5000], b"\x7d\x5e".repeat(2500), b"wwwwwwwwwww\x7d\x5d".repeat(400)] {
            let all = unstuff_plainly(class, &stuffed).octets;
            for chunk_len in [1, 64, 100, 5000] {
                let (mut out, mut escaped, mut stopped) = (Vec::new(), false, false);
                for chunk in stuffed.chunks(chunk_len) {
                    let done = class.unstuff(&mut escaped, chunk, &mut out, LIMIT);
                    assert!(!stopped || done.consumed == 0, "{isa} went on past the limit");
                    stopped = out.len() > LIMIT;
                    assert!(stopped || done.consumed == chunk.len(), "{isa} stopped before the limit");
                }
                assert!(stopped && out.len() <= LIMIT + 64, "{isa}: {} octets", out.len());
                assert!(out.capacity() <= 2 * (LIMIT + 64), "{isa}: {} octets", out.capacity());
                assert_eq!(out, all[..out.len()], "{isa}");
            }
        }
    });
}

proptest! {
    #[test]
    fn any_octets_and_any_class_however_cut(
        others in proptest::collection::vec(any::<u8>(), 0..40),
        stuffed in proptest::collection::vec(
            prop_oneof![40 => any::<u8>(), 1 => Just(FLAG), 8 => Just(ESCAPE), 2 => 0u8..0x20, 80 => Just(b'x')],
            0..700,
        ),
        mut cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stuffed.len() + 1)).collect();
        cuts.sort_unstable();
        for isa in Isa::available() {
            let class = Class::with_isa(isa, others.iter().copied());
            prop_assert_eq!(unstuff(&class, &stuffed, &cuts), unstuff_plainly(&class, &stuffed), "{}", isa);
        }
    }
}
