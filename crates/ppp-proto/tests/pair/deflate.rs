//! Deflate between two links.

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use ppp_proto::{
    CcpConfig, DeflateConfig, Direction, Family, IpcpConfig, LinkConfig, Tap, VjConfig,
    link::DeflateCounters,
    protocol::{COMPRESSED, IPV4, IPV6},
};

use crate::pair::{A, B, Pair, SECOND, client, server};

fn with_ccp(config: LinkConfig, ccp: CcpConfig) -> LinkConfig {
    LinkConfig { ccp: Some(ccp), ..config }
}

/// Two links that compress all they can.
fn compressing() -> Pair {
    up(with_ccp(client(), CcpConfig::default()), with_ccp(server(), CcpConfig::default()))
}

fn up(a: LinkConfig, b: LinkConfig) -> Pair {
    let mut pair = Pair::up(a, b);
    settle(&mut pair);
    pair
}

/// Until CCP is up as well.
fn settle(pair: &mut Pair) {
    pair.drive(20 * SECOND, |pair| pair.ends.iter().all(|end| end.link.status().compression.is_some()));
}

/// An IPv4 packet that shrinks, or one of IPv6 that does not.
fn packet(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    if number % 3 == 2 {
        let noise = (0..100u32)
            .map(|at| (at.wrapping_mul(0x9e37_79b9) ^ u32::from(number).wrapping_mul(0x85eb_ca6b)) >> 13);
        [&[0x60, high, low][..], &noise.map(|noise| noise as u8).collect::<Vec<_>>()].concat()
    } else {
        [&[0x45, high, low][..], &b"the quick brown fox ".repeat(20)].concat()
    }
}

/// Sends packets; how many octets that took on the wire.
fn send(pair: &mut Pair, from: usize, packets: impl IntoIterator<Item = Vec<u8>>) -> usize {
    let mut octets = 0;
    for packet in packets {
        let mut out = BytesMut::new();
        pair.ends[from].link.encode(&packet, &mut out).unwrap();
        octets += out.len();
        pair.transmit(from, &out);
        pair.pass(SECOND / 20);
    }
    pair.pass(SECOND);
    octets
}

fn arrived(pair: &Pair, at: usize) -> Vec<Vec<u8>> {
    pair.ends[at].received.iter().map(|(_, packet)| packet.clone()).collect()
}

fn sent_counters(pair: &Pair, at: usize) -> DeflateCounters {
    pair.ends[at].link.status().counters.tx_deflate
}

#[test]
fn packets_shrink_both_ways_and_arrive_as_they_were() {
    let mut pair = compressing();
    for (from, to) in [(A, B), (B, A)] {
        let octets = send(&mut pair, from, (0..30).map(packet));
        assert_eq!(arrived(&pair, to), (0..30).map(packet).collect::<Vec<_>>());
        let (sent, received) = (sent_counters(&pair, from), pair.ends[to].link.status().counters.rx_deflate);
        assert_eq!(sent, received);
        assert_eq!((sent.packets, sent.octets), (20, 20 * 403));
        assert!(sent.compressed < 20 * 40 && octets < 20 * 50 + 10 * 150, "{sent:?}, {octets} on the wire");
        assert_eq!(pair.ends[to].link.status().counters.rx_octets, 20 * 403 + 10 * 103);
    }
    let explained = pair.ends[A].link.status().explain();
    assert!(explained.contains("CCP is up: Deflate (15) compression enabled."), "{explained}");
    assert!(explained.contains("20 packets sent took "), "{explained}");
}

#[test]
fn a_peer_without_ccp_gets_packets_as_they_are() {
    let mut pair = Pair::up(with_ccp(client(), CcpConfig::default()), server());
    send(&mut pair, A, (0..5).map(packet));
    assert_eq!(arrived(&pair, B), (0..5).map(packet).collect::<Vec<_>>());
    assert_eq!(sent_counters(&pair, A), DeflateCounters::default());
    assert_eq!(pair.ends[A].link.status().ccp.unwrap().failure.unwrap(), "the peer does not speak CCP");
}

#[test]
fn each_direction_is_negotiated_by_itself() {
    let one_way = CcpConfig { receive: None, ..CcpConfig::default() };
    let small = CcpConfig {
        receive: Some(DeflateConfig { window: 9, standard: true, draft: false }),
        ..CcpConfig::default()
    };
    let mut pair = up(with_ccp(client(), one_way), with_ccp(server(), small));
    assert_eq!(
        pair.ends[A].link.status().compression.unwrap().to_string(),
        "Deflate (9) transmit compression enabled"
    );
    assert_eq!(
        pair.ends[B].link.status().compression.unwrap().to_string(),
        "Deflate (9) receive compression enabled"
    );
    send(&mut pair, A, (0..30).map(packet));
    send(&mut pair, B, (0..30).map(packet));
    assert_eq!(arrived(&pair, B), (0..30).map(packet).collect::<Vec<_>>());
    assert_eq!(arrived(&pair, A), (0..30).map(packet).collect::<Vec<_>>());
    assert_eq!((sent_counters(&pair, A).packets, sent_counters(&pair, B).packets), (20, 0));
}

