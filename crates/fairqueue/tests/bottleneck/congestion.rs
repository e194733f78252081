//! Senders that slow down when told to: the delay stands near the target, and the link stays busy.

use std::time::{Duration, Instant};

use fairqueue::Config;

use crate::{
    bottleneck::{Arrivals, Bottleneck},
    packets::{self, ECT, NOT_ECT},
    sources::{Growth, Tcp},
};

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// 10 Mbit/s.
const RATE: u64 = 1_250_000;
/// 256 kbit/s: a packet of 1500 octets takes 47 ms.
const SLOW_RATE: u64 = 32_000;

fn reno() -> Tcp {
    Tcp::new(Growth::Reno, 1500, 40 * MILLISECOND)
}

fn cubic() -> Tcp {
    Tcp::new(Growth::Cubic, 1500, 40 * MILLISECOND)
}

/// Transfers through one link once they have settled, and how much of it they used.
fn settled(mut bottleneck: Bottleneck, transfers: impl IntoIterator<Item = Tcp>) -> (Vec<Arrivals>, f64) {
    const SPAN: Duration = Duration::from_secs(30);
    for transfer in transfers {
        bottleneck.add(transfer);
    }
    bottleneck.run(10 * SECOND);
    let arrived = bottleneck.run(SPAN);
    let used = SPAN.as_nanos() / bottleneck.time_of(1).as_nanos();
    let used = arrived.iter().map(|flow| flow.bytes).sum::<u64>() as f64 / used as f64;
    (arrived, used)
}

#[test]
fn one_transfer_waits_no_longer_than_about_the_target_and_fills_the_link() {
    // With a buffer of a few packets Reno, which halves its window, fills 7/8 of a link.
    for (name, transfer, least) in [
        ("Reno", reno(), 0.85),
        ("Cubic", cubic(), 0.95),
        ("Reno with ECN", reno().with_ecn(), 0.85),
        ("Cubic with ECN", cubic().with_ecn(), 0.95),
    ] {
        let (arrived, used) = settled(Bottleneck::new(RATE, Config::default()), [transfer]);
        let (median, most) = (arrived[0].sojourn(50), arrived[0].sojourn(95));
        assert!(median <= 5 * MILLISECOND && most <= 10 * MILLISECOND, "{name}: {median:?}, {most:?}");
        assert!(used > least, "{name}: {used}");
        assert!(arrived[0].lost + arrived[0].marked > 0, "{name} was told to slow down");
    }
}

/// As CoDel alone does it (RFC 8289), with one queue for all.
#[test]
fn four_transfers_in_one_queue_stand_near_the_target() {
    let config = Config { flows: 1, ..Config::default() };
    for (name, transfer) in [("Reno", reno as fn() -> Tcp), ("Cubic", cubic)] {
        let (arrived, used) = settled(Bottleneck::new(RATE, config), (0..4).map(|_| transfer()));
        for flow in arrived {
            let median = flow.sojourn(50);
            assert!((MILLISECOND..=12 * MILLISECOND).contains(&median), "{name}: {median:?}");
        }
        assert!(used > 0.98, "{name}: {used}");
    }
}

/// So that the figures above mean something.
#[test]
fn without_codel_the_same_transfer_stands_for_more_than_a_second() {
    let config = Config { target: 3600 * SECOND, ..Config::default() };
    let (arrived, _) = settled(Bottleneck::new(RATE, config), [reno()]);
    assert!(arrived[0].sojourn(50) > SECOND, "{:?}", arrived[0].sojourn(50));
}

#[test]
fn a_transfer_with_ecn_loses_nothing_beside_one_without() {
    let (arrived, _) = settled(Bottleneck::new(RATE, Config::default()), [cubic().with_ecn(), cubic()]);
    assert_eq!(arrived[0].lost, 0);
    assert!(arrived[0].marked > 0);
    assert_eq!(arrived[1].marked, 0);
    assert!(arrived[1].lost > 0);
}

#[test]
fn with_ecn_off_everyone_learns_by_losses() {
    let config = Config { ecn: false, ..Config::default() };
    let (arrived, _) = settled(Bottleneck::new(RATE, config), [cubic().with_ecn()]);
    assert_eq!(arrived[0].marked, 0);
    assert!(arrived[0].lost > 0);
}

#[test]
fn a_slow_link_whose_rate_is_known_loses_less_and_is_as_busy() {
    let run = |hint: u64| {
        let mut bottleneck = Bottleneck::new(SLOW_RATE, Config::default());
        bottleneck.queue.set_rate_hint(hint, 1500);
        let (arrived, used) = settled(bottleneck, [reno()]);
        assert!(used > 0.99, "{used}");
        arrived[0].lost
    };
    let (known, unknown) = (run(SLOW_RATE), run(0));
    assert!(known < unknown, "{known}, {unknown}");
}

#[test]
fn target_and_interval_may_change_at_any_time() {
    let mut queue = packets::queue::<()>(Config::default());
    queue.set_rate_hint(SLOW_RATE, 1500);
    assert_eq!((queue.target(), queue.interval()), (70_312_500 * NANOSECOND, 165_312_500 * NANOSECOND));
    queue.set_codel(100 * MILLISECOND, 2 * SECOND);
    assert_eq!((queue.target(), queue.interval()), (100 * MILLISECOND, 2 * SECOND));
    queue.set_codel(MILLISECOND, 20 * MILLISECOND);
    queue.set_rate_hint(100 * RATE, 1500);
    assert_eq!((queue.target(), queue.interval()), (MILLISECOND, 20 * MILLISECOND));
}

const NANOSECOND: Duration = Duration::from_nanos(1);

#[test]
fn above_the_threshold_each_packet_that_can_be_is_marked() {
    let config = Config { ce_threshold: Some(MILLISECOND), ..Config::default() };
    let mut queue = packets::queue(config);
    let now = Instant::now();
    for (number, ecn) in [ECT, ECT, NOT_ECT, ECT].into_iter().enumerate() {
        queue.enqueue(now, &packets::packet(1, number as u64, 1500, ecn), ());
    }
    let marked: Vec<bool> = [1, 2, 2, 2]
        .iter()
        .map(|&waited| packets::is_marked(queue.dequeue(now + waited * MILLISECOND).unwrap().bytes))
        .collect();
    assert_eq!(marked, [false, true, false, true]);
    assert_eq!((queue.stats().marked_above_threshold, queue.stats().marked_by_codel), (2, 0));
}
