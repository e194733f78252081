//! A path measured by Echo-Requests among the packets, towards a peer that reports nothing.

use std::time::Duration;

use bytes::BytesMut;
use ppp_proto::{
    CcpConfig, EchoConfig, Event, Express, Family, LcpConfig, LinkConfig, packet::Code, protocol,
};

use crate::{
    by_hand::ByHand,
    pair::{A, B, MILLISECOND, Pair, SECOND, client, server},
};

fn sampling(config: LinkConfig) -> LinkConfig {
    LinkConfig { sample: true, ..config }
}

/// A sends 1500 octets each millisecond; what it heard of their arrival, and of round trips.
fn busy(pair: &mut Pair, millis: u32) -> (Vec<u64>, Vec<Duration>) {
    let (mut arrived, mut times) = (Vec::new(), Vec::new());
    for _ in 0..millis {
        pair.send(A, Family::Ipv4, 1500);
        pair.pass(MILLISECOND);
        let link = &mut pair.ends[A].link;
        arrived.extend(link.poll_report().map(|report| report.octets));
        times.extend(link.poll_round_trip());
    }
    (arrived, times)
}

#[test]
fn while_packets_pass_their_arrival_is_known_and_how_long_it_takes() {
    let mut pair = Pair::up(sampling(client()), server());
    assert!(!pair.ends[A].link.is_sampled());
    let (arrived, times) = busy(&mut pair, 1000);
    assert!(arrived.len() > 50 && arrived.is_sorted(), "{arrived:?}");
    let sent = pair.ends[A].link.reported_octets_sent().unwrap();
    // 20 ms there and back, and some milliseconds between two questions.
    let behind = sent - arrived.last().unwrap();
    assert!((20 * 1500..45 * 1600).contains(&behind), "{behind}");
    assert!(times.iter().all(|time| *time == 20 * MILLISECOND), "{times:?}");
}

#[test]
fn what_comes_in_is_measured_as_well() {
    let mut pair = Pair::up(sampling(client()), server());
    let mut times = Vec::new();
    for _ in 0..200 {
        pair.send(B, Family::Ipv4, 1500);
        pair.pass(MILLISECOND);
        times.extend(pair.ends[A].link.poll_round_trip());
    }
    // Behind 24,000 octets, and some milliseconds more if no packets go along.
    assert!((9..=12).contains(&times.len()), "{times:?}");
}

