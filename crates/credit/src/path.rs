//! What is known of the path: how fast it delivers, and how long it takes.

use std::time::{Duration, Instant};

use crate::CreditConfig;
use crate::delivery::Sample;
use crate::filter::Extreme;
use crate::rounds::{Round, Rounds};
use crate::starting::{GROWTH, Known};

/// Round trips for which the highest rate is remembered.
const RATE_ROUNDS: u64 = 10;
/// For how long the shortest round trip is believed where nothing fills the path, and so nothing drains it.
const RTT_MEMORY: Duration = Duration::from_secs(20);
/// A path whose rate has grown by a quarter in so many round trips has not been seen full.
const GROWING_ROUNDS: usize = 6;
/// The window was full, and less than this part of the rate arrived: so it took longer than the window holds (Little's law).
const FULL: f64 = 0.8;

/// The path, by what reports have told.
#[derive(Debug)]
pub(crate) struct Path {
    rounds: Rounds,
    /// The highest rate of late, by round trips that say something of it.
    rates: Extreme<u64, f64>,
    rate_rounds: u64,
    /// What that was at the end of the last round trips.
    rates_before: [f64; GROWING_ROUNDS],
    /// The rate of the last whole round trip, and of the one before.
    recent_rate: Option<f64>,
    rate_before: Option<f64>,
    /// The shortest round trip of late.
    rtts: Extreme<Instant, Duration>,
    last_rtt: Option<Duration>,
    /// The round trip on the whole, without the queue that stands.
    usual_rtt: Option<Duration>,
    /// What reports wait on their way back, smoothed; it is in none of the round trips here, but the last.
    back: Duration,
    /// Of the last one, what octets of ours had to wait for others of ours.
    own_wait: Duration,
    /// Smoothed time between two reports.
    interval: Option<Duration>,
    reported_at: Option<Instant>,
}

impl Path {
    pub(crate) fn new() -> Path {
        Path {
            rounds: Rounds::default(),
            rates: Extreme::new(|new, old| new >= old),
            rate_rounds: 0,
            rates_before: [0.0; GROWING_ROUNDS],
            recent_rate: None,
            rate_before: None,
            rtts: Extreme::new(|new, old| new <= old),
            last_rtt: None,
            usual_rtt: None,
            back: Duration::ZERO,
            own_wait: Duration::ZERO,
            interval: None,
            reported_at: None,
        }
    }

    /// Octets per second that it delivers.
    #[inline]
    pub(crate) fn rate(&self) -> Option<f64> {
        self.rates.best().map(|(_, rate)| rate)
    }

    /// Whether that has grown by a quarter in the last round trips.
    pub(crate) fn has_grown(&self) -> bool {
        self.rate().unwrap_or_default() >= self.rates_before[GROWING_ROUNDS - 1] * GROWTH
    }

    /// The rate of the last whole round trip.
    pub(crate) fn recent_rate(&self) -> Option<f64> {
        self.recent_rate
    }

    /// The same, and that of the one before.
    pub(crate) fn recent_rates(&self) -> Option<(f64, f64)> {
        self.recent_rate.zip(self.rate_before)
    }

    /// Whether about as much arrived in the last round trip as ever does.
    pub(crate) fn is_full(&self) -> bool {
        let rates = self.recent_rate.zip(self.rate());
        rates.is_none_or(|(now, best)| now >= best * FULL)
    }

