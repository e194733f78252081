//! A path measured by Echo-Requests among the packets, towards a peer that reports nothing.

use std::time::Duration;

use bytes::BytesMut;
use ppp_proto::{EchoConfig, Event, Express, Family, LcpConfig, LinkConfig, packet::Code, protocol};

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
    assert!(times.len() > 10, "{times:?}");
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
        lcp: LcpConfig { express: Some(Express { offload: false, reports: true }), ..config.lcp },
        ..config
    };
    let mut pair = Pair::up(express(sampling(client())), express(server()));
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
    assert_eq!((out.len(), pair.ends[A].link.is_sampled()), (before, false));
}

#[test]
fn a_peer_that_rejects_the_code_is_not_asked_again() {
    let mut hand = ByHand::new(LinkConfig { echo: None, ..sampling(client()) });
    hand.open_lcp();
    hand.packets();
    let mut packet = vec![0; 1500];
    packet[0] = 0x45;
    let questions = |hand: &mut ByHand| {
        let now = hand.now;
        let mut out = BytesMut::new();
        hand.link.report_along(now, &mut out);
        !out.is_empty()
    };
    // The link is not up, so packets come in rather than go out; they count all the same.
    for _ in 0..9 {
        hand.say_raw(protocol::IPV4, &packet);
    }
    hand.now += SECOND;
    assert!(questions(&mut hand));
    hand.say(protocol::LCP, 7, 1, &[Code::EchoRequest.into(), 1, 0, 8, 0, 0, 0, 0]);
    for _ in 0..9 {
        hand.say_raw(protocol::IPV4, &packet);
    }
    hand.now += SECOND;
    assert!(!questions(&mut hand));
}
