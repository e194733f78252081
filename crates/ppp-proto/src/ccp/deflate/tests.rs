//! Both ends together, and the receiver alone with what no sender sends.

use proptest::prelude::*;
use zlib_rs::{Deflate, DeflateFlush};

use super::*;
use crate::protocol::{COMPRESSED, IPCP, IPV4, IPV6, LCP, VJ_COMPRESSED};

const LIMIT: usize = 1500;

/// A packet as often seen: it shrinks.
fn text(number: u8) -> Vec<u8> {
    let mut packet = vec![0x45, number];
    packet.extend(std::iter::repeat_n(b"the quick brown fox ", 20).flatten());
    packet
}

/// Octets that do not repeat (xorshift64, Marsaglia 2003): they do not shrink.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = seed | 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A datagram of this stream, flushed as RFC 1979 wants it.
fn datagram(sequence: u16, stream: &[u8], flush: DeflateFlush) -> Vec<u8> {
    let mut deflate = Deflate::new(9, false, MAX_WINDOW);
    let mut data = vec![0; stream.len() + 100];
    deflate.compress(stream, &mut data, flush).unwrap();
    data.truncate(deflate.total_out() as usize);
    [&sequence.to_be_bytes()[..], data.strip_suffix(&MARKER).unwrap_or(&data)].concat()
}

#[test]
fn what_zlib_packs_is_unpacked() {
    // By zlib 1.2.13 in C, level 6, with a flush behind each packet; the packet in the middle went as it is.
    let mut receiver = Decompressor::new(MAX_WINDOW, LIMIT);
    let first =
        [0, 0].into_iter().chain(unhex("52742dc94855282ccd4cce56482aca2fcf5348cbafd05140174cc94f0700"));
    assert_eq!(
        receiver.decompress(&first.collect::<Vec<_>>()),
        Ok((IPV4, &b"\x45the quick brown fox, the quick brown dog"[..]))
    );
    receiver.incompressible(IPV4, b"\x45incompressible").unwrap();
    let third = [0, 2].into_iter().chain(unhex("0a4f40e563d30300"));
    assert_eq!(
        receiver.decompress(&third.collect::<Vec<_>>()),
        Ok((IPV6, &b"\x60incompressible the quick brown dog"[..]))
    );
}

fn unhex(digits: &str) -> impl Iterator<Item = u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
}

#[test]
fn packets_are_counted_whether_they_shrink_or_not() {
    let mut sender = Compressor::new(MAX_WINDOW);
    assert_eq!(sender.compress(IPV4, &text(1)).unwrap()[..2], [0, 0]);
    assert_eq!(sender.compress(IPV6, &noise(1, 1000)), None);
    assert_eq!(sender.compress(IPV4, &text(2)).unwrap()[..2], [0, 2]);
    sender.reset();
    assert_eq!(sender.compress(IPV4, &text(3)).unwrap()[..2], [0, 0]);
}

#[test]
fn a_datagram_is_always_smaller_than_its_packet() {
    let sizes = (1..40)
        .map(|len| (len, Compressor::new(MAX_WINDOW).compress(IPV4, &vec![0x45; len]).map(<[u8]>::len)));
    let sizes: Vec<_> = sizes.collect();
    assert!(sizes.iter().all(|(len, datagram)| datagram.is_none_or(|datagram| datagram < *len)), "{sizes:?}");
    // Both kinds are there, and one packet is just as long as its datagram would be.
    let smallest = sizes.iter().find_map(|(_, datagram)| *datagram).unwrap();
    assert!(
        sizes.contains(&(smallest, None)) && sizes.contains(&(smallest + 1, Some(smallest))),
        "{sizes:?}"
    );
}

#[test]
fn control_packets_and_datagrams_are_no_part_of_the_stream() {
    let mut sender = Compressor::new(MAX_WINDOW);
    let mut receiver = Decompressor::new(MAX_WINDOW, LIMIT);
    for protocol in [LCP, IPCP, COMPRESSED, 0x00fb, 0x4021] {
        assert_eq!(sender.compress(protocol, &text(1)), None, "{protocol:#06x}");
        receiver.incompressible(protocol, &text(1)).unwrap();
    }
    let datagram = sender.compress(VJ_COMPRESSED, &text(2)).unwrap();
    assert_eq!(datagram[..2], [0, 0]);
    assert_eq!(receiver.decompress(datagram), Ok((VJ_COMPRESSED, &text(2)[..])));
}

#[test]
fn a_protocol_above_00ff_takes_two_octets_of_the_stream() {
    let mut sender = Compressor::new(MAX_WINDOW);
    let mut receiver = Decompressor::new(MAX_WINDOW, LIMIT);
    receiver.incompressible(0x0281, &noise(2, 9)).unwrap();
    assert_eq!(sender.compress(0x0281, &noise(2, 9)), None);
    assert_eq!(receiver.decompress(sender.compress(0x0281, &text(1)).unwrap()), Ok((0x0281, &text(1)[..])));
}

