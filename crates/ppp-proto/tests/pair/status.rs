//! What a user is told.

use std::sync::{Arc, Mutex};

use ppp_proto::{Direction, Family, LcpConfig, LinkConfig, Tap, link::Answer, protocol};

use crate::{
    by_hand::ByHand,
    pair::{A, B, Pair, SECOND, client, server},
};

#[test]
fn the_status_says_who_asked_for_what_and_what_became_of_it() {
    let a = LinkConfig { lcp: LcpConfig { mru: 1400, ..LcpConfig::default() }, ..client() };
    let b = LinkConfig { lcp: LcpConfig { pfc: false, ..LcpConfig::default() }, ..server() };
    let pair = Pair::up(a, b);
    let (a, b) = (pair.ends[A].link.status(), pair.ends[B].link.status());
    let ours: Vec<(&str, Answer)> =
        a.lcp.ours.iter().map(|option| (option.asked.as_str(), option.answer)).collect();
    assert_eq!(ours[0], ("mru 1400", Answer::Acked));
    assert!(ours.contains(&("pcomp", Answer::Rejected)), "{ours:?}");
    assert!(b.lcp.peers.iter().any(|option| option.asked == "pcomp" && option.answer == Answer::Rejected));
    let address = &a.ipcp.as_ref().unwrap().ours[0];
    assert_eq!(
        (address.asked.as_str(), address.naked_with.as_deref(), address.answer),
        ("addr 192.168.1.1", Some("addr 192.168.1.1"), Answer::Acked)
    );
    assert_eq!(
        a.explain(),
        "The link is up; the last echo took 20.0 ms.\n\
         IPv4 is up: this end is 192.168.1.1, the peer is 192.168.2.1.\n"
            .to_owned()
            + &format!("IPv6 is up: this end is {}, the peer is {}.\n", a.ipv6.unwrap().0, a.ipv6.unwrap().1)
            + "LCP: the peer rejected our <pcomp>."
    );
}

#[test]
fn a_far_end_that_is_no_ppp_is_called_so() {
    let mut hand = ByHand::new(client());
    let mut noise = &b"-bash: pppssh: command not found\r\n"[..];
    assert!(hand.link.receive(hand.now, &mut noise).is_none());
    let explained = hand.link.status().explain();
    assert!(explained.contains("not one PPP frame"), "{explained}");
    assert!(explained.contains("34 octets that are no PPP"), "{explained}");
}

#[test]
fn an_authentication_demand_is_explained() {
    let mut hand = ByHand::new(client());
    hand.say(0xc021, 1, 1, &[3, 5, 0xc2, 0x23, 5]);
    let explained = hand.link.status().explain();
    assert!(
        explained.contains("asked for <auth chap MD5>") && explained.contains("pppd: noauth"),
        "{explained}"
    );
}

type Shown = (Direction, u16, Vec<u8>);

#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Vec<Shown>>>);

impl Tap for Seen {
    fn packet(&mut self, direction: Direction, protocol: u16, information: &[u8]) {
        self.0.lock().unwrap().push((direction, protocol, information.to_vec()));
    }
}

#[test]
fn a_tap_sees_at_one_end_what_it_sees_at_the_other() {
    let taps = [Seen::default(), Seen::default()];
    let mut pair = Pair::new(client(), server());
    for (end, tap) in pair.ends.iter_mut().zip(&taps) {
        end.link.set_tap(Box::new(tap.clone()));
    }
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    pair.send(A, Family::Ipv4, 60);
    pair.pass(SECOND);
    let [a, b] = taps.map(|tap| tap.0.lock().unwrap().clone());
    let of = |seen: &[Shown], wanted| -> Vec<_> {
        seen.iter()
            .filter(|(direction, ..)| *direction == wanted)
            .map(|(_, number, packet)| (*number, packet.clone()))
            .collect()
    };
    assert_eq!(of(&a, Direction::Sent), of(&b, Direction::Received));
    assert_eq!(of(&b, Direction::Sent), of(&a, Direction::Received));
    assert!(
        of(&a, Direction::Sent)
            .iter()
            .any(|(number, packet)| (*number, packet[0], packet.len()) == (protocol::IPV4, 0x45, 60))
    );
    assert!(of(&a, Direction::Sent).iter().any(|(number, _)| *number == protocol::LCP));
}
