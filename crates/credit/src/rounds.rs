//! Round trips, counted in octets.

use std::time::Duration;

use crate::delivery::Sample;

/// How long the octets of one round trip took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) shortest: Duration,
    pub(crate) mean: Duration,
}

/// The present one ends when what is sent now has arrived.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    ended: u64,
    end: u64,
    shortest: Option<Duration>,
    sum: Duration,
    samples: u32,
}

impl Rounds {
    /// Those that have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }

    /// The round trip that ends with this sample.
    pub(crate) fn add(&mut self, sample: &Sample) -> Option<Round> {
        let shortest = self.shortest.map_or(sample.rtt, |shortest| shortest.min(sample.rtt));
        self.sum += sample.rtt;
        self.samples += 1;
        if sample.delivered_before < self.end {
            self.shortest = Some(shortest);
            return None;
        }
        let mean = self.sum / self.samples;
        *self = Rounds { ended: self.ended + 1, end: sample.delivered, ..Rounds::default() };
        Some(Round { shortest, mean })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_round_trip_ends_with_what_was_sent_after_its_begin() {
        let mut rounds = Rounds::default();
        let mut add = |millis, delivered_before, delivered| {
            let rtt = Duration::from_millis(millis);
            let at = Instant::now();
            rounds.add(&Sample {
                at,
                rtt,
                rate: None,
                dry: false,
                under_way: 1,
                left: 0,
                delivered,
                delivered_before,
            })
        };
        let of = |shortest, mean| Round {
            shortest: Duration::from_millis(shortest),
            mean: Duration::from_millis(mean),
        };
        assert_eq!(add(50, 0, 1000), Some(of(50, 50)));
        assert_eq!(add(90, 0, 2000), None);
        assert_eq!(add(60, 999, 3000), None);
        assert_eq!(add(90, 1000, 4000), Some(of(60, 80)));
        assert_eq!(add(70, 4000, 5000), Some(of(70, 70)), "nothing is left of the one before");
        assert_eq!(rounds.ended(), 3);
    }
}
