//! Each method, in each role, between two links.

use std::time::Duration;

use ppp_proto::{
    AddressRule, AuthConfig, AuthProtocol, CloseReason, Event, IpcpConfig, LinkConfig, Phase, RemoteAddress,
    auth::{Entropy, Name, Secret, SecretEntry, Secrets},
};

use crate::pair::{A, B, End, Pair, SECOND, addresses, client, server};

/// An end's name and the bits of its own.
pub(crate) fn auth(name: &str) -> AuthConfig {
    let bits = name.bytes().fold(0, |sum: u8, octet| sum.wrapping_mul(31).wrapping_add(octet));
    AuthConfig::new(name, Entropy::new([bits; 32]))
}

pub(crate) fn secrets(lines: &[(&str, &str, &str)]) -> Secrets {
    let entry = |(client, server, secret): &(&str, &str, &str)| SecretEntry {
        client: Name::from(*client),
        server: Name::from(*server),
        secret: Secret::from(*secret),
        addresses: vec![AddressRule::ANY],
    };
    Secrets(lines.iter().map(entry).collect())
}

/// venus, who knows one secret for saturn.
pub(crate) fn venus(secret: &str) -> AuthConfig {
    let known = secrets(&[("venus", "saturn", secret)]);
    AuthConfig { pap: known.clone(), chap: known, ..auth("venus") }
}

/// saturn, who lets venus in by one method.
pub(crate) fn saturn(method: AuthProtocol) -> AuthConfig {
    let known = secrets(&[("venus", "saturn", "secret")]);
    AuthConfig { require: vec![method], pap: known.clone(), chap: known, ..auth("saturn") }
}

fn pair(a: AuthConfig, b: AuthConfig) -> Pair {
    Pair::new(LinkConfig { auth: Some(a), ..client() }, LinkConfig { auth: Some(b), ..server() })
}

fn up(mut pair: Pair) -> Pair {
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    pair
}

fn closed(mut pair: Pair, within: Duration) -> Pair {
    pair.connect();
    pair.drive(within, |pair| pair.ends[A].closed().is_some() && pair.ends[B].closed().is_some());
    pair
}

fn proved(end: &End) -> Vec<(AuthProtocol, String)> {
    let proved = end.events.iter().filter_map(|event| match event {
        Event::PeerAuthenticated { by, name } => Some((*by, name.clone())),
        _ => None,
    });
    proved.collect()
}

fn believed(end: &End) -> usize {
    end.count(|event| matches!(event, Event::AuthenticatedToPeer { .. }))
}

/// No family ever came up at either end, and saturn, who demands the proof, did not even go as far as to negotiate one.
fn nothing_passed(pair: &Pair) {
    for end in &pair.ends {
        assert_eq!(end.count(|event| matches!(event, Event::Ipv4Up(_) | Event::Ipv6Up { .. })), 0);
    }
    assert_eq!(pair.ends[B].count(|event| *event == Event::Phase(Phase::Network)), 0);
}

#[test]
fn venus_proves_herself_by_each_method() {
    for method in AuthProtocol::ALL {
        let pair = up(pair(venus("secret"), saturn(*method)));
        assert_eq!(proved(&pair.ends[B]), [(*method, String::from("venus"))]);
        assert_eq!(pair.ends[B].link.status().peer.as_deref(), Some("venus"));
        assert_eq!((believed(&pair.ends[A]), believed(&pair.ends[B])), (1, 0));
        assert_eq!(proved(&pair.ends[A]), []);
    }
}

#[test]
fn either_end_may_be_the_one_that_asks() {
    for method in AuthProtocol::ALL {
        let pair = up(pair(saturn(*method), venus("secret")));
        assert_eq!(proved(&pair.ends[A]), [(*method, String::from("venus"))]);
    }
}

#[test]
fn both_ends_prove_themselves_by_two_secrets_and_by_different_methods() {
    let lines = secrets(&[("venus", "saturn", "one"), ("saturn", "venus", "two")]);
    for a in AuthProtocol::ALL {
        for b in AuthProtocol::ALL {
            let end = |name, method: &AuthProtocol| AuthConfig {
                require: vec![*method],
                pap: lines.clone(),
                chap: lines.clone(),
                // PAP names no server, and there is one secret of each client here.
                ..auth(name)
            };
            let pair = up(pair(end("venus", a), end("saturn", b)));
            assert_eq!(proved(&pair.ends[A]), [(*a, String::from("saturn"))]);
            assert_eq!(proved(&pair.ends[B]), [(*b, String::from("venus"))]);
        }
    }
}

#[test]
fn a_lossy_line_that_cuts_and_duplicates_does_not_matter() {
    for method in AuthProtocol::ALL {
        for seed in 1..20 {
            let mut pair = pair(venus("secret"), saturn(*method)).seed(seed).wire(|wire| {
                (wire.lost, wire.duplicated, wire.cut) = (200, 200, true);
            });
            pair.connect();
            pair.drive(60 * SECOND, |pair| pair.ends.iter().all(|end| end.link.phase() == Phase::Network));
            assert_eq!((proved(&pair.ends[B]).len(), believed(&pair.ends[A])), (1, 1));
        }
    }
}

