//! Packets from a peer whose queue is not ours: who sends too much is told so here, where they arrive.
//!
//! Towards us packets gather in the far pppd, its ssh, and the line, and there nobody watches how long they wait. What a
//! round trip takes longer than when the path was empty is that wait, and what our own packets wait for on the way out.
//! The latter is known ([`Credit::own_wait`](credit::Credit::own_wait)); the rest is what the [`Policer`] judges by.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fairqueue::{INTERVAL, Policer, Verdict};

use super::start::Start;

/// The delay that is acceptable: half of the empty path's round trip, which a Cubic needs (43 %) not to leave the path idle when it gives way,
/// in these bounds. With 25 ms the throughput was 0.90 of plain TCP's, with 70 it is 0.93 (docs/latency.md): where nothing waits for it the
/// far ssh seals and sends each packet by itself.
const TARGET: Duration = Duration::from_millis(50);
const TARGET_MAX: Duration = Duration::from_millis(100);
/// How long a delay must stand: one of the empty path's round trips, in these bounds.
const INTERVAL_MIN: Duration = INTERVAL;
const INTERVAL_MAX: Duration = Duration::from_millis(500);
/// The shortest round trip is that of so many times so long. After that a longer path is taken for what it is.
const MEMORY: usize = 4;
const AGE: Duration = Duration::from_secs(10);
/// Who receives less than this in [`INTERVAL_MIN`] does not fill a queue: what a round trip takes then is the path's.
const QUIET: u64 = 1500;

/// What is to become of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged<'p> {
    /// It passes, with a mark perhaps.
    Pass(&'p [u8]),
    /// It passes, and has just been marked.
    Marked(&'p [u8]),
    /// It is dropped.
    Dropped,
}

/// Judges what comes in by what round trips take.
#[derive(Debug, Default)]
pub(super) struct Governor {
    policer: Policer,
    /// A round trip was measured since the path is there.
    is_on: bool,
    /// The shortest round trips, a period each, and when each period began.
    shortest: VecDeque<(Instant, Duration)>,
    /// Octets that came in, since when.
    received: u64,
    since: Option<Instant>,
    is_quiet: bool,
    start: Start,
    /// Until when who starts is to be told, and nobody has asked for it yet.
    starts_until: Option<Instant>,
    marked: Vec<u8>,
}

impl Governor {
    /// The path is gone, or nobody measures it any more.
    pub(super) fn clear(&mut self) {
        if self.is_on {
            *self = Governor::default();
        }
    }

    /// A round trip took `time`, `own` of which was a wait for packets of ours. Whether it is the path's first one.
    pub(super) fn measured(&mut self, now: Instant, time: Duration, own: Duration) -> bool {
        let is_first = !std::mem::replace(&mut self.is_on, true);
        self.note_quiet(now);
        if self.is_quiet {
            self.start.nothing_comes();
            self.shortest.clear();
        }
        match self.shortest.back_mut() {
            Some((began, shortest)) if now.saturating_duration_since(*began) < AGE => {
                *shortest = (*shortest).min(time);
            }
            _ => self.shortest.push_back((now, time)),
        }
        if self.shortest.len() > MEMORY {
            self.shortest.pop_front();
        }
        let empty = self.shortest.iter().map(|(_, time)| *time).min().unwrap_or(time);
        let target = (empty / 2).clamp(TARGET, TARGET_MAX);
        self.policer.set_codel(target, empty.clamp(INTERVAL_MIN, INTERVAL_MAX));
        // What is sent less is seen behind all that is under way, and a sender that heals a loss gives way for a round trip.
        self.policer.set_patience(time + empty);
        let queue = time.saturating_sub(empty).saturating_sub(own);
        if self.start.fills(now, empty, queue) {
            // The next round trip of his has begun by then, and its first packets have come.
            self.starts_until = Some(now + time * 3 / 2);
        }
        self.policer.measured(queue);
        is_first
    }

    /// Until when acknowledgements are to leave [late](super::late), once: somebody who starts to send is about to fill the path.
    pub(super) fn poll_start(&mut self) -> Option<Instant> {
        self.starts_until.take()
    }

    fn note_quiet(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) >= INTERVAL_MIN {
            self.is_quiet = self.received < QUIET;
            self.received = 0;
            self.since = Some(now);
        }
    }

    /// Judges a packet that came in.
    pub(super) fn judge<'p>(&'p mut self, now: Instant, packet: &'p [u8]) -> Judged<'p> {
        if !self.is_on {
            return Judged::Pass(packet);
        }
        self.received += packet.len() as u64;
        self.start.received(now, packet.len());
        match self.policer.judge(now, packet) {
            Verdict::Pass => Judged::Pass(packet),
            Verdict::Drop => Judged::Dropped,
            Verdict::Mark => {
                self.marked.clear();
                self.marked.extend_from_slice(packet);
                fairqueue::mark(&mut self.marked);
                Judged::Marked(&self.marked)
            }
        }
    }
}

#[cfg(test)]
mod tests;
