//! What is done to packets without any device: checksums, a packet of 64 KiB cut into segments, and these merged again;
//! the maximum segment size of a SYN lowered, and what all other packets pay for it.
//! Rates count octets of the whole packet.

use std::convert::Infallible;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pppssh_benches::Fill;
use pppssh_benches::samples::{syn, whole_tcp};
use tunio::mss::{clamp, is_syn};
use tunio::offload::{Merger, VirtioHeader, ones_complement_sum, validate};

/// Portions that a pacer might ask for.
const PORTION: usize = 16 * 1024;

fn checksum(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("checksum");
    for len in [64, 1500, 65535] {
        let octets = Fill::Random.packet(len);
        group.throughput(Throughput::Bytes(len as u64)).bench_function(
            BenchmarkId::from_parameter(len),
            |bencher| {
                bencher.iter(|| ones_complement_sum(black_box(&octets)));
            },
        );
    }
    group.finish();
}

fn split(criterion: &mut Criterion) {
    let (header, packet) = whole_tcp();
    let mut group = criterion.benchmark_group("offload");
    group.throughput(Throughput::Bytes(packet.len() as u64));
    let mut segment = Vec::new();
    group.bench_function("validate and split", |bencher| {
        bencher.iter(|| {
            let mut split = validate(black_box(&header), black_box(&packet)).expect("a true header").split();
            let mut octets = 0;
            while split.next_into(&mut segment) {
                octets += segment.len();
            }
            octets
        });
    });
    group.bench_function("validate and split into portions", |bencher| {
        bencher.iter(|| {
            let checked = validate(black_box(&header), black_box(&packet)).expect("a true header");
            let mut portions = checked.split_at(PORTION);
            let mut octets = 0;
            while portions.next_into(&mut segment).is_some() {
                octets += segment.len();
            }
            octets
        });
    });
    group.finish();
}

fn merge(criterion: &mut Criterion) {
    let (header, packet) = whole_tcp();
    let mut segments = Vec::new();
    let mut split = validate(&header, &packet).expect("a true header").split();
    let mut segment = Vec::new();
    while split.next_into(&mut segment) {
        segments.push(segment.clone());
    }
    let mut group = criterion.benchmark_group("offload");
    group.throughput(Throughput::Bytes(packet.len() as u64));
    for (name, data_valid) in [("merge", false), ("merge, checksums trusted", true)] {
        let header = VirtioHeader { data_valid, ..VirtioHeader::NONE };
        let mut merger = Merger::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut sent = 0;
                let mut send = |_: &VirtioHeader, packet: &[u8]| {
                    sent += packet.len();
                    Ok::<(), Infallible>(())
                };
                for segment in black_box(&segments) {
                    let Ok(()) = merger.push(&header, segment, &mut send);
                }
                let Ok(()) = merger.flush(&mut send);
                // One packet, not one for each segment.
                assert_eq!(sent, packet.len());
            });
        });
    }
    group.finish();
}

fn mss(criterion: &mut Criterion) {
    let (_, data) = whole_tcp();
    let mut group = criterion.benchmark_group("mss");
    group.bench_function("no SYN", |bencher| bencher.iter(|| is_syn(black_box(&data))));
    let syn = syn();
    let mut packet = syn.clone();
    group.bench_function("SYN", |bencher| {
        bencher.iter(|| {
            packet.copy_from_slice(black_box(&syn));
            clamp(&mut packet, 1400, false)
        });
    });
    group.finish();
}

criterion_group!(benches, checksum, split, merge, mss);
criterion_main!(benches);
