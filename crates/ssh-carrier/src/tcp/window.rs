//! How much a far end may have under way to us where nobody there bounds it: what the line holds, and a little more.
//!
//! The line is full when segments of the connection itself take longer than on the empty line; what waits at the far end before it is sealed
//! and sent has no part in that. What comes in is then the line's rate. A bound that is too low would starve who sends to us, one that is
//! too high only does no good: where anything is in doubt, it rises.

use std::time::{Duration, Instant};

/// What may stand in the line's queue.
const ROOM: Duration = Duration::from_millis(15);
/// A line on which round trips take so much longer is full.
const FULL: Duration = Duration::from_millis(10);
/// What stands there for so long although it is bounded is somebody else's, or the path has become longer.
const TOO_MUCH: Duration = Duration::from_millis(40);
const PATIENCE: Duration = Duration::from_secs(5);
/// What comes is counted for an eighth of the empty line's round trip, but not for less than this, and not for less than some segments unless
/// it takes four times as long. So often in a row the line must have been full before its rate is believed.
const LEAST: Duration = Duration::from_millis(25);
const SEGMENTS: u64 = 8 * 1448;
const IN_A_ROW: u32 = 4;
/// They are alike if none is so much higher than another: while one loss after the other is made good, what comes has waited here.
const ALIKE: f64 = 1.3;
/// Reads of fewer octets are of what always comes, acknowledgements and answers, and no sign that more does.
const LARGE: usize = 1024;
/// Who fills this share of the bound is held up by it, if the line is not full or brings less than this share of its rate: then half more is
/// tried in each round trip. Where that was not needed the bound falls by so much at a time.
const HELD_UP: f64 = 0.75;
const LESS: f64 = 0.8;
const RISE: f64 = 0.5;
const FALL: f64 = 0.9;
/// No bound is lower, in octets: a first flight of ten segments.
const FLOOR: f64 = 16.0 * 1024.0;
/// Nor any while nothing is known of the line.
const START: f64 = 32.0 * 1024.0;
/// By so much it rises at a time then.
const RISES: f64 = 1.125;

/// The bound, and what it is made from.
#[derive(Debug)]
pub(super) struct Window {
    line: Line,
    bound: Option<f64>,
    /// When the bound last did what it should, or there was none.
    works: Instant,
    /// Octets that came, and since when.
    octets: u64,
    since: Instant,
    /// When what comes at once began to, and how much that is.
    burst: (Instant, u64),
    /// When much last came, and from when on it counts.
    much_came: Instant,
    counts_from: Instant,
}

/// What is known of the line.
#[derive(Debug, Default)]
struct Line {
    /// The shortest round trip.
    empty: Option<Duration>,
    /// The rate at which it is full, in octets a second.
    rate: Option<f64>,
    /// The highest at which anything came: it stands in for that while it is not known.
    highest: f64,
    /// The lowest and the highest of the latest rates at which it was full in a row, and how many these are.
    lately: Option<(f64, f64)>,
    in_a_row: u32,
}

impl Line {
    /// So much came each second while it was full: its rate, once that is believed and if as much comes now. It is the highest of those, so that
    /// one who is sent less through a line that others fill, too, or that is late for another reason, does not have that less for its rate.
    fn is_full_at(&mut self, rate: f64) -> Option<f64> {
        let (lowest, highest) =
            self.lately.map_or((rate, rate), |(low, high)| (low.min(rate), high.max(rate)));
        self.lately = Some((lowest, highest));
        self.in_a_row += 1;
        if self.in_a_row < IN_A_ROW {
            return None;
        }
        self.is_not_full();
        if highest > ALIKE * lowest {
            return None;
        }
        self.rate = Some(self.rate.map_or(lowest, |rate| rate.max(lowest)));
        self.rate.filter(|_| !self.brings_less_than_it_can(lowest))
    }

    fn brings_less_than_it_can(&self, now: f64) -> bool {
        self.rate.is_some_and(|rate| now < LESS * rate)
    }

    /// The octets that fill it if its rate is the highest at which anything came: what a start sends at once comes at the line's rate long before
    /// it fills it.
    fn may_hold(&self) -> f64 {
        (self.highest * (self.empty.unwrap_or_default() + ROOM).as_secs_f64()).max(START)
    }