#[test]
fn answers_slower_than_the_restart_timers_still_count() {
    for method in AuthProtocol::ALL {
        let hasty = |mut auth: AuthConfig| {
            (auth.timers.pap_restart, auth.timers.chap_restart) = (SECOND, SECOND);
            auth
        };
        let pair = pair(hasty(venus("secret")), hasty(saturn(*method))).wire(|wire| wire.delay = SECOND);
        assert_eq!(proved(&up(pair).ends[B]).len(), 1);
    }
}

#[test]
fn a_wrong_secret_ends_the_link_with_a_reason_at_each_end() {
    for method in AuthProtocol::ALL {
        let pair = closed(pair(venus("Secret"), saturn(*method)), 20 * SECOND);
        nothing_passed(&pair);
        match pair.ends[A].closed() {
            Some(CloseReason::AuthToPeerFailed { by, why }) => {
                assert_eq!(by, method);
                assert!(why.contains("Access denied") || why.contains("Login incorrect"), "{why}");
            }
            other => panic!("{other:?}"),
        }
        match pair.ends[B].closed() {
            Some(CloseReason::PeerAuthFailed { by, name, .. }) => {
                assert_eq!((by, name.as_deref()), (method, Some("venus")));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_stranger_is_not_let_in() {
    for method in AuthProtocol::ALL {
        let stranger =
            AuthConfig { user: String::from("mars"), password: Some(Secret::from("secret")), ..auth("mars") };
        let pair = closed(pair(stranger, saturn(*method)), 20 * SECOND);
        nothing_passed(&pair);
        let named = |reason: &CloseReason| matches!(reason, CloseReason::PeerAuthFailed { name: Some(name), .. } if name == "mars");
        assert!(pair.ends[B].closed().is_some_and(named));
    }
}

#[test]
fn an_empty_secret_lets_nobody_in() {
    let known = secrets(&[("venus", "saturn", "")]);
    for method in AuthProtocol::ALL {
        let venus = AuthConfig { pap: known.clone(), chap: known.clone(), ..auth("venus") };
        let saturn = AuthConfig { pap: known.clone(), chap: known.clone(), ..saturn(*method) };
        let pair = closed(pair(venus, saturn), 20 * SECOND);
        nothing_passed(&pair);
    }
}

#[test]
fn a_peer_without_a_secret_refuses_and_is_refused() {
    for venus in [None, Some(auth("venus")), Some(AuthConfig { answer: vec![], ..venus("secret") })] {
        let saturn = LinkConfig { auth: Some(saturn(AuthProtocol::ChapMd5)), ..server() };
        let pair = closed(Pair::new(LinkConfig { auth: venus, ..client() }, saturn), 20 * SECOND);
        nothing_passed(&pair);
        assert_eq!(pair.ends[B].closed(), Some(&CloseReason::PeerRefusedAuth));
        match pair.ends[A].closed() {
            Some(CloseReason::AuthRequired { protocol }) => assert_eq!(protocol, "chap MD5"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_end_that_knows_no_secret_lets_nobody_in_rather_than_everybody() {
    let saturn =
        AuthConfig { pap: Secrets::default(), chap: Secrets::default(), ..saturn(AuthProtocol::ChapMd5) };
    let pair_of_strangers = closed(pair(venus("secret"), saturn.clone()), 20 * SECOND);
    nothing_passed(&pair_of_strangers);
    match pair_of_strangers.ends[B].closed() {
        Some(CloseReason::PeerAuthFailed { why, .. }) => {
            assert_eq!(why, "there is no CHAP secret for that name");
        }
        other => panic!("{other:?}"),
    }
    nothing_passed(&closed(pair(auth("venus"), saturn), 20 * SECOND));
}

#[test]
fn the_methods_are_tried_in_order_until_one_suits_both() {
    let saturn = AuthConfig { require: AuthProtocol::ALL.to_vec(), ..saturn(AuthProtocol::Pap) };
    for method in AuthProtocol::ALL {
        let venus = AuthConfig { answer: vec![*method], ..venus("secret") };
        assert_eq!(proved(&up(pair(venus, saturn.clone())).ends[B]), [(*method, String::from("venus"))]);
    }
    let picky = AuthConfig { require: vec![AuthProtocol::ChapMd5], ..saturn };
    let other = AuthConfig { answer: vec![AuthProtocol::Pap], ..venus("secret") };
    let pair = closed(pair(other, picky), 20 * SECOND);
    nothing_passed(&pair);
    assert_eq!(pair.ends[B].closed(), Some(&CloseReason::PeerRefusedAuth));
}

#[test]
fn a_method_without_a_secret_is_not_asked_for() {
    let known = secrets(&[("venus", "saturn", "secret")]);
    let saturn = AuthConfig { require: AuthProtocol::ALL.to_vec(), pap: known, ..auth("saturn") };
    assert_eq!(
        proved(&up(pair(venus("secret"), saturn)).ends[B]),
        [(AuthProtocol::Pap, String::from("venus"))]
    );
}

#[test]
fn a_password_goes_to_anybody_and_proves_nothing_of_a_peer_that_uses_it() {
    let venus = AuthConfig { password: Some(Secret::from("secret")), ..auth("venus") };
    for method in AuthProtocol::ALL {
        up(pair(venus.clone(), saturn(*method)));
        let known = secrets(&[("x", "venus", "another")]);
        let asks = AuthConfig { require: vec![*method], pap: known.clone(), chap: known, ..venus.clone() };
        let thief = AuthConfig { user: String::from("x"), ..venus.clone() };
        nothing_passed(&closed(pair(thief, asks), 20 * SECOND));
    }
}

#[test]
fn a_remote_name_stands_for_what_the_peer_calls_itself() {
    let known = secrets(&[("venus", "the server", "secret"), ("venus", "saturn", "decoy")]);
    for method in AuthProtocol::ALL {
        let venus = AuthConfig {
            remote_name: Some(String::from("the server")),
            pap: known.clone(),
            chap: known.clone(),
            ..auth("venus")
        };
        up(pair(venus, saturn(*method)));
    }
}

#[test]
fn the_peer_is_challenged_anew_and_stays() {
    let mut saturn = saturn(AuthProtocol::ChapMd5);
    saturn.timers.chap_interval = Some(5 * SECOND);
    let mut pair = up(pair(venus("secret"), saturn));
    let before = pair.ends[B].link.status().counters.tx_control;
    pair.pass(60 * SECOND);
    assert!(pair.is_up());
    assert!(
        pair.ends[B].link.status().counters.tx_control >= before + 24,
        "a Challenge and a Success each time"
    );
    assert_eq!(proved(&pair.ends[B]).len(), 1);
    assert_eq!(believed(&pair.ends[A]), 1);
    pair.wires[A].dead = true;
    pair.drive(60 * SECOND, |pair| pair.ends[B].closed().is_some());
    match pair.ends[B].closed() {
        Some(CloseReason::PeerAuthFailed { name: Some(name), why, .. }) => {
            assert_eq!((name.as_str(), why.as_str()), ("venus", "it answered none of 10 CHAP Challenges"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_link_that_negotiates_anew_authenticates_anew() {
    let mut pair = up(pair(venus("secret"), saturn(AuthProtocol::ChapMd5)));
    pair.disconnect();
    assert_eq!(pair.ends[B].link.status().peer, None);
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    assert_eq!(proved(&pair.ends[B]).len(), 2);
}

fn with_addresses(rules: &[AddressRule]) -> AuthConfig {
    let mut saturn = saturn(AuthProtocol::ChapMd5);
    saturn.chap.0[0].addresses = rules.to_vec();
    saturn
}

fn rule(address: &str) -> AddressRule {
    let address = address.parse().unwrap();
    AddressRule { allow: true, range: ppp_proto::Ipv4Range { first: address, last: address } }
}

#[test]
fn a_peer_gets_the_address_of_its_secret_and_no_other() {
    let saturn = LinkConfig { auth: Some(with_addresses(&[rule("192.168.1.9")])), ..server() };
    let mut pair = Pair::new(LinkConfig { auth: Some(venus("secret")), ..client() }, saturn.clone());
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    assert_eq!(pair.ends[A].ipv4().unwrap().local.to_string(), "192.168.1.9");

    let other = IpcpConfig { remote: RemoteAddress::Any, ..addresses("192.168.1.7", "192.168.2.1") };
    let venus = LinkConfig { ipv4: Some(other), ipv6: None, auth: Some(venus("secret")), ..client() };
    let pair = closed(Pair::new(venus, LinkConfig { ipv6: None, ..saturn }), 120 * SECOND);
    match pair.ends[B].closed() {
        Some(CloseReason::NegotiationFailed { why, .. }) => {
            assert!(why.starts_with("Peer is not authorized to use remote address 192.168.1.7"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_peer_that_may_have_no_address_gets_no_ipv4() {
    let saturn = LinkConfig { auth: Some(with_addresses(&[])), ipv6: None, ..server() };
    let venus = LinkConfig { auth: Some(venus("secret")), ipv6: None, ..client() };
    let pair = closed(Pair::new(venus, saturn), 120 * SECOND);
    assert_eq!(pair.ends[B].count(|event| matches!(event, Event::Ipv4Up(_))), 0);
}

#[test]
fn a_peer_that_refuses_may_be_let_in_with_certain_addresses() {
    let allow = Some(vec![rule("192.168.1.1")]);
    let saturn = AuthConfig { unauthenticated: allow, ..saturn(AuthProtocol::ChapMd5) };
    let pair = up(pair(auth("venus"), saturn.clone()));
    assert_eq!(pair.ends[B].link.status().peer, None);
    assert_eq!(pair.ends[B].ipv4().unwrap().remote.to_string(), "192.168.1.1");
    let other = LinkConfig { ipv4: Some(addresses("192.168.1.2", "192.168.2.1")), ipv6: None, ..client() };
    let server = LinkConfig { auth: Some(saturn), ipv6: None, ..server() };
    closed(Pair::new(other, server), 120 * SECOND);
}
