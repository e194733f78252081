//! Who may be called what.

use std::net::Ipv4Addr;

use ppp_proto::{
    CloseReason, ControlProtocolName, InterfaceId, IpcpConfig, Ipv4Range, Ipv6cpConfig, LcpConfig,
    LinkConfig, LocalAddress, RemoteAddress, protocol::IPCP,
};

use crate::{
    by_hand::ByHand,
    pair::{A, B, Pair, SECOND, addresses, client, server},
};

fn only_ipv4(config: LinkConfig, ipv4: IpcpConfig) -> LinkConfig {
    LinkConfig { ipv4: Some(ipv4), ipv6: None, ..config }
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

/// The reason for which both ends gave up; it is the same link's.
fn failure(a: IpcpConfig, b: IpcpConfig) -> String {
    let mut pair = Pair::new(only_ipv4(client(), a), only_ipv4(server(), b));
    pair.connect();
    pair.drive(200 * SECOND, Pair::both_closed);
    let why = pair.ends.iter().find_map(|end| match end.closed() {
        Some(CloseReason::NegotiationFailed { protocol: ControlProtocolName::Ipcp, why }) => {
            Some(why.clone())
        }
        _ => None,
    });
    why.unwrap_or_else(|| panic!("{:?} {:?}", pair.ends[A].closed(), pair.ends[B].closed()))
}

#[test]
fn a_pool_assigns_an_address_that_is_not_the_servers() {
    let pool = IpcpConfig {
        local: LocalAddress::Fixed(ip("10.1.0.1")),
        remote: RemoteAddress::Ranges(vec![Ipv4Range::of_network(ip("10.1.0.0"), 24)]),
        ..IpcpConfig::default()
    };
    let pair = Pair::up(only_ipv4(client(), IpcpConfig::default()), only_ipv4(server(), pool));
    assert_eq!(pair.ends[A].ipv4().unwrap().local, ip("10.1.0.2"));
    assert_eq!(pair.ends[A].ipv4().unwrap().remote, ip("10.1.0.1"));
}

#[test]
fn an_address_inside_the_ranges_is_the_callers_choice() {
    let pool = IpcpConfig {
        local: LocalAddress::Fixed(ip("10.1.0.1")),
        remote: RemoteAddress::Ranges(vec![Ipv4Range::of_network(ip("10.1.0.0"), 24)]),
        ..IpcpConfig::default()
    };
    let mine = IpcpConfig { local: LocalAddress::Fixed(ip("10.1.0.77")), ..IpcpConfig::default() };
    let pair = Pair::up(only_ipv4(client(), mine), only_ipv4(server(), pool));
    assert_eq!(pair.ends[B].ipv4().unwrap().remote, ip("10.1.0.77"));
}

#[test]
fn a_preferred_address_gives_way_and_a_fixed_one_does_not() {
    let server_addresses = || addresses("192.168.2.1", "192.168.1.1");
    let prefer = IpcpConfig { local: LocalAddress::Prefer(ip("10.9.9.9")), ..IpcpConfig::default() };
    let pair = Pair::up(only_ipv4(client(), prefer), only_ipv4(server(), server_addresses()));
    assert_eq!(pair.ends[A].ipv4().unwrap().local, ip("192.168.1.1"));

    let fixed = IpcpConfig { local: LocalAddress::Fixed(ip("10.9.9.9")), ..IpcpConfig::default() };
    let why = failure(fixed, server_addresses());
    assert_eq!(why, "the peer claims the address 10.9.9.9, but this end allows only 192.168.1.1");
}

#[test]
fn a_preferred_remote_address_is_assigned_but_not_enforced() {
    let lenient = || IpcpConfig {
        local: LocalAddress::Fixed(ip("192.168.2.1")),
        remote: RemoteAddress::Prefer(ip("192.168.1.1")),
        ..IpcpConfig::default()
    };
    let pair = Pair::up(only_ipv4(client(), IpcpConfig::default()), only_ipv4(server(), lenient()));
    assert_eq!(pair.ends[A].ipv4().unwrap().local, ip("192.168.1.1"));
    let mine = IpcpConfig { local: LocalAddress::Fixed(ip("10.9.9.9")), ..IpcpConfig::default() };
    let pair = Pair::up(only_ipv4(client(), mine), only_ipv4(server(), lenient()));
    assert_eq!(pair.ends[B].ipv4().unwrap().remote, ip("10.9.9.9"));
}

#[test]
fn two_ends_that_know_no_address_say_so() {
    let why = failure(IpcpConfig::default(), IpcpConfig::default());
    assert!(why.starts_with("Could not determine remote IP address"), "{why}");
}

#[test]
fn two_ends_with_one_address_say_so() {
    let same = || IpcpConfig { local: LocalAddress::Fixed(ip("10.0.0.1")), ..IpcpConfig::default() };
    assert_eq!(failure(same(), same()), "both ends claim the address 10.0.0.1; give one of them another");
}

#[test]
fn an_address_no_host_can_have_is_refused() {
    for bad in ["127.0.0.1", "224.0.0.5", "255.255.255.255", "0.1.2.3"] {
        let bad = IpcpConfig { local: LocalAddress::Fixed(ip(bad)), ..IpcpConfig::default() };
        let good = IpcpConfig { local: LocalAddress::Fixed(ip("10.0.0.1")), ..IpcpConfig::default() };
        assert!(failure(bad, good).ends_with("which no host can have"));
    }
}

#[test]
fn name_servers_are_asked_for_and_told() {
    let ask = IpcpConfig { ask_dns: true, ask_nbns: true, ..IpcpConfig::default() };
    let offer = IpcpConfig {
        offer_dns: vec![ip("9.9.9.9"), ip("1.1.1.1")],
        offer_nbns: vec![ip("10.0.0.53")],
        ..addresses("192.168.2.1", "192.168.1.1")
    };
    let pair = Pair::up(only_ipv4(client(), ask.clone()), only_ipv4(server(), offer));
    let params = pair.ends[A].ipv4().unwrap();
    assert_eq!(params.dns, [Some(ip("9.9.9.9")), Some(ip("1.1.1.1"))]);
    assert_eq!(params.nbns, [Some(ip("10.0.0.53")); 2]);
    assert_eq!(pair.ends[B].ipv4().unwrap().dns, [None; 2]);

    let silent = addresses("192.168.2.1", "192.168.1.1");
    let pair = Pair::up(only_ipv4(client(), ask), only_ipv4(server(), silent));
    assert_eq!(pair.ends[A].ipv4().unwrap().dns, [None; 2]);
}

#[test]
fn a_name_server_of_each_place_is_negotiated_alone() {
    let offer = IpcpConfig {
        offer_dns: vec![ip("9.9.9.9"), ip("1.1.1.1")],
        offer_nbns: vec![ip("10.0.0.1"), ip("10.0.0.2")],
        ..addresses("192.168.2.1", "192.168.1.1")
    };
    let mut hand = ByHand::new(only_ipv4(server(), offer));
    hand.open_lcp();
    let servers = [
        (129, "ms-dns1 9.9.9.9"),
        (131, "ms-dns2 1.1.1.1"),
        (130, "ms-wins1 10.0.0.1"),
        (132, "ms-wins2 10.0.0.2"),
    ];
    for (kind, told) in servers {
        hand.say(IPCP, 1, kind, &[3, 6, 192, 168, 1, 1, kind, 6, 0, 0, 0, 0]);
        assert_eq!(hand.said(), [format!("[IPCP ConfNak id={kind:#x} <{told}>]")]);
        hand.say(IPCP, 1, 1, &[3, 6, 192, 168, 1, 1]);
        assert_eq!(hand.said(), ["[IPCP ConfAck id=0x1 <addr 192.168.1.1>]"], "one is as good as none");
    }
}

#[test]
fn compression_and_the_old_addresses_option_are_rejected() {
    let mut hand = ByHand::new(server());
    hand.open_lcp();
    hand.say(IPCP, 1, 1, &[2, 6, 0, 0x2d, 0x0f, 1, 1, 10, 1, 2, 3, 4, 5, 6, 7, 8, 3, 6, 0, 0, 0, 0]);
    assert_eq!(hand.said(), ["[IPCP ConfRej id=0x1 <compress VJ 0f 01> < 01 0a 01 02 03 04 05 06 07 08>]"]);
    hand.say(IPCP, 1, 2, &[3, 6, 0, 0, 0, 0]);
    assert_eq!(hand.said(), ["[IPCP ConfNak id=0x2 <addr 192.168.1.1>]"]);
    hand.say(IPCP, 1, 3, &[3, 6, 192, 168, 1, 1]);
    assert_eq!(hand.said(), ["[IPCP ConfAck id=0x3 <addr 192.168.1.1>]"]);
}

#[test]
fn a_peer_that_names_no_address_is_asked_for_one() {
    let mut hand = ByHand::new(server());
    hand.open_lcp();
    hand.say(IPCP, 1, 1, &[]);
    assert_eq!(hand.said(), ["[IPCP ConfNak id=0x1 <addr 192.168.1.1>]"]);
    hand.say(IPCP, 1, 2, &[]);
    assert_eq!(hand.said(), ["[IPCP ConfAck id=0x2]"]);
}

#[test]
fn a_peer_that_insists_on_another_address_for_us_is_refused() {
    let mut hand = ByHand::new(LinkConfig { ipv6: None, ..server() });
    hand.open_lcp();
    hand.pass(3 * SECOND);
    for _ in 0..6 {
        let packets = hand.packets();
        let (_, request) =
            packets.iter().rev().find(|(number, octets)| *number == IPCP && octets[0] == 1).unwrap();
        hand.say(IPCP, 3, request[1], &[3, 6, 10, 0, 0, 7]);
    }
    let said = hand.said();
    let failure = hand.link.status().ipcp.unwrap().failure.unwrap();
    assert!(
        failure.starts_with("the peer wants this end to be 10.0.0.7, but 192.168.2.1 is configured"),
        "{failure}"
    );
    assert!(said.iter().any(|line| line.starts_with("[IPCP TermReq")), "{said:?}");
}

#[test]
fn equal_interface_identifiers_are_told_apart() {
    let id = InterfaceId([0, 1, 2, 3, 4, 5, 6, 7]);
    let fixed = Ipv6cpConfig { local: Some(id), ..Ipv6cpConfig::default() };
    // Two ends of one seed, and without the Magic-Numbers that would tell: both want the same identifier.
    let twin = |ipv6| LinkConfig {
        ipv4: None,
        ipv6: Some(ipv6),
        lcp: LcpConfig { magic: false, ..LcpConfig::default() },
        ..client()
    };
    let first = Pair::up(twin(Ipv6cpConfig::default()), LinkConfig { ipv4: None, ..server() }).ends[A]
        .ipv6()
        .unwrap()
        .0;
    let pair = Pair::up(
        twin(Ipv6cpConfig { local: Some(first), ..Ipv6cpConfig::default() }),
        twin(Ipv6cpConfig::default()),
    );
    assert_eq!(pair.ends[A].ipv6().unwrap().0, first);
    assert_ne!(pair.ends[B].ipv6().unwrap().0, first);

    // The same fixed one at both ends cannot be.
    let mut pair = Pair::new(
        LinkConfig { ipv4: None, ipv6: Some(fixed.clone()), ..client() },
        LinkConfig { ipv4: None, ipv6: Some(fixed), ..server() },
    );
    pair.connect();
    pair.drive(200 * SECOND, Pair::both_closed);
    let reasons = format!("{:?} {:?}", pair.ends[A].closed(), pair.ends[B].closed());
    assert!(reasons.contains("interface identifier"), "{reasons}");
}

#[test]
fn a_colliding_identifier_is_naked_and_replaced() {
    let wanted = InterfaceId([0, 0, 0, 0, 0, 0, 0, 9]);
    let picky = Ipv6cpConfig { remote: Some(wanted), ..Ipv6cpConfig::default() };
    let pair = Pair::up(
        LinkConfig { ipv4: None, ..client() },
        LinkConfig { ipv4: None, ipv6: Some(picky), ..server() },
    );
    assert_eq!(pair.ends[A].ipv6().unwrap().0, wanted);
    assert_eq!(wanted.link_local().to_string(), "fe80::9");

    let mut hand = ByHand::new(LinkConfig { ipv4: None, ..client() });
    hand.open_lcp();
    let ours = hand.link.status().ipv6cp.unwrap().ours[0].asked.clone();
    hand.say(0x8057, 1, 1, &[1, 10, 0, 0, 0, 0, 0, 0, 0, 0]);
    let said = hand.said();
    assert!(
        said[0].starts_with("[IPV6CP ConfNak id=0x1 <addr fe80::") && !said[0].contains(&ours),
        "{said:?}"
    );
    hand.say(0x8057, 1, 2, &[2, 4, 0, 3]);
    assert_eq!(hand.said(), ["[IPV6CP ConfRej id=0x2 < 02 04 00 03>]"]);
}

#[test]
fn an_end_that_accepts_it_takes_the_identifiers_that_the_peer_wants() {
    let id = |last| InterfaceId([0, 0, 0, 0, 0, 0, 0, last]);
    let pair = |a: Ipv6cpConfig| {
        let b = Ipv6cpConfig { local: Some(id(2)), remote: Some(id(1)), ..Ipv6cpConfig::default() };
        let only = |ipv6, config| LinkConfig { ipv4: None, ipv6: Some(ipv6), ..config };
        let mut pair = Pair::new(only(a, client()), only(b, server()));
        pair.connect();
        pair.drive(200 * SECOND, |pair| pair.is_up() || pair.both_closed());
        pair.ends[A].ipv6()
    };
    let other = Ipv6cpConfig { local: Some(id(7)), remote: Some(id(8)), ..Ipv6cpConfig::default() };
    let both = Ipv6cpConfig { accept_local: true, accept_remote: true, ..other.clone() };
    assert_eq!(pair(both.clone()), Some((id(1), id(2))));
    assert_eq!(pair(Ipv6cpConfig { accept_remote: false, ..both.clone() }), None);
    assert_eq!(pair(Ipv6cpConfig { accept_local: false, ..both }), None);
}

const IPV6CP: u16 = 0x8057;

/// A link whose IPV6CP negotiates, and its identifier.
fn ipv6cp_by_hand(ipv6: Ipv6cpConfig) -> (ByHand, [u8; 8]) {
    let mut hand = ByHand::new(LinkConfig { ipv4: None, ipv6: Some(ipv6), echo: None, ..client() });
    hand.open_lcp();
    hand.take_bare_control_characters();
    hand.pass(3 * SECOND);
    let request = hand.packets().pop().unwrap().1;
    let local = request[6..14].try_into().unwrap();
    (hand, local)
}

/// What IPV6CP says next: its code, its Identifier, and the options.
fn ipv6cp_said(hand: &mut ByHand) -> Vec<(u8, u8, Vec<u8>)> {
    let packets = hand.packets().into_iter().filter(|(number, _)| *number == IPV6CP);
    packets.map(|(_, octets)| (octets[0], octets[1], octets[4..].to_vec())).collect()
}

#[test]
fn an_identifier_for_the_peer_is_not_zero_nor_ours_nor_called_universal() {
    for id in 1..=20 {
        let (mut hand, local) = ipv6cp_by_hand(Ipv6cpConfig::default());
        assert_eq!(local[0] & 2, 0);
        for asked in [[0; 8], local] {
            hand.say(IPV6CP, 1, id, &[&[1, 10][..], &asked].concat());
            let (code, answered, options) = ipv6cp_said(&mut hand).pop().unwrap();
            assert_eq!((code, answered, &options[..2]), (3, id, &[1, 10][..]));
            assert!(options[2..] != [0; 8] && options[2..] != local, "{options:?}");
            assert_eq!(options[2] & 2, 0, "the universal bit");
        }
        hand.say(IPV6CP, 1, id, &[1, 10, 2, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(ipv6cp_said(&mut hand).pop().unwrap().0, 2, "any other is the peer's to choose");
    }
}

#[test]
fn a_peer_that_names_no_identifier_is_asked_for_one_once() {
    let (mut hand, local) = ipv6cp_by_hand(Ipv6cpConfig::default());
    hand.say(IPV6CP, 1, 1, &[]);
    let (code, _, options) = ipv6cp_said(&mut hand).pop().unwrap();
    assert_eq!((code, options.len()), (3, 10));
    assert!(options[2..] != [0; 8] && options[2..] != local);
    hand.say(IPV6CP, 1, 2, &[]);
    assert_eq!(ipv6cp_said(&mut hand), [(2, 2, vec![])]);
}

#[test]
fn a_suggested_identifier_is_taken_unless_it_is_the_one_we_suggested() {
    let (mut hand, local) = ipv6cp_by_hand(Ipv6cpConfig::default());
    let suggestion = [1, 10, 0, 0, 0, 0, 0, 0, 0, 7];
    hand.say(IPV6CP, 3, 1, &suggestion);
    let (code, id, options) = ipv6cp_said(&mut hand).pop().unwrap();
    assert_eq!((code, &options[..]), (1, &suggestion[..]));
    // Our own request comes back, and then our own Nak: a loop.
    hand.say(IPV6CP, 1, 1, &options);
    let (_, _, nak) = ipv6cp_said(&mut hand).pop().unwrap();
    hand.say(IPV6CP, 3, id, &nak);
    let (code, _, next) = ipv6cp_said(&mut hand).pop().unwrap();
    assert_eq!(code, 1);
    assert!(next[2..] != nak[2..] && next[2..] != local && next[2..] != suggestion[2..], "{next:?}");
}

#[test]
fn a_rejected_identifier_is_not_asked_for_again_and_none_is_assumed() {
    let (mut hand, local) = ipv6cp_by_hand(Ipv6cpConfig::default());
    hand.say(IPV6CP, 4, 1, &[&[1, 10][..], &local].concat());
    let (code, id, options) = ipv6cp_said(&mut hand).pop().unwrap();
    assert_eq!((code, &options[..]), (1, &[][..]));
    hand.say(IPV6CP, 2, id, &[]);
    hand.say(IPV6CP, 1, 1, &[]);
    hand.say(IPV6CP, 1, 2, &[]);
    let failure = hand.link.status().ipv6cp.unwrap().failure.unwrap();
    assert!(failure.starts_with("Could not determine remote interface identifier"), "{failure}");
}

#[test]
fn ipv6cp_knows_no_code_beyond_7() {
    let (mut hand, _) = ipv6cp_by_hand(Ipv6cpConfig::default());
    for code in [0, 8, 9, 12, 14, 15, 200] {
        hand.say(IPV6CP, code, 1, &[]);
        let (answer, _, rejected) = ipv6cp_said(&mut hand).pop().unwrap();
        assert_eq!((answer, &rejected[..]), (7, &[code, 1, 0, 4][..]));
    }
}
