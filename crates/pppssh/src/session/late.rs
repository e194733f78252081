//! Acknowledgements that leave a little late, while who sends to us through a queue that is not ours is about to fill the path.
//!
//! A TCP in its start doubles what it has under way in each round trip, until acknowledgements come late: by an eighth of the round trip, 4 to
//! 16 ms, as many systems have it (HyStart, RFC 9406 §4.2). But it looks at the first eight in a round trip, and those are of what it sent
//! first in the one before, when the queue of the one before that had left. So it sees none until the queue never leaves, and has four times
//! as much under way by then as the path holds. Who receives can tell two round trips sooner ([`Start`](super::start::Start)), and
//! says so in the way that is listened to. Nothing is lost by it, and who does not listen so has his acknowledgements a little later for once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tunio::ack;
use tunio::offload::VirtioHeader;

/// How late: more than what ends a start, and less than what makes anybody send again.
const LATE: Duration = Duration::from_millis(25);
/// So many wait at most; at one each second segment those of 240 Mb/s.
const MOST: usize = 512;

/// What waits for its time.
#[derive(Debug, Default)]
pub(super) struct Late {
    until: Option<Instant>,
    waiting: VecDeque<Acknowledgement>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Acknowledgement {
    due: Instant,
    header: VirtioHeader,
    octets: [u8; ack::LONGEST],
    len: usize,
}

impl Acknowledgement {
    pub(super) fn packet(&self) -> (&VirtioHeader, &[u8]) {
        (&self.header, &self.octets[..self.len])
    }
}

impl Late {
    /// From now until then they leave late.
    pub(super) fn begin(&mut self, until: Instant) {
        self.until = Some(until);
    }

    /// Keeps a packet if it is one of them; whether it did.
    pub(super) fn keeps(&mut self, now: Instant, header: &VirtioHeader, packet: &[u8]) -> bool {
        let late = self.until.filter(|until| now < *until).map(|_| now + LATE);
        // Nor does one overtake those that wait.
        let Some(due) = late.or(self.waiting.back().map(|last| last.due)) else { return false };
        if packet.len() > ack::LONGEST || self.waiting.len() == MOST || !ack::is_bare(packet) {
            return false;
        }
        let mut octets = [0; ack::LONGEST];
        octets[..packet.len()].copy_from_slice(packet);
        self.waiting.push_back(Acknowledgement { due, header: *header, octets, len: packet.len() });
        true
    }

    /// The next whose time has come.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Acknowledgement> {
        self.waiting.front().filter(|first| first.due <= now)?;
        self.waiting.pop_front()
    }

    /// When that will be.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.front().map(|first| first.due)
    }
}

#[cfg(test)]
mod tests;
