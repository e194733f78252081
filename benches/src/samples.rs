//! What is measured: links that are up, and packets.

use std::time::Instant;

use bytes::BytesMut;
use ppp_proto::{Event, Express, IpcpConfig, LcpConfig, Link, LinkConfig, LocalAddress};
use tunio::offload::{GsoType, VirtioHeader, ones_complement_sum};

use crate::Fill;

/// Room for the longest packet measured on a link.
const MRU: u16 = 16384;

/// IPv4 and TCP without options.
const HEADERS: usize = 40;
/// What a segment carries at an MTU of 1500.
const GSO_SIZE: u16 = 1460;

fn link(number: u8, now: Instant, express: Option<Express>) -> Link {
    let ipv4 =
        IpcpConfig { local: LocalAddress::Fixed([192, 168, number, 1].into()), ..IpcpConfig::default() };
    let config = LinkConfig {
        lcp: LcpConfig { mru: MRU, express, ..LcpConfig::default() },
        ipv4: Some(ipv4),
        seed: number.into(),
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, now);
    link.open(now);
    link.lower_up(now);
    link
}

/// Two ends of a link on which IPv4 is up.
pub fn link_pair(now: Instant, express: Option<Express>) -> [Link; 2] {
    let mut ends = [link(1, now, express), link(2, now, express)];
    let mut up = [false; 2];
    while up != [true; 2] {
        let mut silent = true;
        for end in 0..2 {
            let mut wire = BytesMut::new();
            silent &= !ends[end].poll_transmit(&mut wire);
            assert!(ends[1 - end].receive(now, &mut &wire[..]).is_none());
        }
        for (link, up) in ends.iter_mut().zip(&mut up) {
            while let Some(event) = link.poll_event() {
                *up |= matches!(event, Event::Ipv4Up(_));
            }
        }
        assert!(!silent || up == [true; 2], "the link does not come up: {}", ends[0].status().explain());
    }
    ends
}

/// IPv4, with a header of five words, and nothing in it that is right.
pub fn ipv4(fill: Fill, len: usize) -> Vec<u8> {
    let mut packet = fill.packet(len);
    packet[0] = 0x45;
    packet
}

/// One packet of each flow: UDP over IPv4.
pub fn udp_flows(flows: u16, len: usize) -> Vec<Vec<u8>> {
    let packet = |flow: u16| {
        let mut packet = Fill::Random.packet(len);
        packet[..12].copy_from_slice(&[0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 64, 17, 0, 0]);
        packet[20..22].copy_from_slice(&flow.to_be_bytes());
        packet
    };
    (0..flows).map(packet).collect()
}

/// The longest packet of TCP over IPv4, from 10.0.0.1 to 10.0.0.2, with nothing done.
pub fn whole_tcp() -> (VirtioHeader, Vec<u8>) {
    let mut packet = vec![0x45, 0, 0xff, 0xff, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let checksum = !ones_complement_sum(&packet);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend([0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 2, 0, 0, 0, 0, 0]);
    packet.extend(Fill::Random.packet(usize::from(u16::MAX) - HEADERS));
    // The addresses, the protocol, the length of TCP's part.
    let pseudo = ones_complement_sum(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0xff, 0xff - 20]);
    packet[36..38].copy_from_slice(&pseudo.to_be_bytes());
    let header = VirtioHeader {
        needs_csum: true,
        gso_type: GsoType::TcpV4,
        hdr_len: HEADERS as u16,
        gso_size: GSO_SIZE,
        csum_start: 20,
        csum_offset: 16,
        ..VirtioHeader::NONE
    };
    (header, packet)
}

/// Full segments of a transfer over IPv4, one behind the other, as Linux sends them at an MTU of 1500.
pub fn segments(count: u16) -> Vec<Vec<u8>> {
    let segment = |number: u16| {
        let mut packet = vec![0x45, 0, 0x05, 0xdc, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet[4..6].copy_from_slice(&number.to_be_bytes());
        let checksum = !ones_complement_sum(&packet);
        packet[10..12].copy_from_slice(&checksum.to_be_bytes());
        packet.extend([0x9c, 0x40, 1, 0xbb]);
        packet.extend((u32::from(number) * 1448).to_be_bytes());
        packet.extend([0, 0, 0, 1, 0x80, 0x10, 2, 0, 0, 0, 0, 0, 1, 1, 8, 10]);
        packet.extend((u32::from(number) / 4).to_be_bytes());
        packet.extend([0, 0, 0, 1]);
        packet.extend(Fill::Random.packet(1448));
        packet
    };
    (0..count).map(segment).collect()
}

/// A SYN over IPv4 as Linux sends it: MSS 1460, SACK, timestamps, window scale.
pub fn syn() -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 60, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend([0x9c, 0x40, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0xa0, 2, 2, 0, 0, 0, 0, 0]);
    packet.extend([2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7]);
    packet
}
