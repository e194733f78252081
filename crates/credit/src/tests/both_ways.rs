//! Two transfers, one each way, and the TCP that carries them.

use super::*;

/// A TCP that carries the path's packets through a queue with little room: Reno, near enough.
pub(super) struct Below {
    /// What would wait for longer is lost.
    room: Duration,
    window: f64,
    is_starting: bool,
    /// When the last packets came into the queue, and when their acknowledgements come.
    entered: VecDeque<(Instant, Instant)>,
    /// What is behind a lost one arrives with it.
    held_until: Instant,
    /// What entered before then is of the window that lost.
    cut_at: Instant,
    losses: u32,
}

/// Packets that its socket takes which have not been sent once.
const UNSENT: usize = 128 * 1024 / PACKET as usize;

impl Below {
    fn new(room: Duration, now: Instant) -> Below {
        Below {
            room,
            window: 10.0,
            is_starting: true,
            entered: VecDeque::new(),
            held_until: now,
            cut_at: now,
            losses: 0,
        }
    }

    /// When its socket takes more, if not now.
    fn takes(&self, now: Instant) -> Option<Instant> {
        let (entered, _) = self.entered[self.entered.len().checked_sub(UNSENT)?];
        Some(entered).filter(|entered| *entered > now)
    }

    /// When what is written now comes into the queue.
    pub(super) fn enters(&self, now: Instant) -> Instant {
        let first = self.entered.len().checked_sub(self.window as usize);
        first.map_or(now, |first| now.max(self.entered[first].1))
    }

    /// When it arrives, if it is through the queue and across at `at`.
    pub(super) fn carry(&mut self, enters: Instant, wait: Duration, at: Instant, rtt: Duration) -> Instant {
        self.window += if self.is_starting { 1.0 } else { 1.0 / self.window };
        if wait > self.room {
            if enters > self.cut_at {
                (self.window, self.is_starting) = ((self.window * 0.7).max(2.0), false);
                self.cut_at = at + rtt / 2;
            }
            self.held_until = self.held_until.max(at + rtt);
            self.losses += 1;
        }
        self.entered.push_back((enters, at + rtt / 2));
        at.max(self.held_until)
    }
}

/// Sends all that may be sent each way for so long: what arrives of one waits behind the other's reports, and its reports behind the
/// other. The share of the path's capacity that arrived, and the mean wait.
fn greedy(ways: &mut [Path; 2], time: Duration) -> [(f64, Duration); 2] {
    let since = ways.each_ref().map(|way| (way.now, way.arrived));
    let end = since[0].0 + time;
    loop {
        let next = ways.each_mut().map(|way| {
            let turn = way.send_in_turn();
            turn.into_iter().chain(way.next()).min().expect("something is under way")
        });
        let at = next[0].min(next[1]);
        if at > end {
            break;
        }
        let first = usize::from(next[1] < next[0]);
        let heard = ways[1 - first].arrived;
        ways[first].credit.heard(heard);
        ways[first].late = ways[1 - first].free_at.saturating_duration_since(at);
        if ways[first].next().is_some_and(|next| next <= at) {
            ways[first].step();
        }
        for way in &mut *ways {
            way.now = at;
        }
    }
    [0, 1].map(|way| ways[way].since(since[way].0, since[way].1))
}

impl Path {
    /// What a transfer that nothing meets waits, once its start is over.
    fn settled(mut self) -> Duration {
        self.greedy(8000 * MS);
        self.greedy(60_000 * MS).1
    }

    /// Sends what may leave now; when the next packet may, if only its turn keeps it back.
    pub(super) fn send_in_turn(&mut self) -> Option<Instant> {
        let mut turn = None;
        while turn.is_none() && self.credit.available() >= PACKET {
            turn = self.credit.due(self.now).max(self.below.as_ref().and_then(|below| below.takes(self.now)));
            if turn.is_none() {
                self.send(PACKET);
            }
        }
        self.credit.awaits_turn(turn.is_some());
        turn
    }
}

/// A path each way.
fn ways(megabits: f64, rtt: Duration) -> [Path; 2] {
    let way = Path::new(megabits, rtt);
    let other = Path { now: way.now, ..Path::new(megabits, rtt) };
    [way, other]
}

