//! Senders whom the window does not bound: who answers others, who begins, and who has a smaller window of his own.

use super::*;

impl Path {
    /// A TCP with so many octets under way at most, which `doubles` them in each round trip, or does not. What the window does not
    /// take waits.
    fn tcp(&mut self, mut congestion_window: u64, doubles: bool, time: Duration) -> (f64, Duration) {
        let (end, start, before) = (self.now + time, self.now, self.arrived);
        let mut known = self.sent - self.credit.under_way();
        while self.now < end {
            let news = self.sent - self.credit.under_way();
            congestion_window += if doubles { news - known } else { 0 };
            known = news;
            while self.credit.under_way() + PACKET <= congestion_window && self.credit.available() >= PACKET {
                self.send(PACKET);
            }
            if self.credit.under_way() + PACKET > congestion_window {
                self.credit.ran_dry();
            }
            assert!(self.step(), "nothing under way");
        }
        self.since(start, before)
    }

    /// A TCP without an end of its slow start.
    fn doubling(&mut self, time: Duration) -> Start {
        let first = self.waits.len();
        let (share, _) = self.tcp(10 * PACKET, true, time);
        Start { share, longest: self.longest_wait(first) }
    }

    /// One that hears so seldom what has arrived that it sends in bunches, and each of its packets only when it is due.
    fn bunches(&mut self, apart: Duration, time: Duration) -> Start {
        let (end, start, before, first) = (self.now + time, self.now, self.arrived, self.waits.len());
        let (mut congestion_window, mut waiting) = (10 * PACKET, 10 * PACKET);
        let mut known = self.sent - self.credit.under_way();
        let mut hears = self.now + apart;
        while self.now < end {
            if hears <= self.now {
                let news = self.sent - self.credit.under_way();
                congestion_window += news - known;
                (known, hears) = (news, self.now + apart);
                waiting = congestion_window.saturating_sub(self.credit.under_way());
            }
            let mut turn = None;
            while waiting >= PACKET && self.credit.available() >= PACKET && turn.is_none() {
                turn = self.credit.due(self.now);
                if turn.is_none() {
                    self.send(PACKET);
                    waiting -= PACKET;
                }
            }
            if waiting < PACKET {
                self.credit.ran_dry();
            }
            self.pass(self.next().into_iter().chain(turn).fold(hears, Instant::min));
        }
        let (share, _) = self.since(start, before);
        Start { share, longest: self.longest_wait(first) }
    }

    /// As one answers what others send, who fill the path at times: `octets` each 6 ms.
    fn answers(&mut self, octets: u64, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.others = self.random(12 * MS);
            self.say(octets, 6 * MS);
        }
        self.others = Duration::ZERO;
    }
}

/// What came of a start: the share of the path, and the longest wait.
struct Start {
    share: f64,
    longest: Duration,
}

/// Megabits and round trips of paths, and in how many ms a TCP alone could have filled half of them or more.
const STARTS: [(f64, u32, u32); 7] = [
    (5.0, 10, 500),
    (20.0, 10, 500),
    (5.0, 50, 700),
    (20.0, 50, 1000),
    (10.0, 200, 2000),
    (20.0, 200, 2500),
    (100.0, 200, 3500),
];

#[test]
fn who_only_answered_others_starts_as_quickly_as_on_a_new_path() {
    for new in BOTH {
        for (megabits, rtt, time) in STARTS.map(|(megabits, rtt, time)| (megabits, rtt * MS, time * MS)) {
            // As often as usual, and as seldom as where the processor is busy.
            for interval in [new(megabits, rtt).interval, 20 * MS] {
                let new = || Path { interval, ..new(megabits, rtt) };
                let fresh = new().doubling(time);
                assert!(fresh.share > 0.5, "{megabits} Mb/s, {rtt:?}: {}", fresh.share);
                for octets in [100, 250, 400] {
                    let mut path = new();
                    path.answers(octets, 5000 * MS);
                    let start = path.doubling(time);
                    let case =
                        format!("{megabits} Mb/s, {rtt:?}, {octets} octets, reports each {interval:?}");
                    assert!(start.share > fresh.share - 0.06, "{case}: {} of {}", start.share, fresh.share);
                    assert!(start.longest < 150 * MS + rtt / 2, "{case}: {:?}", start.longest);
                }
            }
        }
    }
}

