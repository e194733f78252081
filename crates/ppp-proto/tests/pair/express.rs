//! Two ends of this implementation, which agree on records in place of frames.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use ppp_proto::{
    CcpConfig, Event, Express, Family, LcpConfig, Link, LinkConfig, SendError,
    express::{MAX_RECORD, OFFLOAD_HEADER_LEN},
};
use proptest::prelude::*;

use crate::{
    by_hand::ByHand,
    pair::{A, B, SECOND, client, server},
};

const ALL: Express = Express::ALL;
const HEADER: [u8; OFFLOAD_HEADER_LEN] = [1, 1, 40, 0, 0xb4, 5, 20, 0, 16, 0];

/// What came out of a link.
type Came = (Vec<u8>, Option<[u8; OFFLOAD_HEADER_LEN]>);

/// Two links, and a wire that delivers at once, in pieces of `cut` octets.
struct Ends {
    links: [Link; 2],
    now: Instant,
    cut: usize,
    came: [Vec<Came>; 2],
}

fn express(config: LinkConfig, express: Option<Express>) -> LinkConfig {
    LinkConfig { lcp: LcpConfig { express, ..config.lcp }, ..config }
}

impl Ends {
    fn new(a: LinkConfig, b: LinkConfig) -> Ends {
        let now = Instant::now();
        let links = [Link::new(a, now), Link::new(b, now)];
        let mut ends = Ends { links, now, cut: usize::MAX, came: [Vec::new(), Vec::new()] };
        for link in &mut ends.links {
            link.open(now);
            link.lower_up(now);
        }
        ends.settle();
        ends
    }

    /// Two that take all there is.
    fn up() -> Ends {
        let ends = Ends::new(express(client(), Some(ALL)), express(server(), Some(ALL)));
        assert!(ends.links.iter().all(Link::takes_offload));
        ends
    }

    fn carry(&mut self, from: usize, octets: &[u8]) {
        for mut chunk in octets.chunks(self.cut) {
            while let Some(packet) = self.links[1 - from].receive(self.now, &mut chunk) {
                self.came[1 - from].push((packet.payload.to_vec(), packet.offload));
            }
            assert!(chunk.is_empty());
        }
    }

    /// Until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut silent = true;
            for end in [A, B] {
                let mut out = BytesMut::new();
                silent &= !self.links[end].poll_transmit(&mut out);
                self.carry(end, &out);
            }
            if silent {
                return;
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        for end in [A, B] {
            self.links[end].handle_timeout(self.now);
        }
        self.settle();
    }

    fn send(&mut self, from: usize, packet: &[u8]) {
        let mut out = BytesMut::new();
        self.links[from].encode(packet, &mut out).unwrap();
        self.carry(from, &out);
    }
}

fn packet(len: usize) -> Vec<u8> {
    (0..len).map(|at| if at == 0 { 0x45 } else { at as u8 }).collect()
}

/// The so many-th packet of a connection, with data of `len` octets.
fn tcp(number: u8, len: usize) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, 6, 64];
    packet[4..6].copy_from_slice(&(20 + len as u16).to_be_bytes());
    packet.extend([0xfd; 32]);
    packet.extend([0, 22, 0, 23, 0, 0, number, 0, 0, 0, 0, 1, 0x50, 0x10, 0, number, 0, 0, 0, 0]);
    packet.resize(packet.len() + len, number);
    packet
}

#[test]
fn packets_go_as_they_are_and_super_packets_with_their_header() {
    let mut ends = Ends::up();
    let mut out = BytesMut::new();
    ends.links[A].encode(&packet(1500), &mut out).unwrap();
    assert_eq!((out[..4].to_vec(), &out[4..]), (vec![0x10, 0, 5, 0xdc], &packet(1500)[..]));
    let large = packet(65535);
    ends.links[A].encode_offload(&HEADER, &large, &mut out).unwrap();
    ends.carry(A, &out);
    assert_eq!(ends.came[B], [(packet(1500), None), (large, Some(HEADER))]);
    let too_large = ends.links[A].encode_offload(&HEADER, &packet(65536), &mut out);
    assert!(matches!(too_large, Err(SendError::TooBig { len: 65536, .. })));
}

