//! Rules of RFC 1661 and RFC 1570 that the other tests do not show in passing; docs/conformance.md lists them all.

use ppp_proto::{
    CloseReason, Event, Family, LcpConfig, LinkConfig, Phase, SendError, Timers,
    frame::{Accm, Fcs},
    protocol::{IPCP, IPV4, LCP},
};

use crate::{
    by_hand::ByHand,
    pair::{MILLISECOND, SECOND, addresses, client, server},
};

/// The Magic-Number the link asked for in the request it sent last.
fn magic_of(hand: &ByHand) -> [u8; 4] {
    let status = hand.link.status();
    let asked = &status.lcp.ours.iter().find(|option| option.kind == 5).unwrap().asked;
    u32::from_str_radix(asked.trim_start_matches("magic 0x"), 16).unwrap().to_be_bytes()
}

/// One frame of these octets, between flags and with its FCS-16, whatever they are.
fn frame(octets: &[u8]) -> Vec<u8> {
    let register = octets.iter().fold(0xffff_u16, |register, &octet| {
        (0..8).fold(register ^ u16::from(octet), |r, _| if r & 1 == 1 { r >> 1 ^ 0x8408 } else { r >> 1 })
    });
    let mut stuffed = vec![0x7e];
    for octet in octets.iter().copied().chain((!register).to_le_bytes()) {
        match octet {
            0..0x20 | 0x7d | 0x7e => stuffed.extend([0x7d, octet ^ 0x20]),
            _ => stuffed.push(octet),
        }
    }
    stuffed.push(0x7e);
    stuffed
}

// §2, §3

#[test]
fn a_protocol_number_that_is_none_is_rejected_like_an_unknown_one() {
    let mut hand = ByHand::new(client());
    hand.open_lcp();
    let frame = frame(&[0xff, 0x03, 0x40, 0x20, 1, 2]);
    assert!(hand.link.receive(hand.now, &mut &frame[..]).is_none());
    assert_eq!(hand.said(), ["[LCP ProtRej id=0x2 40 20 01 02]"]);
}

#[test]
fn while_closing_all_but_lcp_is_discarded() {
    let mut hand = ByHand::new(server());
    hand.open_lcp();
    hand.link.close(hand.now, "");
    assert_eq!(hand.link.phase(), Phase::Terminate);
    hand.packets();
    let ignored = hand.link.status().counters.rx_control_ignored;
    hand.say(IPCP, 1, 1, &[3, 6, 192, 168, 1, 1]);
    hand.say(0x80fd, 1, 1, &[]);
    hand.say_raw(IPV4, &[0x45; 20]);
    assert_eq!(hand.said(), [""; 0]);
    let counters = hand.link.status().counters;
    assert_eq!((counters.rx_control_ignored - ignored, counters.rx_dropped), (2, 1));
}

#[test]
fn a_terminate_request_is_acknowledged_and_the_link_lasts_one_restart_time_longer() {
    let mut hand = ByHand::new(server());
    hand.open_lcp();
    hand.say(LCP, 5, 9, b"bye");
    assert_eq!(hand.said(), ["[LCP TermAck id=0x9]"]);
    hand.pass(2999 * MILLISECOND);
    assert!(!hand.events().iter().any(|event| matches!(event, Event::Closed(_))));
    hand.pass(MILLISECOND);
    let closed = Event::Closed(CloseReason::PeerTerminated { message: String::from("bye") });
    assert!(hand.events().contains(&closed));
}

// §4

#[test]
fn timer_and_counters_begin_with_the_values_of_the_rfc() {
    let Timers { restart, max_configure, max_terminate, max_failure, .. } = Timers::default();
    assert_eq!((restart, max_configure, max_terminate, max_failure), (3 * SECOND, 10, 2, 5));
}

