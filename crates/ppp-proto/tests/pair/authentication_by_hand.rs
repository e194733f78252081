//! A peer that does not play by the rules of PAP and CHAP.

use ppp_proto::{
    AuthConfig, AuthProtocol, CloseReason, Event, LinkConfig, Phase,
    lqm::LinkQualityReport,
    protocol::{CHAP, IPCP, IPV4, LCP, LQR, PAP},
};

use crate::{
    authentication::{auth, saturn, secrets, venus},
    by_hand::ByHand,
    pair::{SECOND, client, server},
};

/// A link in the phase Authenticate: what it asks for is acknowledged, and `demand` is asked of it.
fn opened(auth: AuthConfig, demand: &[u8]) -> ByHand {
    let mut hand = ByHand::new(LinkConfig { auth: Some(auth), echo: None, ..server() });
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, request[1], &request[4..]);
    hand.say(LCP, 1, 1, demand);
    hand.take_bare_control_characters();
    hand
}

const DEMAND_MD5: &[u8] = &[3, 5, 0xc2, 0x23, 5];
const DEMAND_PAP: &[u8] = &[3, 4, 0xc0, 0x23];

/// The last packet of CHAP: its Identifier and what follows the header.
fn chap(hand: &mut ByHand) -> (u8, Vec<u8>) {
    let packet = hand.packets().into_iter().rfind(|(number, _)| *number == CHAP).expect("a packet of CHAP").1;
    (packet[1], packet[4..].to_vec())
}

fn reason(hand: &mut ByHand) -> CloseReason {
    assert_eq!(hand.link.phase(), Phase::Terminate);
    hand.link.status().close_reason.expect("it is closing")
}

#[test]
fn nothing_else_passes_before_both_are_done() {
    let mut hand = opened(saturn(AuthProtocol::ChapMd5), &[]);
    assert_eq!(hand.link.phase(), Phase::Authenticate);
    assert!(hand.said().iter().all(|line| !line.contains("IPCP")));
    let ignored = hand.link.status().counters.rx_control_ignored;
    hand.say(IPCP, 1, 1, &[3, 6, 192, 168, 1, 1]);
    hand.say(PAP, 1, 1, &[1, b'u', 1, b'p']);
    hand.say_raw(IPV4, &[0x45; 20]);
    assert_eq!(hand.said(), [""; 0], "neither answered nor rejected");
    assert_eq!(hand.link.status().counters.rx_control_ignored, ignored + 2);
    assert_eq!(hand.link.status().counters.rx_dropped, 1);
    assert_eq!(hand.link.phase(), Phase::Authenticate);
}

#[test]
fn reports_pass_before_both_are_done() {
    let mut hand = opened(saturn(AuthProtocol::ChapMd5), &[4, 8, 0xc0, 0x25, 0, 0, 0, 0]);
    hand.packets();
    hand.say_raw(LQR, &[0; LinkQualityReport::LEN]);
    let answer = hand.packets();
    assert_eq!((answer.len(), answer[0].0), (1, LQR));
    assert_eq!(hand.link.status().quality.unwrap().reports_received, 1);
    assert_eq!(hand.link.phase(), Phase::Authenticate);
}

#[test]
fn a_challenge_is_new_each_time_and_keeps_its_identifier_and_value_when_it_is_sent_again() {
    let mut hand = opened(saturn(AuthProtocol::ChapMd5), &[]);
    let first = chap(&mut hand);
    hand.pass(3 * SECOND);
    assert_eq!(chap(&mut hand), first);
    assert_eq!((first.1[0], &first.1[17..]), (16, &b"saturn"[..]));
    hand.link.lower_down(hand.now);
    hand.link.lower_up(hand.now);
    let mut hand = {
        let request = hand.packets().pop().unwrap().1;
        hand.say(LCP, 2, request[1], &request[4..]);
        hand.say(LCP, 1, 1, &[]);
        hand
    };
    assert_ne!(chap(&mut hand).1[1..17], first.1[1..17]);
}

