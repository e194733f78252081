//! How two links come to an agreement, and what is in force then.

use ppp_proto::{
    CloseReason, ControlProtocolName, Event, Family, LcpConfig, LinkConfig, Phase, SendError,
    frame::{Accm, ExtraEscapes, Fcs},
    link::Answer,
    protocol::LCP,
};

use crate::{
    by_hand::ByHand,
    pair::{A, B, Pair, SECOND, addresses, client, server},
};

#[test]
fn two_links_come_up_within_a_few_round_trips() {
    let pair = Pair::up(client(), server());
    assert!(pair.now - pair.start <= SECOND / 10, "{:?}", pair.now - pair.start);
    let (a, b) = (pair.ends[A].ipv4().unwrap(), pair.ends[B].ipv4().unwrap());
    assert_eq!((a.local.to_string(), a.remote.to_string()), ("192.168.1.1".into(), "192.168.2.1".into()));
    assert_eq!((b.local, b.remote), (a.remote, a.local));
    let (a, b) = (pair.ends[A].ipv6().unwrap(), pair.ends[B].ipv6().unwrap());
    assert_eq!((a.0, a.1), (b.1, b.0));
    assert_ne!(a.0, a.1);
}

#[test]
fn the_phases_pass_in_the_order_of_the_rfc() {
    let mut pair = Pair::up(client(), server());
    pair.ends[A].link.close(pair.now, "done");
    pair.drain(A);
    pair.drive(20 * SECOND, Pair::both_closed);
    for end in &pair.ends {
        let phases: Vec<Phase> = end
            .events
            .iter()
            .filter_map(|event| if let Event::Phase(phase) = event { Some(*phase) } else { None })
            .collect();
        assert_eq!(
            phases,
            [Phase::Establish, Phase::Authenticate, Phase::Network, Phase::Terminate, Phase::Dead]
        );
    }
}

#[test]
fn packets_pass_both_ways_in_both_families() {
    let mut pair = Pair::up(client(), server());
    pair.send(A, Family::Ipv4, 1500);
    pair.send(B, Family::Ipv6, 1280);
    pair.pass(SECOND);
    assert_eq!((pair.ends[B].received[0].0, pair.ends[B].received[0].1.len()), (Family::Ipv4, 1500));
    assert_eq!((pair.ends[A].received[0].0, pair.ends[A].received[0].1.len()), (Family::Ipv6, 1280));
}

#[test]
fn a_packet_without_escapes_in_one_chunk_is_not_copied() {
    let mut pair = Pair::up(client(), server());
    let mut out = bytes::BytesMut::new();
    let packet: Vec<u8> = (0..1500).map(|i| if i == 0 { 0x45 } else { (i % 100) as u8 }).collect();
    pair.ends[A].link.encode(&packet, &mut out).unwrap();
    let mut chunk = &out[..];
    let received = pair.ends[B].link.receive(pair.now, &mut chunk).unwrap();
    assert_eq!(received.payload, packet);
    assert!(out.as_ptr_range().contains(&received.payload.as_ptr()));
}

#[test]
fn a_fifth_of_all_frames_lost_does_not_keep_a_link_down() {
    for seed in 1..=50 {
        let mut pair = Pair::new(client(), server()).seed(seed).wire(|wire| {
            wire.lost = 200;
            wire.cut = true;
        });
        pair.connect();
        pair.drive(120 * SECOND, Pair::is_up);
    }
}

#[test]
fn duplicates_and_losses_and_odd_chunks_do_not_keep_a_link_down() {
    for seed in 1..=50 {
        let mut pair = Pair::new(client(), server()).seed(seed).wire(|wire| {
            wire.lost = 100;
            wire.duplicated = 100;
            wire.cut = true;
        });
        pair.connect();
        pair.drive(120 * SECOND, Pair::is_up);
    }
}

