//! A greedy sender on a simulated path: one queue at its slowest piece, a wire, and a far end that reports.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::{Credit, CreditConfig, Mode};
use both_ways::Below;

mod both_ways;
mod carrier;
mod pauses;
mod start;

const MS: Duration = Duration::from_millis(1);
const PACKET: u64 = 1500;

struct Path {
    credit: Credit,
    now: Instant,
    begin: Instant,
    /// Reports have the far end's clock in them.
    tells_time: bool,
    /// Octets per second.
    rate: f64,
    rtt: Duration,
    /// Between two reports.
    interval: Duration,
    /// Others' packets wait for so long in the queue.
    others: Duration,
    /// Reports leave so much later than they say, since the far end's processor is busy.
    late: Duration,
    /// What arrives at either end does so in bunches, at random times up to so long apart, as from a radio that is not always on.
    slots: Duration,
    /// The next such time, there and here.
    slot: [Instant; 2],
    seed: u64,
    /// When the queue will be empty.
    free_at: Instant,
    /// Arrivals at the far end: when, and octets in all.
    arrivals: VecDeque<(Instant, u64)>,
    /// Reports on their way back: when, octets in all, age, and the far end's clock.
    reports: VecDeque<(Instant, u64, Duration, u32)>,
    next_report: Option<Instant>,
    sent: u64,
    arrived: u64,
    arrived_at: Instant,
    reported: u64,
    /// The TCP below, if it loses what the queue has no room for.
    below: Option<Below>,
    /// How long each packet waited in the queue, and when.
    waits: Vec<(Instant, Duration)>,
}

impl Path {
    fn new(megabits: f64, rtt: Duration) -> Path {
        let now = Instant::now();
        Path {
            credit: Credit::new(CreditConfig::default()),
            now,
            begin: now,
            tells_time: true,
            rate: megabits * 1e6 / 8.0,
            rtt,
            interval: (rtt / 8).clamp(MS, 10 * MS),
            others: Duration::ZERO,
            late: Duration::ZERO,
            slots: Duration::ZERO,
            slot: [now; 2],
            seed: 1,
            free_at: now,
            arrivals: VecDeque::new(),
            reports: VecDeque::new(),
            next_report: None,
            sent: 0,
            arrived: 0,
            arrived_at: now,
            reported: 0,
            below: None,
            waits: Vec::new(),
        }
    }

    /// One to a peer that is only asked, and does not tell what its clock says.
    fn asked(megabits: f64, rtt: Duration) -> Path {
        Path { tells_time: false, ..Path::new(megabits, rtt) }
    }

    /// From zero to `most`.
    fn random(&mut self, most: Duration) -> Duration {
        // With the constants of Knuth's MMIX.
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        most * ((self.seed >> 33) % 1000) as u32 / 1000
    }

    /// When that arrives at this end of the path.
    fn slot(&mut self, end: usize, at: Instant) -> Instant {
        if self.slots.is_zero() {
            return at;
        }
        while self.slot[end] < at {
            let gap = MS + self.random(self.slots);
            self.slot[end] += gap;
        }
        self.slot[end]
    }

    fn send(&mut self, octets: u64) {
        let enters = self.below.as_ref().map_or(self.now, |below| below.enters(self.now));
        let start = self.free_at.max(enters + self.others);
        self.waits.push((self.now, start - self.now));
        self.free_at = start + Duration::from_secs_f64(octets as f64 / self.rate);
        self.sent += octets;
        self.credit.sent(self.now, octets as usize);
        let mut at = self.free_at + self.rtt / 2;
        if let Some(below) = &mut self.below {
            at = below.carry(enters, start - enters, at, self.rtt);
        }
        let at = self.slot(0, at);
        self.arrivals.push_back((at, self.sent));
    }

