//! The account of what is under way: a packet sent, and a report on what has arrived.

use std::hint::black_box;
use std::time::{Duration, Instant};

use credit::{Credit, CreditConfig};
use criterion::{Criterion, criterion_group, criterion_main};

/// Packets for each report.
const PER_REPORT: u64 = 16;
const LEN: u64 = 1500;
/// Between two reports, and from a packet to the report on it.
const PERIOD: Duration = Duration::from_millis(10);
const RTT: Duration = Duration::from_millis(40);

fn credit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("credit");
    group.bench_function("packets sent", |bencher| {
        let now = Instant::now();
        bencher.iter_batched_ref(
            || Credit::new(CreditConfig::default()),
            |credit| {
                for _ in 0..PER_REPORT {
                    credit.sent(now, black_box(LEN as usize));
                    black_box(credit.available());
                }
            },
            criterion::BatchSize::SmallInput,
        );
    });
    group.bench_function("packets sent and reported", |bencher| {
        let mut credit = Credit::new(CreditConfig::default());
        let (mut now, mut total, mut clock) = (Instant::now(), 0, 0_u32);
        bencher.iter(|| {
            for _ in 0..PER_REPORT {
                credit.sent(now, LEN as usize);
            }
            total += PER_REPORT * LEN;
            now += PERIOD;
            clock = clock.wrapping_add(PERIOD.as_micros() as u32);
            credit.delivered(now + RTT, black_box(total), Duration::ZERO, Some(clock));
            credit.available()
        });
    });
    // As through 100 Mb/s and 200 ms, where pauses in what is under way are looked for with each report.
    group.bench_function("packets sent and reported, a long path full", |bencher| {
        const PERIOD: Duration = Duration::from_micros(PER_REPORT * LEN * 8 / 100);
        const RTT: Duration = Duration::from_millis(200);
        let behind = (RTT.as_micros() / PERIOD.as_micros()) as u64;
        let mut credit = Credit::new(CreditConfig::default());
        let (mut now, mut reports, mut clock) = (Instant::now(), 0, 0_u32);
        bencher.iter(|| {
            for _ in 0..PER_REPORT {
                credit.sent(now, LEN as usize);
            }
            reports += 1;
            now += PERIOD;
            clock = clock.wrapping_add(PERIOD.as_micros() as u32);
            let arrived = PER_REPORT * LEN * u64::saturating_sub(reports, behind);
            credit.delivered(now, black_box(arrived), Duration::ZERO, Some(clock));
            credit.available()
        });
    });
    group.finish();
}

criterion_group!(benches, credit);
criterion_main!(benches);
