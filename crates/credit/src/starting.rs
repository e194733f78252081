//! Doubling with each round trip, until the path is full.
//!
//! It is when in three round trips no more arrives than before; or in one, if there is a queue as well; or when there is one and as
//! much arrives as a part of a round trip told beforehand ([`Dispersion`]), beyond which the window does not double.

use std::time::Duration;

use crate::CreditConfig;
use crate::delivery::Sample;
use crate::dispersion::Dispersion;
use crate::pacer::{LONG_PATH, above};

/// It ends when in this many round trips the rate did not grow by a quarter (BBR's full pipe).
const FULL_ROUNDS: u32 = 3;
/// More than that grows.
pub(crate) const GROWTH: f64 = 1.25;
/// One is enough once so many measurements in a row were longer than the empty path and the queue aimed at (as HyStart's
/// eight): those alone may come from the TCP below, which starts too.
const QUEUED_SAMPLES: u32 = 8;
/// Of the path's product: a TCP inside doubles what it has under way in each round trip, and what is known of the path is a report
/// old by then. With just 2 it had to wait here, and took that for the end of the path (HyStart).
const GAIN: f64 = 2.5;
/// The same when it was left before, or is about to be, and what is known is likely about right.
const WARY_GAIN: f64 = 1.5;
/// The same when it was left before, on a long path, at first: if there is no more room than was seen, half a round trip is a long
/// queue, and this is not one that ends the slow starts of others (HyStart). What of it is more than the path's product doubles with
/// each round trip in which the rate grew by most of that, as it does not where the TCP below grows by a twentieth in each (Cubic).
const SEEKING_GAIN: f64 = 1.07;
const SEEN: f64 = 0.75;
/// Of the rate: a TCP inside doubles what it sends in each round trip, and the rate that is known is that of the one before.
/// Faster, and what it sends at once would arrive as one long message of SSH, which to it looks like a queue: it would end its
/// slow start.
const PACE: f64 = 4.0;
/// It ends when so much of the rate that was told beforehand arrived in a round trip.
const ARRIVED: f64 = 0.9;

/// What is known of the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Octets per second.
    pub(crate) rate: f64,
    /// The empty path's round trip.
    pub(crate) rtt: Duration,
    /// Between two reports.
    pub(crate) interval: Duration,
    /// What reports wait on their way back.
    pub(crate) back: Duration,
}

impl Known {
    /// Octets that the path delivers in that time.
    pub(crate) fn product(&self, time: Duration) -> f64 {
        self.rate * time.as_secs_f64()
    }
}

/// How far it is.
#[derive(Debug, Default)]
pub(crate) struct Starting {
    /// Of the path's product, in one that is not the first; it says how much where the path is long ([`Starting::seeking`]).
    again: Option<f64>,
    /// The rate to outdo, and for how many round trips it was not.
    full_rate: f64,
    full_rounds: u32,
    queued_samples: u32,
    /// It goes on more slowly, and ends with the first round trip without growth.
    is_wary: bool,
    dispersion: Dispersion,
}

impl Starting {
    /// There is room beyond that rate, after all.
    pub(crate) fn again(rate: f64) -> Starting {
        Starting { again: Some(SEEKING_GAIN), full_rate: rate, ..Starting::default() }
    }

    /// Octets that may be under way.
    pub(crate) fn size(&self, config: &CreditConfig, known: &Known) -> f64 {
        let gain = match self.seeking(known) {
            Some(gain) => gain,
            None if self.is_wary || self.again.is_some() => WARY_GAIN,
            None => GAIN,
        };
        let least = if self.again.is_some() { 0.0 } else { config.initial as f64 };
        let time = (known.rtt + known.interval).mul_f64(gain) + known.back;
        let most = self.dispersion.rate(known.rtt).map_or(f64::INFINITY, |rate| {
            let time = known.rtt + config.slack(known.rtt) + known.interval + known.back;
            rate * time.as_secs_f64()
        });
        known.product(time).min(most).max(least)
    }

    /// What the path's rate will turn out to be, in octets per second. `rtt` is the empty path's.
    pub(crate) fn told(&self, rtt: Duration) -> Option<f64> {
        self.dispersion.rate(rtt)
    }

