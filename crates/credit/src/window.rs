//! What may be under way: the rate of the path times its round trip when empty, and a little more.
//!
//! ```text
//!            rate stopped growing                  every ten seconds, or when the round trip
//!                                                  stays longer than the window explains
//! Starting ─────────────────────────▶ Steady ────────────────────────────────▶ Draining
//!    ▲                                  │ ▲                                        │
//!    └──────────────────────────────────┘ └────────────────────────────────────────┘
//!      more brought more, and no queue         the round trip of the emptied path is known
//! ```
//!
//! The round trip in the product is one without a queue of ours, and only when we hold back for a moment can we see one: so
//! Draining. If it stays long although we held back, then the path has changed, or others fill its queue, and that is what
//! to reckon with from now on; else a longer path would be taken for a queue and starved. If it shrinks, the path is slower
//! than was thought.
//!
//! Radio links answer late in spells, and in time in between; or nothing for a while, and then much at once. With a full window
//! that lets less arrive, which looks like a slower path, and a window made from that would let still less arrive: so such round
//! trips say nothing of the rate, and the window gets a little of the time that they took.

use std::time::{Duration, Instant};

use crate::CreditConfig;
use crate::delivery::{Delivery, Sample};
use crate::fall::Fall;
use crate::filter::Extreme;
use crate::meeting::Meeting;
use crate::pacer::{LONG_PATH, above};
use crate::rounds::{Round, Rounds};
use crate::spells::Spells;
use crate::starting::{GROWTH, Known, Starting};

/// Round trips for which the highest rate is remembered.
const RATE_ROUNDS: u64 = 10;
/// For how long a full path is left so (BBR's RTpropFilterLen).
const DRAIN_EVERY: Duration = Duration::from_secs(10);
/// When it is looked again at a path that seems to have become longer: what the TCP below has lost seems so, too, and what is then
/// let stand is a queue of our own.
const DRAIN_AGAIN: Duration = Duration::from_secs(2);
/// For how long the shortest round trip is believed where nothing fills the path, and so nothing drains it.
const RTT_MEMORY: Duration = Duration::from_secs(20);
/// A path whose rate has grown by that in so many round trips has not been seen full.
const GROWING_ROUNDS: usize = 6;
/// The window was full, and less than this part of the rate arrived: so it took longer than the window holds (Little's law).
const FULL: f64 = 0.8;
/// Round trips too long for the window before Draining finds out why; [`Fall`] does not wait for them.
const LONG_ROUNDS: u32 = 4;
/// Of the path's product: a sender whom the window does not bound, since a TCP inside has a smaller one, may fill the queue of a
/// path that became slower if he has more than this under way. Acknowledgements of a transfer the other way are less.
const LITTLE: f64 = 1.0 / 16.0;
/// More than the path's product, in the round trip after one with next to no queue, since there may be room: a quarter of
/// the round trip, but no more than this, which others feel if there is none.
const PROBE_MAX: Duration = Duration::from_millis(15);
/// On a long path less is risked: with a burst, and the queue aimed at, it stays below the 16 ms that end the slow starts of others
/// (HyStart). On shorter ones an eighth of the round trip ends them, and any queue is more.
const LONG_PATH_PROBE: Duration = Duration::from_millis(6);
/// Also after so many round trips, since not all that takes longer than it once did is a queue of ours.
const PROBE_EVERY: u64 = 8;
/// If so much of that came through as a higher rate, so many round trips in a row, there is room: back to Starting.
const ROOM: f64 = 0.5;
const ROOM_ROUNDS: u32 = 3;
/// Of the path's product, while Draining, where the path may be another one than it was.
const DRAINED: f64 = 0.5;
/// Else as much is held back as lets our queue leave, and no more, since what the path does not carry meanwhile is lost. It was
/// too little if the round trip shrank by more than this part of it.
const SHRUNK: u32 = 16;
/// Round trips of Draining: in the first our queue leaves, in the second the path is measured.
const DRAIN_ROUNDS: u64 = 2;

/// What [`Credit`](crate::Credit) is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Doubling with each round trip, until the path is full.
    Starting,
    /// Keeping it full.
    Steady,
    /// Holding back for two round trips, to see how long an empty path takes.
    Draining,
}

