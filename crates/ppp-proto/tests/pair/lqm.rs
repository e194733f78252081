//! Link quality reports between two links, and with a peer by hand (RFC 1989).

use std::time::Duration;

use bytes::BytesMut;
use ppp_proto::{
    CloseReason, Event, Family, LcpConfig, LinkConfig, LqmConfig, QualityPolicy,
    link::Answer,
    lqm::{LinkQualityReport, Loss},
    protocol::{CHAP, IPV4, LCP, LQR},
};

use crate::{
    by_hand::ByHand,
    pair::{A, B, Pair, SECOND, client, server},
};

fn with_lqm(config: LinkConfig, lqm: LqmConfig) -> LinkConfig {
    LinkConfig { lcp: LcpConfig { lqm, ..config.lcp }, echo: None, ..config }
}

/// Asks for a report in each so many seconds.
fn each(seconds: u64) -> LqmConfig {
    LqmConfig { period: Some(Duration::from_secs(seconds)), ..LqmConfig::default() }
}

/// Frames this many packets and loses every `nth` on the way.
fn send_and_lose(pair: &mut Pair, from: usize, packets: usize, nth: usize) {
    for number in 1..=packets {
        pair.wires[from].dead = number % nth == 0;
        pair.send(from, Family::Ipv4, 100);
    }
    pair.wires[from].dead = false;
}

#[test]
fn reports_pass_both_ways_if_one_end_asks_and_count_no_loss_where_there_is_none() {
    let mut pair = Pair::up(with_lqm(client(), each(5)), with_lqm(server(), LqmConfig::default()));
    for _ in 0..4 {
        pair.send(A, Family::Ipv4, 1400);
        pair.send(B, Family::Ipv6, 1300);
        pair.send(B, Family::Ipv4, 60);
        pair.pass(5 * SECOND);
    }
    for end in [A, B] {
        let quality = pair.ends[end].link.status().quality.unwrap();
        assert!((3..=4).contains(&quality.reports_sent), "{quality:?}");
        assert!((3..=4).contains(&quality.reports_received), "{quality:?}");
        for loss in [quality.inbound, quality.outbound] {
            assert!(loss.packets >= 2 && loss.octets > 1000, "{quality:?}");
            assert_eq!((loss.packets_lost, loss.octets_lost), (0, 0), "{quality:?}");
        }
    }
}

#[test]
fn losses_are_measured_at_both_ends_in_packets_and_octets() {
    let mut pair = Pair::up(with_lqm(client(), each(5)), with_lqm(server(), each(5)));
    pair.pass(12 * SECOND);
    send_and_lose(&mut pair, A, 20, 5);
    pair.pass(17 * SECOND);
    let [a, b] = [A, B].map(|end| pair.ends[end].link.status().quality.unwrap());
    // ff 03 is left out, the Protocol is one octet; FCS and flag: 104 octets a packet.
    assert_eq!((a.outbound.packets_lost, a.outbound.octets_lost), (4, 4 * 104));
    assert_eq!((b.inbound.packets_lost, b.inbound.octets_lost), (4, 4 * 104));
    assert_eq!((a.inbound.packets_lost, b.outbound.packets_lost), (0, 0));
    assert_eq!(a.last_outbound.packets_lost, 0, "the last period was a good one");
    let explained = pair.ends[A].link.status().explain();
    let told = format!("of {} packets that this end sent, 4 did not reach the peer.", a.outbound.packets);
    assert!(explained.contains(&told), "{explained}");
}

#[test]
fn what_is_damaged_or_not_wanted_is_told_to_the_peer() {
    let mut hand = ByHand::new(with_lqm(client(), LqmConfig::default()));
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, request[1], &request[4..]);
    hand.say(LCP, 1, 1, &[4, 8, 0xc0, 0x25, 0, 0, 0, 0]);
    hand.packets();
    let mut damaged = &b"\x7e\xff\x03\xc0\x21 damaged \x7e"[..];
    assert!(hand.link.receive(hand.now, &mut damaged).is_none());
    hand.say_raw(IPV4, &[0x45; 20]);
    hand.say_raw(LQR, &[0; LinkQualityReport::LEN]);
    let report = report_of(&mut hand).unwrap();
    assert_eq!((report.peer_in_errors, report.peer_in_discards), (1, 1));
    // The Configure-Ack, the Configure-Request, and the report itself.
    assert_eq!(report.peer_in_packets, 3);
    let ack = 4 + request.len() + 3;
    assert_eq!(report.peer_in_octets as usize, ack + (4 + 12 + 3) + (4 + 48 + 3));
}