    /// Octets per second.
    pub(crate) fn pace(&self, config: &CreditConfig, known: &Known) -> f64 {
        if let Some(gain) = self.seeking(known) {
            return known.rate * gain * above(known.rtt);
        }
        // What little was said before says nothing of the path.
        let pace = known.rate.max(config.initial as f64 / known.rtt.as_secs_f64()) * PACE;
        self.dispersion.rate(known.rtt).map_or(pace, |rate| pace.min(rate * above(known.rtt)))
    }

    /// How much of the path's product, where it seeks room on a long one step by step.
    fn seeking(&self, known: &Known) -> Option<f64> {
        self.again.filter(|_| known.rtt >= LONG_PATH)
    }

    /// What the rate must be to have grown.
    fn growth(&self, known: &Known) -> f64 {
        self.seeking(known).map_or(GROWTH, |gain| (1.0 + (gain - 1.0) * SEEN).min(GROWTH))
    }

    /// Whether the path is full. `known` is with `sample`, with which a round trip has ended, or not.
    pub(crate) fn learn(
        &mut self,
        config: &CreditConfig,
        known: &Known,
        sample: &Sample,
        has_ended: bool,
    ) -> bool {
        // A sender with next to nothing to say has no queue of his own.
        let is_telling = !sample.dry || known.product(known.rtt) >= config.floor as f64;
        let queued = is_telling && sample.rtt > known.rtt + config.slack(known.rtt);
        self.queued_samples = if queued { self.queued_samples + 1 } else { 0 };
        // What answers to others, as acknowledgements do, comes as slowly as those let it.
        let is_much = self.again.is_none() && sample.under_way > config.initial;
        if is_much {
            self.dispersion.add(sample, known.rtt, known.rate);
        }
        let grows = known.rate >= self.full_rate * self.growth(known);
        self.is_wary |= self.queued_samples >= QUEUED_SAMPLES && !grows;
        if !has_ended {
            return false;
        }
        let holds = known.product(known.rtt + known.interval);
        let has_more = sample.left as f64 >= holds * GROWTH;
        // Whoever does not fill the larger window need not have it, and could fill the queue with it unseen.
        if let Some(gain) = &mut self.again {
            *gain = if grows { (2.0 * *gain - 1.0).min(WARY_GAIN) } else { SEEKING_GAIN };
        }
        if grows {
            (self.full_rate, self.full_rounds) = (known.rate, 0);
        } else if !sample.dry || has_more {
            self.full_rounds += 1;
        } else {
            // That is all it has to send, and says nothing of the path; what follows may be the beginning of a start.
            (self.full_rounds, self.queued_samples, self.is_wary) = (0, 0, false);
        }
        let has_arrived = is_much
            && queued
            && self.dispersion.rate(known.rtt).is_some_and(|told| known.rate >= told * ARRIVED);
        has_arrived || self.full_rounds >= if self.is_wary { 1 } else { FULL_ROUNDS }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn room_on_a_long_path_is_sought_step_by_step_and_only_while_there_is_some() {
        let config = CreditConfig::default();
        let rtt = Duration::from_millis(200);
        let known = |rate| Known { rate, rtt, interval: Duration::ZERO, back: Duration::ZERO };
        // All that there was to say, in a round trip without a queue.
        let sample = Sample {
            at: Instant::now(),
            rtt,
            rate: None,
            dry: true,
            under_way: 0,
            left: 0,
            delivered: 0,
            delivered_before: 0,
        };
        let mut starting = Starting::again(1e6);
        let mut rate = 1e6;
        for gain in [1.07, 1.14, 1.28, 1.5, 1.5] {
            let size = starting.size(&config, &known(rate));
            assert!((size / known(rate).product(rtt) - gain).abs() < 1e-9, "{size} and not {gain}");
            rate *= gain;
            assert!(!starting.learn(&config, &known(rate), &sample, true));
        }
        assert!(!starting.learn(&config, &known(rate), &sample, true));
        let size = starting.size(&config, &known(rate));
        assert!((size / known(rate).product(rtt) - SEEKING_GAIN).abs() < 1e-9, "{size}");
    }
}
