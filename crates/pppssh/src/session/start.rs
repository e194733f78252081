//! Whether somebody who starts to send to us is about to fill the path.
//!
//! What he sends at once comes at the path's rate, with nothing for the rest of the round trip. So the part of a round trip in which something
//! came is the part of the path that he uses, and he will use twice as much in the next. Of a path that is much faster than that nothing is known;
//! there a delay, as a radio makes, is not his queue.

use std::time::{Duration, Instant};

/// Parts of a round trip that are counted by themselves, none shorter than this: it takes some packets to tell a rate.
const PARTS: usize = 8;
const PART_MIN: Duration = Duration::from_millis(10);
/// He who uses that much of the path will use about all of it a round trip later.
const USED: f64 = 0.4;
/// And there is a queue, for less than a round trip yet.
const QUEUE: Duration = Duration::from_millis(15);

/// What came of late.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// Next to nothing came for a while, and since then nobody has filled the path.
    may_begin: bool,
    /// Octets by parts of the last round trip, the present one first, and when that began.
    octets: [u64; PARTS],
    began: Option<Instant>,
    part: Duration,
}

impl Start {
    /// So many octets came.
    pub(super) fn received(&mut self, now: Instant, octets: usize) {
        self.pass(now);
        self.octets[0] += octets as u64;
    }

    /// Next to nothing came for a while.
    pub(super) fn nothing_comes(&mut self) {
        self.may_begin = true;
    }

    /// A round trip took so much longer than the `empty` path's: whether somebody is about to fill that, once for each start.
    pub(super) fn fills(&mut self, now: Instant, empty: Duration, queue: Duration) -> bool {
        self.part = empty / PARTS as u32;
        self.pass(now);
        let fills = self.may_begin && queue >= QUEUE && self.used() >= USED;
        self.may_begin &= !fills;
        fills
    }

    /// The part of the path that was used in the last round trip, if it was full in any two parts of that: what is held up in one comes in the next.
    fn used(&self) -> f64 {
        let most = self.octets.windows(2).map(|two| two[0] + two[1]).max().unwrap_or_default();
        // In the earliest is the end of what came at once a round trip ago.
        let sum: u64 = self.octets[..PARTS - 1].iter().sum();
        2.0 * sum as f64 / (most.max(1) * PARTS as u64) as f64
    }

    fn pass(&mut self, now: Instant) {
        let part = self.part.max(PART_MIN);
        let began = self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(*began).div_duration_f64(part) as u32;
        if passed as usize >= PARTS {
            (self.octets, *began) = ([0; PARTS], now);
            return;
        }
        *began += part * passed;
        for _ in 0..passed {
            self.octets.rotate_right(1);
            self.octets[0] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const EMPTY: Duration = Duration::from_millis(200);

    /// One who sends windows of these packets, one each round trip through a path of 200 ms, which come so many milliseconds apart: the window with
    /// which he is found to fill the path. A round trip is measured each 20 ms, and takes so much longer.
    fn found(windows: &[u32], apart: u32, queue: impl Fn(u32, u32) -> Duration) -> Option<u32> {
        let (begin, mut start) = (Instant::now(), Start::default());
        start.nothing_comes();
        for (round, window) in windows.iter().enumerate() {
            for millis in 0..200 {
                let now = begin + round as u32 * EMPTY + millis * MS;
                if millis % apart == 0 && millis / apart < *window {
                    start.received(now, 1500);
                }
                if millis % 20 == 0 && start.fills(now, EMPTY, queue(*window, millis)) {
                    return Some(*window);
                }
            }
        }
        None
    }

    /// What is sent twice as fast as it passes leaves half of itself in the queue, and that leaves again.
    fn of_a_start(apart: u32) -> impl Fn(u32, u32) -> Duration {
        move |window, millis| {
            let lasts = window * apart;
            let queue = if millis <= lasts { millis / 2 } else { (lasts / 2).saturating_sub(millis - lasts) };
            queue * MS
        }
    }

    #[test]
    fn who_uses_half_of_the_path_and_doubles_will_fill_it() {
        // It holds 100, and 50.
        assert_eq!(found(&[9, 18, 36, 72, 144], 2, of_a_start(2)), Some(72));
        assert_eq!(found(&[13, 26, 52, 104], 2, of_a_start(2)), Some(52));
        assert_eq!(found(&[10, 20, 40, 80], 4, of_a_start(4)), Some(40));
    }

    #[test]
    fn a_delay_that_is_not_his_queue_does_not_end_his_start() {
        // 200 fill the path, and round trips differ by 60 ms.
        assert_eq!(found(&[10, 20, 40, 70], 1, |_, millis| millis % 60 * MS), None);
    }

    #[test]
    fn who_sends_evenly_and_leaves_no_queue_is_not_about_to_fill_anything() {
        assert_eq!(found(&[25, 25, 25, 25, 25], 8, |_, _| 14 * MS), None);
    }

    #[test]
    fn it_happens_once_and_again_only_after_there_was_nothing_to_receive() {
        let (begin, mut start) = (Instant::now(), Start::default());
        let mut found = |from: u32, to: u32| {
            let mut found = 0;
            for millis in from..to {
                start.received(begin + millis * MS, 1500);
                found += u32::from(start.fills(begin + millis * MS, EMPTY, 90 * MS));
            }
            if to == 2000 {
                start.nothing_comes();
            }
            found
        };
        assert_eq!(found(0, 1000), 0, "it was full from the beginning");
        assert_eq!(found(1000, 2000), 0);
        assert_eq!(found(2000, 3000), 1);
        assert_eq!(found(3000, 4000), 0);
    }
}