#[test]
fn a_packet_may_be_sent_behind_its_head() {
    let mut ends = Ends::up();
    let large = packet(30_000);
    let mut out = BytesMut::new();
    ends.links[A].encode_offload(&HEADER, &large, &mut out).unwrap();
    let whole = ends.links[A].reported_octets_sent().unwrap();
    let mut head = BytesMut::new();
    ends.links[A].encode_offload_head(&HEADER, &large, &mut head).unwrap();
    assert!(head.len() < 20);
    assert_eq!([&head[..], &large].concat(), out);
    assert_eq!(ends.links[A].reported_octets_sent().unwrap(), 2 * whole, "it is counted like one sent whole");
}

#[test]
fn headers_of_a_connection_are_told_once_with_and_without_a_virtio_header() {
    let mut ends = Ends::up();
    let mut lengths = Vec::new();
    for number in 0..6 {
        let mut out = BytesMut::new();
        if number < 3 {
            ends.links[A].encode(&tcp(number, 256), &mut out).unwrap();
        } else {
            ends.links[A].encode_offload(&HEADER, &tcp(number, 256), &mut out).unwrap();
        }
        lengths.push((out[0], out.len() - 256));
        ends.carry(A, &out);
        ends.now += SECOND;
    }
    // The sequence number goes on as foretold; the window's difference is all there is.
    let whole = [4 + 1 + 60, 4 + 1 + 10 + 60];
    let changed = 4 + 1 + 1 + 2 + 1;
    let expected = [
        (0x13, whole[0]),
        (0x15, changed),
        (0x15, changed),
        (0x14, whole[1]),
        (0x16, changed),
        (0x16, changed),
    ];
    assert_eq!(lengths, expected);
    let came = |number| (tcp(number, 256), (number >= 3).then_some(HEADER));
    assert_eq!(ends.came[B], [0, 1, 2, 3, 4, 5].map(came));
    ends.pass(Duration::from_millis(10));
    assert_eq!(ends.links[A].poll_report().map(|report| report.octets), ends.links[A].reported_octets_sent());
}

#[test]
fn a_peer_who_remembers_no_headers_gets_them_all() {
    let forgetful = Some(Express { headers: false, ..ALL });
    for (a, b) in [(Some(ALL), forgetful), (forgetful, Some(ALL))] {
        let mut ends = Ends::new(express(client(), a), express(server(), b));
        for number in 0..2 {
            let mut out = BytesMut::new();
            ends.links[A].encode(&tcp(number, 100), &mut out).unwrap();
            assert_eq!(out[4..], tcp(number, 100));
        }
    }
}

#[test]
fn who_takes_lanes_says_so_to_who_knows_of_records() {
    let takes = |a, b| {
        Ends::new(express(client(), a), express(server(), b)).links.map(|link| link.peer_takes_lanes())
    };
    let lanes = Some(Express { lanes: true, ..ALL });
    assert_eq!(takes(Some(ALL), lanes), [true, false]);
    assert_eq!(takes(Some(ALL), Some(ALL)), [false, false]);
    assert_eq!(takes(None, lanes), [false, false]);
}

#[test]
fn a_peer_who_starts_over_is_told_all_headers_again() {
    let mut ends = Ends::up();
    (0..2).for_each(|number| ends.send(A, &tcp(number, 100)));
    // Another process, maybe, which has heard of nothing.
    let now = ends.now;
    ends.links[B] = Link::new(express(server(), Some(ALL)), now);
    ends.links[B].open(now);
    ends.links[B].lower_up(now);
    ends.settle();
    (2..4).for_each(|number| ends.send(A, &tcp(number, 100)));
    assert_eq!(ends.came[B], [0, 1, 2, 3].map(|number| (tcp(number, 100), None)));
}

#[test]
fn a_change_of_headers_never_told_costs_that_packet() {
    let mut ends = Ends::up();
    ends.carry(A, &[0x15, 0, 0, 5, 9, 0, 0, 0, 1]);
    ends.carry(A, &[0x13, 0, 0, 1, 9]);
    ends.carry(A, &[0x14, 0, 0, 2, 9, 0x45]);
    assert_eq!((ends.came[B].len(), ends.links[B].status().counters.rx_dropped), (0, 1));
    ends.send(A, &packet(20));
    assert_eq!(ends.came[B], [(packet(20), None)]);
}

#[test]
fn a_packet_that_ends_in_a_flag_does_not_swallow_the_frame_behind_it() {
    let mut ends = Ends::up();
    let mut out = BytesMut::new();
    let mut last_is_flag = packet(100);
    last_is_flag[99] = 0x7e;
    ends.links[A].encode(&last_is_flag, &mut out).unwrap();
    ends.links[A].close(ends.now, "done");
    ends.links[A].poll_transmit(&mut out);
    ends.carry(A, &out);
    assert_eq!(ends.came[B], [(last_is_flag, None)]);
    let events: Vec<Event> = std::iter::from_fn(|| ends.links[B].poll_event()).collect();
    assert!(events.iter().any(|event| matches!(event, Event::Ipv4Down)), "{events:?}");
}