    /// The empty path's round trip.
    #[inline]
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.rtts.best().map(|(_, rtt)| rtt)
    }

    /// The round trip on the whole, and what reports wait.
    pub(crate) fn usual_rtt(&self) -> Option<Duration> {
        self.usual_rtt.map(|rtt| rtt + self.back)
    }

    pub(crate) fn last_rtt(&self) -> Option<Duration> {
        self.last_rtt
    }

    /// What octets of ours had to wait for others of ours, of the last round trip.
    pub(crate) fn own_wait(&self) -> Duration {
        self.own_wait
    }

    /// What reports wait on their way back.
    #[inline]
    pub(crate) fn back(&self) -> Duration {
        self.back
    }

    /// Round trips that have ended.
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.ended()
    }

    #[inline]
    pub(crate) fn known(&self) -> Known {
        Known {
            rate: self.rate().unwrap_or_default(),
            rtt: self.min_rtt().unwrap_or_default(),
            interval: self.interval(),
            back: self.back,
        }
    }

    /// Octets that it delivers in that time.
    #[inline]
    pub(crate) fn product(&self, time: Duration) -> f64 {
        self.known().product(time)
    }

    /// Between two reports.
    #[inline]
    pub(crate) fn interval(&self) -> Duration {
        self.interval.unwrap_or_default()
    }

    /// The longest queue that the window leaves where it is neither seeking room nor meeting a transfer: what it aims at, and what has arrived and
    /// is not reported yet.
    #[inline]
    pub(crate) fn standing(&self, config: &CreditConfig) -> Duration {
        config.slack(self.min_rtt().unwrap_or_default()) + self.interval()
    }

    /// A report came. Reports come while octets arrive; a pause between bursts is no interval.
    pub(crate) fn reported(&mut self, now: Instant) {
        let gap = since(self.reported_at.replace(now), now);
        if let Some(rtt) = self.last_rtt {
            self.interval = Some(smoothed(self.interval, gap.min(rtt / 2)));
        }
    }

    /// What it told; it waited for `back` on its way. The round trip that ends with it, if one does.
    pub(crate) fn learn(
        &mut self,
        config: &CreditConfig,
        now: Instant,
        sample: &Sample,
        back: Duration,
    ) -> Option<Round> {
        self.last_rtt = Some(sample.rtt + back);
        self.back = smoothed(Some(self.back), back);
        self.note_rtt(now, sample.rtt);
        let ended = self.rounds.add(sample);
        if let Some(rate) = sample.rate
            && (!sample.dry || self.rate().is_none_or(|best| rate > best))
        {
            self.rates.add(self.rate_rounds, rate, self.rate_rounds.saturating_sub(RATE_ROUNDS));
        }
        if let Some(round) = ended {
            self.rate_before = self.recent_rate;
            self.recent_rate = sample.rate.or(self.recent_rate);
            self.rates_before.rotate_right(1);
            self.rates_before[0] = self.rate().unwrap_or_default();
            self.note_usual(config, round.mean);
        }
        self.own_wait = self.wait(sample);
        ended
    }

    /// The round trip that ended last says something of the rate.
    pub(crate) fn round_counts(&mut self) {
        self.rate_rounds += 1;
    }

    pub(crate) fn note_rtt(&mut self, now: Instant, rtt: Duration) {
        self.rtts.add(now, rtt, now.checked_sub(RTT_MEMORY).unwrap_or(now));
    }

    /// The empty path takes so long, whatever it once did.
    pub(crate) fn takes(&mut self, now: Instant, rtt: Duration) {
        self.rtts.clear();
        self.rtts.add(now, rtt, now);
    }

    /// No more than that can pass, whatever did once.
    pub(crate) fn delivers(&mut self, rate: f64) {
        self.rates.clear();
        self.rates.add(self.rate_rounds, rate, 0);
    }

    fn note_usual(&mut self, config: &CreditConfig, mean: Duration) {
        let usual = mean.saturating_sub(self.standing(config)).max(self.min_rtt().unwrap_or_default());
        self.usual_rtt = Some(smoothed(self.usual_rtt, usual));
    }

    /// What is under way beyond what the path holds waits. Only a path that was full told how much that is.
    fn wait(&self, sample: &Sample) -> Duration {
        let (Some(rate), Some(rtt)) = (self.rate().filter(|_| !sample.dry), self.min_rtt()) else {
            return Duration::ZERO;
        };
        Duration::try_from_secs_f64(sample.under_way as f64 / rate)
            .map_or(Duration::ZERO, |time| time.saturating_sub(rtt).min(sample.rtt.saturating_sub(rtt)))
    }
}

pub(crate) fn since(before: Option<Instant>, now: Instant) -> Duration {
    before.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
}

/// As TCP smooths round trips (RFC 6298 §2).
fn smoothed(before: Option<Duration>, new: Duration) -> Duration {
    before.map_or(new, |smooth| (smooth * 7 + new) / 8)
}
