//! A queue that nobody manages, and a policer behind it.

use std::time::Duration;

use fairqueue::{Config, Policer};

use crate::{
    bottleneck::Bottleneck,
    packets::Fixed,
    sources::{Growth, Steady, Tcp},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// 10 Mbit/s.
const RATE: u64 = 1_250_000;
const TARGET: Duration = Duration::from_millis(30);

/// A queue of which only the end is ever dropped, judged by what it makes packets wait.
fn bottleneck(policed: bool) -> Bottleneck {
    // One queue for all, and no CoDel in it.
    let config = Config { flows: 1, target: 3600 * SECOND, packet_limit: 500, ..Config::default() };
    let mut bottleneck = Bottleneck::new(RATE, config);
    if policed {
        let mut policer = Policer::with_hasher(Fixed::default());
        policer.set_codel(TARGET, 100 * MILLISECOND);
        bottleneck.policer = Some(policer);
    }
    bottleneck
}

fn cubic() -> Tcp {
    Tcp::new(Growth::Cubic, 1500, 40 * MILLISECOND)
}

#[test]
fn one_transfer_stands_near_the_target_and_fills_the_link() {
    for (name, transfer) in [("losses", cubic()), ("marks", cubic().with_ecn())] {
        let mut bottleneck = bottleneck(true);
        bottleneck.add(transfer);
        bottleneck.run(10 * SECOND);
        let arrived = bottleneck.run(30 * SECOND);
        let (median, most) = (arrived[0].sojourn(50), arrived[0].sojourn(95));
        assert!(median <= TARGET && most <= 2 * TARGET, "{name}: {median:?}, {most:?}");
        let used = arrived[0].bytes as f64 / (30 * RATE) as f64;
        assert!(used > 0.97, "{name}: {used}");
    }
}

#[test]
fn four_transfers_share_it_roughly_and_a_ping_beside_them_is_never_lost() {
    let waits = |policed| {
        let mut bottleneck = bottleneck(policed);
        for _ in 0..4 {
            bottleneck.add(cubic());
        }
        bottleneck.add(Steady::every(84, 20 * MILLISECOND));
        bottleneck.run(10 * SECOND);
        let arrived = bottleneck.run(60 * SECOND);
        let bulk: Vec<f64> = arrived[..4].iter().map(|flow| flow.bytes as f64).collect();
        (arrived[4].sojourn(50), arrived[4].lost, bulk)
    };
    let (before, ..) = waits(false);
    assert!(before > 300 * MILLISECOND, "without it the queue stands: {before:?}");
    let (wait, lost, bulk) = waits(true);
    assert!(wait < 2 * TARGET && lost == 0, "{wait:?}, {lost} lost");
    let mean = bulk.iter().sum::<f64>() / 4.0;
    assert!(mean * 4.0 > 0.97 * (60 * RATE) as f64, "{bulk:?}");
    assert!(bulk.iter().all(|bytes| (bytes / mean - 1.0).abs() < 0.25), "{bulk:?}");
}