#[test]
fn an_end_that_wants_none_of_it_gets_frames() {
    for (a, b) in [(Some(ALL), None), (None, Some(ALL)), (None, None)] {
        let mut ends = Ends::new(express(client(), a), express(server(), b));
        assert!(!ends.links.iter().any(Link::takes_offload));
        let mut out = BytesMut::new();
        assert_eq!(ends.links[A].encode_offload(&HEADER, &packet(1500), &mut out), Err(SendError::NoOffload));
        ends.links[A].encode(&packet(1500), &mut out).unwrap();
        assert_eq!((out[0], *out.last().unwrap()), (0x7e, 0x7e));
        ends.carry(A, &out);
        assert_eq!(ends.came[B], [(packet(1500), None)]);
        assert_eq!(ends.links[A].reported_octets_sent(), None);
    }
}

#[test]
fn a_stranger_rejects_the_option_and_is_not_asked_again() {
    let mut hand = ByHand::new(express(client(), Some(ALL)));
    let request = hand.packets().pop().unwrap().1;
    assert_eq!(request[request.len() - 7..], [0, 7, 0x72, 0x70, 0x73, 1, 27]);
    hand.say(ppp_proto::protocol::LCP, 4, request[1], &[0, 7, 0x72, 0x70, 0x73, 1, 27]);
    assert!(!hand.said()[0].contains("express"));
    // Nor is a stranger's own Vendor-Specific option taken.
    hand.say(ppp_proto::protocol::LCP, 1, 9, &[0, 7, 0, 0, 0x5e, 1, 7]);
    assert_eq!(hand.said(), ["[LCP ConfRej id=0x9 < 00 07 00 00 5e 01 07>]"]);
}

/// Ends that agreed on all of it, and compress besides.
fn deflating() -> Ends {
    let deflating = |config| LinkConfig { ccp: Some(CcpConfig::default()), ..express(config, Some(ALL)) };
    Ends::new(deflating(client()), deflating(server()))
}

#[test]
fn what_is_compressed_is_framed() {
    let mut ends = deflating();
    assert!(!ends.links[A].takes_offload());
    ends.send(A, &packet(1000));
    assert_eq!(ends.came[B], [(packet(1000), None)]);
    assert_eq!(ends.links[A].status().counters.tx_deflate.packets, 1);
}

#[test]
fn the_receiver_reports_what_has_arrived_and_nothing_else() {
    let mut ends = Ends::up();
    assert_eq!(ends.links[A].reported_octets_sent(), Some(0));
    ends.send(A, &packet(1000));
    ends.pass(Duration::from_millis(10));
    let report = ends.links[A].poll_report().unwrap();
    assert_eq!((report.octets, ends.links[A].reported_octets_sent()), (1004, Some(1004)));
    assert_eq!(ends.links[A].poll_report(), None, "once");
    ends.send(A, &packet(500));
    ends.settle();
    assert_eq!(ends.links[A].poll_report(), None, "not for each packet");
    ends.pass(Duration::from_millis(10));
    assert_eq!(ends.links[A].poll_report().unwrap().octets, 1508);
    // Neither echoes nor reports are reported: else two idle ends would never be silent.
    ends.pass(40 * SECOND);
    assert_eq!((ends.links[A].poll_report(), ends.links[B].poll_report()), (None, None));
}

#[test]
fn a_report_that_is_due_counts_all_of_what_came_at_once() {
    let mut ends = Ends::up();
    ends.send(A, &packet(1000));
    ends.now += SECOND;
    let mut out = BytesMut::new();
    for _ in 0..4 {
        ends.links[A].encode(&packet(1000), &mut out).unwrap();
    }
    ends.carry(A, &out);
    ends.settle();
    let report = ends.links[A].poll_report().unwrap();
    assert_eq!((report.octets, report.age, report.clock), (5020, Duration::ZERO, Some(1_000_000)));
}

