//! Compression with a peer by hand, as pppd negotiates it, and as nobody should.

use bytes::BytesMut;
use ppp_proto::{
    CcpConfig, CcpParams, ControlProtocolName, DeflateConfig, Event, LinkConfig, Phase,
    ccp::deflate::Compressor,
    frame::{FrameDecoder, FrameEncoder, Framing},
    protocol::{CCP, COMPRESSED, IPCP, IPV4, IPV6, LCP},
};

use crate::{
    by_hand::ByHand,
    pair::{SECOND, server},
};

/// `<deflate 15>`
const DEFLATE: [u8; 4] = [26, 4, 0x78, 0];
/// `<deflate(old#) 15>`
const DRAFT: [u8; 4] = [24, 4, 0x78, 0];
/// `<bsd v1 15>`
const BSD: [u8; 3] = [21, 3, 0x2f];

/// A packet that shrinks.
fn text(number: u8) -> Vec<u8> {
    [&[0x45, number][..], &b"the quick brown fox ".repeat(10)].concat()
}

fn window(window: u8) -> DeflateConfig {
    DeflateConfig { window, standard: true, draft: false }
}

/// A link that is up with IPv4 alone, and the options of its CCP's first request, whose Identifier is 1.
fn up(ccp: CcpConfig) -> (ByHand, Vec<u8>) {
    let mut hand = ByHand::new(LinkConfig { ipv6: None, echo: None, ccp: Some(ccp), ..server() });
    let lcp = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, lcp[1], &lcp[4..]);
    hand.say(LCP, 1, 1, &[]);
    let said = hand.packets();
    let request =
        |wanted| said.iter().find(|(number, _)| *number == wanted).map(|(_, packet)| packet[4..].to_vec());
    hand.say(IPCP, 2, 1, &request(IPCP).unwrap());
    hand.say(IPCP, 1, 1, &[3, 6, 192, 168, 1, 1]);
    hand.packets();
    hand.events();
    assert!(hand.link.status().ipv4.is_some());
    (hand, request(CCP).unwrap_or_default())
}

/// A link on which both ends compress.
fn compressing() -> ByHand {
    let (mut hand, request) = up(CcpConfig::default());
    hand.say(CCP, 1, 1, &DEFLATE);
    hand.say(CCP, 2, 1, &request);
    assert_eq!(hand.said(), ["[CCP ConfAck id=0x1 <deflate 15>]"]);
    hand
}

/// What the link gives out of these packets.
fn heard(hand: &mut ByHand, number: u16, packets: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut out = BytesMut::new();
    for packet in packets {
        FrameEncoder::new(Framing::DEFAULT).encode_into(number, packet, &mut out);
    }
    let mut chunk = &out[..];
    std::iter::from_fn(|| hand.link.receive(hand.now, &mut chunk).map(|packet| packet.payload.to_vec()))
        .collect()
}

/// What the link makes of a packet to send.
fn sent(hand: &mut ByHand, packet: &[u8]) -> (u16, Vec<u8>) {
    let mut out = BytesMut::new();
    hand.link.encode(packet, &mut out).unwrap();
    let mut decoder = FrameDecoder::new(1500);
    let mut chunk = &out[..];
    let frame = decoder.next_frame(&mut chunk).unwrap();
    (frame.protocol, frame.payload.to_vec())
}

fn is_up(hand: &ByHand) -> bool {
    hand.link.phase() == Phase::Network && hand.link.status().ipv4.is_some()
}

#[test]
fn datagrams_are_protocol_rejected_where_compression_is_not_configured() {
    let mut hand = ByHand::new(server());
    hand.open_lcp();
    hand.say_raw(COMPRESSED, &[0, 0, 1]);
    assert_eq!(hand.said(), ["[LCP ProtRej id=0x2 00 fd 00 00 01]"]);
}

#[test]
fn pppds_deflate_is_taken_by_either_number_and_the_rest_rejected() {
    let (mut hand, request) = up(CcpConfig::default());
    assert_eq!(request, DEFLATE);
    hand.say(CCP, 1, 1, &[&DEFLATE[..], &DRAFT, &BSD].concat());
    assert_eq!(hand.said(), ["[CCP ConfRej id=0x1 <bsd v1 15>]"]);
    hand.say(CCP, 1, 2, &[DEFLATE, DRAFT].concat());
    assert_eq!(hand.said(), ["[CCP ConfAck id=0x2 <deflate 15> <deflate(old#) 15>]"]);
    assert_eq!(hand.events(), []);
    hand.say(CCP, 2, 1, &request);
    let both = CcpParams { receive: Some(15), send: Some(15) };
    assert_eq!(hand.events(), [Event::CompressionUp(both)]);
    assert_eq!(hand.link.status().compression, Some(both));
    assert_eq!(both.to_string(), "Deflate (15) compression enabled");
}