#[test]
fn a_called_end_that_waits_silently_is_woken_by_the_caller() {
    let mut called = server();
    called.lcp.silent = true;
    let mut pair = Pair::up(client(), called);
    assert!(pair.is_up());
    pair.disconnect();
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
}

#[test]
fn a_passive_end_outlasts_its_counter() {
    let mut called = server();
    called.lcp.passive = true;
    let mut pair = Pair::new(client(), called);
    pair.ends[B].link.open(pair.now);
    pair.ends[B].link.lower_up(pair.now);
    pair.pass(60 * SECOND);
    pair.drain(B);
    assert_eq!(pair.ends[B].closed(), None);
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
}

#[test]
fn a_silent_far_end_is_given_up_after_max_configure() {
    let mut pair = Pair::new(client(), server()).wire(|wire| wire.dead = true);
    pair.connect();
    pair.drive(31 * SECOND, Pair::both_closed);
    assert_eq!(pair.now - pair.start, 30 * SECOND);
    let Some(CloseReason::NegotiationFailed { protocol: ControlProtocolName::Lcp, why }) =
        pair.ends[A].closed()
    else {
        panic!("{:?}", pair.ends[A].closed())
    };
    assert_eq!(why, "the peer answered none of 10 LCP Configure-Requests");
    assert_eq!(pair.ends[A].link.status().counters.tx_control, 10);
}

#[test]
fn every_option_is_in_force_once_acknowledged() {
    let lcp = |mru, accm, fcs| LcpConfig {
        mru,
        accm: Accm(accm),
        escape: ExtraEscapes::new(&[0x9d]).unwrap(),
        fcs,
        identification: Some(String::from("pppssh")),
        ..LcpConfig::default()
    };
    for fcs in [Fcs::Null, Fcs::Fcs16, Fcs::Fcs32] {
        let a = LinkConfig { lcp: lcp(9000, 0x000a_0000, fcs), ..client() };
        let b = LinkConfig { lcp: lcp(1400, 0, fcs), ..server() };
        let mut pair = Pair::up(a, b);
        let (a, b) = (pair.ends[A].link.status(), pair.ends[B].link.status());
        assert_eq!((a.mru, a.mtu, b.mru, b.mtu), (9000, 1400, 1400, 9000));
        assert_eq!((a.tx_framing.accm, b.tx_framing.accm), (Accm(0), Accm(0x000a_0000)));
        assert!(a.tx_framing.pfc && a.tx_framing.acfc && b.tx_framing.pfc && b.tx_framing.acfc);
        assert_eq!((a.tx_framing.fcs, b.tx_framing.fcs, a.rx_framing.fcs), (fcs, fcs, fcs));
        pair.send(B, Family::Ipv4, 9000);
        pair.send(A, Family::Ipv4, 1400);
        pair.pass(SECOND);
        assert_eq!((pair.ends[A].received.len(), pair.ends[B].received.len()), (1, 1), "{fcs:?}");
        assert!(pair.ends[A].events.contains(&Event::PeerIdentification(String::from("pppssh"))));
        assert!(pair.ends[A].events.contains(&Event::LcpUp { mru: 9000, mtu: 1400 }));
    }
}

#[test]
fn an_fcs_that_only_one_end_wants_is_not_used() {
    let a = LinkConfig { lcp: LcpConfig { fcs: Fcs::Fcs32, ..LcpConfig::default() }, ..client() };
    let mut pair = Pair::up(a, server());
    assert_eq!(pair.ends[B].link.status().tx_framing.fcs, Fcs::Fcs16);
    let other = LinkConfig { lcp: LcpConfig { fcs: Fcs::Null, ..LcpConfig::default() }, ..server() };
    let a = LinkConfig { lcp: LcpConfig { fcs: Fcs::Fcs32, ..LcpConfig::default() }, ..client() };
    pair = Pair::up(a, other);
    assert_eq!(pair.ends[A].link.status().tx_framing.fcs, Fcs::Fcs16);
}

