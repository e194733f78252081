//! Is the peer alive? Asked by Echo-Requests (RFC 1661 §5.8), and answered by whatever good frame comes in.
//!
//! Between us and the peer may lie megabytes of our own data, in the windows and buffers of the carrier. An Echo-Request
//! waits behind them, and the silence until its answer is our doing, not the peer's. So the time we wait grows by what
//! lies ahead of the request, divided by the rate at which such data was seen to arrive.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::EchoConfig;
use crate::protocol;

/// No queue of ours excuses a longer silence than this, on top of the configured one.
const MAX_EXTENSION: Duration = Duration::from_secs(120);
/// Octets per second assumed while nothing was measured: 64 kbit/s.
const ASSUMED_RATE: f64 = 8000.0;
/// Octets that must lie between two answered Echo-Requests to tell something about the path.
const MIN_SAMPLE: u64 = 4096;
/// Echo-Requests remembered; more than 120 s of silence at one a second.
const MAX_OUTSTANDING: usize = 200;

#[derive(Debug, Clone, Copy)]
struct EchoRequest {
    id: u8,
    sent: Instant,
    /// Octets encoded before it since the link was made.
    ahead: u64,
    /// Whether it left the outbox.
    transmitted: bool,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Send an Echo-Request with this Identifier.
    Echo(u8),
    /// The peer is dead.
    Dead,
}

#[derive(Debug)]
pub(super) struct Keepalive {
    config: EchoConfig,
    next_echo: Option<Instant>,
    last_heard: Option<Instant>,
    /// Whether something else than link control came in since the last interval began.
    traffic: bool,
    outstanding: VecDeque<EchoRequest>,
    last_id: u8,
    /// Octets encoded since the link was made.
    encoded: u64,
    /// Octets known to have arrived, and when we learned it.
    delivered: Option<(u64, Instant)>,
    /// Octets per second, measured.
    rate: Option<f64>,
    last_rtt: Option<Duration>,
}

impl Keepalive {
    pub(super) fn new(config: EchoConfig) -> Keepalive {
        Keepalive {
            config,
            next_echo: None,
            last_heard: None,
            traffic: false,
            outstanding: VecDeque::new(),
            last_id: 0,
            encoded: 0,
            delivered: None,
            rate: None,
            last_rtt: None,
        }
    }

    /// LCP is Opened: the first Echo-Request is due at once, it measures the idle path.
    pub(super) fn start(&mut self, now: Instant) {
        self.stop();
        self.next_echo = Some(now);
        self.last_heard = Some(now);
        self.traffic = false;
        self.delivered = Some((self.encoded, now));
    }

    pub(super) fn stop(&mut self) {
        self.next_echo = None;
        self.outstanding.clear();
        self.rate = None;
    }

    pub(super) fn last_rtt(&self) -> Option<Duration> {
        self.last_rtt
    }

    pub(super) fn last_heard(&self) -> Option<Instant> {
        self.last_heard
    }

    /// A good frame of this protocol came in.
    pub(super) fn heard(&mut self, now: Instant, protocol: u16) {
        self.last_heard = Some(now);
        // Not our own Echo-Replies, or every second Echo-Request would be left out on an idle link.
        self.traffic |= !protocol::is_link_control(protocol);
    }

    /// So many octets were handed to the carrier.
    pub(super) fn encoded(&mut self, octets: usize) {
        self.encoded += octets as u64;
    }

    /// The Echo-Request left the outbox, behind all that is encoded so far.
    pub(super) fn transmitted(&mut self, id: u8) {
        if let Some(request) = self.outstanding.iter_mut().rfind(|request| request.id == id) {
            request.transmitted = true;
            request.ahead = self.encoded;
        }
    }

    /// An Echo-Reply came in; the round trip if it answers one of ours.
    pub(super) fn answered(&mut self, id: u8, now: Instant) -> Option<Duration> {
        let at = self.outstanding.iter().position(|request| request.id == id)?;
        let request = self.outstanding[at];
        self.outstanding.drain(..=at);
        if let Some((before, since)) = self.delivered {
            let (octets, time) = (request.ahead.saturating_sub(before), now.duration_since(since));
            if octets >= MIN_SAMPLE && !time.is_zero() {
                self.rate = Some(octets as f64 / time.as_secs_f64());
            }
        }
        self.delivered = Some((request.ahead, now));
        let rtt = now.duration_since(request.sent);
        self.last_rtt = Some(rtt);
        Some(rtt)
    }