/// The report that the link sends, if it sends one, before all else.
fn report_of(hand: &mut ByHand) -> Option<LinkQualityReport> {
    let packets = hand.packets();
    let (number, octets) = packets.first()?;
    (*number == LQR).then(|| LinkQualityReport::parse(octets).unwrap())
}

fn say_report(hand: &mut ByHand, report: LinkQualityReport) {
    let mut octets = Vec::new();
    report.emit(&mut octets);
    hand.say_raw(LQR, &octets);
}

/// A link that has LCP Opened, was asked for reports, and takes bare control characters.
fn asked_by_hand(period: [u8; 4]) -> ByHand {
    let mut hand = ByHand::new(with_lqm(client(), LqmConfig::default()));
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, request[1], &request[4..]);
    let option = [&[4, 8, 0xc0, 0x25][..], &period].concat();
    hand.say(LCP, 1, 1, &option);
    let said = hand.said();
    assert!(said[0].starts_with("[LCP ConfAck id=0x1 <quality lqr"), "{said:?}");
    hand
}

#[test]
fn a_peer_that_asks_gets_a_report_in_each_of_its_periods_whatever_we_ask() {
    let mut hand = asked_by_hand([0, 0, 0, 250]);
    hand.pass(Duration::from_millis(2490));
    assert_eq!(report_of(&mut hand), None);
    for number in 1..=3 {
        hand.pass(Duration::from_millis(if number == 1 { 10 } else { 2500 }));
        let report = report_of(&mut hand).unwrap();
        assert_eq!((report.peer_out_lqrs, report.peer_in_lqrs), (number, 0));
    }
}

#[test]
fn a_peer_that_asks_for_a_period_of_zero_gets_an_answer_to_each_report() {
    let mut hand = asked_by_hand([0; 4]);
    assert_eq!(report_of(&mut hand), None);
    for number in 1..=3 {
        let packets = 100 * number;
        let told = LinkQualityReport {
            peer_out_lqrs: number,
            peer_out_packets: packets,
            peer_out_octets: 7,
            peer_in_lqrs: number,
            ..Default::default()
        };
        say_report(&mut hand, told);
        let report = report_of(&mut hand).unwrap();
        assert_eq!(
            (report.last_out_lqrs, report.last_out_packets, report.last_out_octets),
            (number, packets, 7)
        );
        assert_eq!((report.peer_in_lqrs, report.peer_out_lqrs), (number, number));
    }
}

#[test]
fn a_report_goes_before_what_waited_and_counts_only_what_went_before_it() {
    let mut hand = asked_by_hand([0; 4]);
    say_report(&mut hand, LinkQualityReport::default());
    let first = report_of(&mut hand).unwrap();
    hand.say(LCP, 9, 1, &[0, 0, 0, 0]);
    say_report(&mut hand, LinkQualityReport { peer_in_lqrs: 1, ..Default::default() });
    let second = report_of(&mut hand).unwrap();
    assert_eq!(second.peer_out_packets - first.peer_out_packets, 1, "the Echo-Reply comes behind it");
    say_report(&mut hand, LinkQualityReport { peer_in_lqrs: 2, ..Default::default() });
    assert_eq!(report_of(&mut hand).unwrap().peer_out_packets - second.peer_out_packets, 2);
}

#[test]
fn twice_the_same_peer_in_lqrs_calls_for_a_report_at_once() {
    let mut hand = asked_by_hand([0, 0, 0x10, 0]);
    say_report(&mut hand, LinkQualityReport { peer_in_lqrs: 5, ..Default::default() });
    assert_eq!(report_of(&mut hand), None);
    say_report(&mut hand, LinkQualityReport { peer_in_lqrs: 5, ..Default::default() });
    assert!(report_of(&mut hand).is_some());
}

#[test]
fn a_period_below_a_second_another_protocol_and_a_wrong_length_are_naked() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.say(LCP, 1, 1, &[4, 8, 0xc0, 0x25, 0, 0, 0, 99]);
    assert_eq!(hand.said(), ["[LCP ConfNak id=0x1 <quality lqr 00 00 00 64>]"]);
    for (id, option) in [(2, &[4, 4, 0xc0, 0x25][..]), (3, &[4, 8, 0xc1, 0x25, 0, 0, 0, 0]), (4, &[4, 3, 1])]
    {
        hand.say(LCP, 1, id, option);
        assert_eq!(hand.said(), [format!("[LCP ConfNak id={id:#x} <quality lqr 00 00 0b b8>]")]);
    }
}