#[test]
fn packets_beyond_the_peers_mru_are_refused() {
    let small = LinkConfig { lcp: LcpConfig { mru: 296, ..LcpConfig::default() }, ..server() };
    let mut pair = Pair::up(client(), small);
    let mut packet = vec![0; 297];
    packet[0] = 0x45;
    let mut out = bytes::BytesMut::new();
    let link = &mut pair.ends[A].link;
    assert_eq!(link.encode(&packet, &mut out), Err(SendError::TooBig { len: 297, mtu: 296 }));
    assert_eq!(link.encode(&packet[..296], &mut out), Ok(()));
    assert_eq!(link.encode(&[0x10], &mut out), Err(SendError::NotIp));
    assert_eq!(link.encode(&[], &mut out), Err(SendError::NotIp));
}

#[test]
fn packets_before_their_protocol_is_up_are_neither_sent_nor_taken() {
    let mut pair = Pair::new(client(), server());
    let mut out = bytes::BytesMut::new();
    assert_eq!(pair.ends[A].link.encode(&[0x45], &mut out), Err(SendError::NotUp(Family::Ipv4)));
    pair.connect();

    let mut hand = ByHand::new(client());
    hand.open_lcp();
    hand.say_raw(0x0021, &[0x45; 20]);
    assert_eq!(hand.link.status().counters.rx_dropped, 1);
}

#[test]
fn a_family_switched_off_is_rejected_and_the_other_one_works() {
    let mut pair = Pair::new(client(), LinkConfig { ipv6: None, ..server() });
    pair.connect();
    pair.pass(5 * SECOND);
    let status = pair.ends[A].link.status();
    assert!(status.ipv4.is_some() && status.ipv6.is_none());
    assert_eq!(status.ipv6cp.unwrap().failure.unwrap(), "the peer does not speak IPV6CP");
    assert_eq!(pair.ends[A].closed(), None);
}

#[test]
fn two_ends_without_a_family_in_common_say_so() {
    let mut pair = Pair::new(LinkConfig { ipv6: None, ..client() }, LinkConfig { ipv4: None, ..server() });
    pair.connect();
    pair.drive(60 * SECOND, Pair::both_closed);
    let reasons: Vec<String> = pair.ends.iter().map(|end| end.closed().unwrap().to_string()).collect();
    assert!(
        reasons.iter().any(|reason| reason == "IPCP negotiation failed: the peer does not speak IPCP")
            || reasons
                .iter()
                .any(|reason| reason == "IPV6CP negotiation failed: the peer does not speak IPV6CP"),
        "{reasons:?}"
    );
}

#[test]
fn a_request_in_opened_renegotiates() {
    let mut pair = Pair::up(client(), server());
    let before = pair.ends[A].events.len();
    // B forgets all and starts over on the same carrier.
    pair.ends[B].link.lower_down(pair.now);
    pair.ends[B].link.lower_up(pair.now);
    pair.drain(B);
    pair.drive(20 * SECOND, |pair| pair.ends[A].events.len() > before && pair.is_up());
    let after = &pair.ends[A].events[before..];
    assert!(after.contains(&Event::Ipv4Down) && after.contains(&Event::Ipv6Down));
    assert!(after.contains(&Event::Phase(Phase::Establish)));
    pair.send(A, Family::Ipv4, 100);
    pair.pass(SECOND);
    assert_eq!(pair.ends[B].received.len(), 1);
}

#[test]
fn a_new_carrier_is_a_new_negotiation_with_the_same_identifiers() {
    let mut pair = Pair::up(client(), server());
    let ids = pair.ends[A].ipv6();
    pair.disconnect();
    assert_eq!(pair.ends[A].closed(), Some(&CloseReason::LowerDown));
    assert_eq!(pair.ends[A].link.phase(), Phase::Dead);
    pair.pass(100 * SECOND);
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    assert_eq!(pair.ends[A].ipv6(), ids);
}

