//! What reports wait on their way back.
//!
//! Two clocks that need not agree, one of them told modulo 2³² microseconds: what a report takes is known but for a constant, and so
//! it is known how much longer it takes than another.

use std::time::{Duration, Instant};

use crate::filter::Extreme;

/// For how long the quickest report is remembered: longer than a far end of this kind lets its queue stand without holding
/// back, and not so long that clocks drift apart by much (by 1 ms, if they differ by 50 ppm).
const MEMORY: Duration = Duration::from_secs(20);

/// The way back, as far as reports tell the far end's clock.
#[derive(Debug)]
pub(crate) struct WayBack {
    /// Where our own clock begins.
    begin: Option<Instant>,
    /// Of the last report, the difference between the clocks, and by how many microseconds it had grown since the first.
    last: Option<(u32, i64)>,
    quickest: Extreme<Instant, i64>,
}

impl WayBack {
    pub(crate) fn new() -> WayBack {
        WayBack { begin: None, last: None, quickest: Extreme::new(|new, old| new <= old) }
    }

    /// How much longer a report took, made when the far end's clock said `clock`, than the quickest of late. That cannot be more
    /// than `most`, which its octets took in all; if it is, one of the hosts slept, and everything begins anew.
    pub(crate) fn wait(&mut self, now: Instant, clock: u32, most: Duration) -> Duration {
        let begin = *self.begin.get_or_insert(now);
        let ours = now.saturating_duration_since(begin).as_micros() as u32;
        let difference = ours.wrapping_sub(clock);
        let growth = self.last.map_or(0, |(before, growth)| {
            growth.saturating_add(difference.wrapping_sub(before).cast_signed().into())
        });
        self.last = Some((difference, growth));
        self.quickest.add(now, growth, now.checked_sub(MEMORY).unwrap_or(now));
        let least = self.quickest.best().map_or(growth, |(_, least)| least);
        let wait = Duration::from_micros(growth.abs_diff(least));
        if wait > most {
            self.quickest.clear();
            self.quickest.add(now, growth, now);
            return Duration::ZERO;
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// More than any report here takes.
    const MOST: Duration = Duration::from_millis(500);

    #[test]
    fn a_report_waits_as_much_longer_as_the_clocks_say_and_where_they_begin_is_no_matter() {
        for begin in [0, 5_000_000, u32::MAX - 30_000] {
            let now = Instant::now();
            let mut way_back = WayBack::new();
            let mut wait = |sent: u32, took: u32| {
                way_back.wait(now + (sent + took) * MS, begin.wrapping_add(sent * 1000), MOST)
            };
            assert_eq!(wait(0, 20), Duration::ZERO);
            assert_eq!(wait(10, 35), 15 * MS);
            assert_eq!(wait(30, 20), Duration::ZERO);
            assert_eq!(wait(50, 5), Duration::ZERO, "a quicker one");
            assert_eq!(wait(60, 20), 15 * MS);
        }
    }

    #[test]
    fn the_quickest_is_forgotten_in_time_and_clocks_may_drift() {
        let now = Instant::now();
        let mut way_back = WayBack::new();
        assert_eq!(way_back.wait(now, 0, MOST), Duration::ZERO);
        assert_eq!(way_back.wait(now + 100 * MS, 80_000, MOST), 20 * MS);
        // Ten days of a report each minute, with a clock that is slow by 50 ppm.
        for minute in 1..=14_400_u32 {
            let clock = (u64::from(minute) * 60_000_000 * 99_995 / 100_000) as u32;
            assert_eq!(way_back.wait(now + 60_000 * minute * MS, clock, MOST), Duration::ZERO);
        }
    }

    #[test]
    fn a_host_that_slept_has_not_sent_its_report_earlier_for_that() {
        let now = Instant::now();
        let mut way_back = WayBack::new();
        way_back.wait(now, 0, MOST);
        // Theirs stood still for an hour, and then ours did.
        assert_eq!(way_back.wait(now + 3_601_000 * MS, 1_000_000, MOST), Duration::ZERO);
        assert_eq!(way_back.wait(now + 3_602_007 * MS, 2_000_000, MOST), 7 * MS);
        let clock = 3_603_000_000;
        assert_eq!(way_back.wait(now + 3_603_000 * MS, clock, MOST), Duration::ZERO);
        assert_eq!(way_back.wait(now + 3_604_009 * MS, clock + 1_000_000, MOST), 9 * MS);
    }
}