#[test]
fn a_missing_packet_is_found_by_its_number() {
    let mut sender = Compressor::new(MAX_WINDOW);
    let mut receiver = Decompressor::new(MAX_WINDOW, LIMIT);
    sender.compress(IPV4, &noise(3, 100));
    let datagram = sender.compress(IPV4, &text(1)).unwrap();
    assert_eq!(receiver.decompress(datagram), Err(Damage::Sequence { expected: 0, found: 1 }));
}

#[test]
fn a_datagram_that_grows_beyond_the_mru_is_refused() {
    let packet = |len| [&[0x21][..], &vec![0; len]].concat();
    let unpacked = |len| {
        let mut receiver = Decompressor::new(MAX_WINDOW, LIMIT);
        receiver
            .decompress(&datagram(0, &packet(len), DeflateFlush::SyncFlush))
            .map(|(_, packet)| packet.len())
    };
    assert_eq!(unpacked(LIMIT), Ok(LIMIT));
    for len in [LIMIT + 1, LIMIT + 2, LIMIT + 3, 1_000_000] {
        assert_eq!(unpacked(len), Err(Damage::Long { limit: LIMIT }), "{len}");
    }
}

#[test]
fn what_is_no_packet_is_refused() {
    let unpacked =
        |datagram: &[u8]| Decompressor::new(MAX_WINDOW, LIMIT).decompress(datagram).map(|(_, _)| ());
    assert_eq!(unpacked(&[0]), Err(Damage::Short { len: 1 }));
    assert_eq!(unpacked(&[0, 0]), Err(Damage::Short { len: 2 }));
    // A block of the reserved kind.
    assert_eq!(unpacked(&[0, 0, 0x06]), Err(Damage::Stream));
    // The last block of a stream.
    assert_eq!(
        unpacked(&datagram(0, &[&[0x21][..], &text(1)].concat(), DeflateFlush::Finish)),
        Err(Damage::Stream)
    );
    // A protocol with two even octets, half a protocol, and nothing.
    for stream in [&[0x00, 0x20, 0x45][..], &[0x00]] {
        assert_eq!(
            unpacked(&datagram(0, stream, DeflateFlush::SyncFlush)),
            Err(Damage::Protocol),
            "{stream:x?}"
        );
    }
    assert_eq!(unpacked(&[0, 0, 0]), Err(Damage::Protocol));
}

#[derive(Debug, Clone)]
enum Step {
    Send {
        protocol: u16,
        packet: Vec<u8>,
    },
    /// The next packet does not arrive.
    Lose {
        protocol: u16,
        packet: Vec<u8>,
    },
}

fn packet() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let protocol = prop_oneof![Just(IPV4), Just(IPV6), Just(VJ_COMPRESSED), Just(0x0281), Just(IPCP)];
    let packet = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..200),
        any::<u8>().prop_map(text),
        (any::<u64>(), 1..=LIMIT).prop_map(|(seed, len)| noise(seed, len)),
        (any::<u8>(), 1..=LIMIT).prop_map(|(octet, len)| vec![octet; len]),
    ];
    (protocol, packet)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => packet().prop_map(|(protocol, packet)| Step::Send { protocol, packet }),
        1 => packet().prop_map(|(protocol, packet)| Step::Lose { protocol, packet }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_packet_that_arrives_is_as_it_was_sent(
        window in MIN_WINDOW..=MAX_WINDOW,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (mut sender, mut receiver) = (Compressor::new(window), Decompressor::new(window, LIMIT));
        // Packets of the stream were lost since it began.
        let mut broken = false;
        for step in steps {
            match step {
                Step::Lose { protocol, packet } => {
                    sender.compress(protocol, &packet);
                    broken |= is_compressible(protocol);
                }
                Step::Send { protocol, packet } => {
                    let Some(datagram) = sender.compress(protocol, &packet) else {
                        prop_assert_eq!(receiver.incompressible(protocol, &packet), Ok(()));
                        continue;
                    };
                    prop_assert!(datagram.len() < packet.len());
                    let unpacked = receiver.decompress(datagram);
                    prop_assert_eq!(unpacked.is_err(), broken);
                    if broken {
                        sender.reset();
                        receiver.reset();
                        broken = false;
                    } else {
                        prop_assert_eq!(unpacked, Ok((protocol, &packet[..])));
                    }
                }
            }
        }
    }

    #[test]
    fn any_octets_are_unpacked_or_refused(
        window in 0u8..=20,
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20),
        in_order: bool,
    ) {
        let mut receiver = Decompressor::new(window, 200);
        let mut sequence = 0u16;
        for mut datagram in datagrams {
            if in_order && datagram.len() > 2 {
                datagram[..2].copy_from_slice(&sequence.to_be_bytes());
                sequence += 1;
            }
            if let Ok((_, packet)) = receiver.decompress(&datagram) {
                prop_assert!(packet.len() <= 200);
            }
            let _ = receiver.incompressible(IPV4, &datagram);
            sequence += 1;
            prop_assert!(receiver.packet().len() <= 203);
        }
    }
}
