//! What a burst that arrives more slowly than it was sent tells of the path: it went as fast as the slowest piece lets it.
//!
//! So that rate is known from a part of a round trip in which less was sent than the path holds, one round trip before the whole of
//! one shows it: to a sender who doubles in each of them that is one time too many. See C. Dovrolis, P. Ramanathan, D. Moore,
//! "Packet-Dispersion Techniques and a Capacity-Estimation Methodology", IEEE/ACM Transactions on Networking 12(6), 2004.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bunches::Bunches;
use crate::delivery::{Sample, rate};
use crate::pacer::LONG_PATH;

/// A stretch is at least this part of the round trip, and at most that one: what the sender sends in one burst.
const LEAST: u32 = 10;
const MOST: u32 = 3;
/// On a path so short that a stretch would be less than this, bursts and what wakes up late are as long; and reports come soon.
const SHORTEST: Duration = Duration::from_millis(4);
/// It took this much longer to arrive than to be sent.
const SLOWER: f64 = 1.15;
/// Both halves of it came about as fast: with a gap in it, it would tell of the sender.
const EVEN: f64 = 1.25;
/// Reports of which stretches are made; of more than these, in so short a time, the oldest are forgotten.
const MAX_POINTS: usize = 64;
/// On a long path so many must tell something where bunches have not, each at most [`MOST`] of the round trip after the one before, and
/// for that part of a round trip: some do whenever a program on the way takes a pause while the TCP below starts, and told a ninth to
/// a half of the rate. On a shorter one there is no time to wait for more.
const BELIEVED: u32 = 4;
const LASTING: u32 = 5;
/// Where bunches have told something, what tells less than this part of it, or of what stretches told for long enough, is such a pause.
const FAR: f64 = 0.7;
/// Of what a stretch tells, which is short: what arrives a few milliseconds late makes it a tenth too much or too little.
const WEIGHT: f64 = 1.0 / 8.0;
/// Who delivers so much more than that shows that it was something else.
const OUTDONE: f64 = 1.04;

/// The end of a stretch.
#[derive(Debug, Clone, Copy)]
struct Point {
    at: Instant,
    rtt: Duration,
    delivered: u64,
}

impl Point {
    /// Octets per second from `start` to here; `None` if that is not before, as where the peer's times go back.
    fn rate(&self, start: &Point) -> Option<f64> {
        let octets = self.delivered.checked_sub(start.delivered)?;
        rate(octets, self.at.saturating_duration_since(start.at))
    }

    /// How long it took to send what arrived from `start` to here.
    fn sent_in(&self, start: &Point) -> Duration {
        let took = self.at.saturating_duration_since(start.at);
        took.saturating_sub(self.rtt.saturating_sub(start.rtt))
    }
}

/// What stretches told.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// Octets per second, on the whole.
    rate: f64,
    /// The first time, and the last one.
    since: Instant,
    at: Instant,
    times: u32,
    /// Bunches had told it, too.
    is_sure: bool,
}

impl Told {
    /// By a stretch, and perhaps by bunches before it.
    fn first(at: Instant, rate: f64, bunches: Option<f64>) -> Told {
        let told = Told { rate, since: at, at, times: 1, is_sure: bunches.is_some() };
        bunches.map_or(told, |bunches| Told { rate: bunches, ..told }.again(at, rate))
    }

    /// This was told, too.
    fn again(self, at: Instant, rate: f64) -> Told {
        let rate = self.rate + (rate - self.rate) * WEIGHT;
        Told { rate, at, times: self.times.saturating_add(1), ..self }
    }

    /// Stretches alone are enough.
    fn lasts(&self, rtt: Duration) -> bool {
        let lasted = self.at.saturating_duration_since(self.since);
        rtt < LONG_PATH || self.times >= BELIEVED && lasted >= rtt / LASTING
    }

    fn is_believed(&self, rtt: Duration) -> bool {
        self.is_sure || self.lasts(rtt)
    }
}

/// The rate of the slowest piece, as far as bursts told it.
#[derive(Debug, Default)]
pub(crate) struct Dispersion {
    points: VecDeque<Point>,
    told: Option<Told>,
    bunches: Bunches,
}

impl Dispersion {
    /// Octets per second: what stretches told, on the whole, if enough of them did; until then what bunches told. `rtt` is the empty
    /// path's.
    pub(crate) fn rate(&self, rtt: Duration) -> Option<f64> {
        let told = self.told.filter(|told| told.is_believed(rtt)).map(|told| told.rate);
        told.or(self.bunches.rate())
    }

