use proptest::prelude::*;
use tunio::offload::{GsoType, Refusal, VirtioHeader, validate};

use crate::packets::{ACK, Flow, PSH, payload, wholes};

const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const URG: u8 = 0x20;

fn refusal(header: VirtioHeader, packet: &[u8]) -> Refusal {
    validate(&header, packet).expect_err("should be refused")
}

/// 3000 octets to be cut into three.
fn whole(flow: &Flow) -> (VirtioHeader, Vec<u8>) {
    flow.whole(ACK, &payload(3000), 1400)
}

#[test]
fn what_is_complete_is_not_looked_into() {
    let checked = validate(&VirtioHeader::NONE, b"anything").unwrap();
    assert!(checked.is_complete());
    assert_eq!((checked.packet(), checked.header()), (&b"anything"[..], VirtioHeader::NONE));
}

#[test]
fn a_length_beyond_the_packet_is_refused() {
    let (header, packet) = whole(&Flow::tcp4());
    let longer = VirtioHeader { hdr_len: packet.len() as u16 + 1, ..header };
    assert!(matches!(refusal(longer, &packet), Refusal::HeaderLength { .. }));
    assert_eq!(refusal(VirtioHeader::NONE, &vec![0x45; 65536]), Refusal::TooLong(65536));
    // A hint that is less than the truth is put right.
    let shorter = VirtioHeader { hdr_len: 1, ..header };
    assert_eq!(validate(&shorter, &packet).unwrap().header(), header);
}

#[test]
fn headers_of_ip_that_contradict_the_packet_are_refused() {
    for flow in [Flow::tcp4(), Flow::tcp6()] {
        let (header, packet) = whole(&flow);
        assert_eq!(refusal(header, &packet[..packet.len() - 1]), Refusal::IpHeader);
        assert_eq!(
            refusal(VirtioHeader { hdr_len: 0, ..header }, &packet[..flow.ip_header() - 1]),
            Refusal::IpHeader
        );
        let mut neither = packet;
        neither[0] = 0x55;
        assert_eq!(refusal(header, &neither), Refusal::IpHeader);
    }
    let (header, mut short) = whole(&Flow::tcp4());
    short[0] = 0x44;
    assert_eq!(refusal(header, &short), Refusal::IpHeader);
    // Extension headers that run out of the packet.
    let (header, mut endless) = Flow::tcp6().whole(ACK, &[0; 100], 50);
    endless[6] = 0;
    endless[40..42].copy_from_slice(&[0, 200]);
    assert_eq!(refusal(header, &endless), Refusal::IpHeader);
    assert_eq!(refusal(VirtioHeader { needs_csum: true, ..VirtioHeader::NONE }, &[]), Refusal::IpHeader);
}