#[test]
fn a_looped_back_line_is_detected() {
    let mut hand = ByHand::new(client());
    hand.echo_for(10 * SECOND);
    let events = hand.events();
    assert!(events.contains(&Event::LoopDetected), "{events:?}");
    assert!(events.contains(&Event::Closed(CloseReason::LoopDetected)), "{events:?}");
}

#[test]
fn a_terminal_that_echoes_until_a_slow_program_makes_it_raw_is_no_loop() {
    let mut hand = ByHand::new(client());
    hand.echo_for(3 * SECOND);
    assert_eq!(hand.events(), [Event::Phase(Phase::Establish)]);
    hand.pass(SECOND);
    hand.open_lcp();
    assert_eq!(hand.link.phase(), Phase::Network);
}

#[test]
fn magic_numbers_that_happen_to_be_equal_are_no_loop() {
    let mut hand = ByHand::new(client());
    let request = hand.packets().pop().unwrap().1;
    let magic = request.windows(6).find(|window| window[..2] == [5, 6]).unwrap().to_vec();
    hand.say(LCP, 1, 1, &magic);
    assert!(hand.said()[0].starts_with("[LCP ConfNak id=0x1 <magic"));
    hand.say(LCP, 3, request[1], &[5, 6, 1, 2, 3, 4]);
    hand.say(LCP, 1, 2, &magic);
    let said = hand.said();
    assert!(said[0].starts_with("[LCP ConfReq") && said[1].starts_with("[LCP ConfAck id=0x2"), "{said:?}");
}

#[test]
fn a_magic_number_of_zero_is_naked() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.say(LCP, 1, 1, &[5, 6, 0, 0, 0, 0]);
    assert!(hand.said()[0].starts_with("[LCP ConfNak id=0x1 <magic 0x"));
}

#[test]
fn a_minimal_peer_that_rejects_everything_gets_its_link() {
    let mut hand =
        ByHand::new(LinkConfig { ipv4: Some(addresses("10.0.0.1", "10.0.0.2")), ipv6: None, ..client() });
    for number in [LCP, 0x8021] {
        let request = hand.packets().into_iter().find(|(protocol, _)| *protocol == number).unwrap().1;
        hand.say(number, 4, request[1], &request[4..]);
        let again = hand.packets().into_iter().find(|(protocol, _)| *protocol == number).unwrap().1;
        assert_eq!(again.len(), 4, "nothing is left to ask for");
        hand.say(number, 2, again[1], &again[4..]);
        let mut id = 1;
        hand.say(number, 1, id, &[]);
        if hand.packets().iter().any(|(protocol, octets)| *protocol == number && octets[0] == 3) {
            id += 1;
            hand.say(number, 1, id, &[]);
        }
        // The NCP's first request follows LCP's opening at once; let it be sent again.
        hand.pass(3 * SECOND);
    }
    let status = hand.link.status();
    assert!(status.ipv4.is_some(), "{}", status.explain());
    assert!(status.lcp.ours.iter().all(|option| option.answer == Answer::Rejected));
    assert_eq!((status.mru, status.mtu, status.tx_framing.accm), (1500, 1500, Accm::DEFAULT));
}

#[test]
fn authentication_is_refused_with_a_reason() {
    let mut hand = ByHand::new(client());
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 1, 1, &[3, 5, 0xc2, 0x23, 5]);
    assert_eq!(hand.said(), ["[LCP ConfRej id=0x1 <auth chap MD5>]"]);
    hand.say(LCP, 1, 2, &[]);
    hand.say(LCP, 2, request[1], &request[4..]);
    hand.say(LCP, 5, 3, b"peer refused to authenticate");
    hand.pass(3 * SECOND);
    let required = CloseReason::AuthRequired { protocol: String::from("chap MD5") };
    assert_eq!(hand.events().pop(), Some(Event::Closed(required)));
}