    fn is_not_full(&mut self) {
        (self.lately, self.in_a_row) = (None, 0);
    }
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            line: Line::default(),
            bound: None,
            works: now,
            octets: 0,
            since: now,
            burst: (now, 0),
            much_came: now,
            counts_from: now,
        }
    }

    /// So many octets came. `round_trip` tells how long the connection's round trips take of late; it is asked when it is time to look. The bound in
    /// octets, once there is one and whenever it is to be set: after each look, since the system raises its window by itself, and in a start,
    /// which waits for that, when it has risen.
    pub(super) fn received(
        &mut self,
        now: Instant,
        octets: usize,
        round_trip: impl FnOnce() -> Option<Duration>,
    ) -> Option<u32> {
        match self.count(now, octets).then(round_trip).flatten() {
            Some(time) => self.round_trip(now, time),
            None => self.rises(),
        }
    }

    /// Whether it is time to look how long a round trip takes.
    ///
    /// After a pause nothing counts for a round trip: the far end had nothing to send, or was held up by our bound; or a loss was made good, and what
    /// comes at once has waited here. In a start, while nothing is known, it is sooner, since that soon overruns the line.
    fn count(&mut self, now: Instant, octets: usize) -> bool {
        let span = self.part(8);
        if octets >= LARGE {
            if self.pauses(now) {
                let known = self.line.empty.filter(|_| self.line.rate.is_some());
                self.counts_from = now + known.map_or(span, |empty| empty.max(span));
                self.burst = (now, 0);
            }
            self.brought(now, octets);
            self.much_came = now;
        }
        self.octets += octets as u64;
        let passed = now.saturating_duration_since(self.since);
        passed >= span && (self.octets >= SEGMENTS || passed >= 4 * span)
    }

    /// The bound in octets, if it has risen since it was last told.
    fn rises(&mut self) -> Option<u32> {
        let bound = self.bound.as_mut().filter(|_| self.line.rate.is_none())?;
        let holds = self.line.may_hold();
        if holds < *bound * RISES {
            return None;
        }
        *bound = holds;
        self.octets_of_bound()
    }

    fn brought(&mut self, now: Instant, octets: usize) {
        // What is held up for a moment comes at once then, faster than the line.
        let span = self.part(4);
        let (began, before) = self.burst;
        let took = now.saturating_duration_since(began);
        let burst = before + octets as u64;
        self.line.highest = self.line.highest.max(burst as f64 / took.max(span).as_secs_f64());
        self.burst = if took < span { (began, burst) } else { (now, 0) };
    }

    /// A part of the empty line's round trip.
    fn part(&self, of: u32) -> Duration {
        self.line.empty.map_or(LEAST, |empty| LEAST.max(empty / of))
    }

    /// Whether nothing came for longer than packets of a line of half a megabit follow each other.
    fn pauses(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.much_came) > self.part(8)
    }

    /// The connection's round trips take so long of late. The bound in octets, once there is one.
    fn round_trip(&mut self, now: Instant, time: Duration) -> Option<u32> {
        let passed = now.saturating_duration_since(self.since).max(Duration::from_millis(1)).as_secs_f64();
        let rate = self.octets as f64 / passed;
        let goes_on = self.since >= self.counts_from && !self.pauses(now);
        (self.since, self.octets) = (now, 0);

        let empty = self.line.empty.map_or(time, |empty| empty.min(time));
        self.line.empty = Some(empty);
        let queue = time.saturating_sub(empty);
        if queue < TOO_MUCH || self.bound.is_none() {
            self.works = now;
        } else if now.saturating_duration_since(self.works) >= PATIENCE {
            self.forget(now);
            return self.octets_of_bound();
        }

        if self.line.rate.is_none() {
            self.bound = Some(self.line.may_hold().max(self.bound.unwrap_or_default()));
        }
        if queue >= FULL && goes_on {
            if let Some(rate) = self.line.is_full_at(rate) {
                let holds = rate * (empty + ROOM).as_secs_f64();
                self.bound = Some(holds.max(FLOOR).max(FALL * self.bound.unwrap_or_default()));
            }
        } else {
            self.line.is_not_full();
        }
        let may_be_our_bound =
            queue < FULL || queue < ROOM && !goes_on || self.line.brings_less_than_it_can(rate);
        let time = time.as_secs_f64().max(passed);
        if let Some(bound) = &mut self.bound
            && may_be_our_bound
            && rate * time > HELD_UP * *bound
        {
            *bound *= 1.0 + RISE * passed / time;
        }
        self.octets_of_bound()
    }

    /// What the bound was made from does not hold any more.
    fn forget(&mut self, now: Instant) {
        self.line = Line::default();
        self.bound = self.bound.map(|bound| 2.0 * bound);
        self.works = now;
    }

    fn octets_of_bound(&self) -> Option<u32> {
        self.bound.map(|bound| bound as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SEGMENT: usize = 1448;

    /// A line, and one who has as much under way on it as he may: both in steps of a millisecond.
    struct Path {
        window: Window,
        now: Instant,
        /// Octets a millisecond.
        rate: f64,
        empty: u32,
        /// What others have in its queue.
        others: u32,
        /// What the far end would have under way by itself, in octets, and what the last bound lets it.
        wants: f64,
        bound: f64,
        /// What it has under way; octets that came and are not a whole segment.
        under_way: f64,
        rest: f64,
        smoothed: f64,
        /// All that came.
        came: f64,
    }

    impl Path {
        fn new(mbps: f64, empty: u32) -> Self {
            let now = Instant::now();
            let mut window = Window::new(now);
            window.round_trip(now, empty * MS);
            let (wants, bound, under_way, rest) = (1e9, f64::INFINITY, 0.0, 0.0);
            let smoothed = f64::from(empty);
            let rate = mbps * 125.0;
            Self { window, now, rate, empty, others: 0, wants, bound, under_way, rest, smoothed, came: 0.0 }
        }

        /// What the line holds and its queue may: the bound that is looked for, in octets.
        fn holds(&self) -> f64 {
            self.rate * (f64::from(self.empty) + ROOM.as_secs_f64() * 1e3)
        }

        /// So many milliseconds pass; what came in them, as a share of the line's rate.
        fn run(&mut self, millis: u32) -> f64 {
            let before = self.came;
            for _ in 0..millis {
                self.now += MS;
                // What the window lets under way is so within a round trip.
                let aim = self.wants.min(self.bound);
                self.under_way += (aim - self.under_way) / f64::from(self.empty).max(1.0);
                let trip = f64::from(self.empty + self.others);
                let comes = self.rate.min(self.under_way / trip);
                let queue = (self.under_way / self.rate - trip).max(0.0);
                self.smoothed += (trip + queue - self.smoothed) / 20.0;
                self.rest += comes;
                self.came += comes;
                if self.rest >= SEGMENT as f64 {
                    let whole = self.rest as usize;
                    self.rest -= whole as f64;
                    self.reads(whole);
                }
            }
            (self.came - before) / (self.rate * f64::from(millis))
        }

        fn reads(&mut self, octets: usize) {
            let time = Duration::from_secs_f64(self.smoothed / 1e3);
            if let Some(bound) = self.window.received(self.now, octets, || Some(time)) {
                self.bound = f64::from(bound);
            }
        }
    }

    #[test]
    fn a_full_line_is_bounded_to_what_it_holds_and_stays_full() {
        for (mbps, empty) in [(1.0, 50), (5.0, 10), (5.0, 200), (20.0, 50), (100.0, 20), (100.0, 200)] {
            let mut path = Path::new(mbps, empty);
            path.wants = 3.0 * path.holds();
            path.run(1000);
            let share = path.run(10_000);
            assert!(share > 0.99, "{mbps} Mb/s, {empty} ms: {share}");
            let off = path.bound / path.holds();
            // A line that holds less than the least bound is tried with twice that now and then.
            let most = (2.1 * FLOOR / path.holds()).max(1.3);
            assert!((0.9..most).contains(&off), "{mbps} Mb/s, {empty} ms: {off}");
        }
    }

    #[test]
    fn a_line_that_is_not_full_is_not_held_up() {
        let mut path = Path::new(20.0, 50);
        path.wants = path.rate * 30.0;
        path.run(10_000);
        assert!(path.bound > 1.2 * path.wants, "{}", path.bound);
        path.wants = path.rate * 50.0;
        path.run(500);
        let share = path.run(2000);
        assert!(share > 0.97, "{share}");
    }

    /// A TCP that doubles what it has under way in each round trip, without end: the time until the line is full, and the longest queue until
    /// a second after that, in milliseconds. What the window has let it send is not taken back.
    fn start(mbps: f64, empty: u32, is_bounded: bool) -> (usize, f64) {
        let (rate, mut begin) = (mbps * 125.0, Instant::now());
        let (mut window, mut bound) = (Window::new(begin), 4e6);
        // A link that is idle.
        for _ in 0..100 {
            begin += 20 * MS;
            let told = window.received(begin, 100, || Some(empty * MS));
            bound = told.filter(|_| is_bounded).map_or(bound, f64::from);
        }
        let half = empty as usize / 2;
        // By millisecond: what reaches the line, and what the far end hears: octets that came, and up to which it may send.
        let (mut reaches, mut hears) = (vec![0.0; 20_000], vec![(0.0, 0.0); 20_000]);
        let (mut sent, mut came, mut acknowledged, mut edge) = (0.0_f64, 0.0_f64, 0.0_f64, 64_000.0_f64);
        let mut doubles = 14_480.0_f64;
        let (mut waits, mut smoothed, mut rest) = (0.0_f64, f64::from(empty), 0.0_f64);
        let (mut full_at, mut longest) = (None, 0.0_f64);
        for millis in 0..10_000 {
            let (heard, may): (f64, f64) = hears[millis];
            doubles += (heard - acknowledged).max(0.0);
            (acknowledged, edge) = (acknowledged.max(heard), edge.max(may));
            let leaves = (edge.min(acknowledged + doubles) - sent).max(0.0);
            sent += leaves;
            reaches[millis + half] = leaves;
            waits += reaches[millis];
            let passes = waits.min(rate);
            (waits, came, rest) = (waits - passes, came + passes, rest + passes);
            smoothed += (f64::from(empty) + waits / rate - smoothed) / 8.0;
            if rest >= SEGMENT as f64 {
                let now = begin + millis as u32 * MS;
                let time = Duration::from_secs_f64(smoothed / 1e3);
                let told = window.received(now, rest as usize, || Some(time));
                bound = told.filter(|_| is_bounded).map_or(bound, f64::from);
                rest = 0.0;
            }
            hears[millis + half] = (came, came + bound);
            longest = longest.max(waits / rate);
            if sent - acknowledged >= rate * f64::from(empty) {
                let since = *full_at.get_or_insert(millis);
                if millis > since + 1000 {
                    break;
                }
            }
        }
        (full_at.expect("the line is filled"), longest)
    }

    #[test]
    fn a_start_fills_the_line_as_quickly_and_does_not_overrun_it() {
        for (mbps, empty) in
            [(1.0, 50), (5.0, 10), (5.0, 50), (5.0, 200), (20.0, 50), (20.0, 200), (100.0, 200)]
        {
            let ((alone, overrun), (full_at, queue)) = (start(mbps, empty, false), start(mbps, empty, true));
            let case = format!(
                "{mbps} Mb/s, {empty} ms: full at {full_at} and {alone} ms, queue of {queue} and {overrun} ms"
            );
            assert!(full_at <= alone + 2 && queue < 0.65 * overrun, "{case}");
            let at_first = START / (mbps * 125.0);
            assert!(queue < (f64::from(empty) / 2.0 + 25.0).max(at_first + 10.0), "{case}");
        }
    }

    #[test]
    fn a_line_that_became_faster_is_filled_again() {
        let mut path = Path::new(5.0, 100);
        path.run(5000);
        path.rate *= 8.0;
        path.run(3000);
        let share = path.run(5000);
        assert!(share > 0.95, "{share}");
        assert!(path.bound < 1.6 * path.holds(), "{} of {}", path.bound, path.holds());
    }

    #[test]
    fn where_the_path_became_longer_or_others_fill_the_queue_the_bound_gives_way() {
        for longer in [60, 300] {
            let mut path = Path::new(20.0, 50);
            path.run(5000);
            path.others = longer;
            path.run(10_000);
            let share = path.run(10_000);
            assert!(share > 0.9, "{longer} ms: {share}");
        }
    }

    #[test]
    fn where_round_trips_take_longer_for_another_reason_most_of_the_rate_is_left() {
        // As on a radio: by less than what lets the bound give way.
        let mut path = Path::new(50.0, 5);
        path.run(5000);
        path.others = 30;
        path.run(2000);
        let share = path.run(20_000);
        assert!(share > 0.75, "{share}");
    }

    #[test]
    fn where_they_do_from_the_beginning_so_it_is_too() {
        for (mbps, empty, others) in [(50.0, 5, 30), (50.0, 5, 15), (20.0, 50, 30), (5.0, 20, 25)] {
            let mut path = Path::new(mbps, empty);
            path.others = others;
            path.run(5000);
            let share = path.run(20_000);
            assert!(share > 0.75, "{mbps} Mb/s, {empty} ms and {others}: {share}");
        }
    }

    #[test]
    fn answers_that_always_come_are_not_taken_for_what_the_line_carries() {
        let mut path = Path::new(5.0, 200);
        for millis in 0..5000 {
            path.now += MS;
            // Round trips take longer now and then.
            path.smoothed = if millis % 1000 < 500 { 230.0 } else { 200.0 };
            if millis % 20 == 0 {
                path.reads(132);
            }
        }
        assert!(path.bound <= START, "{}", path.bound);
    }

    #[test]
    fn what_a_loss_kept_back_does_not_raise_it() {
        let mut path = Path::new(5.0, 200);
        path.run(5000);
        let before = path.bound;
        for _ in 0..20 {
            // Nothing for a round trip and a half. Then what came meanwhile is let through as one hole after the other is filled.
            path.now += 300 * MS;
            path.smoothed = 230.0;
            for millis in 0..800 {
                path.now += MS;
                if millis % 20 == 0 {
                    path.reads((path.rate * if millis % 200 < 100 { 60.0 } else { 25.0 }) as usize);
                }
            }
            path.run(2000);
        }
        assert!(path.bound < 1.1 * before, "{before}, {}", path.bound);
    }
}
