//! The fair queue alone: a packet in and one out, while one of each flow waits; and a packet in when all memory is full.

use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fairqueue::{Config, FairQueue};
use pppssh_benches::samples::udp_flows;

/// Packet lengths measured: an acknowledgement's, a usual MTU.
const PACKET_LENS: [usize; 2] = [64, 1500];

fn in_and_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("in-and-out");
    let now = Instant::now();
    for len in PACKET_LENS {
        for flows in [1, 16, 1000] {
            let packets = udp_flows(flows, len);
            let mut queue = FairQueue::new(Config::default());
            for packet in &packets {
                queue.enqueue(now, packet, ());
            }
            let mut packets = packets.iter().cycle();
            let id = BenchmarkId::new(format!("{flows}-flows"), len);
            group.throughput(Throughput::Bytes(len as u64)).bench_function(id, |bencher| {
                bencher.iter(|| {
                    if let Some(packet) = packets.next() {
                        queue.enqueue(now, std::hint::black_box(packet), ());
                    }
                    queue.dequeue(now).map(|packet| packet.bytes[0])
                });
            });
            assert_eq!(queue.len(), usize::from(flows), "something was dropped");
        }
    }
    group.finish();
}

fn over_limit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("over-limit");
    let now = Instant::now();
    for flows in [1, 1000] {
        let packets = udp_flows(flows, 1500);
        let mut queue = FairQueue::new(Config::default());
        let mut packets = packets.iter().cycle();
        let id = BenchmarkId::new(format!("{flows}-flows"), 1500);
        group.throughput(Throughput::Bytes(1500)).bench_function(id, |bencher| {
            bencher
                .iter(|| packets.next().map(|packet| queue.enqueue(now, std::hint::black_box(packet), ())));
        });
        assert!(queue.stats().dropped_over_limit.packets > 0, "there was room");
    }
    group.finish();
}

criterion_group!(benches, in_and_out, over_limit);
criterion_main!(benches);
