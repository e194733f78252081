//! Sources: one that does not care, one that sends little, and two that do as TCP does.

use std::time::{Duration, Instant};

use crate::{
    bottleneck::{Ack, Source},
    packets::{ECT, NOT_ECT},
};

type Send<'a> = &'a mut dyn FnMut(u64, usize, u8);

/// Packets of one length at one rate, whatever becomes of them.
pub(crate) struct Steady {
    len: usize,
    every: Duration,
    sent: u64,
}

impl Steady {
    pub(crate) fn new(len: usize, bytes_per_second: u64) -> Self {
        Self::every(len, Duration::from_nanos(len as u64 * 1_000_000_000 / bytes_per_second))
    }

    pub(crate) fn every(len: usize, every: Duration) -> Self {
        Self { len, every, sent: 0 }
    }
}

impl Source for Steady {
    fn wake(&mut self, now: Instant, send: Send) -> Option<Instant> {
        send(self.sent, self.len, NOT_ECT);
        self.sent += 1;
        Some(now + self.every)
    }
}

/// How the window grows once its limit is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Growth {
    /// One packet for each round trip (RFC 5681 §3.1).
    Reno,
    /// By the cube of the time since the last loss (RFC 9438 §4.1, §4.2).
    Cubic,
}

/// A bulk transfer with slow start, congestion avoidance and one reduction for each window in which something was lost or
/// marked (RFC 5681, RFC 9438, RFC 3168 §6.1.2). A loss shows when a later packet arrives; if none does, after a second.
/// What was lost is not sent again: nothing here depends upon it.
pub(crate) struct Tcp {
    growth: Growth,
    ecn: u8,
    mss: usize,
    round_trip: Duration,
    window: f64,
    threshold: f64,
    /// Where the window was when it was last reduced, and when that was.
    peak: (f64, Instant),
    in_flight: u64,
    sent: u64,
    /// The number that is expected to arrive next.
    expected: u64,
    /// No reduction before this number has arrived.
    recover: u64,
    heard: bool,
}

impl Tcp {
    pub(crate) fn new(growth: Growth, mss: usize, round_trip: Duration) -> Self {
        Self {
            growth,
            ecn: NOT_ECT,
            mss,
            round_trip,
            window: 10.0,
            threshold: f64::INFINITY,
            peak: (0.0, Instant::now()),
            in_flight: 0,
            sent: 0,
            expected: 0,
            recover: 0,
            heard: false,
        }
    }

    pub(crate) fn with_ecn(self) -> Self {
        Self { ecn: ECT, ..self }
    }

    fn fill(&mut self, send: Send) {
        while (self.in_flight as f64) < self.window.floor().max(1.0) {
            send(self.sent, self.mss, self.ecn);
            self.sent += 1;
            self.in_flight += 1;
        }
    }

    fn reduce(&mut self, now: Instant) {
        let factor = match self.growth {
            Growth::Reno => 0.5,
            Growth::Cubic => 0.7,
        };
        self.peak = (self.window, now);
        self.threshold = (self.window * factor).max(2.0);
        self.window = self.threshold;
        self.recover = self.sent;
    }

    fn grow(&mut self, now: Instant) {
        if self.window < self.threshold {
            self.window += 1.0;
            return;
        }
        match self.growth {
            Growth::Reno => self.window += 1.0 / self.window,
            Growth::Cubic => {
                const C: f64 = 0.4;
                let (peak, since) = self.peak;
                let since = (now + self.round_trip).duration_since(since).as_secs_f64();
                let target = C * (since - (peak * 0.3 / C).cbrt()).powi(3) + peak;
                self.window += ((target - self.window) / self.window).clamp(0.01 / self.window, 0.5);
            }
        }
    }
}

impl Source for Tcp {
    fn wake(&mut self, now: Instant, send: Send) -> Option<Instant> {
        if !self.heard && self.in_flight > 0 {
            self.reduce(now);
            self.window = 1.0;
            self.in_flight = 0;
            self.expected = self.sent;
        }
        self.heard = false;
        self.fill(send);
        Some(now + Duration::from_secs(1))
    }

    fn acked(&mut self, now: Instant, ack: Ack, send: Send) {
        self.heard = true;
        let Some(lost) = ack.number.checked_sub(self.expected) else { return };
        self.expected = ack.number + 1;
        self.in_flight -= lost + 1;
        if (lost > 0 || ack.marked) && ack.number >= self.recover {
            self.reduce(now);
        } else {
            self.grow(now);
        }
        self.fill(send);
    }

    fn round_trip(&self) -> Duration {
        self.round_trip
    }
}