#[test]
fn an_end_that_will_not_report_rejects_the_option_and_the_packets() {
    let mut pair = Pair::up(
        with_lqm(client(), each(1)),
        with_lqm(server(), LqmConfig { answer: false, ..LqmConfig::default() }),
    );
    let asked = pair.ends[A].link.status().lcp.ours.into_iter().find(|option| option.kind == 4).unwrap();
    assert_eq!((asked.asked.as_str(), asked.answer), ("quality lqr 00 00 00 64", Answer::Rejected));
    pair.pass(10 * SECOND);
    assert_eq!(pair.ends[A].link.status().quality, None);

    let mut hand = ByHand::new(with_lqm(client(), LqmConfig { answer: false, ..LqmConfig::default() }));
    hand.open_lcp();
    hand.say_raw(LQR, &[0; LinkQualityReport::LEN]);
    assert!(hand.said()[0].starts_with("[LCP ProtRej id=0x2 c0 25 00"));
}

#[test]
fn a_peer_that_rejects_the_protocol_gets_no_more_reports() {
    let mut hand = asked_by_hand([0, 0, 0, 100]);
    hand.pass(SECOND);
    assert!(report_of(&mut hand).is_some());
    hand.say(LCP, 8, 1, &[0xc0, 0x25, 0, 0]);
    hand.pass(10 * SECOND);
    assert!(hand.packets().iter().all(|(number, _)| *number != LQR));
}

#[test]
fn naks_are_taken_where_they_suit() {
    for (nak, expected) in [
        (&[4, 8, 0xc0, 0x25, 0, 0, 1, 0][..], Some("quality lqr 00 00 01 00")),
        (&[4, 8, 0xc0, 0x25, 0, 0, 0, 0], None),
        (&[4, 4, 0xc1, 0x25], None),
    ] {
        let mut hand = ByHand::new(with_lqm(client(), each(30)));
        let request = hand.packets().pop().unwrap().1;
        hand.say(LCP, 3, request[1], nak);
        let said = hand.said().pop().unwrap();
        assert_eq!(said.contains("quality"), expected.is_some(), "{said}");
        assert!(said.contains(expected.unwrap_or("")), "{said}");
    }
    let mut unasked = ByHand::new(client());
    let request = unasked.packets().pop().unwrap().1;
    unasked.say(LCP, 3, request[1], &[4, 8, 0xc0, 0x25, 0, 0, 1, 0]);
    assert!(!unasked.said()[0].contains("quality"), "we did not ask and need not");
}

#[test]
fn a_policy_tells_when_the_link_becomes_bad_and_when_good_again() {
    let lqm = LqmConfig { policy: Some(QualityPolicy { max_loss_percent: 10, good: 2, of: 3 }), ..each(5) };
    let mut pair = Pair::up(with_lqm(client(), lqm), with_lqm(server(), each(5)));
    let told = |pair: &Pair| -> Vec<bool> {
        let verdicts = pair.ends[A].events.iter().filter_map(|event| match event {
            Event::LinkQuality { good } => Some(*good),
            _ => None,
        });
        verdicts.collect()
    };
    pair.pass(12 * SECOND);
    assert_eq!(pair.ends[A].link.status().quality.unwrap().good, Some(true));
    for _ in 0..4 {
        send_and_lose(&mut pair, A, 20, 5);
        pair.pass(5 * SECOND);
    }
    assert_eq!(told(&pair), [false]);
    assert!(pair.ends[A].link.status().explain().contains("By these reports the link is bad"));
    for _ in 0..4 {
        send_and_lose(&mut pair, A, 20, 50);
        pair.pass(5 * SECOND);
    }
    assert_eq!(told(&pair), [false, true]);
    assert_eq!(pair.ends[B].count(|event| matches!(event, Event::LinkQuality { .. })), 0, "it has no policy");
    assert!(pair.ends.iter().all(|end| end.closed().is_none()), "what to do is the owner's to say");
}

#[test]
fn a_way_in_that_loses_everything_is_bad_without_any_report() {
    let lqm = LqmConfig { policy: Some(QualityPolicy::default()), ..each(5) };
    let mut pair = Pair::up(with_lqm(client(), lqm), with_lqm(server(), LqmConfig::default()));
    pair.wires[B].dead = true;
    pair.drive(60 * SECOND, |pair| pair.ends[A].events.contains(&Event::LinkQuality { good: false }));
    assert!(pair.ends[A].closed().is_none());
}

