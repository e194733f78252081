//! Whether a transfer the other way meets this one: reports wait for that then, and not because of the path.

use crate::delivery::Sample;

/// Transfers meet where at least this part of what arrives there comes from there; acknowledgements are less.
const PART: u64 = 4;

/// What both ends have received, by round trips of ours.
#[derive(Debug, Default)]
pub(crate) struct Meeting {
    /// Octets that have come from the far end, in all.
    heard: u64,
    /// What that was when the last round trip ended, and how many of ours had arrived.
    heard_before: u64,
    delivered_before: u64,
    is_on: bool,
}

impl Meeting {
    /// So many octets have come from the far end, in all.
    pub(crate) fn heard(&mut self, octets: u64) {
        self.heard = octets;
    }

    /// A round trip has ended.
    pub(crate) fn ended(&mut self, sample: &Sample) {
        let heard = self.heard.saturating_sub(self.heard_before);
        self.is_on = heard.saturating_mul(PART) >= sample.delivered - self.delivered_before;
        (self.heard_before, self.delivered_before) = (self.heard, sample.delivered);
    }

    /// Whether the far end sent about as much as we did in the last round trip.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }
}
