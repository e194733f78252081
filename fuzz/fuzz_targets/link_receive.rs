//! A link between a real peer and an attacker who can say anything at any time.
//!
//! ```text
//! | operation, 1 octet | length, 1 | octets … |   over and over
//! ```

#![no_main]

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use ppp_proto::{
    IpcpConfig, LcpConfig, LinkConfig, LocalAddress, LqmConfig, QualityPolicy, frame::FrameEncoder, protocol,
};
use pppssh_fuzz::{Talker, converse};

const PROTOCOLS: [u16; 9] = [
    protocol::LCP,
    protocol::IPCP,
    protocol::IPV6CP,
    protocol::IPV4,
    protocol::IPV6,
    protocol::CCP,
    protocol::CHAP,
    protocol::VJ_COMPRESSED,
    protocol::LQR,
];

fn config(number: u8) -> LinkConfig {
    let lqm = LqmConfig {
        period: Some(Duration::from_secs(number.into())),
        policy: Some(QualityPolicy::default()),
        ..LqmConfig::default()
    };
    let local = LocalAddress::Fixed(Ipv4Addr::new(192, 168, number, 1));
    LinkConfig {
        seed: number.into(),
        ipv4: Some(IpcpConfig { local, ..IpcpConfig::default() }),
        lcp: LcpConfig { lqm, ..LcpConfig::default() },
        ..LinkConfig::default()
    }
}

fuzz_target!(|input: &[u8]| {
    let now = Instant::now();
    let mut link = Talker::new(config(1), now);
    let mut peer = Talker::new(config(2), now);
    link.drain();
    peer.drain();

    let mut rest = input;
    while let Some((&[operation, len], tail)) = rest.split_first_chunk() {
        let (octets, tail) = tail.split_at(usize::from(len).min(tail.len()));
        rest = tail;
        match operation % 8 {
            0 => converse(&mut link, &mut peer),
            1 => {
                link.hear(octets);
            }
            2 | 3 => {
                // A good frame with anything in it, as the link expects its frames now.
                let mut frame = BytesMut::new();
                let protocol = PROTOCOLS[usize::from(operation >> 3) % PROTOCOLS.len()];
                FrameEncoder::new(link.link.status().rx_framing).encode_into(protocol, octets, &mut frame);
                link.hear(&frame);
            }
            4 => {
                link.wait(Duration::from_secs(len.into()));
                peer.wait(Duration::from_secs(len.into()));
            }
            5 => {
                let _ = link.link.encode(octets, &mut link.said);
                link.drain();
            }
            6 => {
                link.link.lower_down(link.now);
                link.drain();
                link.said.clear();
                link.link.lower_up(link.now);
                link.drain();
            }
            _ => {
                if operation & 0x80 == 0 {
                    link.link.close(link.now, "fuzz");
                } else {
                    link.link.open(link.now);
                }
                link.drain();
            }
        }
        let _ = link.link.status().explain();
    }
});
