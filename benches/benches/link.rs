//! A link that is up: packets through [`Link::encode`] and [`Link::receive`]. Rates count packet octets.

use std::time::Instant;

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ppp_proto::{Event, IpcpConfig, LcpConfig, Link, LinkConfig, LocalAddress};
use pppssh_benches::{CHUNK_LEN, Fill, PACKET_LENS};

/// Room for the longest packet measured.
const MRU: u16 = 16384;

fn link(number: u8, now: Instant) -> Link {
    let ipv4 =
        IpcpConfig { local: LocalAddress::Fixed([192, 168, number, 1].into()), ..IpcpConfig::default() };
    let config = LinkConfig {
        lcp: LcpConfig { mru: MRU, ..LcpConfig::default() },
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
fn pair(now: Instant) -> [Link; 2] {
    let mut ends = [link(1, now), link(2, now)];
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

fn packet(fill: Fill, len: usize) -> Vec<u8> {
    let mut packet = fill.packet(len);
    // IPv4, with a header of five words.
    packet[0] = 0x45;
    packet
}

fn fill_chunk(link: &mut Link, packet: &[u8], chunk: &mut BytesMut) {
    for _ in 0..CHUNK_LEN / packet.len() {
        link.encode(packet, chunk).expect("the link is up and the packet fits");
    }
}

fn each_case(mut measure: impl FnMut(BenchmarkId, Throughput, &[u8])) {
    for fill in Fill::ALL {
        for len in PACKET_LENS {
            let packet_octets = (CHUNK_LEN / len * len) as u64;
            measure(BenchmarkId::new(fill.name(), len), Throughput::Bytes(packet_octets), &packet(fill, len));
        }
    }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("link_encode");
    let [mut link, _] = pair(Instant::now());
    each_case(|id, throughput, packet| {
        let mut chunk = BytesMut::with_capacity(3 * CHUNK_LEN);
        group.throughput(throughput).bench_function(id, |bencher| {
            bencher.iter(|| {
                chunk.clear();
                fill_chunk(&mut link, std::hint::black_box(packet), &mut chunk);
                chunk.len()
            });
        });
    });
    group.finish();
}

fn receive(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("link_receive");
    let now = Instant::now();
    let [mut sender, mut receiver] = pair(now);
    each_case(|id, throughput, packet| {
        let mut chunk = BytesMut::new();
        fill_chunk(&mut sender, packet, &mut chunk);
        group.throughput(throughput).bench_function(id, |bencher| {
            bencher.iter(|| {
                let mut rest = std::hint::black_box(&chunk[..]);
                let mut octets = 0;
                while let Some(packet) = receiver.receive(now, &mut rest) {
                    octets += packet.payload.len();
                }
                assert_eq!(octets, CHUNK_LEN / packet.len() * packet.len());
            });
        });
    });
    group.finish();
}

criterion_group!(benches, encode, receive);
criterion_main!(benches);