#[test]
fn fragments_are_refused() {
    let (header, packet) = whole(&Flow::udp4());
    for fragmentation in [[0x20, 0], [0, 1], [0x1f, 0xff]] {
        let mut fragment = packet.clone();
        fragment[6..8].copy_from_slice(&fragmentation);
        assert_eq!(refusal(header, &fragment), Refusal::Fragment);
    }
    let (header, mut fragment) = whole(&Flow::udp6());
    fragment[6] = 44;
    fragment[40..48].copy_from_slice(&[17, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(refusal(header, &fragment), Refusal::Fragment);
}

#[test]
fn a_type_that_is_not_the_packets_is_refused() {
    use GsoType::{TcpV4, TcpV6, UdpL4};
    for (flow, wrong) in [
        (Flow::tcp4(), [TcpV6, UdpL4]),
        (Flow::tcp6(), [TcpV4, UdpL4]),
        (Flow::udp4(), [TcpV4, TcpV6]),
        (Flow::udp6(), [TcpV4, TcpV6]),
    ] {
        let (header, packet) = whole(&flow);
        for gso_type in wrong {
            assert_eq!(refusal(VirtioHeader { gso_type, ..header }, &packet), Refusal::NotOfType(gso_type));
        }
    }
    let (header, packet) = whole(&Flow::udp4());
    assert_eq!(refusal(VirtioHeader { ecn: true, ..header }, &packet), Refusal::EcnWithoutTcp);
    assert_eq!(refusal(VirtioHeader { ecn: true, ..VirtioHeader::NONE }, &packet), Refusal::EcnWithoutTcp);
}

#[test]
fn a_checksum_must_be_left_undone_and_where_the_protocol_has_it() {
    for flow in [Flow::tcp4(), Flow::tcp6(), Flow::udp4(), Flow::udp6()] {
        let (header, packet) = whole(&flow);
        let done = VirtioHeader { needs_csum: false, ..header };
        assert_eq!(refusal(done, &packet), Refusal::GsoWithoutChecksum);
        let length = packet.len() as u16;
        let (start, offset) = (header.csum_start, header.csum_offset);
        for (csum_start, csum_offset) in [
            (0, 0),
            (0, start + offset),
            (start - 1, offset),
            (start, offset + 2),
            (start, offset + 1),
            (start + 4, offset),
            (start, length - start - 1),
            (length, 0),
            (u16::MAX, u16::MAX),
        ] {
            let astray = VirtioHeader { csum_start, csum_offset, ..header };
            let expected = Refusal::ChecksumPlace { start: csum_start, offset: csum_offset };
            for gso_type in [header.gso_type, GsoType::None] {
                assert_eq!(refusal(VirtioHeader { gso_type, ..astray }, &packet), expected, "{flow:?}");
            }
        }
    }
    // What may be inside of a tunnel for a checksum is not to be cut there.
    let (header, packet) = whole(&Flow::udp4());
    let inside = VirtioHeader { csum_start: 100, csum_offset: 16, ..header };
    assert!(validate(&VirtioHeader { gso_type: GsoType::None, ..inside }, &packet).is_ok());
    assert!(matches!(refusal(inside, &packet), Refusal::ChecksumPlace { .. }));
    let between_words = VirtioHeader { csum_offset: 17, gso_type: GsoType::None, ..inside };
    assert!(matches!(refusal(between_words, &packet), Refusal::ChecksumPlace { .. }));
}

#[test]
fn headers_of_tcp_and_udp_that_contradict_the_packet_are_refused() {
    let (header, packet) = whole(&Flow::tcp4());
    for data_offset in [0x00, 0x40] {
        let mut short = packet.clone();
        short[20 + 12] = data_offset;
        assert_eq!(refusal(header, &short), Refusal::TransportHeader);
    }
    let (header, mut long) = Flow::tcp4().whole(ACK, &[0; 3], 1);
    long[20 + 12] = 0xf0;
    assert_eq!(refusal(header, &long), Refusal::TransportHeader);

    let (header, mut packet) = whole(&Flow::udp6());
    packet[40 + 5] ^= 1;
    assert_eq!(refusal(header, &packet), Refusal::TransportHeader);
}

#[test]
fn what_belongs_to_one_segment_alone_is_not_cut() {
    for flag in [SYN, RST, URG] {
        let (header, packet) = Flow::tcp4().whole(ACK | PSH | flag, &payload(3000), 1400);
        assert_eq!(refusal(header, &packet), Refusal::TcpFlags(ACK | PSH | flag));
    }
}

#[test]
fn headers_that_would_be_repeated_must_be_short() {
    let (header, packet) = Flow::tcp6().whole(ACK, &payload(3000), 1400);
    // The payload's first part becomes hop-by-hop options.
    let mut long = packet[..40].to_vec();
    let length = u16::from_be_bytes([packet[4], packet[5]]) + 256;
    long[4..6].copy_from_slice(&length.to_be_bytes());
    long[6] = 0;
    long.extend([6, 31]);
    long.extend([0; 254]);
    long.extend(&packet[40..]);
    let header = VirtioHeader { csum_start: 40 + 256, ..header };
    assert!(matches!(refusal(header, &long), Refusal::HeadersTooLong(328)));
}

#[test]
fn the_number_of_segments_is_bounded() {
    let (tcp, packet) = Flow::tcp4().whole(ACK, &payload(60_000), 1400);
    for gso_size in [0, 0xffff] {
        assert_eq!(refusal(VirtioHeader { gso_size, ..tcp }, &packet), Refusal::GsoSize(gso_size));
    }
    let most = Refusal::Segments { segments: 2069, most: 2048 };
    assert_eq!(refusal(VirtioHeader { gso_size: 29, ..tcp }, &packet), most);
    assert_eq!(validate(&VirtioHeader { gso_size: 30, ..tcp }, &packet).unwrap().segments(), 2000);

    let (udp, packet) = Flow::udp4().whole(0, &payload(12_800), 100);
    assert_eq!(validate(&udp, &packet).unwrap().segments(), 128);
    let most = Refusal::Segments { segments: 130, most: 128 };
    assert_eq!(refusal(VirtioHeader { gso_size: 99, ..udp }, &packet), most);

    let (header, packet) = Flow::tcp4().whole(ACK, &[], 1400);
    assert_eq!(refusal(header, &packet), Refusal::NoPayload);
}

proptest! {
    #[test]
    fn a_true_header_is_given_back((flow, flags, octets, gso_size) in wholes()) {
        let (header, packet) = flow.whole(flags, &octets, gso_size);
        prop_assert_eq!(validate(&header, &packet).unwrap().header(), header);
    }

    /// Whatever passes can be cut within bounds, and its header is as good as the one it came with.
    #[test]
    fn what_anybody_may_have_written_is_refused_or_bounded(
        (flow, flags, octets, gso_size) in wholes(),
        changes in proptest::collection::vec((0usize..100, any::<u8>()), 0..4),
    ) {
        let (header, packet) = flow.whole(flags, &octets, gso_size);
        let mut message = header.emit().to_vec();
        message.extend(packet);
        for (at, octet) in changes {
            let length = message.len();
            message[at % length] = octet;
        }
        let (header, packet) = message.split_first_chunk().unwrap();
        let Ok(header) = VirtioHeader::parse(header) else { return Ok(()) };
        let Ok(checked) = validate(&header, packet) else { return Ok(()) };
        let mut split = checked.split();
        let mut segment = Vec::new();
        let (mut segments, mut bytes) = (0, 0);
        while split.next_into(&mut segment) {
            prop_assert!(segment.len() <= checked.segment_len());
            segments += 1;
            bytes += segment.len();
        }
        prop_assert_eq!(segments, checked.segments());
        prop_assert!(bytes <= 65535 + 2048 * 256);
        let again = validate(&checked.header(), packet).unwrap();
        prop_assert_eq!((again.header(), again.segments()), (checked.header(), segments));
    }
}
