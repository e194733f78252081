//! A path that has become much slower.
//!
//! What was under way by then takes many times as long as the path did, and so does each round trip in which that could be noticed.
//! So it is found out by time.

use std::time::{Duration, Instant};

use crate::delivery::{Sample, rate};

/// Of what the window explains at most: a round trip of twice that makes us watch.
const LONG: u32 = 2;
/// For how long none may be shorter: as long as four that it explains.
const TIMES: u32 = 4;

/// Round trips that all were long.
#[derive(Debug, Default)]
pub(crate) struct Fall {
    /// When the octets of the first of them arrived.
    since: Option<Instant>,
    /// When half of the time had passed, and what had been delivered by then: before, there may still have arrived what was sent
    /// through the path as it was.
    half: Option<(Instant, u64)>,
}

impl Fall {
    /// The rate of late, in octets per second, if by this sample the path is found to have become slower. `counts`: whether the
    /// sample says anything of that; `explained`: the longest round trip that the window may have made.
    pub(crate) fn found(&mut self, sample: &Sample, counts: bool, explained: Duration) -> Option<f64> {
        if !counts || sample.rtt < explained * LONG {
            *self = Fall::default();
            return None;
        }
        let since = *self.since.get_or_insert(sample.at);
        let lasted = sample.at.saturating_duration_since(since);
        if lasted < explained * TIMES / 2 {
            return None;
        }
        let (half, delivered) = *self.half.get_or_insert((sample.at, sample.delivered));
        if lasted < explained * TIMES {
            return None;
        }
        *self = Fall::default();
        let time = sample.at.saturating_duration_since(half);
        rate(sample.delivered - delivered, time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const EXPLAINED: Duration = Duration::from_millis(60);

    fn sample(at: Instant, rtt: Duration, delivered: u64) -> Sample {
        Sample { at, rtt, rate: None, dry: false, under_way: 1, left: 0, delivered, delivered_before: 0 }
    }

    /// When it is found, and with which rate, where a report comes each 10 ms with a round trip of `rtt(number)`: 10,000 octets
    /// each for 100 ms, then 1000.
    fn found(rtt: impl Fn(u32) -> Duration, counts: impl Fn(u32) -> bool) -> Option<(u32, f64)> {
        let start = Instant::now();
        let mut fall = Fall::default();
        (0..100_u32).find_map(|number| {
            let delivered = 10_000 * u64::from(number.min(10)) + 1000 * u64::from(number.saturating_sub(10));
            let rate = fall.found(
                &sample(start + number * 10 * MS, rtt(number), delivered),
                counts(number),
                EXPLAINED,
            );
            rate.map(|rate| (number, rate))
        })
    }

    #[test]
    fn what_is_long_for_four_times_is_a_fall_to_the_rate_of_the_second_half() {
        let (number, rate) = found(|_| 2 * EXPLAINED, |_| true).unwrap();
        assert_eq!(number, 24);
        assert!((rate - 1e5).abs() < 1.0, "{rate}");
    }

    #[test]
    fn a_round_trip_that_is_shorter_or_does_not_count_begins_it_anew() {
        let short = |at: u32| move |number| if number == at { EXPLAINED } else { 2 * EXPLAINED };
        assert_eq!(found(short(20), |_| true).map(|(number, _)| number), Some(45));
        assert_eq!(found(|_| 2 * EXPLAINED, |number| number != 20).map(|(number, _)| number), Some(45));
        assert_eq!(found(|number| short(number - number % 20)(number), |_| true), None);
    }
}
