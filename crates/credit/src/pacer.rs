//! When the next octets may leave: the window says how much may be under way, this spreads it over the round trip.
//!
//! Between us and the path sits an SSH engine that seals whatever it gets at once, and the far one can open that only
//! when all of it is there. So what leaves in one piece arrives in one piece, is reported in one piece, and makes room for
//! one piece as large: bunches never dissolve, and everybody else waits behind them. That matters where the path takes
//! milliseconds for a piece, and only there is it done.
//!
//! It is GCRA (ITU-T I.371) in its form of virtual scheduling.

use std::time::{Duration, Instant};

/// How much faster than the path a window is filled, so that it is the window that bounds what is under way.
const ABOVE: f64 = 1.5;
/// The same on a long path, where much waits after a pause, as when the carrier's own window was used up or a TCP inside doubles. A
/// third of that would queue at 1.5 times the path's rate, and others would take it for the end of the path (HyStart). It is more
/// than what is risked to see whether there is room.
const ABOVE_LONG: f64 = 1.07;
/// A path whose round trip is that or more.
pub(crate) const LONG_PATH: Duration = Duration::from_millis(128);

/// Who comes late though it was his turn makes up for so much of it: a processor that others use is no reason to leave the
/// path idle.
const CATCH_UP: Duration = Duration::from_millis(20);
/// The same on a long path, where as much at once would come again in each round trip, and others would take it for the end of the path
/// (HyStart).
const CATCH_UP_LONG: Duration = Duration::from_millis(5);

/// No more leaves at once on a long path, for the same reason: with six milliseconds starts overran it for longer, or ended early.
const BURST_LONG: Duration = Duration::from_millis(3);

/// Sends within so short a time are made by one who came once.
const AT_ONCE: Duration = Duration::from_millis(1);

/// Nothing keeps the next waiting for longer than a second, in nanoseconds.
const MOST: u64 = 1_000_000_000;

/// How much faster than a path with this round trip its window is filled.
pub(crate) fn above(rtt: Duration) -> f64 {
    if rtt < LONG_PATH { ABOVE } else { ABOVE_LONG }
}

#[derive(Debug)]
pub(crate) struct Pacer {
    /// What leaves at once, in time on a path that is not long. Nor does less.
    burst: Duration,
    /// When all that has left will have passed at its pace.
    through_at: Option<Instant>,
    /// A burst has left, and nothing follows before it is through.
    is_resting: bool,
    /// Somebody waits for that, and for nothing else.
    is_awaited: bool,
    /// When somebody came late for his turn, and has not made up for it.
    late_at: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(burst: Duration) -> Pacer {
        Pacer { burst, through_at: None, is_resting: false, is_awaited: false, late_at: None }
    }

    /// So many octets have left, at so many octets per second; at once if that is not known. `rtt` is the empty path's.
    pub(crate) fn sent(&mut self, now: Instant, octets: u64, pace: Option<f64>, rtt: Duration) {
        // Less than an octet a second is no pace.
        let took = pace.filter(|pace| *pace >= 1.0).map_or(0.0, |pace| octets as f64 * 1e9 / pace);
        let took = Duration::from_nanos((took as u64).min(MOST));
        let is_early = self.due(now).is_some();
        if !is_early && std::mem::take(&mut self.is_awaited) {
            self.late_at = Some(now);
        }
        // What follows later was kept back by something else.
        self.late_at = self.late_at.filter(|at| now.saturating_duration_since(*at) < AT_ONCE);
        let catch_up = if rtt < LONG_PATH { CATCH_UP } else { CATCH_UP_LONG };
        let made_up = self.late_at.map_or(Duration::ZERO, |_| catch_up);
        let earliest = now.checked_sub(made_up).unwrap_or(now);
        let through_at = self.through_at.map_or(now, |at| at.max(earliest)) + took;
        let burst = if rtt < LONG_PATH { self.burst } else { self.burst.min(BURST_LONG) };
        self.is_resting = is_early || through_at > now + burst;
        self.through_at = Some(through_at);
    }

    /// Nothing leaves before then.
    pub(crate) fn hold(&mut self, now: Instant, until: Instant) {
        if self.through_at.is_none_or(|at| at < until) {
            self.through_at = Some(until);
            self.is_resting |= until > now;
        }
    }

    /// Whether somebody waits for his turn, and for nothing else. Who waits for the window too has not come late when that opens.
    pub(crate) fn awaited(&mut self, is_awaited: bool) {
        self.is_awaited = is_awaited;
    }

    /// When the next may leave; `None` if at once.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        self.through_at.filter(|at| self.is_resting && *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: Duration = Duration::from_millis(3);
    /// The round trip of a path that is not long.
    const SHORT: Duration = Duration::from_millis(50);