#[test]
fn the_drafts_number_alone_is_taken_only_where_it_is_allowed() {
    let (mut hand, _) = up(CcpConfig::default());
    hand.say(CCP, 1, 1, &DRAFT);
    assert_eq!(hand.said(), ["[CCP ConfAck id=0x1 <deflate(old#) 15>]"]);
    let (mut hand, _) = up(CcpConfig { send: Some(window(15)), ..CcpConfig::default() });
    hand.say(CCP, 1, 1, &[DEFLATE, DRAFT].concat());
    assert_eq!(hand.said(), ["[CCP ConfRej id=0x1 <deflate(old#) 15>]"]);
}

#[test]
fn other_methods_are_rejected_and_deflates_that_cannot_be_are_corrected() {
    let (mut hand, _) = up(CcpConfig { send: Some(window(12)), ..CcpConfig::default() });
    hand.say(CCP, 1, 1, &[1, 2, 2, 2, 18, 6, 1, 0, 0, 0x40]);
    assert_eq!(hand.said(), ["[CCP ConfRej id=0x1 <predictor 1> <predictor 2> < 12 06 01 00 00 40>]"]);
    hand.say(CCP, 1, 2, &[26, 4, 0x08, 0]);
    assert_eq!(hand.said(), ["[CCP ConfNak id=0x2 <deflate 9>]"]);
    for (id, terms) in [(3, [0x88, 0]), (4, [0x77, 0]), (5, [0x78, 1])] {
        hand.say(CCP, 1, id, &[&[26, 4][..], &terms].concat());
        assert_eq!(hand.said(), [format!("[CCP ConfNak id={id:#x} <deflate 12>]")]);
    }
    hand.say(CCP, 1, 6, &[26, 3, 0x78]);
    assert_eq!(hand.said(), ["[CCP ConfNak id=0x6 <deflate 12>]"]);
    // More than we use is no reason to haggle.
    hand.say(CCP, 1, 7, &DEFLATE);
    assert_eq!(hand.said(), ["[CCP ConfAck id=0x7 <deflate 15>]"]);
    hand.say(CCP, 2, 1, &DEFLATE);
    assert_eq!(hand.link.status().compression, Some(CcpParams { receive: Some(15), send: Some(12) }));
}

#[test]
fn a_smaller_window_that_the_peer_wants_is_asked_for_and_an_impossible_one_is_not() {
    let (mut hand, _) = up(CcpConfig::default());
    hand.say(CCP, 3, 1, &[26, 4, 0x48, 0]);
    assert_eq!(hand.said(), ["[CCP ConfReq id=0x2 <deflate 12>]"]);
    hand.say(CCP, 3, 2, &[26, 4, 0x08, 0]);
    assert_eq!(hand.said(), ["[CCP ConfReq id=0x3]"]);
    let (mut hand, _) = up(CcpConfig { receive: Some(window(10)), ..CcpConfig::default() });
    hand.say(CCP, 3, 1, &DEFLATE);
    assert_eq!(hand.said(), ["[CCP ConfReq id=0x2]"], "a larger one than this end has");
}

#[test]
fn both_numbers_are_asked_for_where_that_is_configured_and_each_can_be_rejected() {
    let both = Some(DeflateConfig { window: 15, standard: true, draft: true });
    let (mut hand, request) = up(CcpConfig { receive: both, send: None });
    assert_eq!(request, [DEFLATE, DRAFT].concat());
    hand.say(CCP, 4, 1, &DEFLATE);
    assert_eq!(hand.said(), ["[CCP ConfReq id=0x2 <deflate(old#) 15>]"]);
    hand.say(CCP, 4, 2, &DRAFT);
    assert_eq!(hand.said(), ["[CCP ConfReq id=0x3]"]);
    hand.say(CCP, 2, 3, &[]);
    hand.say(CCP, 1, 1, &[]);
    assert_eq!(hand.link.status().compression, Some(CcpParams::default()));
    assert_eq!(hand.events(), [], "nothing is compressed");
    assert!(is_up(&hand));
}

#[test]
fn an_end_that_wants_nothing_waits_for_the_peers_wish() {
    let (mut hand, request) = up(CcpConfig { receive: None, ..CcpConfig::default() });
    assert_eq!(request, [0; 0]);
    hand.pass(60 * SECOND);
    assert!(hand.said().iter().all(|said| !said.contains("CCP")));
    hand.say(CCP, 1, 1, &DEFLATE);
    assert_eq!(hand.said(), ["[CCP ConfReq id=0x1]", "[CCP ConfAck id=0x1 <deflate 15>]"]);
    hand.say(CCP, 2, 1, &[]);
    assert_eq!(hand.events(), [Event::CompressionUp(CcpParams { receive: None, send: Some(15) })]);
    assert_eq!(sent(&mut hand, &text(1)).0, COMPRESSED);
}