#[test]
fn a_sender_who_doubles_does_not_do_so_once_too_often() {
    for new in BOTH {
        for (megabits, rtt, most) in [(20.0, 50, 50), (100.0, 50, 50), (100.0, 200, 75)] {
            let longest = new(megabits, rtt * MS).doubling(4000 * MS).longest;
            assert!(longest < most * MS, "{megabits} Mb/s, {rtt} ms: {longest:?}");
        }
    }
}

#[test]
fn what_a_start_through_a_long_path_leaves_in_its_queue_is_soon_gone() {
    for new in BOTH {
        for (apart, most) in [(5, 1300), (30, 1000)] {
            let mut path = Path { interval: 4 * MS, ..new(100.0, 200 * MS) };
            let start = path.bunches(apart * MS, 3500 * MS);
            assert!(start.share > 0.55, "{apart} ms: {}", start.share);
            // For so long it would end the slow starts of others. By the octets under way alone, without the pauses between them, 1525
            // and 1380 packets did.
            let late = path.waits.iter().filter(|(_, wait)| *wait > 16 * MS).count();
            assert!(late < most, "{apart} ms: {late} packets, for up to {:?}", start.longest);
        }
    }
}

#[test]
fn a_second_transfer_starts_as_quickly_as_the_first() {
    for new in BOTH {
        for (megabits, rtt, time) in STARTS.map(|(megabits, rtt, time)| (megabits, rtt * MS, time * MS)) {
            let mut path = new(megabits, rtt);
            let first = path.doubling(time);
            for _ in 0..3 {
                path.doubling(3000 * MS);
                path.pass(path.now + 1000 * MS);
                path.answers(100, 2000 * MS);
                let next = path.doubling(time);
                assert!(
                    next.share > first.share - 0.02,
                    "{megabits} Mb/s, {rtt:?}: {} after {}",
                    next.share,
                    first.share
                );
                assert!(next.longest < 20 * MS + rtt / 2, "{megabits} Mb/s, {rtt:?}: {:?}", next.longest);
            }
        }
    }
}

#[test]
fn a_path_is_filled_within_a_second_and_without_a_long_queue_on_the_way() {
    let mut path = Path::new(100.0, 50 * MS);
    path.greedy(1000 * MS);
    let (share, _) = path.greedy(1000 * MS);
    assert!(share > 0.9, "{share}");
    let longest = path.longest_wait(0);
    assert!(longest < 110 * MS, "{longest:?}");
}

#[test]
fn who_sends_little_while_others_queue_can_start_at_full_speed_afterwards() {
    let mut path = Path::new(20.0, 50 * MS);
    // Acknowledgements, in a queue that is not theirs.
    for round in 0..400 {
        path.others = (round % 8) * 10 * MS;
        path.say(100, 10 * MS);
    }
    assert_eq!(path.credit.mode(), Mode::Starting);
    path.others = Duration::ZERO;
    path.greedy(500 * MS);
    let (share, _) = path.greedy(1000 * MS);
    assert!(share > 0.9, "{share}");
}

#[test]
fn few_octets_on_a_jittery_path_do_not_end_the_start() {
    let mut path = Path::new(20.0, 50 * MS);
    // A small packet each 20 ms, whose round trips differ by more than the queue aimed at.
    for tick in 0..200 {
        path.others = if tick % 20 < 15 { 15 * MS } else { Duration::ZERO };
        path.say(100, 20 * MS);
    }
    assert_eq!(path.credit.mode(), Mode::Starting);
    path.others = Duration::ZERO;
    path.greedy(1000 * MS);
    let (share, _) = path.greedy(1000 * MS);
    assert!(share > 0.9, "{share}");
}