#[test]
fn timer_and_counters_are_those_configured() {
    let timers =
        Timers { restart: SECOND, max_configure: 3, max_terminate: 4, max_failure: 1, max_loopback: 10 };
    let mut hand = ByHand::new(LinkConfig { timers, ..client() });
    // Max-Failure.
    hand.say(LCP, 1, 1, &[1, 4, 0, 1]);
    hand.say(LCP, 1, 2, &[1, 4, 0, 1]);
    assert_eq!(hand.said()[1..], ["[LCP ConfNak id=0x1 <mru 128>]", "[LCP ConfRej id=0x2 <mru 1>]"]);
    // Max-Configure.
    hand.pass(SECOND);
    hand.pass(SECOND);
    assert_eq!(hand.said().len(), 2);
    hand.pass(999 * MILLISECOND);
    assert_eq!(hand.link.phase(), Phase::Establish);
    hand.pass(MILLISECOND);
    assert_eq!(hand.link.phase(), Phase::Dead);
    // Max-Terminate.
    let mut hand = ByHand::new(LinkConfig { timers, ..client() });
    hand.open_lcp();
    hand.link.close(hand.now, "");
    hand.packets();
    let mut repeated = 1;
    while hand.link.phase() == Phase::Terminate {
        hand.pass(SECOND);
        repeated += hand.said().iter().filter(|line| line.starts_with("[LCP TermReq")).count();
    }
    assert_eq!(repeated, 4);
}

#[test]
fn a_closed_link_answers_requests_with_terminate_ack_and_acks_with_nothing() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.link.close(hand.now, "");
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 6, request[1], &[]);
    hand.say(LCP, 1, 7, &[]);
    assert_eq!(hand.said(), ["[LCP TermAck id=0x7]"]);
    hand.say(LCP, 6, 8, &[]);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn a_link_that_the_peer_closed_takes_a_new_request() {
    let mut hand = ByHand::new(server());
    hand.open_lcp();
    hand.say(LCP, 5, 9, &[]);
    hand.pass(3 * SECOND);
    hand.packets();
    hand.say(LCP, 1, 1, &[]);
    let said = hand.said();
    assert!(said[0].starts_with("[LCP ConfReq") && said[1] == "[LCP ConfAck id=0x1]", "{said:?}");
}

// §5

#[test]
fn an_unanswered_request_is_repeated_as_it_was_and_an_answered_one_under_a_new_identifier() {
    let mut hand = ByHand::new(client());
    let first = hand.packets().pop().unwrap().1;
    hand.pass(3 * SECOND);
    let again = hand.packets().pop().unwrap().1;
    assert_eq!(again, first);
    hand.say(LCP, 2, first[1], &first[4..]);
    hand.pass(3 * SECOND);
    let after_the_ack = hand.packets().pop().unwrap().1;
    assert_eq!(after_the_ack[4..], first[4..]);
    assert_ne!(after_the_ack[1], first[1]);
}

#[test]
fn a_request_with_other_options_has_a_new_identifier() {
    let mut hand = ByHand::new(client());
    let first = hand.packets().pop().unwrap().1;
    hand.say(LCP, 4, first[1], &[7, 2]);
    let second = hand.packets().pop().unwrap().1;
    assert_eq!(second.len() + 2, first.len());
    assert_ne!(second[1], first[1]);
}

#[test]
fn what_is_the_default_is_not_asked_for() {
    let plain =
        LcpConfig { accm: Accm::DEFAULT, magic: false, pfc: false, acfc: false, ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp: plain, ..client() });
    assert_eq!(hand.said(), ["[LCP ConfReq id=0x1]"]);
}

#[test]
fn an_ack_repeats_the_request_octet_for_octet() {
    let mut hand = ByHand::new(client());
    hand.packets();
    let options = [8, 2, 5, 6, 1, 2, 3, 4, 7, 2, 2, 6, 0, 10, 0, 0, 1, 4, 6, 0];
    hand.say(LCP, 1, 77, &options);
    let ack = hand.packets().pop().unwrap().1;
    assert_eq!(ack, [&[2, 77, 0, 24][..], &options].concat());
}

#[test]
fn a_nak_holds_just_what_is_not_acceptable_in_the_order_of_the_request() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.say(LCP, 1, 1, &[7, 2, 5, 6, 0, 0, 0, 0, 2, 6, 0, 0, 0, 0, 1, 4, 0, 1, 8, 2]);
    let said = hand.said();
    assert!(
        said[0].starts_with("[LCP ConfNak id=0x1 <magic 0x") && said[0].ends_with("> <mru 128>]"),
        "{said:?}"
    );
}

