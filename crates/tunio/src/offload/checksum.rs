//! The Internet checksum (RFC 1071).
//!
//! It is a sum of 16-bit words modulo 65535, so wider words may be added instead and folded at the end, and their
//! order of octets does not matter until then (RFC 1071 §2).

/// Adds up big-endian words, modulo 65535; an odd octet at the end counts as the upper one. The sum is not folded
/// to the end: sums of parts may be added, if all parts but the last have an even length.
pub(super) fn sum(octets: &[u8]) -> u64 {
    let (chunks, rest) = octets.as_chunks::<32>();
    // Eight octets at a time, each an addition and one of the carry: faster here than lanes of 32 bits in SSE2's
    // registers. Two sums, so that neither waits for the other's carry.
    let mut sums = [0u128; 2];
    for chunk in chunks {
        let (words, _) = chunk.as_chunks::<8>();
        for pair in words.as_chunks::<2>().0 {
            sums[0] += u128::from(u64::from_ne_bytes(pair[0]));
            sums[1] += u128::from(u64::from_ne_bytes(pair[1]));
        }
    }
    // 2^16 is 1 modulo 65535: a wider word is the sum of its halves.
    let both = sums[0] + sums[1];
    let native = fold(u64::from(fold(both as u64)) + u64::from(fold((both >> 64) as u64)));
    u64::from(u16::from_be_bytes(native.to_ne_bytes())) + sum_plain(rest)
}

/// [`sum`] as RFC 1071 §4.1 puts it.
fn sum_plain(octets: &[u8]) -> u64 {
    let (words, odd) = octets.as_chunks::<2>();
    let words: u64 = words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum();
    words + odd.first().map_or(0, |octet| u64::from(*octet) << 8)
}

/// The one's complement sum in 16 bits: 0 only for 0, 0xffff for its other multiples.
pub(crate) fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// The sum of octets as a 16-bit one's complement number. The checksum over them is its complement.
///
/// Every TCP and UDP packet over IP is summed once with this, when it is cut from a larger one or before it is
/// merged into one.
pub fn ones_complement_sum(octets: &[u8]) -> u16 {
    fold(sum(octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_1071_section_3_has_its_sum() {
        assert_eq!(ones_complement_sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    #[test]
    fn the_largest_sum_of_the_largest_packet_does_not_overflow() {
        assert_eq!(ones_complement_sum(&vec![0xff; 65535 + 1]), 0xffff);
        assert_eq!(ones_complement_sum(&vec![0; 65535]), 0);
    }

    proptest! {
        #[test]
        fn the_fast_sum_is_the_plain_sum(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(fold(sum(&octets)), fold(sum_plain(&octets)));
        }

        #[test]
        fn sums_of_parts_add_up(octets in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..150) {
            let (head, tail) = octets.split_at((2 * cut).min(octets.len() & !1));
            prop_assert_eq!(fold(sum(head) + sum(tail)), fold(sum(&octets)));
        }
    }
}
