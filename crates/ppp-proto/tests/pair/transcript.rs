//! pppd 2.4.9 as the peer: what it says with default options over a pipe, packet by packet, as its `debug` log shows it
//! when it meets `examples/echo_host.rs`; the CCP request is that of a kernel with Deflate and BSD-Compress.

use bytes::BytesMut;
use ppp_proto::{
    frame::{FrameEncoder, Framing},
    protocol::{CCP, IPCP, IPV6CP, LCP},
};

use crate::{by_hand::ByHand, pair::server};

/// `<asyncmap 0x0> <magic 0x5a1ce3f7> <pcomp> <accomp>`, every control character escaped.
const FIRST_FRAME: &[u8] = &[
    0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x21, 0x7d, 0x21, 0x7d, 0x20, 0x7d, 0x34, 0x7d, 0x22, 0x7d,
    0x26, 0x7d, 0x20, 0x7d, 0x20, 0x7d, 0x20, 0x7d, 0x20, 0x7d, 0x25, 0x7d, 0x26, 0x5a, 0x7d, 0x3c, 0xe3,
    0xf7, 0x7d, 0x27, 0x7d, 0x22, 0x7d, 0x28, 0x7d, 0x22,
];

/// The frame with its FCS and closing flag: what the encoder makes of the same packet.
fn first_frame() -> BytesMut {
    let packet = [1, 1, 0, 20, 2, 6, 0, 0, 0, 0, 5, 6, 0x5a, 0x1c, 0xe3, 0xf7, 7, 2, 8, 2];
    let mut out = BytesMut::new();
    FrameEncoder::new(Framing::DEFAULT).encode_into(LCP, &packet, &mut out);
    out
}

#[test]
fn our_framing_of_pppds_first_packet_is_pppds() {
    assert_eq!(&first_frame()[..FIRST_FRAME.len()], FIRST_FRAME);
}

#[test]
fn pppd_is_answered_all_the_way_up() {
    let mut hand = ByHand::new(server());
    let request = hand.packets().pop().unwrap().1;
    let frame = first_frame();
    let mut chunk = &frame[..];
    assert!(hand.link.receive(hand.now, &mut chunk).is_none());
    assert_eq!(hand.said(), ["[LCP ConfAck id=0x1 <asyncmap 0x0> <magic 0x5a1ce3f7> <pcomp> <accomp>]"]);
    hand.say(LCP, 2, request[1], &request[4..]);
    hand.take_bare_control_characters();
    hand.packets();

    hand.say(CCP, 1, 1, &[0x1a, 4, 0x78, 0, 0x18, 4, 0x78, 0, 0x15, 3, 0x2f]);
    assert!(hand.said()[0].starts_with("[LCP ProtRej id=0x2 80 fd 01 01"));
    hand.say(IPCP, 1, 1, &[2, 6, 0, 0x2d, 0x0f, 1, 3, 6, 0, 0, 0, 0]);
    assert_eq!(hand.said(), ["[IPCP ConfRej id=0x1 <compress VJ 0f 01>]"]);
    hand.say(IPV6CP, 1, 1, &[1, 10, 0x18, 0xc9, 0x2b, 0x9a, 0x33, 0x2f, 0xea, 0x4c]);
    assert_eq!(hand.said(), ["[IPV6CP ConfAck id=0x1 <addr fe80::18c9:2b9a:332f:ea4c>]"]);
    hand.say(IPCP, 1, 2, &[3, 6, 0, 0, 0, 0]);
    assert_eq!(hand.said(), ["[IPCP ConfNak id=0x2 <addr 192.168.1.1>]"]);
    hand.say(IPCP, 1, 3, &[3, 6, 192, 168, 1, 1]);
    assert_eq!(hand.said(), ["[IPCP ConfAck id=0x3 <addr 192.168.1.1>]"]);
    hand.say(IPCP, 2, 1, &[3, 6, 192, 168, 2, 1]);
    let ours = hand.link.status().ipv4.unwrap();
    assert_eq!(
        (ours.local.to_string(), ours.remote.to_string()),
        ("192.168.2.1".into(), "192.168.1.1".into())
    );
}
