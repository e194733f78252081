//! How much the path holds, for a carrier that may open another channel by that.

use std::time::{Duration, Instant};

use ssh_carrier::CarrierTx;

/// Counts what comes in within a round trip.
#[derive(Debug)]
pub(super) struct Holds {
    since: Instant,
    /// Octets that had come by then.
    received: u64,
}

impl Holds {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, received: 0 }
    }

    /// Tells the carrier once in a round trip what is under way: so many octets that were sent, and of those received in all what came
    /// since.
    pub(super) fn tell(
        &mut self,
        now: Instant,
        rtt: Duration,
        sent: u64,
        received: u64,
        carrier: &mut dyn CarrierTx,
    ) {
        let passed = now.saturating_duration_since(self.since);
        if passed < rtt {
            return;
        }
        let came = received.saturating_sub(self.received);
        // After a pause it would be what came within several.
        if passed < 2 * rtt {
            carrier.path_holds(rtt, sent, came);
        }
        (self.since, self.received) = (now, received);
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use ssh_carrier::CarrierError;

    use super::*;

    /// What it was told.
    #[derive(Default)]
    struct Told(Vec<(u64, u64)>);

    impl CarrierTx for Told {
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
            Poll::Ready(Ok(()))
        }

        fn start_send(&mut self, _: Bytes) -> Result<(), CarrierError> {
            Ok(())
        }

        fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
            Poll::Ready(Ok(()))
        }

        fn path_holds(&mut self, _: Duration, sent: u64, received: u64) {
            self.0.push((sent, received));
        }
    }

    #[test]
    fn what_came_is_told_once_in_a_round_trip_and_not_of_several() {
        let start = Instant::now();
        let mut holds = Holds::new(start);
        let mut told = Told::default();
        // Ten octets a millisecond, looked at every 30 ms; then a pause.
        for ms in (0..=300).step_by(30).chain([1000, 1090, 1100]) {
            let now = start + Duration::from_millis(ms);
            holds.tell(now, Duration::from_millis(100), 7, ms * 10, &mut told);
        }
        assert_eq!(told.0, [(7, 1200), (7, 1200), (7, 1000)]);
    }
}