#[test]
fn the_keepalive_its_events_and_the_counters_are_what_they_are_without() {
    let run = |sample| {
        let echo = Some(EchoConfig { interval: SECOND, failure: 3, adaptive: false });
        let mut pair = Pair::up(LinkConfig { sample, echo, ..client() }, server());
        busy(&mut pair, 10_000);
        let counters = pair.ends[A].link.status().counters;
        let echoes = pair.ends[A].count(|event| matches!(event, Event::EchoReply { .. }));
        (echoes, counters.tx_control, counters.rx_control, counters.rx_control_ignored)
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn an_idle_link_is_left_alone() {
    let mut pair =
        Pair::up(LinkConfig { echo: None, ..sampling(client()) }, LinkConfig { echo: None, ..server() });
    busy(&mut pair, 100);
    pair.pass(20 * SECOND);
    assert_eq!(pair.ends[A].link.poll_timeout(), None);
    let link = &mut pair.ends[A].link;
    let sent = link.reported_octets_sent();
    assert_eq!(link.poll_report().map(|report| report.octets), sent, "the last question was behind all");
}

#[test]
fn a_new_carrier_is_measured_anew() {
    let mut pair = Pair::up(sampling(client()), server());
    busy(&mut pair, 100);
    assert!(pair.ends[A].link.is_sampled());
    pair.disconnect();
    assert!(!pair.ends[A].link.is_sampled());
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    assert!(!pair.ends[A].link.is_sampled());
    busy(&mut pair, 100);
    assert!(pair.ends[A].link.is_sampled());
}

#[test]
fn a_peer_that_reports_is_not_asked() {
    let express = |config: LinkConfig| LinkConfig {
        lcp: LcpConfig { express: Some(Express { offload: false, ..Express::ALL }), ..config.lcp },
        ..config
    };
    let mut pair = Pair::up(express(sampling(client())), express(server()));
    assert_eq!(questions(&mut pair), 0);
    // Nor where all packets are framed, since they are compressed.
    let deflate = |config| LinkConfig { ccp: Some(CcpConfig::default()), ..express(config) };
    let mut pair = Pair::up(deflate(sampling(client())), deflate(server()));
    pair.drive(20 * SECOND, |pair| pair.ends.iter().all(|end| end.link.status().compression.is_some()));
    assert_eq!(questions(&mut pair), 0);
}

/// Octets of questions behind packets that A sends.
fn questions(pair: &mut Pair) -> usize {
    // Not by the wire of frames that the others are carried by.
    let mut out = BytesMut::new();
    let mut packet = vec![0; 1500];
    packet[0] = 0x45;
    for _ in 0..10 {
        pair.ends[A].link.encode(&packet, &mut out).unwrap();
    }
    let before = out.len();
    pair.now += SECOND;
    pair.ends[A].link.report_along(pair.now, &mut out);
    out.len() - before
}

/// A link whose LCP is up; only that.
fn by_hand() -> ByHand {
    let mut hand = ByHand::new(LinkConfig { echo: None, ..sampling(client()) });
    hand.open_lcp();
    hand.packets();
    hand
}

/// The link is not up, so packets come in rather than go out; they count all the same.
/// As many as are worth a question.
fn hand_packets(hand: &mut ByHand) {
    let mut packet = vec![0; 1500];
    packet[0] = 0x45;
    for _ in 0..17 {
        hand.say_raw(protocol::IPV4, &packet);
    }
}

/// The next question, asked by itself: its identifier and data.
fn question(hand: &mut ByHand) -> (u8, Vec<u8>) {
    hand_packets(hand);
    hand.pass(SECOND);
    // As after another deadline, before the carrier takes anything.
    hand.pass(MILLISECOND);
    let (number, octets) = hand.packets().pop().expect("a question");
    assert_eq!((number, octets[0]), (protocol::LCP, Code::EchoRequest.into()));
    (octets[1], octets[4..].to_vec())
}

#[test]
fn a_question_bears_our_magic_number_and_one_of_its_own_and_goes_once() {
    let mut hand = ByHand::new(LinkConfig { echo: None, ..sampling(client()) });
    let request = hand.packets().pop().unwrap().1;
    let magic = request[4..].windows(2).position(|option| option == [5, 6]).expect("option 5, Magic-Number");
    let magic = request[4 + magic + 2..][..4].to_vec();
    hand.say(protocol::LCP, 2, request[1], &request[4..]);
    hand.say(protocol::LCP, 1, 1, &[5, 6, 1, 2, 3, 4]);
    hand.packets();
    let (first, second) = (question(&mut hand), question(&mut hand));
    for (id, data) in [&first, &second] {
        assert_eq!((&data[..4], data.len(), data[7]), (&magic[..], 8, *id));
    }
    assert_ne!(first, second);
    assert_eq!(hand.packets(), []);
}

#[test]
fn only_the_peers_answer_counts() {
    let mut hand = by_hand();
    let (id, data) = question(&mut hand);
    // As from a loop: the question itself, and an answer that bears our Magic-Number.
    hand.say(protocol::LCP, Code::EchoReply.into(), id, &data);
    let theirs = [&[0; 4], &data[4..]].concat();
    hand.say(protocol::LCP, Code::EchoRequest.into(), id, &theirs);
    assert!(!hand.link.is_sampled());
    hand.say(protocol::LCP, Code::EchoReply.into(), id, &theirs);
    assert!(hand.link.is_sampled());
}

#[test]
fn a_peer_that_rejects_the_code_is_not_asked_again() {
    let mut hand = by_hand();
    let questions = |hand: &mut ByHand| {
        let now = hand.now;
        let mut out = BytesMut::new();
        hand.link.report_along(now, &mut out);
        !out.is_empty()
    };
    hand_packets(&mut hand);
    // Behind packets, it need not wait for any.
    hand.now += 5 * MILLISECOND;
    assert!(questions(&mut hand));
    hand.say(protocol::LCP, 7, 1, &[Code::EchoRequest.into(), 1, 0, 8, 0, 0, 0, 0]);
    hand_packets(&mut hand);
    hand.now += SECOND;
    assert!(!questions(&mut hand));
}