#[test]
fn a_nak_with_options_of_other_lengths_is_survived() {
    let mut hand = ByHand::new(client());
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 3, request[1], &[1, 2, 2, 9, 1, 2, 3, 4, 5, 6, 7, 5, 3, 1, 200, 2]);
    let said = hand.said();
    assert!(said[0].starts_with("[LCP ConfReq id=0x2 <asyncmap 0x0>"), "{said:?}");
}

#[test]
fn a_protocol_reject_outside_of_opened_is_discarded() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.say(LCP, 8, 1, &[0xc0, 0x21, 1, 1]);
    assert_eq!(hand.link.phase(), Phase::Establish);
    assert_eq!(hand.link.status().counters.rx_control_ignored, 1);
}

#[test]
fn a_protocol_that_was_rejected_is_sent_no_more() {
    let mut hand = ByHand::new(LinkConfig { ipv4: Some(addresses("10.0.0.1", "10.0.0.2")), ..client() });
    hand.open_lcp();
    hand.pass(3 * SECOND);
    let packets = hand.packets();
    let (_, request) = packets.iter().find(|(number, _)| *number == IPCP).unwrap();
    hand.say(IPCP, 2, request[1], &request[4..]);
    hand.say(IPCP, 1, 1, &[3, 6, 10, 0, 0, 2]);
    let mut out = bytes::BytesMut::new();
    assert_eq!(hand.link.encode(&[0x45; 20], &mut out), Ok(()));
    hand.say(LCP, 8, 1, &[0x00, 0x21, 0x45]);
    assert_eq!(hand.link.encode(&[0x45; 20], &mut out), Err(SendError::NotUp(Family::Ipv4)));
    assert_eq!(hand.link.phase(), Phase::Network, "IPv6 may go on");
}

#[test]
fn a_code_that_was_rejected_is_sent_no_more() {
    let lcp = LcpConfig { identification: Some(String::from("venus")), ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, ipv4: None, ..client() });
    hand.open_lcp();
    hand.take_bare_control_characters();
    hand.pass(15 * SECOND);
    assert!(hand.said().iter().any(|line| line.starts_with("[LCP EchoReq")));
    hand.say(LCP, 7, 1, &[9, 1, 0, 8, 0, 0, 0, 0]);
    hand.say(LCP, 7, 2, &[12, 1, 0, 8, 0, 0, 0, 0]);
    hand.say(LCP, 7, 3, &[13, 1, 0, 8, 0, 0, 0, 0]);
    assert_eq!(hand.link.phase(), Phase::Network);
    hand.pass(150 * SECOND);
    let said = hand.said();
    assert!(!said.iter().any(|line| line.starts_with("[LCP EchoReq")), "{said:?}");
    // Opened anew.
    hand.say(LCP, 1, 9, &[]);
    let request =
        hand.packets().into_iter().find(|(number, octets)| (*number, octets[0]) == (LCP, 1)).unwrap().1;
    hand.say(LCP, 2, request[1], &request[4..]);
    assert_eq!(hand.link.phase(), Phase::Network);
    assert!(!hand.said().iter().any(|line| line.starts_with("[LCP Ident")));
}

#[test]
fn an_echo_reply_has_the_identifier_and_the_data_of_its_request_and_our_magic_number() {
    let mut hand = ByHand::new(LinkConfig { echo: None, ..client() });
    hand.open_lcp();
    let magic = magic_of(&hand);
    hand.say(LCP, 9, 200, &[0, 0, 0, 0, 0xff, 0x00, 0x7e]);
    let reply = [&[10, 200, 0, 11][..], &magic, &[0xff, 0x00, 0x7e]].concat();
    hand.take_bare_control_characters();
    assert!(hand.packets().contains(&(LCP, reply)));
}

#[test]
fn echoes_carry_zero_without_a_magic_number_and_each_request_a_new_identifier() {
    let lcp = LcpConfig { magic: false, ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, ipv4: None, ..client() });
    hand.open_lcp();
    hand.take_bare_control_characters();
    let mut requests = Vec::new();
    for _ in 0..3 {
        hand.pass(15 * SECOND);
        requests
            .extend(hand.packets().into_iter().filter(|(number, octets)| (*number, octets[0]) == (LCP, 9)));
        hand.say(LCP, 11, 1, &[0, 0, 0, 0]);
    }
    let ids: Vec<u8> = requests.iter().map(|(_, octets)| octets[1]).collect();
    assert_eq!(ids, [0, 1, 2]);
    assert!(requests.iter().all(|(_, octets)| octets[4..] == [0; 4]));
}

