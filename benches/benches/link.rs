//! A link that is up: packets through [`Link::encode`] and [`Link::receive`]. Rates count packet octets.

use std::time::Instant;

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ppp_proto::{Express, Link};
use pppssh_benches::samples::{ipv4, link_pair};
use pppssh_benches::{CHUNK_LEN, Fill, PACKET_LENS};

fn fill_chunk(link: &mut Link, packet: &[u8], chunk: &mut BytesMut) {
    for _ in 0..CHUNK_LEN / packet.len() {
        link.encode(packet, chunk).expect("the link is up and the packet fits");
    }
}

fn each_case(mut measure: impl FnMut(BenchmarkId, Throughput, &[u8])) {
    for fill in Fill::ALL {
        for len in PACKET_LENS {
            let packet_octets = (CHUNK_LEN / len * len) as u64;
            measure(BenchmarkId::new(fill.name(), len), Throughput::Bytes(packet_octets), &ipv4(fill, len));
        }
    }
}

/// How packets cross: towards anybody, and between our own ends.
const WAYS: [(&str, Option<Express>); 2] = [("", None), ("_express", Some(Express::ALL))];

fn encode(criterion: &mut Criterion) {
    for (way, express) in WAYS {
        let mut group = criterion.benchmark_group(format!("link_encode{way}"));
        let [mut link, _] = link_pair(Instant::now(), express);
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
}

fn receive(criterion: &mut Criterion) {
    let now = Instant::now();
    for (way, express) in WAYS {
        let mut group = criterion.benchmark_group(format!("link_receive{way}"));
        let [mut sender, mut receiver] = link_pair(now, express);
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
}

criterion_group!(benches, encode, receive);
criterion_main!(benches);