    /// When the peer will have been silent for too long.
    fn death(&self) -> Option<Instant> {
        if self.config.failure == 0 {
            return None;
        }
        let oldest = self.outstanding.front()?;
        let delivered = self.delivered.map_or(0, |(octets, _)| octets);
        let hidden = oldest.ahead.saturating_sub(delivered) as f64;
        let extension = Duration::try_from_secs_f64(hidden / self.rate.unwrap_or(ASSUMED_RATE))
            .map_or(MAX_EXTENSION, |extension| extension.min(MAX_EXTENSION));
        let since = self.last_heard.map_or(oldest.sent, |heard| heard.max(oldest.sent));
        since.checked_add(self.config.interval.saturating_mul(self.config.failure).saturating_add(extension))
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let next = self.next_echo?;
        Some(self.death().map_or(next, |death| death.min(next)))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        let next = self.next_echo?;
        if self.death().is_some_and(|death| death <= now) {
            self.stop();
            return Some(Due::Dead);
        }
        if now < next {
            return None;
        }
        self.next_echo = now.checked_add(self.config.interval);
        let traffic = std::mem::take(&mut self.traffic);
        if self.config.adaptive && traffic {
            return None;
        }
        // One that still waits for the carrier asks the same.
        if self.outstanding.back().is_some_and(|request| !request.transmitted) {
            return None;
        }
        if self.outstanding.len() == MAX_OUTSTANDING {
            // Not the first: the time since then counts.
            self.outstanding.remove(1);
        }
        let id = self.last_id;
        self.last_id = self.last_id.wrapping_add(1);
        self.outstanding.push_back(EchoRequest { id, sent: now, ahead: self.encoded, transmitted: false });
        Some(Due::Echo(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const CONFIG: EchoConfig = EchoConfig { interval: SECOND, failure: 4, adaptive: false };

    fn started(now: Instant) -> Keepalive {
        started_with(CONFIG, now)
    }

    fn started_with(config: EchoConfig, now: Instant) -> Keepalive {
        let mut keepalive = Keepalive::new(config);
        keepalive.start(now);
        keepalive
    }

    fn ask(keepalive: &mut Keepalive, now: Instant) -> u8 {
        let Some(Due::Echo(id)) = keepalive.handle_timeout(now) else { panic!("no Echo-Request was due") };
        keepalive.transmitted(id);
        id
    }

    /// Lets time pass until the peer is found dead.
    fn death_after(keepalive: &mut Keepalive, start: Instant) -> Duration {
        loop {
            let now = keepalive.poll_timeout().unwrap();
            match keepalive.handle_timeout(now) {
                Some(Due::Dead) => return now - start,
                Some(Due::Echo(id)) => keepalive.transmitted(id),
                None => {}
            }
        }
    }

    #[test]
    fn an_idle_link_is_dead_after_the_configured_silence() {
        let t0 = Instant::now();
        assert_eq!(death_after(&mut started(t0), t0), 4 * SECOND);
    }

    #[test]
    fn an_answer_measures_the_round_trip_and_a_stranger_does_not() {
        let t0 = Instant::now();
        let mut keepalive = started(t0);
        let id = ask(&mut keepalive, t0);
        assert_eq!(keepalive.answered(id.wrapping_add(7), t0 + SECOND), None);
        assert_eq!(keepalive.answered(id, t0 + SECOND / 2), Some(SECOND / 2));
        assert_eq!(keepalive.answered(id, t0 + SECOND), None, "a duplicate");
    }

    #[test]
    fn any_frame_proves_life() {
        let t0 = Instant::now();
        let mut keepalive = started(t0);
        ask(&mut keepalive, t0);
        keepalive.heard(t0 + 3 * SECOND, protocol::IPV4);
        assert_eq!(death_after(&mut keepalive, t0), 7 * SECOND);
    }

    #[test]
    fn bytes_ahead_extend_the_wait_by_the_measured_rate() {
        let t0 = Instant::now();
        let mut keepalive = started(t0);
        let id = ask(&mut keepalive, t0);
        keepalive.answered(id, t0);
        keepalive.encoded(100_000);
        let id = ask(&mut keepalive, t0 + SECOND);
        keepalive.answered(id, t0 + 10 * SECOND); // 10 kB/s
        keepalive.heard(t0 + 10 * SECOND, protocol::LCP);
        keepalive.encoded(200_000);
        let id = ask(&mut keepalive, t0 + 10 * SECOND);
        assert_eq!(id, 2);
        assert_eq!(death_after(&mut keepalive, t0 + 10 * SECOND), 24 * SECOND);
    }

    #[test]
    fn an_adaptive_keepalive_asks_only_after_an_interval_without_traffic() {
        let t0 = Instant::now();
        let mut keepalive = started_with(EchoConfig { adaptive: true, ..CONFIG }, t0);
        let id = ask(&mut keepalive, t0);
        keepalive.heard(t0 + SECOND / 2, protocol::LCP);
        keepalive.answered(id, t0 + SECOND / 2);
        let id = ask(&mut keepalive, t0 + SECOND);
        keepalive.answered(id, t0 + SECOND);
        keepalive.heard(t0 + 3 * SECOND / 2, protocol::IPV4);
        assert_eq!(keepalive.handle_timeout(t0 + 2 * SECOND), None, "a packet came in");
        assert_eq!(death_after(&mut keepalive, t0 + 2 * SECOND), 5 * SECOND, "asked once more, then silent");
    }

    #[test]
    fn no_queue_excuses_more_than_two_minutes() {
        let t0 = Instant::now();
        let mut keepalive = started(t0);
        keepalive.encoded(1 << 30);
        assert_eq!(death_after(&mut keepalive, t0), 4 * SECOND + MAX_EXTENSION);
    }
}