#[test]
fn the_link_goes_on_with_a_peer_that_rejects_ignores_or_ends_ccp() {
    let failed = |hand: &mut ByHand| {
        hand.events().into_iter().find_map(|event| match event {
            Event::ProtocolFailed { protocol: ControlProtocolName::Ccp, why, unknown_to_peer } => {
                Some((why, unknown_to_peer))
            }
            _ => None,
        })
    };
    let (mut hand, request) = up(CcpConfig::default());
    hand.say(LCP, 8, 9, &[&[0x80, 0xfd, 1, 1, 0, 8][..], &request].concat());
    assert_eq!(failed(&mut hand), Some((String::from("the peer does not speak CCP"), true)));
    assert!(is_up(&hand));
    let explained = hand.link.status().explain();
    assert!(explained.contains("Packets are not compressed: the peer does not speak CCP."), "{explained}");

    let (mut hand, _) = up(CcpConfig::default());
    (0..11).for_each(|_| hand.pass(3 * SECOND));
    assert!(failed(&mut hand).unwrap().0.contains("answered none of 10 CCP"));
    assert!(is_up(&hand));

    let mut hand = compressing();
    hand.say(CCP, 5, 9, b"enough");
    assert_eq!(hand.said(), ["[CCP TermAck id=0x9]"]);
    assert_eq!(sent(&mut hand, &text(1)).0, IPV4);
    hand.pass(4 * SECOND);
    assert_eq!(failed(&mut hand), Some((String::from("the peer closed CCP: enough"), false)));
    assert!(is_up(&hand));

    let mut hand = compressing();
    hand.say(LCP, 8, 9, &[0, 0xfd, 0, 0]);
    assert_eq!(sent(&mut hand, &text(1)).0, IPV4);
    assert!(is_up(&hand) && hand.link.status().ccp.unwrap().failure.is_some());
}

#[test]
fn packets_are_counted_from_the_acknowledgment_on_and_compressed_from_opened_on() {
    let (mut hand, request) = up(CcpConfig::default());
    assert_eq!(sent(&mut hand, &text(1)), (IPV4, text(1)));
    hand.say(CCP, 1, 1, &DEFLATE);
    hand.packets();
    assert_eq!(sent(&mut hand, &text(2)), (IPV4, text(2)));
    hand.say(CCP, 2, 1, &request);
    let (number, datagram) = sent(&mut hand, &text(3));
    assert_eq!((number, &datagram[..2]), (COMPRESSED, &[0, 1][..]));
    assert!(datagram.len() < 40, "text(2) stands in the history");
}

#[test]
fn compressed_packets_are_taken_from_the_acknowledgment_on() {
    let (mut hand, request) = up(CcpConfig::default());
    let mut peer = Compressor::new(15);
    hand.say(CCP, 2, 1, &request);
    let datagram = peer.compress(IPV4, &text(1)).unwrap().to_vec();
    assert_eq!(heard(&mut hand, COMPRESSED, &[&datagram]), [text(1)]);
    assert_eq!(hand.link.status().ccp.unwrap().state.to_string(), "Ack-Rcvd");
    // Asking again begins anew.
    hand.pass(4 * SECOND);
    assert_eq!(hand.said(), ["[CCP ConfReq id=0x2 <deflate 15>]"]);
    let datagram = peer.compress(IPV4, &text(2)).unwrap().to_vec();
    assert_eq!(heard(&mut hand, COMPRESSED, &[&datagram]), [[0; 0]; 0]);
    assert_eq!(hand.said(), [""; 0], "nor is it rejected");
    hand.say(CCP, 2, 2, &request);
    let datagram = Compressor::new(15).compress(IPV4, &text(3)).unwrap().to_vec();
    assert_eq!(heard(&mut hand, COMPRESSED, &[&datagram]), [text(3)]);
}

#[test]
fn a_reset_request_is_answered_and_the_stream_begins_anew_behind_the_answer() {
    let mut hand = compressing();
    assert_eq!(sent(&mut hand, &text(1)).1[..2], [0, 0]);
    hand.say(CCP, 14, 77, &[]);
    assert_eq!(sent(&mut hand, &text(2)).1[..2], [0, 1], "this leaves before the answer");
    assert_eq!(hand.said(), ["[CCP ResetAck id=0x4d]"]);
    let (_, datagram) = sent(&mut hand, &text(3));
    assert_eq!(datagram, Compressor::new(15).compress(IPV4, &text(3)).unwrap());
}