    /// All that happens until then.
    fn pass(&mut self, until: Instant) {
        while self.next().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// When the next thing happens.
    fn next(&self) -> Option<Instant> {
        let arrival = self.arrivals.front().map(|(at, _)| *at);
        let report = self.reports.front().map(|(at, ..)| *at);
        arrival.into_iter().chain(self.next_report).chain(report).min()
    }

    /// The next thing that happens.
    fn step(&mut self) -> bool {
        let Some(at) = self.next() else { return false };
        self.now = self.now.max(at);
        if let Some((_, total)) = self.arrivals.pop_front_if(|(due, _)| *due <= at) {
            self.arrived = total;
            self.arrived_at = at;
            self.next_report.get_or_insert(at + self.interval);
        } else if self.next_report.is_some_and(|due| due <= at) {
            self.next_report = None;
            self.reported = self.arrived;
            // None overtakes another.
            let due = self.reports.back().map_or(at, |(due, ..)| *due);
            let due = self.slot(1, due.max(at + self.late + self.rtt / 2));
            let clock = (at - self.begin).as_micros() as u32;
            self.reports.push_back((due, self.reported, at - self.arrived_at, clock));
        } else if let Some((_, total, age, clock)) = self.reports.pop_front() {
            self.credit.delivered(at, total, age, Some(clock).filter(|_| self.tells_time));
        }
        true
    }

    /// Sends all that may be sent for so long; the share of the path's capacity that arrived, and the mean wait.
    fn greedy(&mut self, time: Duration) -> (f64, Duration) {
        let (end, start, before) = (self.now + time, self.now, self.arrived);
        while self.now < end {
            while self.credit.available() >= PACKET {
                self.send(PACKET);
            }
            assert!(self.step(), "credit and nothing under way, or none and nothing coming");
        }
        self.since(start, before)
    }

    /// Sends what there is to say, with nothing behind it, and waits until there is more.
    fn say(&mut self, octets: u64, pause: Duration) {
        self.send(octets);
        self.credit.ran_dry();
        self.pass(self.now + pause);
    }

    /// The longest wait of those behind the first so many packets.
    fn longest_wait(&self, behind: usize) -> Duration {
        self.waits[behind..].iter().map(|(_, wait)| *wait).max().expect("packets were sent")
    }

    /// The share of the path's capacity that has arrived since then, when so much had, and the mean wait.
    fn since(&self, start: Instant, before: u64) -> (f64, Duration) {
        let share = (self.arrived - before) as f64 / (self.rate * (self.now - start).as_secs_f64());
        let waits: Vec<f64> =
            self.waits.iter().filter(|(at, _)| *at >= start).map(|(_, wait)| wait.as_secs_f64()).collect();
        (share, Duration::from_secs_f64(waits.iter().sum::<f64>() / waits.len().max(1) as f64))
    }
}

/// A path, by its megabits and its round trip.
type MakePath = fn(f64, Duration) -> Path;
const BOTH: [MakePath; 2] = [Path::new, Path::asked];

#[test]
fn any_path_is_filled_and_its_queue_stays_short() {
    for new in BOTH {
        for megabits in [1.0, 5.0, 20.0, 100.0, 1000.0] {
            for rtt in [MS, 10 * MS, 50 * MS, 200 * MS] {
                let mut path = new(megabits, rtt);
                path.greedy(5000 * MS);
                // Long enough for the fastest; the slow ones get to hold back twice.
                let time = if megabits > 100.0 { 3000 * MS } else { 25_000 * MS };
                let (share, wait) = path.greedy(time);
                assert!(share > 0.95, "{megabits} Mb/s, {rtt:?}: {share:.3} used");
                // The floor alone is 48 ms at 1 Mb/s.
                let bound = 25 * MS + Duration::from_secs_f64(6144.0 / path.rate);
                assert!(wait < bound, "{megabits} Mb/s, {rtt:?}: {wait:?} in the queue");
            }
        }
    }
}

#[test]
fn a_path_that_becomes_slower_or_quicker_is_followed() {
    for new in BOTH {
        let mut path = new(100.0, 50 * MS);
        path.greedy(5000 * MS);
        path.rate /= 10.0;
        path.greedy(5000 * MS);
        let (share, wait) = path.greedy(5000 * MS);
        assert!(share > 0.95 && wait < 30 * MS, "{share} {wait:?}");
        path.rate *= 10.0;
        path.greedy(5000 * MS);
        let (share, wait) = path.greedy(5000 * MS);
        assert!(share > 0.95 && wait < 30 * MS, "{share} {wait:?}");
    }
}

#[test]
fn a_path_that_becomes_very_much_slower_is_found_out_while_what_was_under_way_arrives() {
    for new in BOTH {
        for (rtt, slower) in [(10, 20), (50, 5), (50, 20), (200, 5), (200, 10), (200, 20)] {
            let mut path = new(100.0, rtt * MS);
            path.greedy(5000 * MS);
            path.rate /= f64::from(slower);
            // What was under way takes so many times the round trip.
            path.greedy(1000 * MS + rtt * slower * MS * 3 / 2);
            let (share, wait) = path.greedy(5000 * MS);
            let case = format!("{rtt} ms, {slower} times slower");
            assert!(share > 0.93, "{case}: {share:.3} used");
            assert!(wait < 40 * MS, "{case}: {wait:?} in the queue");
        }
    }
}

#[test]
fn a_path_that_becomes_longer_is_not_taken_for_a_queue() {
    for new in BOTH {
        let mut path = new(20.0, 50 * MS);
        path.greedy(5000 * MS);
        path.rtt = 150 * MS;
        path.greedy(4000 * MS);
        let (share, wait) = path.greedy(5000 * MS);
        assert!(share > 0.95 && wait < 30 * MS, "{share} {wait:?}");
        path.rtt = 20 * MS;
        path.greedy(3000 * MS);
        let (share, wait) = path.greedy(5000 * MS);
        assert!(share > 0.95 && wait < 30 * MS, "{share} {wait:?}");
    }
}

#[test]
fn others_who_fill_the_queue_do_not_starve_us() {
    for new in BOTH {
        let mut path = new(20.0, 50 * MS);
        path.greedy(5000 * MS);
        path.others = 200 * MS;
        path.greedy(5000 * MS);
        let (share, _) = path.greedy(10_000 * MS);
        assert!(share > 0.9, "{share}");
        path.others = Duration::ZERO;
        // At the latest when it drains next.
        path.greedy(12_000 * MS);
        let (share, wait) = path.greedy(5000 * MS);
        assert!(share > 0.95 && wait < 30 * MS, "{share} {wait:?}");
    }
}

#[test]
fn now_and_then_it_holds_back_to_see_how_long_the_path_is() {
    let mut path = Path::new(20.0, 50 * MS);
    path.greedy(5000 * MS);
    let mut drained = false;
    for _ in 0..3000 {
        path.greedy(10 * MS);
        drained |= path.credit.mode() == Mode::Draining;
        let min = path.credit.min_rtt().unwrap();
        assert!(min < 60 * MS, "the queue of our own is taken for the path: {min:?}");
    }
    assert!(drained);
}

#[test]
fn a_sender_with_little_to_say_does_not_shrink_the_window() {
    let mut path = Path::new(100.0, 50 * MS);
    path.greedy(5000 * MS);
    let window = path.credit.window();
    // A packet each 10 ms for a minute.
    for _ in 0..6000 {
        path.say(PACKET, 10 * MS);
    }
    assert!(path.credit.window() * 10 > window * 8, "{} of {window}", path.credit.window());
    let (share, wait) = path.greedy(1000 * MS);
    assert!(share > 0.9 && wait < 30 * MS, "{share} {wait:?}");
}

#[test]
fn a_stall_of_delivery_is_survived() {
    let mut path = Path::new(20.0, 50 * MS);
    path.greedy(5000 * MS);
    // As when the TCP below waits for a retransmission.
    path.free_at += 600 * MS;
    path.greedy(2000 * MS);
    let (share, wait) = path.greedy(5000 * MS);
    assert!(share > 0.95 && wait < 30 * MS, "{share} {wait:?}");
}

#[test]
fn a_new_path_starts_afresh() {
    let mut path = Path::new(1.0, 200 * MS);
    path.greedy(5000 * MS);
    path.credit.reset();
    assert_eq!(
        (path.credit.under_way(), path.credit.min_rtt(), path.credit.mode()),
        (0, None, Mode::Starting)
    );
    assert_eq!(path.credit.window(), CreditConfig::default().initial);
}

#[test]
fn what_waits_for_our_own_octets_is_told_from_what_waits_for_others() {
    let mut path = Path::new(20.0, 50 * MS);
    path.greedy(5000 * MS);
    let queue = path.credit.own_wait();
    assert!((MS..25 * MS).contains(&queue), "{queue:?}");
    path.others = 100 * MS;
    path.greedy(300 * MS);
    let (rtt, own) = (path.credit.last_rtt().unwrap(), path.credit.own_wait());
    assert!(rtt > 140 * MS && own < 40 * MS, "{rtt:?}, of which {own:?}");
}

#[test]
fn who_sends_little_while_others_queue_does_not_forget_what_the_path_can_do() {
    let mut path = Path::new(20.0, 50 * MS);
    path.greedy(5000 * MS);
    let window = path.credit.window();
    path.others = 300 * MS;
    for _ in 0..1000 {
        path.say(100, 10 * MS);
    }
    assert!(path.credit.window() * 10 > window * 8, "{} of {window}", path.credit.window());
}

#[test]
fn a_long_path_that_became_much_quicker_is_found_in_a_few_round_trips() {
    let mut path = Path::new(5.0, 200 * MS);
    path.greedy(5000 * MS);
    path.rate *= 40.0;
    path.greedy(4000 * MS);
    let (share, _) = path.greedy(1000 * MS);
    assert!(share > 0.9, "{share}");
}

#[test]
fn a_little_room_on_a_long_path_is_found_without_a_long_queue() {
    for new in BOTH {
        let mut path = new(20.0, 200 * MS);
        path.greedy(5000 * MS);
        path.rate *= 1.2;
        let first = path.waits.len();
        path.greedy(8000 * MS);
        let longest = path.longest_wait(first);
        assert!(longest < 80 * MS, "{longest:?}");
        let (share, _) = path.greedy(3000 * MS);
        assert!(share > 0.95, "{share}");
    }
}

#[test]
fn a_long_path_that_grows_step_by_step_is_followed_without_a_long_queue() {
    for new in BOTH {
        for growth in [1.02, 1.05] {
            let mut path = new(20.0, 200 * MS);
            path.greedy(5000 * MS);
            let (first, since) = (path.waits.len(), (path.now, path.arrived));
            let mut carried = 0.0;
            for _ in 0..25 {
                // As the TCP below after its slow start.
                path.rate *= growth;
                carried += path.rate * 0.2;
                path.greedy(200 * MS);
            }
            let share = (path.arrived - since.1) as f64 / carried;
            let longest = path.longest_wait(first);
            assert!(share > 0.8, "{growth}: {share}");
            assert!(longest < 40 * MS, "{growth}: {longest:?}");
        }
    }
}

#[test]
fn a_path_whose_rate_still_grows_is_told_from_a_full_one() {
    for new in BOTH {
        let mut path = new(20.0, 50 * MS);
        path.greedy(3000 * MS);
        assert!(!path.credit.is_growing());
        // As the TCP below in its slow growth.
        let mut growing = 0;
        for _ in 0..20 {
            path.rate *= 1.07;
            path.greedy(50 * MS);
            growing += u32::from(path.credit.is_growing());
        }
        assert!(growing >= 10, "{growing} of 20");
        path.greedy(700 * MS);
        assert!(!path.credit.is_growing(), "{:?}", path.credit.mode());
    }
}

#[test]
fn a_long_path_is_hardly_idle_while_it_is_measured() {
    let mut path = Path::new(20.0, 200 * MS);
    path.greedy(5000 * MS);
    let (share, _) = path.greedy(60_000 * MS);
    assert!(share > 0.985, "{share}");
}

#[test]
fn a_far_end_that_is_mostly_late_to_answer_does_not_make_a_quick_path_a_slow_one() {
    for new in BOTH {
        for megabits in [20.0, 100.0] {
            let mut path = new(megabits, 50 * MS);
            path.greedy(5000 * MS);
            let mut shares = Vec::new();
            for _ in 0..30 {
                // Later than the window explains, but not so late that it is drained; and then one answer in time, so that the
                // path is not taken for a longer one.
                path.late = 20 * MS;
                let (share, _) = path.greedy(940 * MS);
                path.late = Duration::ZERO;
                path.greedy(60 * MS);
                shares.push(share);
            }
            let share = shares[15..].iter().sum::<f64>() / 15.0;
            assert!(share > 0.8, "{megabits} Mb/s: {share}");
        }
    }
}

impl Path {
    /// Answers are late for `spell`, and in time for `rest`, over and over; the share of the capacity of the last ten seconds of
    /// twenty, and the mean wait.
    fn late_in_spells(&mut self, late: Duration, spell: Duration, rest: Duration) -> (f64, Duration) {
        let mut since = (self.now, self.arrived);
        for _ in 0..2 {
            since = (self.now, self.arrived);
            while self.now < since.0 + 10_000 * MS {
                self.late = late;
                self.greedy(spell);
                self.late = Duration::ZERO;
                self.greedy(rest);
            }
        }
        self.since(since.0, since.1)
    }
}

#[test]
fn a_path_that_answers_late_in_spells_is_not_taken_for_a_slow_one() {
    for new in BOTH {
        for (megabits, rtt, late) in
            [(5.0, 50, 30), (20.0, 50, 20), (20.0, 50, 30), (100.0, 50, 40), (20.0, 10, 20), (100.0, 10, 20)]
        {
            for (spell, rest) in [(240, 60), (100, 100), (500, 30), (940, 60)] {
                let mut path = new(megabits, rtt * MS);
                path.greedy(5000 * MS);
                let (share, wait) = path.late_in_spells(late * MS, spell * MS, rest * MS);
                let case =
                    format!("{megabits} Mb/s, {rtt} ms, {late} ms late for {spell} and not for {rest}");
                assert!(share > 0.75, "{case}: {share:.3} used");
                assert!(wait < 50 * MS, "{case}: {wait:?} in the queue");
            }
        }
    }
}

#[test]
fn answers_at_random_times_do_not_starve_a_path() {
    for new in BOTH {
        for (megabits, rtt, late) in [(20.0, 10, 20), (100.0, 10, 20), (20.0, 50, 40), (100.0, 50, 40)] {
            for hold in [10, 50] {
                let mut path = new(megabits, rtt * MS);
                path.greedy(3000 * MS);
                let (mut before, mut start) = (0, path.now);
                for turn in 0..15_000 / hold {
                    path.late = path.random(late * MS);
                    path.greedy(hold * MS);
                    if turn == 5000 / hold {
                        (before, start) = (path.arrived, path.now);
                    }
                }
                let (share, _) = path.since(start, before);
                assert!(
                    share > 0.85,
                    "{megabits} Mb/s, {rtt} ms, up to {late} ms late, each {hold} ms: {share:.3}"
                );
            }
        }
    }
}

#[test]
fn what_a_slower_path_leaves_in_the_queue_is_gone_in_a_few_round_trips() {
    for new in BOTH {
        for rtt in [10, 50, 200] {
            for part in [0.85, 0.7, 0.5] {
                let mut path = new(20.0, rtt * MS);
                path.greedy(5000 * MS);
                path.rate *= part;
                path.greedy(14 * rtt * MS);
                let (_, wait) = path.greedy(10 * rtt * MS);
                assert!(wait < 40 * MS, "{part} of the rate, {rtt} ms: {wait:?}");
                path.greedy(14 * rtt * MS);
                let (share, wait) = path.greedy(20 * rtt * MS);
                assert!(share > 0.95 && wait < 40 * MS, "{part} of the rate, {rtt} ms: {share:.3}, {wait:?}");
            }
        }
    }
}

#[test]
fn a_longer_path_is_full_again_after_a_few_round_trips() {
    for rtt in [100, 150] {
        let mut path = Path::asked(20.0, 50 * MS);
        path.greedy(5000 * MS);
        path.rtt = rtt * MS;
        path.greedy(14 * path.rtt);
        let (share, wait) = path.greedy(1000 * MS);
        assert!(share > 0.98 && wait < 60 * MS, "{rtt} ms: {share:.3}, {wait:?}");
    }
}

#[test]
fn packets_that_are_through_before_the_next_one_say_nothing_of_the_path() {
    let mut path = Path::new(20.0, 10 * MS);
    let ping = |path: &mut Path| {
        for _ in 0..1000 {
            path.say(100, 40 * MS);
            path.credit.ran_dry();
            assert_eq!(path.credit.under_way(), 0);
        }
    };
    ping(&mut path);
    assert_eq!(path.credit.mode(), Mode::Starting);
    path.greedy(5000 * MS);
    let window = path.credit.window();
    ping(&mut path);
    let ratio = path.credit.window() as f64 / window as f64;
    assert!((0.8..1.2).contains(&ratio), "{} of {window}", path.credit.window());
}

#[test]
fn a_path_that_delivers_in_bunches_is_filled() {
    for (new, least) in BOTH.into_iter().zip([0.92, 0.94]) {
        for (megabits, rtt) in [(10.0, 10), (100.0, 10), (20.0, 20), (5.0, 50), (20.0, 50), (20.0, 200)] {
            for slots in [10, 20, 40] {
                let mut path = new(megabits, rtt * MS);
                path.slots = slots * MS;
                path.greedy(3000 * MS);
                let (share, wait) = path.greedy(20_000 * MS);
                let case = format!("{megabits} Mb/s, {rtt} ms, {slots} ms");
                assert!(share > least, "{case}: {share:.3} used");
                assert!(wait < (slots / 2 * 3 + 25) * MS, "{case}: {wait:?} in the queue");
            }
        }
        let mut path = new(20.0, 10 * MS);
        path.slots = 100 * MS;
        path.greedy(3000 * MS);
        let (_, wait) = path.greedy(20_000 * MS);
        assert!(wait < 130 * MS, "{wait:?} in the queue");
    }
}

#[test]
fn a_single_pause_leaves_no_longer_queue() {
    for new in BOTH {
        let mut path = new(20.0, 50 * MS);
        path.greedy(5000 * MS);
        let (_, before) = path.greedy(1000 * MS);
        let mut waits = Vec::new();
        for _ in 0..5 {
            // As long as the TCP below takes to send something again.
            path.free_at = path.free_at.max(path.now) + 80 * MS;
            path.greedy(500 * MS);
            waits.push(path.greedy(1000 * MS).1);
        }
        assert!(waits.iter().all(|wait| *wait < before + 8 * MS), "{waits:?} after {before:?}");
    }
}

#[test]
fn what_seemed_to_be_a_longer_path_and_was_a_loss_leaves_no_queue_for_long() {
    for new in BOTH {
        let mut path = new(20.0, 50 * MS);
        path.greedy(5000 * MS);
        // As long as it takes to be believed.
        path.others = 100 * MS;
        while path.credit.min_rtt().unwrap() < 130 * MS {
            path.greedy(10 * MS);
        }
        path.greedy(400 * MS);
        path.others = Duration::ZERO;
        path.greedy(3500 * MS);
        let (share, wait) = path.greedy(2000 * MS);
        assert!(share > 0.95 && wait < 30 * MS, "{share} {wait:?}");
    }
}

#[test]
fn a_single_spell_leaves_no_longer_queue() {
    for (new, most) in BOTH.into_iter().zip([2 * MS, 11 * MS]) {
        // Whenever it comes: whether there is room is tried in every eighth round trip.
        let added = (0..16).map(|phase| {
            let mut path = new(20.0, 50 * MS);
            path.greedy((5000 + 37 * phase) * MS);
            let (_, before) = path.greedy(1000 * MS);
            path.late = 40 * MS;
            path.greedy(240 * MS);
            path.late = Duration::ZERO;
            path.greedy(300 * MS);
            let (_, wait) = path.greedy(1000 * MS);
            wait.saturating_sub(before)
        });
        let mean = added.sum::<Duration>() / 16;
        assert!(mean < most, "{mean:?} more");
    }
}

#[test]
fn the_usual_round_trip_has_in_it_what_the_path_takes_and_not_our_queue() {
    let mut path = Path::new(20.0, 50 * MS);
    path.greedy(3000 * MS);
    let usual = path.credit.usual_rtt().unwrap();
    assert!((50 * MS..60 * MS).contains(&usual), "{usual:?}");
    path.slots = 40 * MS;
    path.greedy(3000 * MS);
    let usual = path.credit.usual_rtt().unwrap();
    // A bunch is waited for twice, a third of the longest time between two on average.
    assert!((62 * MS..110 * MS).contains(&usual), "{usual:?}");
}

#[test]
fn spells_of_any_length_far_longer_than_the_path_do_not_starve_it() {
    // Late for so long, in spells and between them so long on average; the share that shall pass, and where the peer tells no time.
    for (late, spell, rest, least, asked) in [
        (60, 240, 60, 0.88, 0.6),
        (100, 940, 60, 0.9, 0.7),
        (200, 500, 30, 0.9, 0.5),
        (200, 300, 700, 0.75, 0.65),
        (200, 300, 5000, 0.9, 0.9),
    ] {
        for (new, least) in BOTH.into_iter().zip([least, asked]) {
            for (megabits, rtt) in [(10.0, 10), (20.0, 50), (100.0, 50)] {
                let mut path = new(megabits, rtt * MS);
                path.greedy(5000 * MS);
                let since = (path.now, path.arrived);
                while path.now < since.0 + 60_000 * MS {
                    for (late, most) in [(late, 2 * spell), (0, 2 * rest)] {
                        path.late = late * MS;
                        let time = path.random(most * MS);
                        path.greedy(time);
                    }
                }
                let (share, wait) = path.since(since.0, since.1);
                let case =
                    format!("{megabits} Mb/s, {rtt} ms, {late} ms late for {spell} ms and not for {rest}");
                assert!(share > least, "{case}: {share:.3} used");
                assert!(wait < 70 * MS, "{case}: {wait:?} in the queue");
            }
        }
    }
}

#[test]
fn spells_that_come_like_clockwork_do_not_starve_a_path_whose_far_end_tells_the_time() {
    for (megabits, rtt) in [(20.0, 50), (100.0, 50)] {
        for late in [60, 100, 200] {
            for (spell, rest) in [(240, 60), (100, 100), (500, 30), (940, 60), (300, 700), (60, 60)] {
                let mut path = Path::new(megabits, rtt * MS);
                path.greedy(5000 * MS);
                let (share, wait) = path.late_in_spells(late * MS, spell * MS, rest * MS);
                let case =
                    format!("{megabits} Mb/s, {rtt} ms, {late} ms late for {spell} and not for {rest}");
                assert!(share > 0.6, "{case}: {share:.3} used");
                assert!(wait < 70 * MS, "{case}: {wait:?} in the queue");
            }
        }
    }
}

#[test]
fn what_reports_wait_is_in_the_last_round_trip_and_in_no_wait_of_ours() {
    let mut path = Path::new(20.0, 50 * MS);
    path.greedy(5000 * MS);
    path.late = 100 * MS;
    path.greedy(3000 * MS);
    let (rtt, own) = (path.credit.last_rtt().unwrap(), path.credit.own_wait());
    assert!(rtt > 150 * MS && own < 40 * MS, "{rtt:?}, of which {own:?}");
    assert!(path.credit.min_rtt().unwrap() < 60 * MS);
}

/// As from a peer that is asked for the first time by a packet that goes ahead of a burst.
#[test]
fn an_empty_path_may_be_known_before_a_report_comes() {
    let mut path = Path::asked(5.0, 20 * MS);
    path.credit.round_trip(path.now, 20 * MS);
    path.send(32 * 1024);
    path.pass(path.now + 100 * MS);
    assert_eq!(path.credit.min_rtt(), Some(20 * MS));
    path.pass(path.now + 1000 * MS);
    path.credit.round_trip(path.now, 21 * MS);
    assert_eq!(path.credit.min_rtt(), Some(20 * MS), "the shortest one counts");
}

#[test]
fn a_far_end_may_tell_what_it_likes() {
    let mut path = Path::new(20.0, 50 * MS);
    path.greedy(1000 * MS);
    let config = CreditConfig::default();
    let mut any = || {
        path.random(MS);
        path.seed >> 32
    };
    let (mut credit, mut now, mut sent) = (Credit::new(config), Instant::now(), 0);
    for _ in 0..100_000 {
        now += Duration::from_micros(any() % 50_000);
        for _ in 0..any() % 20 {
            credit.sent(now, PACKET as usize);
            sent += PACKET;
        }
        let total = [sent - any() % (sent + 1), sent, sent + any(), any() << 40][any() as usize % 4];
        let age = Duration::from_micros([0, any() % 100_000, any()][any() as usize % 3]);
        let clock = [None, Some(0), Some(any() as u32), Some(u32::MAX)][any() as usize % 4];
        credit.delivered(now, total, age, clock);
        credit.round_trip(now, age);
        assert!((config.floor..=config.ceiling).contains(&credit.window()), "{}", credit.window());
        assert!(credit.under_way() <= sent && credit.own_wait() < Duration::MAX);
        credit.due(now);
    }
}