/// The window, and what it is made of.
#[derive(Debug)]
pub(crate) struct Window {
    mode: Mode,
    starting: Starting,
    rounds: Rounds,
    /// The highest rate of late, by round trips that say something of it.
    rates: Extreme<u64, f64>,
    rate_rounds: u64,
    /// What that was at the end of the last round trips.
    rates_before: [f64; GROWING_ROUNDS],
    spells: Spells,
    /// The shortest round trip of late.
    rtts: Extreme<Instant, Duration>,
    last_rtt: Option<Duration>,
    /// The round trip on the whole, without the queue that stands.
    usual_rtt: Option<Duration>,
    /// What reports wait on their way back, smoothed; it is in none of the round trips here, but the last.
    back: Duration,
    meeting: Meeting,
    /// Of the last one, what octets of ours had to wait for others of ours.
    own_wait: Duration,
    /// Smoothed time between two reports.
    interval: Option<Duration>,
    reported_at: Option<Instant>,
    /// When what the last one told of arrived.
    arrived_at: Option<Instant>,
    fall: Fall,
    /// Round trips in a row that were too long.
    long_rounds: u32,
    /// Round trips in a row that found room.
    room_rounds: u32,
    /// Whether the last round trip in Steady met next to no queue, or it is time to see whether it was one.
    unfilled: bool,
    /// The rate of the last whole round trip.
    recent_rate: Option<f64>,
    /// When there was no queue of ours last.
    drained_at: Option<Instant>,
    drain: Drain,
}

/// What was known when Draining began.
#[derive(Debug, Default)]
struct Drain {
    /// The round trip with which it is over.
    end: u64,
    /// The shortest round trip, if the path need not have changed.
    from: Option<Duration>,
    /// The last round trip on the whole, and its rate.
    mean: Duration,
    rate: f64,
}

