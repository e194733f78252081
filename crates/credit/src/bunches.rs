//! What bunches tell of a long path, long before stretches of it do ([`crate::dispersion`]).
//!
//! A TCP that begins sends bunches and pauses, and what arrives between two reports is often one of them. One tells the path's rate
//! as well as whoever takes its times, which is badly, and mostly too low, since what wakes up late does so behind a bunch. But several
//! that agree are right within a fifth, and they come before as much is under way as the path holds.

use std::collections::VecDeque;
use std::time::Duration;

/// The last ones count, once there are so many; it is the median of those without the slowest third.
const REMEMBERED: usize = 12;
const ENOUGH: usize = 6;
const SLOWEST: usize = 3;
/// The middle half of these lies within that.
const AGREEING: f64 = 1.4;
/// One took so much longer to arrive than to be sent,
const SLOWER: f64 = 2.0;
/// and is no fewer octets, nor less time, since what wakes up late is as long,
const OCTETS: u64 = 6000;
const SHORTEST: Duration = Duration::from_millis(1);
/// nor more of the round trip, which would have a pause in it.
const MOST: u32 = 10;
/// Of what they tell: a start that is bound to less than the path's rate ends too soon, and more than the path's shows at once.
const ROOM: f64 = 1.1;

/// The rates of the last bunches, in octets per second.
#[derive(Debug, Default)]
pub(crate) struct Bunches {
    rates: VecDeque<f64>,
    /// What they told when they agreed last.
    told: Option<f64>,
}

impl Bunches {
    /// What they told, in octets per second, if enough of them agreed.
    pub(crate) fn median(&self) -> Option<f64> {
        self.told
    }

    /// And somewhat more, for who must not send less than the path delivers.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.told.map(|rate| rate * ROOM)
    }

    /// So many octets were sent within `sending` and arrived within `arriving`, on a path with that round trip.
    pub(crate) fn add(&mut self, octets: u64, sending: Duration, arriving: Duration, rtt: Duration) {
        let is_one = octets >= OCTETS
            && (SHORTEST..=rtt / MOST).contains(&arriving)
            && arriving.as_secs_f64() >= sending.as_secs_f64() * SLOWER;
        if !is_one {
            return;
        }
        if self.rates.len() >= REMEMBERED {
            self.rates.pop_front();
        }
        self.rates.push_back(octets as f64 / arriving.as_secs_f64());
        let mut sorted: Vec<f64> = self.rates.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let faster = &sorted[sorted.len() / SLOWEST..];
        let part = |quarters: usize| faster[quarters * faster.len() / 4];
        if sorted.len() >= ENOUGH && part(3) <= part(1) * AGREEING {
            self.told = Some(part(2));
        }
    }

    /// The path delivered so many octets per second: whoever told less was wrong.
    pub(crate) fn outdone_by(&mut self, best: f64) {
        if self.rate().is_some_and(|rate| best > rate) {
            *self = Bunches::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RTT: Duration = Duration::from_millis(200);

    /// Bunches that were sent at once and arrived at these rates, in octets per millisecond.
    fn told(rates: &[u64]) -> Option<f64> {
        let mut bunches = Bunches::default();
        for rate in rates {
            bunches.add(rate * 3, MS, MS * 3, RTT);
        }
        bunches.rate()
    }

    #[test]
    fn bunches_that_agree_tell_the_median_of_the_faster_ones_and_a_little_more() {
        assert_eq!(told(&[9000, 11_000, 10_000, 12_000, 8000]), None);
        // Of 9, 10, 11 and 12.
        let rate = told(&[9000, 11_000, 10_000, 12_000, 8000, 7000]).unwrap();
        assert!((rate - 1.21e7).abs() < 1.0, "{rate}");
        // Those behind which something woke up late are no matter.
        assert_eq!(told(&[9000, 11_000, 10_000, 12_000, 2500, 3000]), Some(rate));
    }

    #[test]
    fn bunches_that_disagree_tell_nothing() {
        assert_eq!(told(&[2000, 20_000, 4000, 10_000, 6000, 15_000, 3000, 13_000, 8000]), None);
    }

    #[test]
    fn the_last_ones_count() {
        let rate = told(&[[20_000; REMEMBERED], [10_000; REMEMBERED]].concat()).unwrap();
        assert!((rate - 1.1e7).abs() < 1.0, "{rate}");
    }

    #[test]
    fn what_is_no_bunch_does_not_count() {
        for (octets, sending, arriving) in [
            // Few octets; as slowly as they were sent; too short to tell; with a pause in it.
            (5999, MS, MS * 3),
            (30_000, MS * 2, MS * 3),
            (30_000, MS / 4, MS * 9 / 10),
            (30_000, MS, MS * 21),
        ] {
            let mut bunches = Bunches::default();
            for _ in 0..REMEMBERED {
                bunches.add(octets, sending, arriving, RTT);
            }
            assert_eq!(bunches.rate(), None, "{octets} in {sending:?}, then {arriving:?}");
        }
    }

    #[test]
    fn a_path_that_delivered_more_is_another_one() {
        let mut bunches = Bunches::default();
        for _ in 0..ENOUGH {
            bunches.add(30_000, MS, MS * 3, RTT);
        }
        bunches.outdone_by(1.09e7);
        assert!(bunches.rate().is_some());
        bunches.outdone_by(1.11e7);
        assert_eq!(bunches.rate(), None);
        bunches.add(30_000, MS, MS * 3, RTT);
        assert_eq!(bunches.rate(), None);
    }
}