    /// How many packets of a millisecond each may leave now; they do.
    fn at_once(pacer: &mut Pacer, now: Instant) -> u64 {
        at_once_through(pacer, now, SHORT)
    }

    fn at_once_through(pacer: &mut Pacer, now: Instant, rtt: Duration) -> u64 {
        let mut packets = 0;
        while pacer.due(now).is_none() {
            pacer.sent(now, 1000, Some(1e6), rtt);
            packets += 1;
        }
        packets
    }

    #[test]
    fn what_leaves_is_spread_in_bursts() {
        let start = Instant::now();
        let mut pacer = Pacer::new(BURST);
        let (mut now, mut sent) = (start, Vec::new());
        while now < start + Duration::from_secs(1) {
            match pacer.due(now) {
                None => {
                    // A millisecond each.
                    pacer.sent(now, 1000, Some(1e6), SHORT);
                    sent.push(now);
                }
                Some(due) => now = due,
            }
        }
        assert!(sent.chunks(4).all(|four| four[0] == four[four.len() - 1]), "in less than bursts");
        assert!(sent.windows(5).all(|five| five[4] - five[0] == Duration::from_millis(4)), "more at once");
        assert!((1000..=1004).contains(&sent.len()), "{}", sent.len());
    }

    #[test]
    fn a_burst_is_as_long_as_it_shall_be() {
        let now = Instant::now();
        assert_eq!(at_once(&mut Pacer::new(BURST), now), 4);
        assert_eq!(at_once(&mut Pacer::new(2 * BURST), now), 7);
        // On a long path no more than others have.
        assert_eq!(at_once_through(&mut Pacer::new(2 * BURST), now, Duration::from_millis(200)), 4);
    }

    #[test]
    fn silence_does_not_pay_for_a_longer_burst() {
        let start = Instant::now();
        let mut pacer = Pacer::new(BURST);
        pacer.sent(start, 1000, Some(1e6), SHORT);
        let now = start + Duration::from_secs(60);
        assert_eq!(at_once(&mut pacer, now), 4);
    }

    /// Octets that leave in a second, by one who comes so late for each turn, and most of them at once.
    fn late_by(late: Duration, rtt: Duration) -> (u64, u64) {
        let start = Instant::now();
        let mut pacer = Pacer::new(BURST);
        let (mut now, mut sent, mut most) = (start, 0, 0);
        while now < start + Duration::from_secs(1) {
            let octets = 1000 * at_once_through(&mut pacer, now, rtt);
            sent += octets;
            most = most.max(octets);
            pacer.awaited(true);
            now = pacer.due(now).expect("it stopped for that") + late;
        }
        (sent, most)
    }

    #[test]
    fn who_comes_late_for_his_turn_makes_up_for_it() {
        let (sent, _) = late_by(Duration::from_millis(15), SHORT);
        assert!((980_000..=1_020_000).contains(&sent), "{sent}");
        // Not for all: what is far behind would leave in a bunch.
        let (sent, most) = late_by(Duration::from_millis(100), SHORT);
        assert!(sent < 300_000 && most <= 27_000, "{sent}, {most} at once");
        // On a long path for less, since others would feel the bunch.
        let (_, most) = late_by(Duration::from_millis(15), Duration::from_millis(200));
        assert!(most <= 12_000, "{most} at once");
    }

    #[test]
    fn who_is_held_waits_until_then_and_goes_on_in_bursts() {
        let start = Instant::now();
        let mut pacer = Pacer::new(BURST);
        pacer.sent(start, 1000, Some(1e6), SHORT);
        pacer.hold(start, start + Duration::from_millis(50));
        pacer.hold(start, start + Duration::from_millis(20));
        assert_eq!(pacer.due(start), Some(start + Duration::from_millis(50)));
        assert_eq!(at_once(&mut pacer, start + Duration::from_millis(50)), 4);
    }

    #[test]
    fn a_turn_that_nobody_waited_for_is_not_made_up_for() {
        let start = Instant::now();
        let mut pacer = Pacer::new(BURST);
        at_once(&mut pacer, start);
        pacer.awaited(true);
        pacer.awaited(false);
        let now = start + Duration::from_secs(1);
        assert_eq!(at_once(&mut pacer, now), 4);
    }

    #[test]
    fn nothing_waits_where_the_pace_is_not_known_or_cannot_be() {
        let now = Instant::now();
        let mut pacer = Pacer::new(BURST);
        for pace in [None, Some(0.0), Some(f64::NAN), Some(f64::INFINITY)] {
            pacer.sent(now, u64::MAX, pace, SHORT);
            assert_eq!(pacer.due(now), None);
        }
    }
}
