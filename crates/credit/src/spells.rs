//! Time that the path takes longer now and then, for reasons other than a queue of ours.

use std::time::{Duration, Instant};

use crate::filter::Extreme;

/// What the window gets of that time, at most: in between it stands in the queue.
const MOST: Duration = Duration::from_millis(20);
/// For how long a spell is remembered: they come again.
const MEMORY: Duration = Duration::from_secs(2);
/// In so many round trips a loss of the TCP below leaves a pause: the one in which it is sent again, and the one in which what could
/// not be sent meanwhile is missing.
const LOSS: usize = 2;

/// Spells of longer round trips, and pauses in the reports. What happens once is a loss, what was held back while Draining, or a
/// processor that others used: only what happens twice counts, or in more round trips than a loss takes.
#[derive(Debug)]
pub(crate) struct Spells {
    /// What happened twice of late, or for long enough.
    twice: Extreme<Instant, Duration>,
    /// How much longer than explained the round trip is, in a spell that may have begun.
    present: Duration,
    /// The last spell, and when it was over.
    last: Option<(Instant, Duration)>,
    /// For how much longer than usual nothing was reported, in this round trip and in those before.
    pause: Duration,
    pauses_before: [Duration; LOSS],
}

impl Spells {
    pub(crate) fn new() -> Spells {
        Spells {
            twice: Extreme::new(|new, old| new >= old),
            present: Duration::ZERO,
            last: None,
            pause: Duration::ZERO,
            pauses_before: [Duration::ZERO; LOSS],
        }
    }

    /// What the window has more for their sake.
    pub(crate) fn allowance(&self) -> Duration {
        self.twice.best().map_or(Duration::ZERO, |(_, time)| time)
    }

    /// Nothing was reported for so much longer than usual.
    pub(crate) fn paused(&mut self, longer: Duration) {
        self.pause = self.pause.max(longer.min(MOST));
    }

    /// A round trip has ended that took so much longer than the window explains, if it did.
    pub(crate) fn ended(&mut self, now: Instant, longer: Option<Duration>) {
        let pause = std::mem::take(&mut self.pause);
        let pauses = self.pauses_before.iter().fold(pause, |least, before| least.min(*before));
        self.pauses_before.rotate_right(1);
        self.pauses_before[0] = pause;
        if let Some(longer) = longer {
            self.present = self.present.max(longer.min(MOST));
        } else {
            let twice = pauses.max(self.end(now));
            self.twice.add(now, twice, now.checked_sub(MEMORY).unwrap_or(now));
        }
    }

    /// The present spell is over, if there is one; how much longer both it and the one before took.
    fn end(&mut self, now: Instant) -> Duration {
        let spell = std::mem::take(&mut self.present);
        if spell.is_zero() {
            return spell;
        }
        let before = self.last.replace((now, spell));
        let before = before.filter(|(at, _)| now.saturating_duration_since(*at) <= MEMORY);
        before.map_or(Duration::ZERO, |(_, before)| spell.min(before))
    }

    /// What seemed to be spells was a queue of ours.
    pub(crate) fn clear(&mut self) {
        self.twice.clear();
        self.present = Duration::ZERO;
    }
}