/// Without a secret of its own, a peer asks us for the answer to our own Challenge.
#[test]
fn a_challenge_that_comes_back_is_not_answered() {
    let both = secrets(&[("venus", "saturn", "same"), ("saturn", "*", "same")]);
    for name in ["venus", "saturn", ""] {
        let config = AuthConfig { chap: both.clone(), ..saturn(AuthProtocol::ChapMd5) };
        let mut hand = opened(config, DEMAND_MD5);
        let (id, challenge) = chap(&mut hand);
        let mut reflected = challenge[..17].to_vec();
        reflected.extend(name.as_bytes());
        hand.say(CHAP, 1, id, &reflected);
        let said = hand.said();
        assert!(!said.iter().any(|line| line.contains("CHAP Response")), "{said:?}");
        match reason(&mut hand) {
            CloseReason::AuthToPeerFailed { why, .. } => assert!(why.contains("our own Challenge"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// By PAP we tell our secret to whoever demands it: it must not be the way in.
#[test]
fn what_we_prove_ourselves_by_does_not_let_the_peer_in() {
    let known = secrets(&[("venus", "saturn", "one"), ("saturn", "*", "two")]);
    let config = AuthConfig { pap: known.clone(), chap: known, ..saturn(AuthProtocol::Pap) };
    let mut hand = opened(config.clone(), DEMAND_PAP);
    let (number, request) = hand.packets().pop().unwrap();
    assert_eq!((number, &request[4..]), (PAP, &b"\x06saturn\x03two"[..]));
    hand.say_raw(PAP, &request);
    assert!(hand.said()[0].starts_with("[PAP AuthNak"));
    assert!(matches!(reason(&mut hand), CloseReason::PeerAuthFailed { .. }));

    let mut hand = opened(AuthConfig { require: vec![AuthProtocol::ChapMd5], ..config }, &[]);
    let (id, challenge) = chap(&mut hand);
    let input = [&[id][..], b"two", &challenge[1..17]].concat();
    hand.say(CHAP, 2, id, &[&[16][..], &md5(&input), b"saturn"].concat());
    assert!(matches!(reason(&mut hand), CloseReason::PeerAuthFailed { .. }));
}

#[test]
fn a_peer_that_bears_our_own_name_gets_no_answer_when_both_prove_themselves() {
    let both = secrets(&[("venus", "saturn", "same"), ("saturn", "saturn", "same")]);
    let mut hand = opened(AuthConfig { chap: both.clone(), ..saturn(AuthProtocol::ChapMd5) }, DEMAND_MD5);
    hand.packets();
    hand.say(CHAP, 1, 9, b"\x04abcdsaturn");
    assert!(!hand.said().iter().any(|line| line.contains("Response")));
    assert!(matches!(reason(&mut hand), CloseReason::AuthToPeerFailed { .. }));
    // An end that demands nothing has no Challenge out that could be answered for it.
    let mut hand = opened(AuthConfig { chap: both, ..auth("saturn") }, DEMAND_MD5);
    hand.packets();
    hand.say(CHAP, 1, 9, b"\x04abcdsaturn");
    assert!(hand.said()[0].starts_with("[CHAP Response id=0x9"));
}

#[test]
fn a_response_counts_for_the_challenge_that_is_out_and_only_once() {
    let mut config = saturn(AuthProtocol::ChapMd5);
    config.timers.chap_interval = Some(5 * SECOND);
    let mut hand = opened(config, &[]);
    let (id, challenge) = chap(&mut hand);
    let mut input = vec![id];
    input.extend(b"secret");
    input.extend(&challenge[1..17]);
    let mut response = vec![16];
    response.extend(md5(&input));
    response.extend(b"venus");
    hand.say(CHAP, 2, id.wrapping_add(1), &response);
    assert_eq!(hand.said(), [""; 0], "another Identifier");
    hand.say(CHAP, 2, id, &response);
    assert_eq!(hand.said()[0], format!("[CHAP Success id={id:#x} \"Access granted\"]"));
    assert_eq!(hand.link.phase(), Phase::Network);
    hand.say(CHAP, 2, id, &response);
    assert_eq!(
        hand.said()[0],
        format!("[CHAP Success id={id:#x} \"Access granted\"]"),
        "its answer was lost"
    );
    hand.pass(5 * SECOND);
    let (next, _) = chap(&mut hand);
    assert_ne!(next, id);
    hand.say(CHAP, 2, next, &response);
    assert_eq!(hand.said()[0], format!("[CHAP Failure id={next:#x} \"Access denied\"]"), "a replay");
    assert!(matches!(reason(&mut hand), CloseReason::PeerAuthFailed { .. }));
}

#[test]
fn a_peer_keeps_its_name_when_it_is_challenged_anew() {
    let mut config = saturn(AuthProtocol::ChapMd5);
    config.chap = secrets(&[("venus", "saturn", "secret"), ("mars", "saturn", "secret")]);
    config.timers.chap_interval = Some(5 * SECOND);
    let mut hand = opened(config, &[]);
    let respond = |hand: &mut ByHand, name: &str| {
        let (id, challenge) = chap(hand);
        let input = [&[id][..], b"secret", &challenge[1..17]].concat();
        hand.say(CHAP, 2, id, &[&[16][..], &md5(&input), name.as_bytes()].concat());
    };
    respond(&mut hand, "venus");
    assert_eq!(hand.link.phase(), Phase::Network);
    hand.pass(5 * SECOND);
    respond(&mut hand, "mars");
    match reason(&mut hand) {
        CloseReason::PeerAuthFailed { why, .. } => assert_eq!(why, "it has another name than before"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_success_or_failure_that_answers_nothing_is_ignored() {
    let mut hand = opened(venus("secret"), DEMAND_MD5);
    hand.packets();
    hand.say(CHAP, 3, 1, b"welcome");
    hand.say(CHAP, 4, 1, b"go");
    assert_eq!(hand.link.phase(), Phase::Authenticate);
    hand.say(CHAP, 1, 7, b"\x04abcdsaturn");
    let first = chap(&mut hand);
    hand.say(CHAP, 3, 8, b"welcome");
    assert_eq!(hand.link.phase(), Phase::Authenticate, "another Identifier");
    hand.say(CHAP, 1, 7, b"\x04abcdsaturn");
    assert_eq!(chap(&mut hand), first, "the same Challenge gets the same Response");
    hand.say(CHAP, 3, 7, b"welcome\x1b");
    assert_eq!(hand.link.phase(), Phase::Network);
    let message = String::from("welcome\\x1b");
    assert!(hand.events().contains(&Event::AuthenticatedToPeer { by: AuthProtocol::ChapMd5, message }));
    hand.say(CHAP, 4, 7, b"go");
    assert_eq!(hand.link.phase(), Phase::Network, "it was answered already");
    hand.say(CHAP, 1, 8, b"\x04efghsaturn");
    hand.say(CHAP, 4, 8, b"go");
    assert!(matches!(reason(&mut hand), CloseReason::AuthToPeerFailed { .. }), "a later one may fail");
}

#[test]
fn an_acknowledgment_of_pap_counts_for_requests_that_are_out() {
    let mut hand = opened(venus("secret"), DEMAND_PAP);
    let packet = hand.packets().pop().unwrap().1;
    assert_eq!(packet[4..], *b"\x05venus\x06secret");
    hand.say(PAP, 2, packet[1].wrapping_add(1), &[0]);
    hand.say(PAP, 3, packet[1].wrapping_sub(1), &[0]);
    assert_eq!(hand.link.phase(), Phase::Authenticate);
    hand.pass(3 * SECOND);
    let again = hand.packets().pop().unwrap().1;
    assert_eq!((again[1], &again[4..]), (packet[1].wrapping_add(1), &packet[4..]));
    hand.say(PAP, 2, packet[1], &[0]);
    assert_eq!(hand.link.phase(), Phase::Network, "the first request's answer will do");
}

#[test]
fn a_request_of_pap_that_comes_again_is_answered_as_before() {
    let mut hand = opened(saturn(AuthProtocol::Pap), &[]);
    hand.packets();
    hand.say(PAP, 1, 1, b"\x05venus\x06secret");
    assert_eq!(hand.said()[0], "[PAP AuthAck id=0x1 \"Login ok\"]");
    hand.say(PAP, 1, 2, b"\x05venus\x06secret");
    assert_eq!(hand.said(), ["[PAP AuthAck id=0x2 \"Login ok\"]"]);
    let mut hand = opened(saturn(AuthProtocol::Pap), &[]);
    hand.packets();
    hand.say(PAP, 1, 1, b"\x05venus\x05secre");
    assert_eq!(hand.said()[0], "[PAP AuthNak id=0x1 \"Login incorrect\"]");
    assert!(matches!(reason(&mut hand), CloseReason::PeerAuthFailed { .. }));
    hand.say(PAP, 1, 2, b"\x05venus\x06secret");
    assert_eq!(hand.link.phase(), Phase::Terminate, "there is no second try");
}

#[test]
fn silence_ends_by_the_timers_of_each_role() {
    let silent = |auth: AuthConfig, demand: &[u8]| {
        let mut hand = opened(auth, demand);
        let mut seconds = 0;
        while hand.link.phase() == Phase::Authenticate {
            hand.pass(SECOND);
            hand.packets();
            seconds += 1;
            assert!(seconds < 600, "it waits for ever");
        }
        (seconds, reason(&mut hand))
    };
    let peer = |by, why: &str| CloseReason::PeerAuthFailed { by, name: None, why: why.to_owned() };
    let ours = |by, why: &str| CloseReason::AuthToPeerFailed { by, why: why.to_owned() };
    let (pap, chap) = (AuthProtocol::Pap, AuthProtocol::ChapMd5);
    // pap-timeout, chap-max-challenge times chap-restart, pap-max-authreq times pap-restart, chap-timeout.
    let no_request = "it sent no PAP Authenticate-Request in time";
    assert_eq!(silent(saturn(pap), &[]), (30, peer(pap, no_request)));
    assert_eq!(silent(saturn(chap), &[]), (30, peer(chap, "it answered none of 10 CHAP Challenges")));
    assert_eq!(
        silent(venus("secret"), DEMAND_PAP),
        (30, ours(pap, "No response to PAP authenticate-requests"))
    );
    assert_eq!(silent(venus("secret"), DEMAND_MD5), (60, ours(chap, "CHAP authentication timed out")));
}

#[test]
fn garbage_is_ignored() {
    let mut hand = opened(saturn(AuthProtocol::ChapMd5), &[]);
    hand.packets();
    let ignored = hand.link.status().counters.rx_control_ignored;
    for octets in
        [&[][..], &[2], &[2, 1, 0, 3], &[2, 1, 0, 200], &[2, 1, 0, 4], &[2, 1, 0, 5, 9], &[99, 1, 0, 4]]
    {
        hand.say_raw(CHAP, octets);
    }
    assert_eq!(hand.link.status().counters.rx_control_ignored, ignored + 7);
    assert_eq!(hand.link.phase(), Phase::Authenticate);
}

#[test]
fn a_protocol_reject_of_what_was_agreed_on_ends_the_link() {
    let mut hand = opened(saturn(AuthProtocol::ChapMd5), &[]);
    hand.packets();
    hand.say(LCP, 8, 1, &[0xc0, 0x23, 1, 1, 0, 4]);
    assert_eq!(hand.link.phase(), Phase::Authenticate, "PAP was not");
    hand.say(LCP, 8, 1, &[0xc2, 0x23, 1, 1, 0, 4]);
    assert!(matches!(reason(&mut hand), CloseReason::PeerAuthFailed { .. }));
    let mut hand = opened(venus("secret"), DEMAND_PAP);
    hand.packets();
    hand.say(LCP, 8, 1, &[0xc0, 0x23, 1, 1, 0, 4]);
    assert!(matches!(reason(&mut hand), CloseReason::AuthToPeerFailed { .. }));
}

#[test]
fn a_link_that_has_nothing_to_prove_rejects_pap_and_chap_as_before() {
    let mut hand = ByHand::new(client());
    hand.open_lcp();
    hand.take_bare_control_characters();
    hand.packets();
    hand.say(PAP, 1, 1, b"\x01a\x01b");
    assert!(hand.said()[0].starts_with("[LCP ProtRej id=0x2 c0 23 01 01"));
}

#[cfg(feature = "legacy-auth")]
#[test]
fn an_authenticator_without_the_secret_is_not_believed_by_ms_chap_v2() {
    let mut hand = opened(venus("secret"), &[3, 5, 0xc2, 0x23, 0x81]);
    hand.packets();
    hand.say(CHAP, 1, 7, b"\x04abcdsaturn");
    assert_eq!(hand.said(), [""; 0], "a challenge of another length");
    hand.say(CHAP, 1, 7, b"\x100123456789abcdefsaturn");
    assert_eq!(chap(&mut hand).1[0], 49);
    hand.say(CHAP, 3, 7, b"S=0000000000000000000000000000000000000000 M=hi");
    match reason(&mut hand) {
        CloseReason::AuthToPeerFailed { why, .. } => assert!(why.contains("RFC 2759"), "{why}"),
        other => panic!("{other:?}"),
    }
}

fn md5(input: &[u8]) -> [u8; 16] {
    use md5::{Digest, Md5};
    Md5::digest(input).into()
}
