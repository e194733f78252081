//! How long to wait before the next call.

use std::time::Duration;

/// Pauses between calls: the first, then twice as long after each failure, up to a bound.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// `first` and `most` are the shortest and the longest pause before jitter.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most: most.max(first), failures: 0 }
    }

    /// Failures in a row so far.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// A link was up: the next pause is the first one again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A call led to nothing.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// The pause before the next call, between three quarters and five quarters of the nominal one, so that many
    /// callers that lost one server at the same moment do not come back at the same moment. `random` picks the place.
    pub fn pause(&self, random: u32) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(31);
        let nominal = self.first.saturating_mul(1 << doublings).min(self.most);
        nominal.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u32 = u32::MAX / 2;

    fn seconds(backoff: &Backoff) -> u64 {
        backoff.pause(MIDDLE).as_secs_f64().round() as u64
    }

    #[test]
    fn pauses_double_up_to_the_bound_and_start_over_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        let mut seen = vec![seconds(&backoff)];
        for _ in 0..9 {
            backoff.failed();
            seen.push(seconds(&backoff));
        }
        assert_eq!(seen, [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        backoff.succeeded();
        assert_eq!(seconds(&backoff), 1);
    }

    #[test]
    fn jitter_keeps_within_a_quarter_to_either_side() {
        let backoff = Backoff::new(Duration::from_secs(4), Duration::from_secs(60));
        assert_eq!(backoff.pause(0), Duration::from_secs(3));
        assert_eq!(backoff.pause(u32::MAX), Duration::from_secs(5));
    }

    #[test]
    fn years_of_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::from_secs(3600), Duration::from_secs(u64::MAX));
        backoff.failures = u32::MAX;
        backoff.failed();
        assert!(backoff.pause(u32::MAX) > Duration::from_secs(3600));
    }
}