#[test]
fn a_magic_number_that_the_peer_rejects_is_not_used() {
    let mut hand = ByHand::new(LinkConfig { ipv4: None, ..client() });
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 4, request[1], &[&[5, 6][..], &magic_of(&hand)].concat());
    hand.open_lcp();
    hand.take_bare_control_characters();
    hand.pass(15 * SECOND);
    let echo =
        hand.packets().into_iter().find(|(number, octets)| (*number, octets[0]) == (LCP, 9)).unwrap().1;
    assert_eq!(echo[4..], [0; 4]);
}

#[test]
fn an_end_without_a_magic_number_grants_one_to_its_peer() {
    let lcp = LcpConfig { magic: false, ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, ..client() });
    hand.packets();
    hand.say(LCP, 1, 1, &[5, 6, 1, 2, 3, 4]);
    assert_eq!(hand.said(), ["[LCP ConfAck id=0x1 <magic 0x1020304>]"]);
}

#[test]
fn every_packet_that_asks_has_a_new_identifier() {
    let mut hand = ByHand::new(LinkConfig { ipv4: None, echo: None, ..client() });
    let mut ids = vec![hand.packets().pop().unwrap().1[1]];
    let request = ids[0];
    let lcp: Vec<_> = hand.link.status().lcp.ours.iter().map(|option| option.asked.clone()).collect();
    assert!(!lcp.is_empty());
    hand.pass(3 * SECOND);
    let again = hand.packets().pop().unwrap().1;
    assert_eq!(again[1], request);
    hand.say(LCP, 2, again[1], &again[4..]);
    hand.say(LCP, 1, 1, &[]);
    hand.packets();
    for _ in 0..2 {
        hand.say(LCP, 77, 9, &[]);
        hand.say(0x80fd, 1, 1, &[]);
    }
    hand.link.close(hand.now, "bye");
    let mut said = hand.packets();
    hand.pass(3 * SECOND);
    said.extend(hand.packets());
    let codes: Vec<u8> = said.iter().map(|(_, octets)| octets[0]).collect();
    assert_eq!(codes, [7, 8, 7, 8, 5, 5]);
    ids.extend(said.iter().map(|(_, octets)| octets[1]));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 7);
}

#[test]
fn echoes_are_sent_in_opened_only() {
    let mut hand = ByHand::new(client());
    let echoes =
        |hand: &mut ByHand| hand.said().iter().filter(|line| line.starts_with("[LCP EchoReq")).count();
    hand.pass(20 * SECOND);
    assert_eq!(echoes(&mut hand), 0);
    hand.pass(SECOND);
    hand.link.lower_down(hand.now);
    hand.link.lower_up(hand.now);
    hand.open_lcp();
    hand.take_bare_control_characters();
    hand.pass(SECOND);
    assert_eq!(echoes(&mut hand), 1);
    hand.say(LCP, 5, 1, &[]);
    hand.packets();
    hand.pass(20 * SECOND);
    assert_eq!(echoes(&mut hand), 0);
}

#[test]
fn our_own_magic_number_in_echoes_is_a_loop() {
    let mut hand = ByHand::new(LinkConfig { echo: None, ..client() });
    hand.open_lcp();
    let magic = magic_of(&hand);
    hand.packets();
    for id in 0..9 {
        hand.say(LCP, 9, id, &magic);
    }
    assert!(hand.said().iter().all(|line| !line.starts_with("[LCP EchoRep")));
    assert_eq!(hand.link.phase(), Phase::Network);
    hand.say(LCP, 9, 9, &magic);
    assert!(hand.events().contains(&Event::LoopDetected));
    assert_eq!(hand.link.phase(), Phase::Terminate);
}

// §6

