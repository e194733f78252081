//! Links that end by the clock: for lack of traffic, or because their time is up.

use std::time::{Duration, Instant};

use tokio::time::sleep_until;

use super::Traffic;

/// How often the counters are looked at: a link that is idle ends this much late at most.
const LOOK: Duration = Duration::from_secs(1);

/// What ends a link that is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// No packet has passed for this long, in either direction. Link control does not count.
    pub idle: Option<Duration>,
    /// But not before it was up for this long.
    pub least: Duration,
    /// It was up for this long.
    pub connect: Option<Duration>,
}

/// Which limit ended a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::idle`].
    Idle,
    /// [`Limits::connect`].
    Connect,
}

impl Limit {
    /// For the Terminate-Request.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Idle => "Link inactive",
            Self::Connect => "Connect time expired",
        }
    }
}

/// Watches one link.
#[derive(Debug)]
pub(super) struct Watch {
    limits: Limits,
    /// Since when the link is up.
    since: Instant,
    /// What had passed at the last look, and when that changed.
    seen: Traffic,
    changed: Instant,
}

impl Watch {
    pub(super) fn new(limits: Limits, traffic: Traffic) -> Self {
        let now = Instant::now();
        Self { limits, since: now, seen: traffic, changed: now }
    }

    /// Waits until it is time to [`look`](Self::look) again; for ever if there are no limits. Cancel-safe: the time does
    /// not start over.
    pub(super) async fn next(&self, last: Instant) {
        match self.limits {
            Limits { idle: None, connect: None, .. } => std::future::pending().await,
            _ => sleep_until((last + LOOK).into()).await,
        }
    }

    /// The limit that is reached `now`.
    pub(super) fn look(&mut self, now: Instant, traffic: Traffic) -> Option<Limit> {
        let passed = |traffic: Traffic| (traffic.packets_sent, traffic.packets_received);
        if passed(traffic) != passed(self.seen) {
            (self.seen, self.changed) = (traffic, now);
        }
        let up = now.saturating_duration_since(self.since);
        if self.limits.connect.is_some_and(|connect| up >= connect) {
            return Some(Limit::Connect);
        }
        let quiet = now.saturating_duration_since(self.changed);
        let idle = self.limits.idle.is_some_and(|idle| quiet >= idle);
        (idle && up >= self.limits.least).then_some(Limit::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_link_is_idle_when_nothing_has_passed_for_long_enough() {
        let limits = Limits { idle: Some(seconds(10)), ..Limits::default() };
        let mut watch = Watch::new(limits, Traffic::default());
        let start = watch.since;
        let one = Traffic { packets_received: 1, ..Traffic::default() };
        assert_eq!(watch.look(start + seconds(9), Traffic::default()), None);
        assert_eq!(watch.look(start + seconds(10), one), None, "a packet starts the time anew");
        assert_eq!(watch.look(start + seconds(19), one), None);
        assert_eq!(watch.look(start + seconds(20), one), Some(Limit::Idle));
        let dropped = Traffic { dropped_not_up: 7, ..one };
        assert_eq!(
            watch.look(start + seconds(20), dropped),
            Some(Limit::Idle),
            "what did not pass does not count"
        );
    }

    #[test]
    fn the_least_time_holds_an_idle_link_and_the_connect_time_ends_a_busy_one() {
        let limits = Limits { idle: Some(seconds(5)), least: seconds(60), connect: Some(seconds(90)) };
        let mut watch = Watch::new(limits, Traffic::default());
        let start = watch.since;
        assert_eq!(watch.look(start + seconds(59), Traffic::default()), None);
        assert_eq!(watch.look(start + seconds(60), Traffic::default()), Some(Limit::Idle));
        let busy = Traffic { packets_sent: 1, ..Traffic::default() };
        assert_eq!(watch.look(start + seconds(90), busy), Some(Limit::Connect));
    }

    #[test]
    fn without_limits_nothing_ends_it() {
        let mut watch = Watch::new(Limits::default(), Traffic::default());
        assert_eq!(watch.look(watch.since + seconds(1 << 30), Traffic::default()), None);
    }
}