impl Window {
    pub(crate) fn new() -> Window {
        Window {
            mode: Mode::Starting,
            starting: Starting::default(),
            rounds: Rounds::default(),
            rates: Extreme::new(|new, old| new >= old),
            rate_rounds: 0,
            rates_before: [0.0; GROWING_ROUNDS],
            spells: Spells::new(),
            rtts: Extreme::new(|new, old| new <= old),
            last_rtt: None,
            usual_rtt: None,
            back: Duration::ZERO,
            meeting: Meeting::default(),
            own_wait: Duration::ZERO,
            interval: None,
            reported_at: None,
            arrived_at: None,
            fall: Fall::default(),
            long_rounds: 0,
            room_rounds: 0,
            unfilled: false,
            recent_rate: None,
            drained_at: None,
            drain: Drain::default(),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn rate(&self) -> Option<f64> {
        self.rates.best().map(|(_, rate)| rate)
    }

    pub(crate) fn is_growing(&self) -> bool {
        let before = self.rates_before[GROWING_ROUNDS - 1];
        self.mode == Mode::Starting || self.rate().unwrap_or_default() >= before * GROWTH
    }

    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.rtts.best().map(|(_, rtt)| rtt)
    }

    pub(crate) fn usual_rtt(&self) -> Option<Duration> {
        self.usual_rtt.map(|rtt| rtt + self.back)
    }

    pub(crate) fn last_rtt(&self) -> Option<Duration> {
        self.last_rtt
    }

    pub(crate) fn own_wait(&self) -> Duration {
        self.own_wait
    }

    /// Octets that may be under way.
    pub(crate) fn size(&self, config: &CreditConfig) -> u64 {
        let rtt = self.min_rtt().unwrap_or_default();
        let octets = match self.mode {
            Mode::Starting => self.starting.size(config, &self.known()),
            Mode::Steady => {
                let unreported = self.interval.unwrap_or_default();
                self.product(rtt + self.back + self.let_stand(config, rtt) + unreported)
            }
            Mode::Draining => {
                let least = rtt.mul_f64(DRAINED);
                let queue = self.standing(config, rtt) + probe(rtt);
                let time = self.drain.from.map_or(least, |_| rtt.saturating_sub(queue).max(least));
                // A path that became slower is not drained by what it once took.
                self.drain.rate * (time + self.back).as_secs_f64()
            }
        };
        // What is more than fits is cut by the cast, and then by the ceiling.
        (octets as u64).clamp(config.floor, config.ceiling)
    }

    /// Octets that the path delivers in that time.
    fn product(&self, time: Duration) -> f64 {
        self.known().product(time)
    }

    fn known(&self) -> Known {
        Known {
            rate: self.rate().unwrap_or_default(),
            rtt: self.min_rtt().unwrap_or_default(),
            interval: self.interval.unwrap_or_default(),
            back: self.back,
        }
    }

    /// The most that Steady lets stand, where no transfers meet, and what has arrived and is not reported yet.
    fn standing(&self, config: &CreditConfig, rtt: Duration) -> Duration {
        config.slack(rtt) + self.interval.unwrap_or_default()
    }

    /// The queue aimed at: where transfers meet less, by some of what the way back waits, but not by much on a short path, where a
    /// burst is a larger part of all.
    fn aimed_at(&self, config: &CreditConfig, rtt: Duration) -> Duration {
        let slack = config.slack(rtt);
        if !self.meeting.is_on() {
            return slack;
        }
        slack.saturating_sub((self.back / 2).min(slack * 4 / 5).min(rtt / 12))
    }

    /// The queue that what is under way may leave in Steady.
    fn let_stand(&self, config: &CreditConfig, rtt: Duration) -> Duration {
        let probe = if self.unfilled { self.probe(rtt) } else { Duration::ZERO };
        self.aimed_at(config, rtt) + probe + self.spells.allowance()
    }

    /// The queue that is risked to find out whether there is room, in time: where transfers meet down to half as much.
    fn probe(&self, rtt: Duration) -> Duration {
        let probe = probe(rtt);
        if self.meeting.is_on() { probe.saturating_sub(self.back.min(probe / 2)) } else { probe }
    }

    /// So many octets have come from the far end, in all.
    pub(crate) fn heard(&mut self, octets: u64) {
        self.meeting.heard(octets);
    }

    /// The longest round trip that the window may have made.
    fn explained(&self, config: &CreditConfig) -> Duration {
        let rtt = self.min_rtt().unwrap_or_default();
        rtt + self.standing(config, rtt) * 2 + self.spells.allowance()
    }

    /// Octets per second at which the window is filled; `None` if at once: while nothing is known.
    pub(crate) fn pace(&self, config: &CreditConfig) -> Option<f64> {
        let rate = self.rate()?;
        Some(match self.mode {
            Mode::Starting => self.starting.pace(config, &self.known()),
            Mode::Steady | Mode::Draining => rate * above(self.min_rtt().unwrap_or_default()),
        })
    }

    /// Until when nothing more is to leave, since what is under way keeps the path busy for longer than its octets tell: there are
    /// pauses in it. They matter on a long path, where others take what is sent at once after them for its end (HyStart).
    pub(crate) fn hold(
        &self,
        config: &CreditConfig,
        sample: &Sample,
        delivery: &Delivery,
    ) -> Option<Instant> {
        let rtt = self.min_rtt().filter(|rtt| *rtt >= LONG_PATH)?;
        let waited = sample.rtt.saturating_sub(rtt);
        let (rate, waited, queue) = match self.mode {
            Mode::Starting => (self.starting.told(rtt)?, waited, config.slack(rtt)),
            Mode::Steady => {
                let queue = self.let_stand(config, rtt);
                // What it waited longer, it may have waited for others.
                (self.rate()?, waited.min(queue), queue)
            }
            Mode::Draining => return None,
        };
        delivery.through_at(rate, waited)?.checked_sub(queue)
    }

    /// `back` is what the report waited on its way.
    pub(crate) fn learn(&mut self, config: &CreditConfig, now: Instant, sample: &Sample, back: Duration) {
        self.note_interval(now);
        self.note_pause(config, sample);
        self.last_rtt = Some(sample.rtt + back);
        self.back = smoothed(Some(self.back), back);
        if sample.dry || self.drained_at.is_none() {
            self.drained_at = Some(now);
        }
        self.note_rtt(now, sample.rtt);
        let ended = self.rounds.add(sample);
        if let Some(rate) = sample.rate
            && (!sample.dry || self.rate().is_none_or(|best| rate > best))
        {
            self.rates.add(self.rate_rounds, rate, self.rate_rounds.saturating_sub(RATE_ROUNDS));
        }
        let before = self.recent_rate;
        if let Some(round) = ended {
            self.recent_rate = sample.rate.or(self.recent_rate);
            self.rates_before.rotate_right(1);
            self.rates_before[0] = self.rate().unwrap_or_default();
            self.meeting.ended(sample);
            self.note_spell(config, now, sample.dry, round.shortest);
            self.note_usual(config, round.mean);
        }
        self.own_wait = self.wait(sample);
        match self.mode {
            Mode::Starting => {
                if self.starting.learn(config, &self.known(), sample, ended.is_some()) {
                    self.mode = Mode::Steady;
                }
            }
            Mode::Steady => self.keep(config, now, sample, ended, before),
            Mode::Draining => self.drain(now, ended),
        }
    }

    pub(crate) fn note_rtt(&mut self, now: Instant, rtt: Duration) {
        self.rtts.add(now, rtt, now.checked_sub(RTT_MEMORY).unwrap_or(now));
    }

    /// Whether about as much arrived in the last round trip as ever does.
    fn is_full(&self) -> bool {
        let rates = self.recent_rate.zip(self.rate());
        rates.is_none_or(|(now, best)| now >= best * FULL)
    }

    /// Whether the round trip says something of the rate, and whether it is longer than the window explains: a spell, if it does
    /// not stay so.
    fn note_spell(&mut self, config: &CreditConfig, now: Instant, dry: bool, shortest: Duration) {
        let is_full = dry || self.mode != Mode::Steady || self.is_full();
        self.rate_rounds += u64::from(is_full);
        let rtt = self.min_rtt().unwrap_or_default();
        let is_long = shortest > self.explained(config);
        let longer = is_long.then(|| shortest.saturating_sub(rtt + self.standing(config, rtt)));
        self.spells.ended(now, longer);
    }

    fn note_usual(&mut self, config: &CreditConfig, mean: Duration) {
        let rtt = self.min_rtt().unwrap_or_default();
        let usual = mean.saturating_sub(self.standing(config, rtt)).max(rtt);
        self.usual_rtt = Some(smoothed(self.usual_rtt, usual));
    }

    /// Where more would have been sent, the path makes the pauses: that there, if what the reports wait is known.
    fn note_pause(&mut self, config: &CreditConfig, sample: &Sample) {
        let gap = since(self.arrived_at.replace(sample.at), sample.at);
        if self.mode == Mode::Steady && !sample.dry {
            let usual = self.standing(config, self.min_rtt().unwrap_or_default());
            self.spells.paused(gap.saturating_sub(usual));
        }
    }

    /// The time since the last report. Reports come while octets arrive; a pause between bursts is no interval.
    fn note_interval(&mut self, now: Instant) {
        let gap = since(self.reported_at.replace(now), now);
        if let Some(rtt) = self.last_rtt {
            self.interval = Some(smoothed(self.interval, gap.min(rtt / 2)));
        }
    }

    /// What is under way beyond what the path holds waits. Only a path that was full told how much that is.
    fn wait(&self, sample: &Sample) -> Duration {
        let (Some(rate), Some(rtt)) = (self.rate().filter(|_| !sample.dry), self.min_rtt()) else {
            return Duration::ZERO;
        };
        Duration::try_from_secs_f64(sample.under_way as f64 / rate)
            .map_or(Duration::ZERO, |time| time.saturating_sub(rtt).min(sample.rtt.saturating_sub(rtt)))
    }

    fn keep(
        &mut self,
        config: &CreditConfig,
        now: Instant,
        sample: &Sample,
        ended: Option<Round>,
        before: Option<f64>,
    ) {
        let rtt = self.min_rtt().unwrap_or_default();
        let explained = self.explained(config);
        // To hold back next to nothing, as answers to others are, would not show what others do.
        let little = (self.product(rtt) * LITTLE).max(2.0 * config.floor as f64);
        let counts = !sample.dry || sample.under_way as f64 >= little;
        if let Some(rate) = self.fall.found(sample, counts, explained) {
            self.hold_back(None, sample.rtt, rate);
            // The present round trip is not over.
            self.drain.end += 1;
            return;
        }
        let Some(Round { shortest, mean }) = ended else { return };
        let is_long = counts && shortest > explained;
        self.long_rounds = if is_long { self.long_rounds + 1 } else { 0 };
        let probed = self.unfilled;
        let grown = 1.0 + ROOM * self.probe(rtt).as_secs_f64() / rtt.as_secs_f64();
        let grew =
            !sample.dry && before.zip(self.recent_rate).is_some_and(|(before, now)| now > before * grown);
        self.room_rounds = if probed && grew { self.room_rounds + 1 } else { 0 };
        let is_short = shortest < rtt + self.aimed_at(config, rtt) / 2;
        self.unfilled = is_short || self.room_rounds > 0 || self.rounds.ended().is_multiple_of(PROBE_EVERY);
        if self.room_rounds >= ROOM_ROUNDS {
            (self.starting, self.room_rounds) = (Starting::again(self.rate().unwrap_or_default()), 0);
            self.mode = Mode::Starting;
            return;
        }
        let drained =
            |ago: Duration| self.drained_at.is_some_and(|at| now.saturating_duration_since(at) < ago);
        // What arrived in a round trip with a pause in it is too little to hold back to.
        let has_paused = !self.is_full() && drained(DRAIN_EVERY + DRAIN_AGAIN);
        let stale = !drained(DRAIN_EVERY) && !has_paused;
        let is_slower = self.long_rounds >= LONG_ROUNDS;
        if stale || is_slower {
            self.hold_back((!is_slower).then_some(rtt), mean, self.recent_rate.unwrap_or_default());
        }
    }

    /// Draining begins: `from` is the shortest round trip if the path need not have changed, `mean` and `rate` those of late.
    fn hold_back(&mut self, from: Option<Duration>, mean: Duration, rate: f64) {
        self.mode = Mode::Draining;
        self.drain = Drain { end: self.rounds.ended() + DRAIN_ROUNDS, from, mean, rate };
        (self.long_rounds, self.fall) = (0, Fall::default());
    }

    fn drain(&mut self, now: Instant, ended: Option<Round>) {
        let Some(Round { shortest, mean }) = ended.filter(|_| self.rounds.ended() >= self.drain.end) else {
            return;
        };
        let from = self.drain.from.take();
        if from.is_some_and(|before| shortest + before / SHRUNK < before) {
            self.drain.end = self.rounds.ended() + DRAIN_ROUNDS;
            return;
        }
        let rtt = self.min_rtt().unwrap_or_default();
        let is_ours = self.drain.mean.saturating_sub(mean) > self.drain.mean.saturating_sub(rtt) / 2;
        // What arrived in a round trip with a pause in it makes no slower path of one that need not have changed.
        if is_ours && from.is_none() {
            // No more than that can pass.
            self.rates.clear();
            self.rates.add(self.rate_rounds, self.drain.rate, 0);
            self.spells.clear();
        }
        self.rtts.clear();
        self.rtts.add(now, shortest, now);
        let is_longer = from.is_none() && !is_ours;
        self.drained_at =
            if is_longer { now.checked_sub(DRAIN_EVERY.saturating_sub(DRAIN_AGAIN)) } else { Some(now) };
        self.unfilled = true;
        self.mode = Mode::Steady;
    }
}

fn since(before: Option<Instant>, now: Instant) -> Duration {
    before.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
}

/// As TCP smooths round trips (RFC 6298 §2).
fn smoothed(before: Option<Duration>, new: Duration) -> Duration {
    before.map_or(new, |smooth| (smooth * 7 + new) / 8)
}

/// The queue that is risked to find out whether there is room, in time.
fn probe(rtt: Duration) -> Duration {
    if rtt < LONG_PATH { (rtt / 4).min(PROBE_MAX) } else { LONG_PATH_PROBE }
}