#[test]
fn our_own_magic_number_in_reports_is_a_loop() {
    let mut hand = asked_by_hand([0, 0, 0, 100]);
    for _ in 0..20 {
        hand.pass(SECOND);
        for (number, octets) in hand.packets() {
            if number == LQR {
                assert_ne!(octets[..4], [0; 4]);
                hand.say_raw(LQR, &octets);
            }
        }
    }
    let events = hand.events();
    assert!(events.contains(&Event::LoopDetected), "{events:?}");
    assert_eq!(events.last(), Some(&Event::Closed(CloseReason::LoopDetected)));
}

#[test]
fn without_magic_numbers_reports_carry_zero_and_zero_is_no_loop() {
    let quiet = |config: LinkConfig| LinkConfig { lcp: LcpConfig { magic: false, ..config.lcp }, ..config };
    let mut pair = Pair::up(quiet(with_lqm(client(), each(1))), quiet(with_lqm(server(), each(1))));
    pair.pass(60 * SECOND);
    let quality = pair.ends[A].link.status().quality.unwrap();
    assert!(quality.reports_received > 50, "{quality:?}");
    assert!(pair.ends.iter().all(|end| end.count(|event| *event == Event::LoopDetected) == 0));
}

#[test]
fn a_renegotiation_counts_reports_anew() {
    let mut pair = Pair::up(with_lqm(client(), each(1)), with_lqm(server(), each(1)));
    pair.pass(10 * SECOND);
    pair.ends[B].link.lower_down(pair.now);
    pair.ends[B].link.lower_up(pair.now);
    pair.drain(B);
    pair.drive(20 * SECOND, Pair::is_up);
    assert_eq!(pair.ends[A].link.status().quality, None);
    pair.pass(5 * SECOND);
    let quality = pair.ends[A].link.status().quality.unwrap();
    assert!(quality.reports_received <= 5 && quality.inbound.packets_lost == 0, "{quality:?}");
}

#[test]
fn reports_of_a_peer_that_was_not_asked_are_measured_and_short_ones_ignored() {
    let mut hand = ByHand::new(with_lqm(client(), LqmConfig::default()));
    hand.open_lcp();
    for number in 1..=2 {
        let report = LinkQualityReport {
            peer_out_lqrs: number,
            peer_out_packets: 10 * number,
            peer_in_lqrs: number,
            ..Default::default()
        };
        say_report(&mut hand, report);
    }
    let quality = hand.link.status().quality.unwrap();
    assert_eq!((quality.reports_received, quality.reports_sent), (2, 0));
    assert_eq!(quality.inbound, Loss { packets: 10, packets_lost: 9, octets: 0, octets_lost: 0 });
    let ignored = hand.link.status().counters.rx_control_ignored;
    hand.say_raw(LQR, &[0; LinkQualityReport::LEN - 1]);
    assert_eq!(hand.link.status().counters.rx_control_ignored, ignored + 1);
    // Other link-layer protocols are as unknown as ever.
    hand.say_raw(CHAP, &[1, 1, 0, 4]);
    assert!(hand.said()[0].starts_with("[LCP ProtRej"));
}

#[test]
fn octets_are_counted_without_stuffing_and_with_the_fcs_and_one_flag() {
    // Every octet of these packets is escaped on the wire.
    let mut pair = Pair::up(with_lqm(client(), each(1)), with_lqm(server(), each(1)));
    pair.pass(3 * SECOND);
    let before = pair.ends[B].link.status().quality.unwrap().inbound;
    let mut packet = vec![0x7e; 500];
    packet[0] = 0x45;
    let mut out = BytesMut::new();
    pair.ends[A].link.encode(&packet, &mut out).unwrap();
    assert!(out.len() > 1000);
    pair.transmit(A, &out);
    pair.pass(3 * SECOND);
    let after = pair.ends[B].link.status().quality.unwrap().inbound;
    assert_eq!(after.packets_lost, 0);
    // Three reports of 2 + 48 + 2 + 1 octets, and the packet: Protocol, 500, FCS, flag.
    assert_eq!((after.packets - before.packets, after.octets - before.octets), (4, 3 * 53 + 504));
}

#[test]
fn multilink_options_are_rejected() {
    let mut hand = ByHand::new(client());
    hand.packets();
    let options = [17, 4, 5, 0xea, 18, 2, 19, 9, 3, 1, 2, 3, 4, 5, 6];
    hand.say(LCP, 1, 1, &options);
    assert_eq!(hand.said(), ["[LCP ConfRej id=0x1 < 11 04 05 ea> < 12 02> < 13 09 03 01 02 03 04 05 06>]"]);
}
