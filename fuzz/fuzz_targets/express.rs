//! Records between two ends that take all there is: packets come out as they went in, whatever else the far end says.
//!
//! ```text
//! | operation, 1 octet | length, 1 | octets … |   over and over
//! ```

#![no_main]

use std::time::{Duration, Instant};

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use ppp_proto::{Express, LcpConfig, Link, LinkConfig};

/// Where a packet of TCP has what the first octets of the input say: from the identification to the timestamps.
const VARIED: [usize; 16] = [5, 13, 16, 23, 26, 27, 30, 31, 33, 34, 35, 36, 46, 47, 50, 51];

fn end(seed: u64, now: Instant) -> Link {
    let lcp = LcpConfig { express: Some(Express::ALL), ..LcpConfig::default() };
    let local = ppp_proto::LocalAddress::Fixed([192, 168, seed as u8, 1].into());
    let ipv4 = Some(ppp_proto::IpcpConfig { local, ..ppp_proto::IpcpConfig::default() });
    let mut link = Link::new(LinkConfig { seed, ipv4, lcp, ..LinkConfig::default() }, now);
    link.open(now);
    link.lower_up(now);
    link
}

/// IPv4 and TCP with timestamps; lengths and the checksum of the former are right, as they mostly are.
fn tcp(octets: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; 52];
    (packet[0], packet[8], packet[9], packet[32]) = (0x45, 64, 6, 0x80);
    packet[40..44].copy_from_slice(&[1, 1, 8, 10]);
    let (header, data) = octets.split_at(octets.len().min(VARIED.len()));
    VARIED.iter().zip(header).for_each(|(at, octet)| packet[*at] = *octet);
    packet.extend_from_slice(data);
    let len = packet.len() as u16;
    packet[2..4].copy_from_slice(&len.to_be_bytes());
    let sum: u32 = packet[..20].chunks_exact(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    packet[10..12].copy_from_slice(&(!((sum & 0xffff) + (sum >> 16)) as u16).to_be_bytes());
    packet
}

fuzz_target!(|input: &[u8]| {
    let mut now = Instant::now();
    let [mut a, mut b] = [end(1, now), end(2, now)];
    for _ in 0..10 {
        let mut said = BytesMut::new();
        a.poll_transmit(&mut said);
        assert!(b.receive(now, &mut &said[..]).is_none());
        said.clear();
        b.poll_transmit(&mut said);
        assert!(a.receive(now, &mut &said[..]).is_none());
    }
    assert!(a.takes_offload() && b.takes_offload());

    let mut rest = input;
    while let Some((&[operation, len], tail)) = rest.split_first_chunk() {
        let (octets, tail) = tail.split_at(usize::from(len).min(tail.len()));
        rest = tail;
        let mut said = BytesMut::new();
        match operation % 4 {
            0 | 1 => {
                let packet = if operation & 0x80 == 0 { tcp(octets) } else { octets.to_vec() };
                let offload = (operation % 4 == 1).then_some([operation & 0x70; 10]);
                let framed = match &offload {
                    None => a.encode(&packet, &mut said),
                    Some(header) => a.encode_offload(header, &packet, &mut said),
                };
                let cut = said.len() * usize::from(operation >> 2 & 3) / 4;
                let (first, mut second) = said.split_at(cut);
                if framed.is_ok() {
                    assert!(first.is_empty() || b.receive(now, &mut &first[..]).is_none());
                    let came = b.receive(now, &mut second).expect("what was sent");
                    assert_eq!((came.payload, came.offload), (&packet[..], offload));
                }
            }
            2 => {
                // A record with anything in it.
                let record = [&[0x10 + (operation >> 2) % 7, 0, 0, octets.len() as u8][..], octets].concat();
                let mut record = &record[..];
                while !record.is_empty() {
                    if let Some(packet) = a.receive(now, &mut record) {
                        assert!(packet.payload.len() <= octets.len() + 120);
                    }
                }
            }
            _ => {
                now += Duration::from_micros(len.into());
                b.handle_timeout(now);
                b.report_along(now, &mut said);
                assert!(a.receive(now, &mut &said[..]).is_none());
                if let Some(report) = a.poll_report() {
                    let _ = (report, a.reported_octets_sent());
                }
            }
        }
    }
});
