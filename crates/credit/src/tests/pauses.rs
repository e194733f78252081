//! Who does not come for his turn for a while.

use super::*;

impl Path {
    /// As [`greedy`](Path::greedy), but each packet leaves only when it is due.
    fn paced(&mut self, time: Duration) -> (f64, Duration) {
        let (end, start, before) = (self.now + time, self.now, self.arrived);
        while self.now < end {
            let turn = self.send_in_turn();
            self.pass(self.next().into_iter().chain(turn).fold(end, Instant::min));
        }
        self.since(start, before)
    }
}

#[test]
fn who_paused_on_a_full_long_path_does_not_make_up_for_it_with_a_queue() {
    for new in BOTH {
        let mut path = Path { interval: 4 * MS, ..new(100.0, 200 * MS) };
        path.paced(5000 * MS);
        let first = path.waits.len();
        for pause in [10, 20, 50, 100] {
            path.pass(path.now + pause * MS);
            let (share, _) = path.paced(1200 * MS);
            assert!(share > 0.9, "{share} after {pause} ms");
        }
        let longest = path.longest_wait(first);
        // More for a while would end the slow starts of others. By the octets under way alone it was 21 ms.
        assert!(longest < 16 * MS, "{longest:?}");
    }
}

#[test]
fn a_pause_before_it_is_looked_how_long_the_path_is_does_not_make_it_a_slow_one() {
    for (megabits, rtt) in [(100.0, 200 * MS), (20.0, 50 * MS)] {
        let new = || Path { interval: 4 * MS, ..Path::new(megabits, rtt) };
        let mut path = new();
        path.paced(8000 * MS);
        while path.credit.mode() != Mode::Draining {
            path.paced(5 * MS);
        }
        let until = path.now - path.begin;
        for quarters in 0..8 {
            let mut path = new();
            path.paced(until.saturating_sub(rtt * quarters / 4));
            path.pass(path.now + 100 * MS);
            path.paced(rtt * 4);
            let (share, _) = path.paced(1000 * MS);
            // It was 0.55 and 0.58.
            assert!(share > 0.94, "{megabits} Mb/s, {rtt:?}, {quarters} quarters before: {share}");
        }
    }
}