#[test]
fn what_is_compressed_is_reported_too_and_as_both_ends_count_it() {
    let mut ends = deflating();
    for packet in [packet(1000), [&packet(40)[..], &[0; 1000]].concat()] {
        ends.send(A, &packet);
        ends.pass(Duration::from_millis(10));
        assert_eq!(Some(ends.links[A].poll_report().unwrap().octets), ends.links[A].reported_octets_sent());
    }
    assert_eq!(ends.links[A].status().counters.tx_deflate.packets, 2);
    assert!(ends.links[A].reported_octets_sent().unwrap() < 1000, "as they are on the way");
}

#[test]
fn a_peer_that_starts_over_is_understood_and_counted_anew() {
    let mut ends = Ends::up();
    ends.send(A, &packet(1000));
    ends.links[B].lower_down(ends.now);
    ends.links[B].lower_up(ends.now);
    ends.settle();
    assert!(ends.links.iter().all(Link::takes_offload));
    assert_eq!(ends.links[A].reported_octets_sent(), Some(0));
    ends.send(A, &packet(20));
    ends.pass(Duration::from_millis(10));
    assert_eq!(ends.came[B].last().unwrap().0, packet(20));
    assert_eq!(ends.links[A].poll_report().unwrap().octets, 24);
}

#[test]
fn a_record_that_cannot_be_costs_what_is_before_the_next_flag() {
    let mut ends = Ends::up();
    ends.carry(A, &[0x10, 0xff, 0xff, 0xff, 1, 2, 3, 0x10, 0, 0, 1, 0x45]);
    assert_eq!((ends.came[B].len(), ends.links[B].status().frames.oversize), (0, 1));
    ends.links[A].close(ends.now, "done");
    ends.settle();
    let events: Vec<Event> = std::iter::from_fn(|| ends.links[B].poll_event()).collect();
    assert!(events.contains(&Event::Ipv4Down), "{events:?}");
}

#[test]
fn packets_of_a_family_that_is_not_up_do_not_pass_but_are_reported() {
    let no_ipv6 = LinkConfig { ipv6: None, ..express(server(), Some(ALL)) };
    let mut ends = Ends::new(express(client(), Some(ALL)), no_ipv6);
    let mut record = vec![0x10, 0, 0, 40, 0x60];
    record.resize(44, 0);
    ends.carry(A, &record);
    ends.carry(A, &[0x10, 0, 0, 1, 0x00]);
    assert_eq!(ends.came[B], []);
    assert_eq!(ends.links[B].status().counters.rx_dropped, 1);
    ends.pass(Duration::from_millis(10));
    assert_eq!(ends.links[A].poll_report().unwrap().octets, 44);
    assert_eq!(ends.links[A].encode(&packet(0), &mut BytesMut::new()), Err(SendError::NotIp));
    let not_up = ends.links[A].encode(&record[4..], &mut BytesMut::new());
    assert_eq!(not_up, Err(SendError::NotUp(Family::Ipv6)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_chunks_packets_and_frames_come_out_in_order(
        lengths in prop::collection::vec((1_usize..3000, any::<bool>(), any::<bool>()), 1..20),
        cut in 1_usize..5000,
    ) {
        let mut ends = Ends::up();
        ends.cut = cut;
        let mut out = BytesMut::new();
        let mut expected = Vec::new();
        for (number, (len, whole, is_tcp)) in lengths.into_iter().enumerate() {
            let most = if whole { len } else { len.min(1400) };
            let packet = if is_tcp { tcp(number as u8, most) } else { packet(most) };
            if whole {
                ends.links[A].encode_offload(&HEADER, &packet, &mut out).unwrap();
            } else {
                ends.links[A].encode(&packet, &mut out).unwrap();
            }
            expected.push((packet, whole.then_some(HEADER)));
            // Echo-Requests among them.
            ends.now += 2 * SECOND;
            ends.links[A].handle_timeout(ends.now);
            ends.links[A].poll_transmit(&mut out);
        }
        ends.carry(A, &out);
        prop_assert_eq!(&ends.came[B], &expected);
        prop_assert_eq!(ends.links[B].status().frames.damaged(), 0);
    }

    #[test]
    fn no_octets_are_too_much_for_it(octets in prop::collection::vec(
        prop_oneof![Just(0x7e), 0x10_u8..0x17, Just(0x00), any::<u8>()], 0..2000,
    ), cut in 1_usize..300) {
        let mut ends = Ends::up();
        for mut chunk in octets.chunks(cut) {
            while let Some(packet) = ends.links[B].receive(ends.now, &mut chunk) {
                prop_assert!(packet.payload.len() <= MAX_RECORD);
            }
            prop_assert!(chunk.is_empty());
        }
    }
}
