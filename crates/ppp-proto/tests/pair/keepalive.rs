//! Who is dead, and who is only far behind our own queue.

use std::time::Duration;

use ppp_proto::{CloseReason, EchoConfig, Event, Family, LinkConfig};

use crate::pair::{A, B, Pair, SECOND, client, server};

/// 100 kbit/s.
const SLOW: u64 = 12_500;
const MIB: usize = 1 << 20;

fn echo(seconds: u64, failure: u32) -> EchoConfig {
    EchoConfig { interval: Duration::from_secs(seconds), failure, ..EchoConfig::default() }
}

/// Puts this much of A's data on the wire to B, all at once.
fn fill(pair: &mut Pair, octets: usize) {
    for _ in 0..octets / 1500 {
        pair.send(A, Family::Ipv4, 1500);
    }
}

#[test]
fn echoes_measure_the_round_trip() {
    let mut pair = Pair::up(client(), server());
    pair.pass(60 * SECOND);
    let rtt = Duration::from_millis(20);
    assert!(pair.ends[A].count(|event| *event == Event::EchoReply { rtt }) >= 4);
    assert_eq!(pair.ends[A].link.status().last_echo_rtt, Some(rtt));
    assert!(pair.ends.iter().all(|end| end.closed().is_none()));
}

#[test]
fn a_dead_peer_is_noticed_after_the_configured_silence() {
    let mut pair = Pair::up(client(), server());
    pair.pass(SECOND);
    let start = pair.now;
    pair.wires.iter_mut().for_each(|wire| wire.dead = true);
    pair.drive(100 * SECOND, |pair| pair.ends[A].count(|event| *event == Event::PeerDead) == 1);
    let silence = pair.now - start;
    assert!((60 * SECOND..=76 * SECOND).contains(&silence), "{silence:?}");
    pair.drive(10 * SECOND, |pair| pair.ends[A].closed().is_some());
    assert_eq!(pair.ends[A].closed(), Some(&CloseReason::PeerDead));
}

#[test]
fn two_mebibytes_of_our_own_at_100_kbit_fake_no_death() {
    // With and without the far end's own echoes, which prove its life on the empty way back.
    for far in [Some(echo(15, 4)), None] {
        let mut pair = Pair::up(
            LinkConfig { echo: Some(echo(15, 4)), ..client() },
            LinkConfig { echo: far, ..server() },
        );
        pair.wires[A].rate = Some(SLOW);
        pair.pass(SECOND);
        fill(&mut pair, 2 * MIB);
        pair.pass(400 * SECOND);
        assert_eq!(pair.ends[A].closed(), None);
        assert_eq!(pair.ends[B].closed(), None);
        assert_eq!(pair.ends[B].received.len(), 2 * MIB / 1500);
        let slowest = pair.ends[A].events.iter().filter_map(|event| match event {
            Event::EchoReply { rtt } => Some(*rtt),
            _ => None,
        });
        assert!(slowest.max().unwrap() > 120 * SECOND, "the queue did stand");
    }
}

#[test]
fn a_queue_kept_full_for_ten_minutes_fakes_no_death() {
    let mut pair =
        Pair::up(LinkConfig { echo: Some(echo(5, 2)), ..client() }, LinkConfig { echo: None, ..server() });
    pair.wires[A].rate = Some(SLOW);
    for _ in 0..60 {
        // As much as the wire carries in ten seconds, behind a standing 256 KiB.
        let backlog = if pair.ends[B].received.is_empty() { MIB / 4 } else { 0 };
        fill(&mut pair, backlog + 10 * SLOW as usize * 95 / 100);
        pair.pass(10 * SECOND);
    }
    assert_eq!(pair.ends[A].closed(), None);
}

#[test]
fn a_peer_that_dies_behind_a_full_queue_is_noticed_all_the_same() {
    let mut pair =
        Pair::up(LinkConfig { echo: Some(echo(5, 2)), ..client() }, LinkConfig { echo: None, ..server() });
    pair.wires[A].rate = Some(SLOW);
    pair.pass(SECOND);
    let start = pair.now;
    fill(&mut pair, 2 * MIB);
    pair.wires[B].dead = true;
    pair.drive(200 * SECOND, |pair| pair.ends[A].count(|event| *event == Event::PeerDead) == 1);
    assert!(pair.now - start <= 140 * SECOND, "{:?}", pair.now - start);
}

#[test]
fn an_adaptive_keepalive_is_silent_while_packets_come_in_and_notices_death_all_the_same() {
    let adaptive = EchoConfig { adaptive: true, ..echo(5, 2) };
    let mut pair =
        Pair::up(LinkConfig { echo: Some(adaptive), ..client() }, LinkConfig { echo: None, ..server() });
    pair.pass(SECOND);
    let replies = |pair: &Pair| pair.ends[A].count(|event| matches!(event, Event::EchoReply { .. }));
    let before = replies(&pair);
    for _ in 0..20 {
        pair.send(B, Family::Ipv4, 100);
        pair.pass(3 * SECOND);
    }
    assert_eq!(replies(&pair), before, "no question while the peer talks");
    pair.pass(60 * SECOND);
    assert!(replies(&pair) >= before + 11, "one each interval on an idle link: {}", replies(&pair) - before);
    pair.wires[B].dead = true;
    let start = pair.now;
    pair.drive(30 * SECOND, |pair| pair.ends[A].count(|event| *event == Event::PeerDead) == 1);
    assert!(pair.now - start <= 16 * SECOND, "{:?}", pair.now - start);
}

#[test]
fn without_a_keepalive_an_idle_link_needs_no_timer() {
    let quiet = |config| LinkConfig { echo: None, ..config };
    let pair = Pair::up(quiet(client()), quiet(server()));
    assert_eq!(pair.ends[A].link.poll_timeout(), None);
}
