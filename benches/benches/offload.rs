//! Segmentation offload without any device: checksums, a packet of 64 KiB cut into segments, and these merged again.
//! Rates count octets of the whole packet.

use std::convert::Infallible;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pppssh_benches::Fill;
use tunio::offload::{GsoType, Merger, VirtioHeader, ones_complement_sum, validate};

/// IPv4 and TCP without options.
const HEADERS: usize = 40;
/// What a segment carries at an MTU of 1500.
const GSO_SIZE: u16 = 1460;
/// Portions that a pacer might ask for.
const PORTION: usize = 16 * 1024;

/// The longest packet of TCP over IPv4, from 10.0.0.1 to 10.0.0.2, with nothing done.
fn whole() -> (VirtioHeader, Vec<u8>) {
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
    let (header, packet) = whole();
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
    let (header, packet) = whole();
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

criterion_group!(benches, checksum, split, merge);
criterion_main!(benches);