#[test]
fn a_transfer_that_stays_a_step_behind_the_window_does_not_fill_the_queue_unseen() {
    let mut path = Path::new(5.0, 50 * MS);
    let mut limit = 10 * PACKET;
    for millis in 1..=3000_u64 {
        while path.credit.under_way() < limit && path.credit.available() >= PACKET {
            path.send(PACKET);
        }
        if path.credit.available() >= PACKET {
            path.credit.ran_dry();
        }
        path.pass(path.now + MS);
        if millis % 50 == 0 {
            limit = (limit * 2).min(path.credit.window() * 6 / 10);
        }
    }
    assert_ne!(path.credit.mode(), Mode::Starting);
    assert!(path.credit.window() < 60_000, "{}", path.credit.window());
}

#[test]
fn a_start_cut_short_by_something_else_in_the_queue_goes_on() {
    let mut path = Path::new(20.0, 200 * MS);
    while path.credit.mode() == Mode::Starting {
        // As the TCP below, which starts too, and whose queue is gone a round trip later.
        path.others = if path.credit.window() > 200_000 { 60 * MS } else { Duration::ZERO };
        path.greedy(5 * MS);
    }
    path.others = Duration::ZERO;
    let rate = path.credit.rate().unwrap();
    assert!(rate < 0.7 * path.rate, "it was not cut short: {rate}");
    path.greedy(600 * MS);
    let (share, _) = path.greedy(400 * MS);
    assert!(share > 0.88, "{share}");
}

#[test]
fn what_a_start_sends_at_once_is_spread_over_a_quarter_of_the_round_trip() {
    let mut path = Path::new(20.0, 200 * MS);
    // What little is said before says nothing of the path.
    for _ in 0..20 {
        path.say(100, 20 * MS);
    }
    path.pass(path.now + 300 * MS);
    assert_eq!((path.credit.mode(), path.credit.under_way()), (Mode::Starting, 0));
    let (start, mut first) = (path.now, 0);
    while path.credit.available() >= PACKET {
        match path.credit.due(path.now) {
            None => path.send(PACKET),
            Some(due) => path.pass(due),
        }
        first += if path.now == start { PACKET } else { 0 };
    }
    // 32 KiB, of which 3 ms leave at once.
    assert!(first <= 4 * PACKET, "{first} at once");
    assert!((40 * MS..60 * MS).contains(&(path.now - start)), "{:?}", path.now - start);
}

#[test]
fn whom_the_window_did_not_bound_does_not_fill_a_slower_path_unseen() {
    for new in BOTH {
        for (megabits, rtt, slower, window) in [
            (100.0, 50, 10.0, 400_000),
            (100.0, 50, 20.0, 100_000),
            (20.0, 50, 4.0, 100_000),
            (20.0, 200, 4.0, 400_000),
        ] {
            for is_busy in [true, false] {
                let mut path = new(megabits, rtt * MS);
                path.greedy(3000 * MS);
                if is_busy {
                    path.tcp(window, false, 5000 * MS);
                } else {
                    path.answers(100, 15_000 * MS);
                }
                path.rate /= slower;
                path.tcp(window, false, 4000 * MS);
                let (share, wait) = path.tcp(window, false, 8000 * MS);
                let case = format!("{megabits} Mb/s, {rtt} ms, {slower} times slower, busy: {is_busy}");
                assert!(share > 0.93, "{case}: {share:.3} used");
                assert!(wait < 30 * MS, "{case}: {wait:?} in the queue");
            }
        }
    }
}

#[test]
fn answers_are_not_held_back_to_see_whose_queue_they_wait_in() {
    for new in BOTH {
        for (megabits, octets) in [(5.0, 250), (100.0, 500)] {
            let mut path = new(megabits, 50 * MS);
            path.greedy(5000 * MS);
            path.others = 150 * MS;
            for _ in 0..2000 {
                path.say(octets, 6 * MS);
                assert_ne!(path.credit.mode(), Mode::Draining, "{megabits} Mb/s");
            }
        }
    }
}
