//! How links end.

use ppp_proto::{CloseReason, ControlProtocolName, Event, LinkConfig, Phase, protocol::LCP};

use crate::{
    by_hand::ByHand,
    pair::{A, B, Pair, SECOND, client, server},
};

fn closed_by_a(message: &str) -> Pair {
    let mut pair = Pair::up(client(), server());
    pair.ends[A].link.close(pair.now, message);
    pair.drain(A);
    pair.drive(20 * SECOND, Pair::both_closed);
    pair
}

#[test]
fn a_close_is_told_to_the_peer_and_to_the_owner() {
    let pair = closed_by_a("User request");
    assert_eq!(pair.ends[A].closed(), Some(&CloseReason::Local { message: String::from("User request") }));
    assert_eq!(
        pair.ends[B].closed(),
        Some(&CloseReason::PeerTerminated { message: String::from("User request") })
    );
    for end in &pair.ends {
        assert_eq!(end.count(|event| *event == Event::Ipv4Down), 1);
        assert_eq!(end.count(|event| *event == Event::Ipv6Down), 1);
        assert_eq!(end.count(|event| matches!(event, Event::Closed(_))), 1);
        assert_eq!(end.link.phase(), Phase::Dead);
        assert_eq!(end.link.poll_timeout(), None);
    }
}

#[test]
fn a_link_closed_by_its_owner_stays_closed_until_opened() {
    let mut pair = closed_by_a("");
    pair.disconnect();
    pair.ends[A].link.lower_up(pair.now);
    pair.pass(60 * SECOND);
    assert_eq!(pair.ends[A].link.phase(), Phase::Dead);
    pair.ends[A].link.lower_down(pair.now);
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
}

#[test]
fn a_close_without_an_answer_ends_after_max_terminate() {
    let mut pair = Pair::up(client(), server());
    pair.wires[A].dead = true;
    let start = pair.now;
    pair.ends[A].link.close(pair.now, "");
    pair.drain(A);
    pair.drive(20 * SECOND, |pair| pair.ends[A].closed().is_some());
    assert_eq!(pair.now - start, 6 * SECOND);
}

#[test]
fn both_ends_may_close_at_once() {
    let mut pair = Pair::up(client(), server());
    for end in [A, B] {
        pair.ends[end].link.close(pair.now, "both");
        pair.drain(end);
    }
    pair.drive(SECOND, Pair::both_closed);
    for end in &pair.ends {
        assert_eq!(end.closed(), Some(&CloseReason::Local { message: String::from("both") }));
    }
}

#[test]
fn a_carrier_that_goes_while_closing_leaves_the_reason() {
    let mut pair = Pair::up(client(), server());
    pair.ends[A].link.close(pair.now, "bye");
    pair.drain(A);
    pair.disconnect();
    assert_eq!(pair.ends[A].closed(), Some(&CloseReason::Local { message: String::from("bye") }));
    assert_eq!(pair.ends[B].closed(), Some(&CloseReason::LowerDown));
}

#[test]
fn a_peer_that_says_farewell_before_an_agreement_is_quoted() {
    let mut hand = ByHand::new(client());
    hand.packets();
    hand.say(LCP, 5, 1, b"go away\x07");
    hand.link.lower_down(hand.now);
    let gone = CloseReason::PeerTerminated { message: String::from("go away\\x07") };
    assert_eq!(hand.events().pop(), Some(Event::Closed(gone)));
}

#[test]
fn a_link_whose_networks_are_all_closed_by_the_peer_closes() {
    let mut hand = ByHand::new(LinkConfig { ipv6: None, ..server() });
    hand.open_lcp();
    hand.say(LCP, 8, 1, &[0x80, 0x21, 1, 1, 0, 4]);
    assert!(hand.said().iter().any(|line| line.contains("TermReq")));
    hand.say(LCP, 6, 1, &[]);
    let why = String::from("the peer does not speak IPCP");
    let failed = CloseReason::NegotiationFailed { protocol: ControlProtocolName::Ipcp, why };
    assert_eq!(hand.events().pop(), Some(Event::Closed(failed)));
}

#[test]
fn a_code_reject_of_what_lcp_cannot_do_without_ends_the_link() {
    let mut hand = ByHand::new(server());
    hand.open_lcp();
    hand.say(LCP, 7, 1, &[9, 1, 0, 8]);
    assert_eq!(hand.link.phase(), Phase::Network, "an Echo-Request can be done without");
    hand.say(LCP, 7, 2, &[1, 1, 0, 4]);
    assert_eq!(hand.link.phase(), Phase::Terminate);
}

#[test]
fn a_link_that_gave_up_can_be_opened_again_on_the_same_carrier() {
    let mut pair = closed_by_a("");
    for end in [A, B] {
        pair.ends[end].link.open(pair.now);
        pair.drain(end);
    }
    pair.drive(20 * SECOND, Pair::is_up);
    pair.ends[A].link.close(pair.now, "again");
    pair.drain(A);
    pair.pass(10 * SECOND);
    assert_eq!(pair.ends[A].count(|event| matches!(event, Event::Closed(_))), 2);
}

#[test]
fn a_loop_once_detected_is_not_detected_again_on_the_next_carrier() {
    let mut hand = ByHand::new(client());
    hand.echo_for(10 * SECOND);
    assert!(hand.events().contains(&Event::LoopDetected));
    hand.link.lower_down(hand.now);
    hand.link.lower_up(hand.now);
    hand.open_lcp();
    let events = hand.events();
    assert!(!events.contains(&Event::LoopDetected), "{events:?}");
    assert_eq!(hand.link.phase(), Phase::Network);
}
