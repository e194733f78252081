use proptest::prelude::*;
use tunio::offload::{GsoType, VirtioHeader, validate};

use crate::packets::{ACK, CWR, FIN, Flow, PSH, payload, wholes};

/// All that `packet` stands for.
pub(crate) fn split(header: &VirtioHeader, packet: &[u8]) -> Vec<Vec<u8>> {
    let checked = validate(header, packet).unwrap();
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

#[test]
fn each_kind_of_packet_is_cut_as_its_sender_would_have_cut_it() {
    for flow in [Flow::tcp4(), Flow::tcp6(), Flow::udp4(), Flow::udp6()] {
        let (flags, octets) = (ACK | PSH | FIN | CWR, payload(3000));
        let (header, packet) = flow.whole(flags, &octets, 1400);
        let expected = flow.packets(flags, &octets, 1400);
        assert_eq!(expected.len(), 3);
        assert_eq!(split(&header, &packet), expected, "{flow:?}");
    }
}

#[test]
fn a_packet_that_lacks_only_its_checksum_gets_it() {
    for flow in [Flow::tcp4(), Flow::tcp6(), Flow::udp4(), Flow::udp6()] {
        let (whole, packet) = flow.whole(ACK, b"odd", 1400);
        // What fits into one segment lacks nothing else, whatever gso_type says.
        for gso_type in [whole.gso_type, GsoType::None] {
            let header = VirtioHeader { gso_type, ..whole };
            assert_eq!(split(&header, &packet), [flow.packet(0, 0, ACK, b"odd")], "{flow:?}");
        }
    }
}

#[test]
fn a_checksum_of_nought_is_written_as_udp_can_take_it() {
    let checksum = |flow: &Flow, octets: [u8; 2]| {
        let (header, packet) = flow.whole(ACK, &octets, 1400);
        let at = flow.ip_header() + flow.checksum_offset();
        let complete = split(&header, &packet).remove(0);
        u16::from_be_bytes([complete[at], complete[at + 1]])
    };
    for (flow, nought) in [(Flow::tcp4(), 0), (Flow::udp4(), 0xffff)] {
        // The payload that makes up for all else.
        let missing = checksum(&flow, [0, 0]).to_be_bytes();
        assert_eq!(checksum(&flow, missing), nought);
    }
}

#[test]
fn a_checksum_inside_of_a_tunnel_is_completed_where_it_is() {
    // A packet of TCP in UDP, as of VXLAN without its Ethernet.
    let inner = Flow::tcp4();
    let outer = Flow::udp4();
    let unfinished = outer.packet(0, 0, 0, &inner.without_checksum(0, 0, ACK, b"inside"));
    let start = outer.headers() + inner.ip_header();
    let header =
        VirtioHeader { needs_csum: true, csum_start: start as u16, csum_offset: 16, ..VirtioHeader::NONE };
    let finished = split(&header, &unfinished).remove(0);
    assert_eq!(finished[..outer.headers()], unfinished[..outer.headers()]);
    assert_eq!(finished[outer.headers()..], inner.packet(0, 0, ACK, b"inside"));
}

#[test]
fn a_packet_with_extension_headers_is_cut_behind_them() {
    let flow = Flow::tcp6();
    let extend = |packet: Vec<u8>| {
        let mut extended = packet[..40].to_vec();
        let length = u16::from_be_bytes([packet[4], packet[5]]) + 16;
        extended[4..6].copy_from_slice(&length.to_be_bytes());
        // Hop-by-hop and destination options of padding, eight octets each.
        extended[6] = 0;
        extended.extend([60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]);
        extended.extend(&packet[40..]);
        extended
    };
    let octets = payload(2000);
    let (header, packet) = flow.whole(ACK | PSH, &octets, 1000);
    let header = VirtioHeader { csum_start: 56, ..header };
    let expected: Vec<_> = flow.packets(ACK | PSH, &octets, 1000).into_iter().map(extend).collect();
    assert_eq!(split(&header, &extend(packet)), expected);
}

#[test]
fn the_longest_packet_of_ipv4_is_cut_in_portions_that_a_pacer_asks_for() {
    let flow = Flow::tcp4();
    let octets = payload(65535 - flow.headers());
    let (header, packet) = flow.whole(ACK | PSH | CWR, &octets, 1448);
    assert_eq!(packet.len(), 65535);
    let checked = validate(&header, &packet).unwrap();
    let mut portions = checked.split_at(16384);
    let mut portion = Vec::new();
    let mut lengths = Vec::new();
    while let Some(header) = portions.next_into(&mut portion) {
        assert_eq!(header.gso_type, GsoType::TcpV4);
        assert_eq!(header.ecn, lengths.is_empty());
        lengths.push(portion.len() - flow.headers());
    }
    // Eleven segments fit into 16384 octets.
    assert_eq!(lengths, [15928, 15928, 15928, 15928, 65535 - flow.headers() - 4 * 15928]);
}

proptest! {
    #[test]
    fn a_packet_is_cut_into_those_that_its_sender_would_have_sent((flow, flags, octets, gso_size) in wholes()) {
        let (header, packet) = flow.whole(flags, &octets, gso_size);
        prop_assert_eq!(split(&header, &packet), flow.packets(flags, &octets, gso_size));
    }

    #[test]
    fn portions_keep_to_their_size_and_come_to_the_same(
        (flow, flags, octets, gso_size) in wholes(),
        max_bytes in 0usize..70_000,
    ) {
        let (header, packet) = flow.whole(flags, &octets, gso_size);
        let mut portions = validate(&header, &packet).unwrap().split_at(max_bytes);
        let mut portion = Vec::new();
        let mut segments = Vec::new();
        while let Some(header) = portions.next_into(&mut portion) {
            let checked = validate(&header, &portion).unwrap();
            prop_assert!(portion.len() <= max_bytes || checked.segments() == 1);
            let another = portion.len() + gso_size <= max_bytes;
            segments.extend(split(&header, &portion));
            // No portion could have taken one segment more.
            prop_assert!(!another || segments.len() == octets.len().div_ceil(gso_size));
        }
        prop_assert_eq!(segments, flow.packets(flags, &octets, gso_size));
    }
}
