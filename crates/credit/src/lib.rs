//! How much may be under way on a path, so that it is full and its queues are not.
//!
//! Between a program and the far end of its SSH connection lie megabytes of buffers that no option reaches: windows of ssh
//! and sshd, sockets, the modem's queue. Whoever writes until they are full waits seconds for every answer. [`Credit`]
//! counts what was sent and what the far end says has arrived, learns from both how fast the path delivers and how long an
//! empty path takes, and allows as much under way as keeps the slowest piece of it busy, with a few milliseconds to spare.
//!
//! It follows BBR (Cardwell et al., "BBR: Congestion-Based Congestion Control", 2016) in what it measures, and TCP Vegas in
//! what it aims at. It is no congestion control: under it a TCP does that. So it has no loss recovery, and it may be wrong
//! without harm to others.
//!
//! No clock, no I/O: times are arguments. One file an idea: [`Credit`] ties together `delivery` (what each report says of the
//! path), `way_back` (what of that is the report's own way), `path` (what is known by then, with `filter`, the best of late, and
//! `rounds`), `window` (what follows from that, with `starting`, `dispersion` and `bunches` for how it begins, `spells` and `fall`
//! for what happens to round trips, and `meeting` for a transfer the other way), and `pacer` (when it leaves).
//!
//! ```
//! use std::time::{Duration, Instant};
//! use credit::{Credit, CreditConfig};
//!
//! let now = Instant::now();
//! let mut credit = Credit::new(CreditConfig::default());
//! assert!(credit.available() >= 1500);
//! credit.sent(now, 1500);
//! // A report: 1500 octets have arrived, the last of them a millisecond before it was sent.
//! credit.delivered(now + Duration::from_millis(41), 1500, Duration::from_millis(1), None);
//! assert_eq!(credit.min_rtt(), Some(Duration::from_millis(40)));
//! assert_eq!(credit.under_way(), 0);
//! ```

#![forbid(unsafe_code)]

mod bunches;
mod delivery;
mod dispersion;
mod fall;
mod filter;
mod meeting;
mod pacer;
mod path;
mod rounds;
mod spells;
mod starting;
mod way_back;
mod window;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use delivery::Delivery;
use pacer::Pacer;
use way_back::WayBack;
use window::Window;

pub use window::Mode;

/// How [`Credit`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditConfig {
    /// The least standing queue aimed at, in time at the slowest piece: too little, and the path runs dry between reports.
    pub slack_min: Duration,
    /// The most; in between it is an eighth of the empty path's round trip.
    pub slack_max: Duration,
    /// What leaves at once, in time on the path, where that is paced; on a long one 3 ms at most. Nor does less leave: each piece costs a
    /// message of SSH and most often a report. Others wait for as long.
    pub burst: Duration,
    /// Octets allowed under way before anything is known.
    pub initial: u64,
    /// Octets allowed under way in any case: a few of the largest packets.
    pub floor: u64,
    /// Octets allowed under way at most: what both ends have memory for.
    pub ceiling: u64,
}

impl Default for CreditConfig {
    fn default() -> CreditConfig {
        CreditConfig {
            slack_min: Duration::from_millis(5),
            slack_max: Duration::from_millis(5),
            burst: Duration::from_millis(3),
            // As TCP begins with ten segments (RFC 6928), and is under this anyway.
            initial: 32 * 1024,
            floor: 6 * 1024,
            ceiling: 64 << 20,
        }
    }
}

impl CreditConfig {
    /// The standing queue aimed at, in time, where an empty path's round trip is `rtt`.
    fn slack(&self, rtt: Duration) -> Duration {
        (rtt / 8).clamp(self.slack_min, self.slack_max)
    }
}

/// The sender's account with the path.
#[derive(Debug)]
pub struct Credit {
    config: CreditConfig,
    delivery: Delivery,
    way_back: WayBack,
    window: Window,
    pacer: Pacer,
}

impl Credit {
    /// An account for a path of which nothing is known.
    pub fn new(config: CreditConfig) -> Credit {
        Credit {
            config,
            delivery: Delivery::default(),
            way_back: WayBack::new(),
            window: Window::new(),
            pacer: Pacer::new(config.burst),
        }
    }

    /// A new path, as after a redial: nothing is under way, and nothing is known.
    pub fn reset(&mut self) {
        *self = Credit::new(self.config);
    }