#[test]
fn whatever_mru_we_ask_for_1500_octets_are_taken() {
    let lcp = LcpConfig { mru: 296, ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, echo: None, ..client() });
    hand.open_lcp();
    hand.packets();
    hand.say(LCP, 9, 1, &[0; 1496]);
    let status = hand.link.status();
    assert_eq!((status.mru, status.frames.oversize), (296, 0));
    hand.take_bare_control_characters();
    assert_eq!(hand.packets()[0].1.len(), 1500);
}

// RFC 1662

#[test]
fn a_naked_map_is_joined_with_ours() {
    let lcp = LcpConfig { accm: Accm(0x000a_0000), ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, ..client() });
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 3, request[1], &[2, 6, 0, 0, 0, 8]);
    assert!(hand.said()[0].contains("<asyncmap 0xa0008>"));
}

// RFC 1570

#[test]
fn an_identification_is_taken_in_any_state_and_never_answered() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.say(LCP, 12, 1, b"\0\0\0\0early");
    assert_eq!(hand.said(), [""; 0]);
    assert!(hand.events().contains(&Event::PeerIdentification(String::from("early"))));
    assert_eq!(hand.link.phase(), Phase::Establish);
}

#[test]
fn our_identification_has_our_magic_number_and_fits_the_default_mru() {
    let lcp = LcpConfig { identification: Some("x".repeat(5000)), ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, ipv4: None, ..client() });
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 1, 1, &[1, 4, 0x23, 0x28]);
    hand.packets();
    hand.take_bare_control_characters();
    hand.say(LCP, 2, request[1], &request[4..]);
    assert_eq!(hand.link.status().mtu, 9000);
    let packets = hand.packets();
    let ident = &packets.iter().find(|(number, octets)| (*number, octets[0]) == (LCP, 12)).unwrap().1;
    assert_eq!((ident.len(), &ident[4..8]), (1500, &magic_of(&hand)[..]));
    assert_ne!(ident[1], request[1]);
}

#[test]
fn an_identification_without_a_magic_number_has_zero() {
    let lcp = LcpConfig { magic: false, identification: Some(String::from("venus")), ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, ipv4: None, ..client() });
    hand.take_bare_control_characters();
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 1, 1, &[]);
    hand.say(LCP, 2, request[1], &request[4..]);
    let said = hand.said();
    assert!(said.contains(&String::from("[LCP Ident id=0x2 magic=0x0 \"venus\"]")), "{said:?}");
}

#[test]
fn a_request_in_opened_brings_the_default_framing_back_and_each_copy_gets_an_answer() {
    let lcp = LcpConfig { fcs: Fcs::Fcs32, ..LcpConfig::default() };
    let mut hand = ByHand::new(LinkConfig { lcp, ..client() });
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, request[1], &request[4..]);
    hand.say(LCP, 1, 1, &[9, 3, 4, 7, 2]);
    hand.packets();
    let status = hand.link.status();
    assert_eq!(
        (status.tx_framing.fcs, status.rx_framing.fcs, status.tx_framing.pfc),
        (Fcs::Fcs32, Fcs::Fcs32, true)
    );
    for _ in 0..2 {
        hand.say(LCP, 1, 2, &[9, 3, 4]);
        let said = hand.said();
        assert!(said.contains(&String::from("[LCP ConfAck id=0x2 <fcs 32>]")), "{said:?}");
        let status = hand.link.status();
        assert_eq!((status.tx_framing, status.rx_framing), Default::default());
    }
    // The same with a Terminate-Request.
    let mut hand =
        ByHand::new(LinkConfig { lcp: LcpConfig { fcs: Fcs::Fcs32, ..LcpConfig::default() }, ..client() });
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, request[1], &request[4..]);
    hand.say(LCP, 1, 1, &[9, 3, 4]);
    hand.packets();
    for _ in 0..2 {
        hand.say(LCP, 5, 2, &[]);
        assert_eq!(hand.said(), ["[LCP TermAck id=0x2]"]);
        let status = hand.link.status();
        assert_eq!((status.tx_framing, status.rx_framing), Default::default());
    }
}

#[test]
fn padding_callback_and_compound_frames_are_rejected() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.say(LCP, 1, 1, &[10, 3, 8, 13, 3, 0, 15, 2]);
    assert_eq!(hand.said(), ["[LCP ConfRej id=0x1 < 0a 03 08> < 0d 03 00> < 0f 02>]"]);
}
