//! A carrier that takes no more than its own window, of which the far end gives back a half at a time, as russh does.

use super::*;

impl Path {
    /// Sends in its turns through a carrier whose window is of so many octets; the share of the path's capacity that arrived, and the
    /// longest wait.
    fn through(&mut self, window: u64, time: Duration) -> (f64, Duration) {
        let (end, start, before, first) = (self.now + time, self.now, self.arrived, self.waits.len());
        let (mut left, mut given_back) = (window, self.arrived);
        let mut halves = VecDeque::new();
        while self.now < end {
            let mut due = None;
            while due.is_none() && left >= PACKET && self.credit.available() >= PACKET {
                due = self.credit.due(self.now);
                self.credit.awaits_turn(due.is_some());
                if due.is_none() {
                    self.send(PACKET);
                    left -= PACKET;
                }
            }
            if self.arrived - given_back >= window / 2 {
                given_back += window / 2;
                halves.push_back(self.now + self.rtt / 2);
            }
            let half = halves.front().copied();
            let next = self.next().into_iter().chain(due).chain(half).min().expect("something happens");
            if half == Some(next) {
                halves.pop_front();
                left += window / 2;
            }
            if self.next() == Some(next) {
                self.step();
            }
            self.now = self.now.max(next);
        }
        let (share, _) = self.since(start, before);
        (share, self.longest_wait(first))
    }
}

#[test]
fn what_a_carrier_takes_again_after_a_pause_leaves_no_faster_than_the_path_is() {
    for new in BOTH {
        let mut path = new(100.0, 200 * MS);
        path.through(2 << 20, 5000 * MS);
        let (share, longest) = path.through(2 << 20, 10_000 * MS);
        // Between 1 and 2 MiB in each round trip are between 0.42 and 0.84 of it.
        assert!(share > 0.5, "{share}");
        assert!(longest < 16 * MS, "{longest:?}");
    }
}
