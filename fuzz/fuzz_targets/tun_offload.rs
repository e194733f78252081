//! Virtio headers and packets that anybody may have written: what is true is cut, and all is merged and cut again.
//!
//! ```text
//! | (length, 2 | virtio header, 10 | packet …)* |
//! ```

#![no_main]

use std::convert::Infallible;

use libfuzzer_sys::fuzz_target;
use tunio::offload::{Merger, VirtioHeader, validate};

/// Octets of headers that may be repeated, and segments of one packet.
const MOST_HEADERS: usize = 256;
const MOST_SEGMENTS: usize = 2048;

fn split(header: &VirtioHeader, packet: &[u8]) -> Vec<Vec<u8>> {
    let checked = validate(header, packet).expect("what was merged is true");
    let mut split = checked.split();
    let mut segment = Vec::new();
    let mut segments = Vec::new();
    while split.next_into(&mut segment) {
        assert!(segment.len() <= checked.segment_len());
        segments.push(segment.clone());
    }
    assert_eq!(segments.len(), checked.segments());
    segments
}

/// The portions of a packet come to the same as the packet.
fn check_portions(header: &VirtioHeader, packet: &[u8], whole: &[Vec<u8>]) {
    let checked = validate(header, packet).expect("it was true before");
    let mut portions = checked.split_at(packet.len() / 2);
    let mut portion = Vec::new();
    let mut segments = Vec::new();
    while let Some(header) = portions.next_into(&mut portion) {
        segments.extend(split(&header, &portion));
    }
    assert_eq!(segments, whole);
}

/// Without the Identification of a datagram with DF, which is not given back, and what it adds to the header's checksum.
fn without_atomic_id(mut packet: Vec<u8>) -> Vec<u8> {
    if packet.len() >= 20 && packet[0] == 0x45 && packet[6] & 0x40 != 0 {
        let word = |at: usize| u32::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
        let rest = ((word(4) + word(10)) % 0xffff) as u16;
        packet[4..6].fill(0);
        packet[10..12].copy_from_slice(&rest.to_be_bytes());
    }
    packet
}

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let mut pushed = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk() {
        let Some((header, behind)) = behind.split_first_chunk() else { break };
        let (packet, behind) = behind.split_at(behind.len().min(u16::from_be_bytes(*length).into()));
        rest = behind;
        let header = VirtioHeader::parse(header).inspect(|parsed| assert_eq!(parsed.emit(), *header));
        match header.and_then(|header| validate(&header, packet)) {
            Ok(checked) => {
                let header = checked.header();
                let segments = split(&header, packet);
                let bytes: usize = segments.iter().map(Vec::len).sum();
                assert!(
                    segments.len() <= MOST_SEGMENTS && bytes <= packet.len() + MOST_SEGMENTS * MOST_HEADERS
                );
                check_portions(&header, packet, &segments);
                pushed.extend(segments);
            }
            Err(_) => pushed.push(packet.to_vec()),
        }
    }

    let mut merger = Merger::new(2);
    merger.merge_udp(true);
    let mut arrived = Vec::new();
    let mut send = |header: &VirtioHeader, packet: &[u8]| {
        arrived.extend(split(header, packet));
        Ok::<(), Infallible>(())
    };
    for packet in &pushed {
        let Ok(()) = merger.push(&VirtioHeader::NONE, packet, &mut send);
    }
    let Ok(()) = merger.flush(&mut send);
    // Flows may overtake each other; nothing is lost, made or changed.
    let [mut pushed, mut arrived] =
        [pushed, arrived].map(|packets| packets.into_iter().map(without_atomic_id).collect::<Vec<_>>());
    pushed.sort();
    arrived.sort();
    assert_eq!(arrived, pushed);
});