    /// So many octets were handed to the carrier.
    pub fn sent(&mut self, now: Instant, octets: usize) {
        self.delivery.sent(now, octets as u64);
        let rtt = self.min_rtt().unwrap_or_default();
        self.pacer.sent(now, octets as u64, self.window.pace(&self.config), rtt);
    }

    /// There is credit left and nothing to send: until what is sent next has arrived, what arrives tells the sender's rate.
    pub fn ran_dry(&mut self) {
        self.delivery.ran_dry();
    }

    /// So many octets have come from the far end, in all. Where that is about as much as is sent, its reports wait behind it on
    /// their way, and whoever waits for an answer does in both queues: so they are kept shorter.
    pub fn heard(&mut self, octets: u64) {
        self.window.heard(octets);
    }

    /// The far end has received `total` of the octets sent, the last of them `age` before it said so. What cannot be (more
    /// than was sent, less than before) is ignored.
    ///
    /// `clock` is what the far end's clock said then, if it told: microseconds modulo 2³², since whenever. By that it shows what
    /// reports wait on their way back, behind what the far end sends, which says nothing of the way there.
    pub fn delivered(&mut self, now: Instant, total: u64, age: Duration, clock: Option<u32>) {
        let told = now.checked_sub(age).unwrap_or(now);
        let back = self.delivery.sent_at(total).zip(clock).map_or(Duration::ZERO, |(sent_at, clock)| {
            self.way_back.wait(now, clock, told.saturating_duration_since(sent_at))
        });
        let arrived = told.checked_sub(back).unwrap_or(told);
        if let Some(sample) = self.delivery.delivered(arrived, total) {
            self.window.learn(&self.config, now, &sample, back);
            if let Some(until) = self.window.hold(&self.config, &sample, &self.delivery) {
                self.pacer.hold(now, until);
            }
        }
    }

    /// A round trip that was measured by itself: it does not say what has arrived, but maybe how long an empty path takes, before
    /// there is a report that does.
    pub fn round_trip(&mut self, now: Instant, time: Duration) {
        self.window.note_rtt(now, time);
    }

    /// When octets that are [`available`](Self::available) may leave, so that they do not go in a bunch; `None` if at once.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.pacer.due(now)
    }

    /// Whether something waits that is [`available`](Self::available), so that only its turn keeps it back: if it then leaves
    /// later than [`due`](Self::due), what follows may make up for that.
    pub fn awaits_turn(&mut self, awaits: bool) {
        self.pacer.awaited(awaits);
    }

    /// Octets that may be handed to the carrier, once they are [`due`](Self::due).
    pub fn available(&self) -> u64 {
        self.window.size(&self.config).saturating_sub(self.under_way())
    }

    /// Octets that were sent and of which the far end has not said that they arrived.
    pub fn under_way(&self) -> u64 {
        self.delivery.under_way()
    }

    /// Octets that may be under way.
    pub fn window(&self) -> u64 {
        self.window.size(&self.config)
    }

    /// Octets per second that the path delivers.
    pub fn rate(&self) -> Option<f64> {
        self.window.path().rate()
    }

    /// Whether that may well become more: it is still looked for, or has grown by a quarter in the last six round trips, as
    /// where the TCP below has only begun.
    pub fn is_growing(&self) -> bool {
        self.window.is_growing()
    }

    /// The round trip of the empty path, as far as it was seen of late, without what reports waited on their way back.
    pub fn min_rtt(&self) -> Option<Duration> {
        self.window.path().min_rtt()
    }

    /// The round trip of late on the whole, without the queue that is let stand: longer than [`min_rtt`](Self::min_rtt) where the
    /// path takes now so long and now so long.
    pub fn usual_rtt(&self) -> Option<Duration> {
        self.window.path().usual_rtt()
    }

    /// The last round trip that was measured.
    pub fn last_rtt(&self) -> Option<Duration> {
        self.window.path().last_rtt()
    }

    /// How much of the last round trip octets waited for others of ours that were ahead of them; nothing while there is
    /// less to send than the path takes. What else the round trip took longer than the empty path's is not our doing.
    pub fn own_wait(&self) -> Duration {
        if self.under_way() == 0 { Duration::ZERO } else { self.window.path().own_wait() }
    }

    /// What it is doing at the moment.
    pub fn mode(&self) -> Mode {
        self.window.mode()
    }
}
