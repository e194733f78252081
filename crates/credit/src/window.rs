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
use crate::meeting::Meeting;
use crate::pacer::{LONG_PATH, above};
use crate::path::{Path, since};
use crate::rounds::Round;
use crate::spells::Spells;
use crate::starting::Starting;

/// For how long a full path is left so (BBR's RTpropFilterLen).
const DRAIN_EVERY: Duration = Duration::from_secs(10);
/// When it is looked again at a path that seems to have become longer: what the TCP below has lost seems so, too, and what is then
/// let stand is a queue of our own.
const DRAIN_AGAIN: Duration = Duration::from_secs(2);
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
    path: Path,
    spells: Spells,
    meeting: Meeting,
    /// When what the last one told of arrived.
    arrived_at: Option<Instant>,
    fall: Fall,
    /// Round trips in a row that were too long.
    long_rounds: u32,
    /// Round trips in a row that found room.
    room_rounds: u32,
    /// Whether the last round trip in Steady met next to no queue, or it is time to see whether it was one.
    unfilled: bool,
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
            path: Path::new(),
            spells: Spells::new(),
            meeting: Meeting::default(),
            arrived_at: None,
            fall: Fall::default(),
            long_rounds: 0,
            room_rounds: 0,
            unfilled: false,
            drained_at: None,
            drain: Drain::default(),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_growing(&self) -> bool {
        self.mode == Mode::Starting || self.path.has_grown()
    }

    /// A round trip that was measured by itself.
    pub(crate) fn note_rtt(&mut self, now: Instant, rtt: Duration) {
        self.path.note_rtt(now, rtt);
    }

    fn rtt(&self) -> Duration {
        self.path.min_rtt().unwrap_or_default()
    }

    /// Octets that may be under way.
    pub(crate) fn size(&self, config: &CreditConfig) -> u64 {
        let rtt = self.rtt();
        let octets = match self.mode {
            Mode::Starting => self.starting.size(config, &self.path.known()),
            Mode::Steady => {
                let unreported = self.path.interval();
                self.path.product(rtt + self.path.back() + self.let_stand(config, rtt) + unreported)
            }
            Mode::Draining => {
                let least = rtt.mul_f64(DRAINED);
                let queue = self.path.standing(config) + probe(rtt);
                let time = self.drain.from.map_or(least, |_| rtt.saturating_sub(queue).max(least));
                // A path that became slower is not drained by what it once took.
                self.drain.rate * (time + self.path.back()).as_secs_f64()
            }
        };
        // What is more than fits is cut by the cast, and then by the ceiling.
        (octets as u64).clamp(config.floor, config.ceiling)
    }

    /// The queue aimed at: where transfers meet less, by some of what the way back waits, but not by much on a short path, where a
    /// burst is a larger part of all.
    fn aimed_at(&self, config: &CreditConfig, rtt: Duration) -> Duration {
        let slack = config.slack(rtt);
        if !self.meeting.is_on() {
            return slack;
        }
        slack.saturating_sub((self.path.back() / 2).min(slack * 4 / 5).min(rtt / 12))
    }

    /// The queue that what is under way may leave in Steady.
    fn let_stand(&self, config: &CreditConfig, rtt: Duration) -> Duration {
        let probe = if self.unfilled { self.probe(rtt) } else { Duration::ZERO };
        self.aimed_at(config, rtt) + probe + self.spells.allowance()
    }

    /// The queue that is risked to find out whether there is room, in time: where transfers meet down to half as much.
    fn probe(&self, rtt: Duration) -> Duration {
        let probe = probe(rtt);
        if self.meeting.is_on() { probe.saturating_sub(self.path.back().min(probe / 2)) } else { probe }
    }

    /// So many octets have come from the far end, in all.
    pub(crate) fn heard(&mut self, octets: u64) {
        self.meeting.heard(octets);
    }

    /// The longest round trip that the window may have made.
    fn explained(&self, config: &CreditConfig) -> Duration {
        let rtt = self.rtt();
        rtt + self.path.standing(config) * 2 + self.spells.allowance()
    }

    /// Octets per second at which the window is filled; `None` if at once: while nothing is known.
    pub(crate) fn pace(&self, config: &CreditConfig) -> Option<f64> {
        let rate = self.path.rate()?;
        Some(match self.mode {
            Mode::Starting => self.starting.pace(config, &self.path.known()),
            Mode::Steady | Mode::Draining => rate * above(self.rtt()),
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
        let rtt = self.path.min_rtt().filter(|rtt| *rtt >= LONG_PATH)?;
        let waited = sample.rtt.saturating_sub(rtt);
        let (rate, waited, queue) = match self.mode {
            Mode::Starting => (self.starting.told(rtt)?, waited, config.slack(rtt)),
            Mode::Steady => {
                let queue = self.let_stand(config, rtt);
                // What it waited longer, it may have waited for others.
                (self.path.rate()?, waited.min(queue), queue)
            }
            Mode::Draining => return None,
        };
        delivery.through_at(rate, waited)?.checked_sub(queue)
    }

    /// `back` is what the report waited on its way.
    pub(crate) fn learn(&mut self, config: &CreditConfig, now: Instant, sample: &Sample, back: Duration) {
        self.path.reported(now);
        self.note_pause(config, sample);
        if sample.dry || self.drained_at.is_none() {
            self.drained_at = Some(now);
        }
        let ended = self.path.learn(config, now, sample, back);
        if let Some(round) = ended {
            self.meeting.ended(sample);
            self.note_spell(config, now, sample.dry, round.shortest);
        }
        match self.mode {
            Mode::Starting => {
                if self.starting.learn(config, &self.path.known(), sample, ended.is_some()) {
                    self.mode = Mode::Steady;
                }
            }
            Mode::Steady => self.keep(config, now, sample, ended),
            Mode::Draining => self.drain(now, ended),
        }
    }

    /// Whether the round trip says something of the rate, and whether it is longer than the window explains: a spell, if it does
    /// not stay so.
    fn note_spell(&mut self, config: &CreditConfig, now: Instant, dry: bool, shortest: Duration) {
        if dry || self.mode != Mode::Steady || self.path.is_full() {
            self.path.round_counts();
        }
        let rtt = self.rtt();
        let is_long = shortest > self.explained(config);
        let longer = is_long.then(|| shortest.saturating_sub(rtt + self.path.standing(config)));
        self.spells.ended(now, longer);
    }

    /// Where more would have been sent, the path makes the pauses: that there, if what the reports wait is known.
    fn note_pause(&mut self, config: &CreditConfig, sample: &Sample) {
        let gap = since(self.arrived_at.replace(sample.at), sample.at);
        if self.mode == Mode::Steady && !sample.dry {
            let usual = self.path.standing(config);
            self.spells.paused(gap.saturating_sub(usual));
        }
    }

    fn keep(&mut self, config: &CreditConfig, now: Instant, sample: &Sample, ended: Option<Round>) {
        let rtt = self.rtt();
        let explained = self.explained(config);
        // To hold back next to nothing, as answers to others are, would not show what others do.
        let little = (self.path.product(rtt) * LITTLE).max(2.0 * config.floor as f64);
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
        let grew = !sample.dry && self.path.recent_rates().is_some_and(|(now, before)| now > before * grown);
        self.room_rounds = if probed && grew { self.room_rounds + 1 } else { 0 };
        let is_short = shortest < rtt + self.aimed_at(config, rtt) / 2;
        self.unfilled = is_short || self.room_rounds > 0 || self.path.rounds().is_multiple_of(PROBE_EVERY);
        if self.room_rounds >= ROOM_ROUNDS {
            (self.starting, self.room_rounds) = (Starting::again(self.path.rate().unwrap_or_default()), 0);
            self.mode = Mode::Starting;
            return;
        }
        let drained =
            |ago: Duration| self.drained_at.is_some_and(|at| now.saturating_duration_since(at) < ago);
        // What arrived in a round trip with a pause in it is too little to hold back to.
        let has_paused = !self.path.is_full() && drained(DRAIN_EVERY + DRAIN_AGAIN);
        let stale = !drained(DRAIN_EVERY) && !has_paused;
        let is_slower = self.long_rounds >= LONG_ROUNDS;
        if stale || is_slower {
            self.hold_back((!is_slower).then_some(rtt), mean, self.path.recent_rate().unwrap_or_default());
        }
    }

    /// Draining begins: `from` is the shortest round trip if the path need not have changed, `mean` and `rate` those of late.
    fn hold_back(&mut self, from: Option<Duration>, mean: Duration, rate: f64) {
        self.mode = Mode::Draining;
        self.drain = Drain { end: self.path.rounds() + DRAIN_ROUNDS, from, mean, rate };
        (self.long_rounds, self.fall) = (0, Fall::default());
    }

    fn drain(&mut self, now: Instant, ended: Option<Round>) {
        let Some(Round { shortest, mean }) = ended.filter(|_| self.path.rounds() >= self.drain.end) else {
            return;
        };
        let from = self.drain.from.take();
        if from.is_some_and(|before| shortest + before / SHRUNK < before) {
            self.drain.end = self.path.rounds() + DRAIN_ROUNDS;
            return;
        }
        let rtt = self.rtt();
        let is_ours = self.drain.mean.saturating_sub(mean) > self.drain.mean.saturating_sub(rtt) / 2;
        // What arrived in a round trip with a pause in it makes no slower path of one that need not have changed.
        if is_ours && from.is_none() {
            // No more than that can pass.
            self.path.delivers(self.drain.rate);
            self.spells.clear();
        }
        self.path.takes(now, shortest);
        let is_longer = from.is_none() && !is_ours;
        self.drained_at =
            if is_longer { now.checked_sub(DRAIN_EVERY.saturating_sub(DRAIN_AGAIN)) } else { Some(now) };
        self.unfilled = true;
        self.mode = Mode::Steady;
    }
}

/// The queue that is risked to find out whether there is room, in time.
fn probe(rtt: Duration) -> Duration {
    if rtt < LONG_PATH { (rtt / 4).min(PROBE_MAX) } else { LONG_PATH_PROBE }
}
