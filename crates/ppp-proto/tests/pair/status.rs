//! What a user is told.

use ppp_proto::{LcpConfig, LinkConfig, link::Answer};

use crate::{
    by_hand::ByHand,
    pair::{A, B, Pair, client, server},
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
