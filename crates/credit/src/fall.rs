//! A path that has become much slower.
//!
//! What was under way by then takes many times as long as the path did, and so does each round trip in which that could be noticed.
//! So it is found out by time.

use std::time::{Duration, Instant};

use crate::delivery::Sample;

/// Of what the window explains at most: a round trip of twice that makes us watch.
const LONG: u32 = 2;
/// For how long none may be shorter: as long as four that it explains.
const TIMES: u32 = 4;

/// Round trips that all were long.
#[derive(Debug, Default)]
pub(crate) struct Fall {
    /// When the octets of the first of them arrived.
    since: Option<Instant>,
    /// When half of the time had passed, and what had been delivered by then: before, there may still have arrived what was sent
    /// through the path as it was.
    half: Option<(Instant, u64)>,
}

impl Fall {
    /// The rate of late, in octets per second, if by this sample the path is found to have become slower. `counts`: whether the
    /// sample says anything of that; `explained`: the longest round trip that the window may have made.
    pub(crate) fn found(&mut self, sample: &Sample, counts: bool, explained: Duration) -> Option<f64> {
        if !counts || sample.rtt < explained * LONG {
            *self = Fall::default();
            return None;
        }
        let since = *self.since.get_or_insert(sample.at);
        let lasted = sample.at.saturating_duration_since(since);
        if lasted < explained * TIMES / 2 {
            return None;
        }
        let (half, delivered) = *self.half.get_or_insert((sample.at, sample.delivered));
        if lasted < explained * TIMES {
            return None;
        }
        *self = Fall::default();
        let time = sample.at.saturating_duration_since(half);
        (!time.is_zero()).then(|| (sample.delivered - delivered) as f64 / time.as_secs_f64())
    }
}
