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