#[test]
fn ccp_knows_no_code_but_1_to_7_and_its_two_resets() {
    let mut hand = compressing();
    for (id, code) in [(2, 0), (3, 8), (4, 13), (5, 16)] {
        hand.say(CCP, code, 1, &[]);
        assert_eq!(hand.said(), [format!("[CCP CodeRej id={id:#x} {code:02x} 01 00 04]")]);
    }
    assert!(is_up(&hand));
}

#[test]
fn resets_mean_nothing_before_opened() {
    let (mut hand, _) = up(CcpConfig::default());
    hand.say(CCP, 14, 1, &[]);
    hand.say(CCP, 15, 1, &[]);
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(hand.link.status().counters.rx_control_ignored, 2);
}

#[test]
fn a_broken_stream_is_reset_and_what_comes_in_the_meantime_is_dropped() {
    let mut hand = compressing();
    let mut peer = Compressor::new(15);
    let datagrams: Vec<_> =
        (0..4).map(|number| peer.compress(IPV4, &text(number)).unwrap().to_vec()).collect();
    // The second is lost.
    assert_eq!(heard(&mut hand, COMPRESSED, &[&datagrams[0], &datagrams[2], &datagrams[3]]), [text(0)]);
    assert_eq!(hand.said(), ["[CCP ResetReq id=0x2]"], "once");
    // What is not compressed passes.
    assert_eq!(heard(&mut hand, IPV4, &[&text(9)]), [text(9)]);
    // The answer takes too long; then it is asked for again.
    hand.pass(3 * SECOND);
    assert_eq!(heard(&mut hand, COMPRESSED, &[&datagrams[3], &datagrams[3]]), [[0; 0]; 0]);
    assert_eq!(hand.said(), ["[CCP ResetReq id=0x2]"]);
    hand.say(CCP, 15, 3, &[]);
    assert_eq!(
        heard(&mut hand, COMPRESSED, &[Compressor::new(15).compress(IPV4, &text(5)).unwrap()]),
        [[0; 0]; 0]
    );
    hand.say(CCP, 15, 2, &[]);
    peer.reset();
    assert_eq!(heard(&mut hand, COMPRESSED, &[peer.compress(IPV4, &text(6)).unwrap()]), [text(6)]);
    let counters = hand.link.status().counters;
    assert_eq!((counters.rx_deflate_resets, counters.rx_deflate.packets, counters.rx_dropped), (1, 2, 5));
}

#[test]
fn a_stream_that_breaks_after_every_reset_is_given_up_and_the_link_goes_on() {
    let mut hand = compressing();
    for _ in 0..5 {
        heard(&mut hand, COMPRESSED, &[b"\0\0no deflate"]);
        let id = hand.packets()[0].1[1];
        hand.say(CCP, 15, id, &[]);
    }
    heard(&mut hand, COMPRESSED, &[b"\0\0no deflate"]);
    assert_eq!(hand.said(), ["[CCP TermReq id=0x8 \"Lost compression sync\"]"]);
    hand.say(CCP, 6, 8, &[]);
    assert!(is_up(&hand));
    assert_eq!(heard(&mut hand, IPV4, &[&text(1)]), [text(1)]);
}

#[test]
fn a_datagram_holds_packets_alone() {
    let mut hand = compressing();
    let mut peer = Compressor::new(15);
    let mut datagram = |number| peer.compress(number, &text(1)).unwrap().to_vec();
    // IPv6 is not up, and not configured; nobody knows 2e01.
    for number in [IPV6, 0x2e01] {
        let datagram = datagram(number);
        assert_eq!(heard(&mut hand, COMPRESSED, &[&datagram]), [[0; 0]; 0]);
    }
    let said = hand.said();
    assert!(said[0].starts_with("[LCP ProtRej id=0x2 00 57 45 01"), "{said:?}");
    assert_eq!(said.len(), 2);
}

#[test]
fn control_packets_do_not_come_out_of_a_datagram() {
    let mut hand = compressing();
    // A Terminate-Request, and a datagram in a datagram: stored blocks (RFC 1951 §3.2.4) and the flush.
    for (sequence, stream) in [(0, &[0xc0, 0x21, 5, 1, 0, 4][..]), (1, &[0xfd, 0, 0, 1])] {
        let len = stream.len() as u8;
        let datagram = [&[0, sequence, 0, len, 0, !len, 0xff][..], stream, &[0]].concat();
        assert_eq!(heard(&mut hand, COMPRESSED, &[&datagram]), [[0; 0]; 0]);
    }
    assert_eq!(hand.said(), [""; 0]);
    let counters = hand.link.status().counters;
    assert_eq!((counters.rx_deflate.packets, counters.rx_control_ignored), (2, 2));
    assert!(is_up(&hand));
}