#[test]
fn transfers_both_ways_leave_each_other_the_path_and_do_not_take_each_other_for_a_longer_one() {
    for (megabits, rtt) in
        [(5.0, 10), (10.0, 10), (5.0, 50), (10.0, 50), (20.0, 50), (100.0, 50), (20.0, 200)]
    {
        let mut ways = ways(megabits, rtt * MS);
        greedy(&mut ways, 8000 * MS);
        // Ten times the time after which the shortest round trip is looked for anew.
        for second in (10..100).step_by(5) {
            for (share, wait) in greedy(&mut ways, 5000 * MS) {
                let case = format!("{megabits} Mb/s, {rtt} ms, after {second} s");
                assert!(share > 0.85, "{case}: {share:.3} used");
                assert!(wait < 50 * MS, "{case}: {wait:?} in the queue");
            }
        }
        for way in &ways {
            let least = way.credit.min_rtt().unwrap();
            assert!(least < (rtt + 12) * MS, "{megabits} Mb/s, {rtt} ms: {least:?}");
        }
    }
}

/// Paths each way with a TCP below that starts, too, after two seconds; what would wait for more than `room` is lost.
fn started(megabits: f64, rtt: Duration, room: Duration) -> ([Path; 2], Vec<u32>) {
    let mut ways = ways(megabits, rtt);
    for way in &mut ways {
        way.below = Some(Below::new(room, way.now));
    }
    greedy(&mut ways, 2000 * MS);
    let losses = ways.iter().filter_map(|way| way.below.as_ref()).map(|below| below.losses).collect();
    (ways, losses)
}

#[test]
fn transfers_do_not_overrun_a_queue_of_three_fifths_of_the_round_trip_as_they_begin() {
    for (megabits, rtt) in [(10.0, 50), (20.0, 50), (10.0, 200), (20.0, 200)] {
        for room in [rtt * 4 / 5, rtt * 3 / 5] {
            let (_, losses) = started(megabits, rtt * MS, room * MS);
            assert_eq!(losses, [0, 0], "{megabits} Mb/s, {rtt} ms, a queue of {room} ms");
        }
    }
}

#[test]
fn transfers_that_overrun_the_queue_as_they_begin_do_not_keep_it_full() {
    for (megabits, rtt) in [(10.0, 50), (20.0, 50)] {
        for room in [25, 22] {
            let (mut ways, losses) = started(megabits, rtt * MS, room * MS);
            let case = format!("{megabits} Mb/s, {rtt} ms, a queue of {room} ms");
            assert!(losses.iter().all(|losses| *losses > 0), "{case}: {losses:?} lost");
            for (share, wait) in greedy(&mut ways, 15_000 * MS) {
                assert!(share > 0.9, "{case}: {share:.3} used");
                assert!(wait < 18 * MS, "{case}: {wait:?} in the queue");
            }
        }
    }
}

#[test]
fn where_transfers_meet_queues_are_shorter_and_paths_as_full() {
    for (megabits, rtt, most) in [(5.0, 50, 0.8), (20.0, 50, 0.8), (20.0, 200, 1.0)] {
        let mut ways = ways(megabits, rtt * MS);
        greedy(&mut ways, 8000 * MS);
        let alone = Path::new(megabits, rtt * MS).settled();
        for (share, wait) in greedy(&mut ways, 60_000 * MS) {
            let case = format!("{megabits} Mb/s, {rtt} ms, {alone:?} alone");
            assert!(share > 0.96, "{case}: {share:.3} used");
            assert!(wait < alone.mul_f64(most), "{case}: {wait:?} in the queue");
        }
    }
}

#[test]
fn where_transfers_meet_room_is_found_all_the_same() {
    for (megabits, rtt) in [(5.0, 50), (10.0, 10), (20.0, 200)] {
        let mut ways = ways(megabits, rtt * MS);
        greedy(&mut ways, 8000 * MS);
        for way in &mut ways {
            way.rate *= 2.0;
        }
        greedy(&mut ways, 8000 * MS);
        for (share, wait) in greedy(&mut ways, 20_000 * MS) {
            let case = format!("{megabits} Mb/s twice as quick, {rtt} ms");
            assert!(share > 0.95, "{case}: {share:.3} used");
            assert!(wait < 20 * MS, "{case}: {wait:?} in the queue");
        }
    }
}