    /// `rtt` is the empty path's, `best` the highest rate of a whole round trip.
    pub(crate) fn add(&mut self, sample: &Sample, rtt: Duration, best: f64) {
        self.bunches.outdone_by(best);
        if rtt / LEAST < SHORTEST {
            return;
        }
        let end = Point { at: sample.at, rtt: sample.rtt, delivered: sample.delivered };
        let since = |point: &Point| end.at.saturating_duration_since(point.at);
        if let Some(start) = self.points.back().filter(|_| rtt >= LONG_PATH) {
            self.bunches.add(
                end.delivered.saturating_sub(start.delivered),
                end.sent_in(start),
                since(start),
                rtt,
            );
        }
        let bunches = self.bunches.median();
        // Once the path is nearly full, what wakes up late makes bunches of what was none.
        let lasting = self.told.filter(|told| told.lasts(rtt)).map(|told| told.rate);
        let likely = bunches.map(|bunches| lasting.unwrap_or(bunches));
        let is_wrong = |rate: f64| best > rate * OUTDONE || likely.is_some_and(|told| rate < told * FAR);
        self.told = self.told.filter(|told| !is_wrong(told.rate));
        while self.points.len() >= MAX_POINTS
            || self.points.front().is_some_and(|point| since(point) > rtt / MOST)
        {
            self.points.pop_front();
        }
        let starts = self.points.partition_point(|point| since(point) >= rtt / LEAST);
        let rate = self.points.range(..starts).rev().find_map(|start| self.stretch(start, &end));
        self.points.push_back(end);
        if let Some(rate) = rate.filter(|rate| !is_wrong(*rate)) {
            let before = self.told.filter(|told| {
                let is_late = end.at.saturating_duration_since(told.at) > rtt / MOST;
                told.lasts(rtt) || if bunches.is_some() { told.is_sure } else { !is_late }
            });
            let first = Told::first(end.at, rate, bunches);
            self.told = Some(before.map_or(first, |told| told.again(end.at, rate)));
        }
    }