#[test]
fn losses_cost_packets_but_never_make_a_wrong_one() {
    let mut pair = compressing().seed(7).wire(|wire| wire.lost = 50);
    send(&mut pair, A, (0..1000).map(packet));
    let resets = pair.ends[B].link.status().counters.rx_deflate_resets;
    assert!(resets > 20, "{resets}");
    let arrived = arrived(&pair, B);
    let mut sent = (0..1000).map(packet);
    assert!(
        arrived.iter().all(|arrived| sent.any(|sent| sent == *arrived)),
        "in order, and each as it was sent"
    );
    assert!(arrived.len() > 500, "{}", arrived.len());
    pair = pair.wire(|wire| wire.lost = 0);
    // The Reset-Ack may have been the last to be lost.
    pair.pass(4 * SECOND);
    send(&mut pair, A, (0..4).map(packet));
    send(&mut pair, A, (1000..1010).map(packet));
    assert!(pair.ends[B].received.len() >= arrived.len() + 10, "and it mends");
    assert_eq!(pair.ends[A].closed(), None);
}

#[test]
fn a_link_that_comes_back_begins_its_streams_anew() {
    let mut pair = compressing();
    send(&mut pair, A, (0..10).map(packet));
    pair.disconnect();
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    settle(&mut pair);
    send(&mut pair, A, (10..20).map(packet));
    assert_eq!(arrived(&pair, B), (0..20).map(packet).collect::<Vec<_>>());
    assert_eq!(sent_counters(&pair, A).packets, 14);
}

/// The `number`th data segment of a TCP connection: 40 octets of headers and text that repeats itself.
fn segment(number: u16) -> Vec<u8> {
    let data = b"the quick brown fox ".repeat(10);
    let mut packet = vec![0x45, 0, 0, 240];
    packet.extend(number.to_be_bytes());
    packet.extend([0x40, 0, 64, 6, 0, 0, 192, 168, 1, 1, 192, 168, 2, 1, 0x13, 0x88, 0, 80, 0, 0]);
    packet.extend((number * 200).to_be_bytes());
    packet.extend([0, 0, 0, 1, 0x50, 0x10, 1, 0, 0xab, 0xcd, 0, 0]);
    packet.extend(data);
    let sum = packet[..20].chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum::<u32>();
    let checksum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet
}

fn with_vj(config: LinkConfig) -> LinkConfig {
    let ipv4 = config.ipv4.clone().map(|ipv4| IpcpConfig { vj: Some(VjConfig::default()), ..ipv4 });
    LinkConfig { ipv4, ..with_ccp(config, CcpConfig::default()) }
}

#[test]
fn headers_are_compressed_first_and_restored_last() {
    let mut pair = up(with_vj(client()), with_vj(server()));
    let octets = send(&mut pair, A, (1..=20).map(segment));
    assert_eq!(arrived(&pair, B), (1..=20).map(segment).collect::<Vec<_>>());
    assert_eq!(sent_counters(&pair, A).packets, 20);
    // 200 of text and three of header became a reference and little else.
    assert!(octets < 20 * 30, "{octets}");
}

#[test]
fn a_datagram_that_is_dropped_makes_no_wrong_header() {
    let mut pair = up(with_vj(client()), with_vj(server()));
    send(&mut pair, A, (1..=3).map(segment));
    // The fourth does not arrive, so the fifth breaks the stream. The sixth, behind the reset, has a short header that
    // builds on both.
    let mut lost = BytesMut::new();
    pair.ends[A].link.encode(&segment(4), &mut lost).unwrap();
    send(&mut pair, A, (5..=6).map(segment));
    assert_eq!(arrived(&pair, B), (1..=3).map(segment).collect::<Vec<_>>());
    assert_eq!(pair.ends[B].link.status().counters.rx_deflate_resets, 1);
    // TCP repeats, which goes whole.
    send(&mut pair, A, (4..=7).map(segment));
    assert_eq!(arrived(&pair, B), [1, 2, 3, 4, 5, 6, 7].map(segment));
}

#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Direction, u16)>>>);

impl Tap for Seen {
    fn packet(&mut self, direction: Direction, protocol: u16, _: &[u8]) {
        self.0.lock().unwrap().push((direction, protocol));
    }
}

#[test]
fn a_tap_sees_what_is_on_the_wire() {
    let mut pair = compressing();
    let seen = [Seen::default(), Seen::default()];
    for (end, seen) in pair.ends.iter_mut().zip(&seen) {
        end.link.set_tap(Box::new(seen.clone()));
    }
    send(&mut pair, A, (1..4).map(packet));
    let numbers = [COMPRESSED, IPV6, COMPRESSED];
    assert_eq!(*seen[A].0.lock().unwrap(), numbers.map(|number| (Direction::Sent, number)));
    assert_eq!(*seen[B].0.lock().unwrap(), numbers.map(|number| (Direction::Received, number)));
    assert_eq!(
        pair.ends[B].received.iter().map(|(family, _)| *family).collect::<Vec<_>>(),
        [Family::Ipv4, Family::Ipv6, Family::Ipv4]
    );
    pair.ends[A].link.encode(&[0x45; 4], &mut BytesMut::new()).unwrap();
    assert_eq!(seen[A].0.lock().unwrap().last(), Some(&(Direction::Sent, IPV4)), "too short to shrink");
}