    /// The rate from `start` to `end`, if it is the path's.
    fn stretch(&self, start: &Point, end: &Point) -> Option<f64> {
        let took = end.at.saturating_duration_since(start.at);
        if took.as_secs_f64() < end.sent_in(start).as_secs_f64() * SLOWER {
            return None;
        }
        let middle = self.points.partition_point(|point| point.at < start.at + took / 2);
        let middle = self.points.get(middle).filter(|point| point.at <= start.at + took * 3 / 4)?;
        let (first, second) = (middle.rate(start)?, end.rate(middle)?);
        if first > second * EVEN || second > first * EVEN {
            return None;
        }
        end.rate(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RTT: Duration = Duration::from_millis(200);

    fn sample(at: Instant, rtt: Duration, delivered: u64) -> Sample {
        Sample { at, rtt, rate: None, dry: true, under_way: 0, left: 0, delivered, delivered_before: 0 }
    }

    /// A path that delivers 1000 octets each millisecond.
    struct Path {
        dispersion: Dispersion,
        begin: Instant,
        /// When its queue is empty.
        free_at: Instant,
        delivered: u64,
    }

    impl Path {
        fn new() -> Path {
            let begin = Instant::now();
            Path { dispersion: Dispersion::default(), begin, free_at: begin, delivered: 0 }
        }

        /// 1000 octets are sent then, and are reported once they have arrived.
        fn send(&mut self, after: Duration) {
            let sent_at = self.begin + after;
            self.free_at = self.free_at.max(sent_at) + MS;
            self.delivered += 1000;
            let at = self.free_at + RTT;
            let sample = sample(at, at - sent_at, self.delivered);
            self.dispersion.add(&sample, RTT, 0.0);
        }

        /// Nine packets at once, of which the first and the last are reported.
        fn bunch(&mut self, after: Duration) {
            self.send(after);
            self.free_at += 7 * MS;
            self.delivered += 7000;
            self.send(after);
        }

        /// Twice as fast as the path, for 60 ms.
        fn burst(&mut self) {
            for packet in 0..120 {
                self.send(packet * MS / 2);
            }
        }
    }

    #[test]
    fn a_burst_that_spreads_tells_the_rate_of_the_path() {
        let mut path = Path::new();
        path.burst();
        let rate = path.dispersion.rate(RTT).unwrap();
        assert!((950_000.0..=1_050_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn what_arrives_as_it_was_sent_tells_nothing() {
        let mut path = Path::new();
        for packet in 0..200 {
            path.send(packet * MS * 3 / 2);
        }
        assert_eq!(path.dispersion.rate(RTT), None);
    }

    #[test]
    fn a_gap_or_a_short_burst_tells_nothing() {
        // Ten milliseconds are no tenth of the round trip, and to the next burst it is a long time.
        let mut path = Path::new();
        for burst in 0..20 {
            for packet in 0..10 {
                path.send(burst * 50 * MS + packet * MS / 2);
            }
        }
        assert_eq!(path.dispersion.rate(RTT), None);
    }

    #[test]
    fn one_stretch_that_came_slowly_is_not_believed_on_a_long_path() {
        let mut path = Path::new();
        // Less than the path carries, but nine packets come more slowly than they were sent.
        let mut told = 0;
        for packet in 0..400 {
            let after = packet * MS * 3 / 2;
            if (200..209).contains(&packet) {
                path.free_at = path.free_at.max(path.begin + after) + MS * 4 / 5;
            }
            path.send(after);
            told += u32::from(path.dispersion.told.is_some());
            assert_eq!(path.dispersion.rate(RTT), None, "packet {packet}");
        }
        assert!(told > 0, "no stretch came slowly");
    }

    #[test]
    fn what_bunches_told_is_believed_at_once_and_what_tells_far_less_is_not() {
        let told = |bunches: u32| {
            let mut path = Path::new();
            for bunch in 0..bunches {
                path.bunch(bunch * 40 * MS);
            }
            let before = path.dispersion.rate(RTT);
            // Then what is sent at two thirds of the rate arrives at two fifths of it, for 30 ms.
            for packet in 0..12 {
                let after = bunches * 40 * MS + packet * MS * 3 / 2;
                path.free_at = path.free_at.max(path.begin + after) + MS * 3 / 2;
                path.send(after);
            }
            (before, path.dispersion)
        };
        let (before, after) = told(5);
        assert!(before.is_none() && after.told.is_some() && after.rate(RTT).is_none(), "{after:?}");
        let (before, after) = told(6);
        assert!(before.is_some_and(|rate| (1_050_000.0..=1_150_000.0).contains(&rate)), "{before:?}");
        assert_eq!(after.rate(RTT), before);
        // Stretches that tell about the same refine it.
        let mut path = Path::new();
        for bunch in 0..6 {
            path.bunch(bunch * 40 * MS);
        }
        for packet in 0..60 {
            path.send(240 * MS + packet * MS / 2);
        }
        let rate = path.dispersion.rate(RTT).unwrap();
        assert!((950_000.0..=1_050_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn bunches_that_tell_more_later_do_not_replace_what_stretches_told() {
        let mut path = Path::new();
        path.burst();
        let told = path.dispersion.rate(RTT).unwrap();
        for _ in 0..12 {
            path.dispersion.bunches.add(16_000, MS, 10 * MS, RTT);
        }
        assert!(path.dispersion.bunches.median().is_some_and(|bunches| bunches * FAR > told));
        let next = sample(path.free_at + RTT + MS, RTT, path.delivered + 1);
        path.dispersion.add(&next, RTT, 0.0);
        assert_eq!(path.dispersion.rate(RTT), Some(told));
    }

    #[test]
    fn a_rate_that_was_outdone_was_not_the_paths() {
        let mut path = Path::new();
        path.burst();
        let told = path.dispersion.rate(RTT).unwrap();
        let next = sample(path.free_at + RTT + MS, RTT, path.delivered + 1);
        path.dispersion.add(&next, RTT, told * 1.03);
        assert_eq!(path.dispersion.rate(RTT), Some(told));
        path.dispersion.add(&next, RTT, told * 1.05);
        assert_eq!(path.dispersion.rate(RTT), None);
    }

    #[test]
    fn on_a_short_path_nothing_is_told() {
        let mut path = Path::new();
        let mut dispersion = Dispersion::default();
        for packet in 0..60 {
            path.send(packet * MS / 2);
            let last = *path.dispersion.points.back().unwrap();
            let sample = sample(last.at, last.rtt, last.delivered);
            dispersion.add(&sample, 20 * MS, 0.0);
        }
        assert!(dispersion.rate(20 * MS).is_none() && dispersion.points.is_empty());
    }

    #[test]
    fn a_peer_whose_times_go_back_does_no_harm() {
        let begin = Instant::now();
        let mut dispersion = Dispersion::default();
        let mut random = 1_u64;
        for report in 1..=20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let late = Duration::from_micros(random >> 47);
            let sample = sample(begin + report * MS + late, RTT + late, u64::from(report) * 1000);
            dispersion.add(&sample, RTT, 0.0);
        }
        assert!(dispersion.points.len() <= MAX_POINTS);
    }

    #[test]
    fn memory_is_bounded_however_many_reports_come() {
        let mut path = Path::new();
        for packet in 0..10_000 {
            path.send(packet * MS / 100);
        }
        assert!(path.dispersion.points.len() <= MAX_POINTS);
    }
}
