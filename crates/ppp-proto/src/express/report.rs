//! How far the receiver got.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! |                  Octets of packet records received            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |       Microseconds since the last of them was received        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          The reporter's clock now, in microseconds            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::time::{Duration, Instant};

/// Between two reports while octets arrive: an eighth of the round trip, in these bounds. Less costs the way back more
/// than it tells; more lets the sender wait for news.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
const INTERVAL_MAX: Duration = Duration::from_millis(10);
/// Of fewer octets than these it does not pay to tell so often: along with a packet, or alone.
const FEW: u64 = 6000;
const FEW_INTERVAL: Duration = Duration::from_millis(7);
const FEW_WAIT: Duration = Duration::from_millis(10);
/// How long a report waits for a packet to go with, where it need not wait for the interval.
const COMPANY: Duration = Duration::from_millis(2);

/// What a report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Octets of packet records, headers included, received since LCP was Opened.
    pub octets: u64,
    /// How long ago the last of them was received when the report was made; whole microseconds on the wire.
    pub age: Duration,
    /// What the reporter's clock said when the report was made: microseconds modulo 2³², since whenever. `None` where the
    /// peer does not tell.
    pub clock: Option<u32>,
}

impl Report {
    /// Octets of a report's data.
    pub(crate) const LEN: usize = 16;

    pub(crate) fn emit(self) -> [u8; Report::LEN] {
        let mut data = [0; Report::LEN];
        data[..8].copy_from_slice(&self.octets.to_be_bytes());
        let age = u32::try_from(self.age.as_micros()).unwrap_or(u32::MAX);
        data[8..12].copy_from_slice(&age.to_be_bytes());
        data[12..].copy_from_slice(&self.clock.unwrap_or_default().to_be_bytes());
        data
    }

    pub(crate) fn parse(data: &[u8]) -> Option<Report> {
        let (octets, rest) = data.split_first_chunk::<8>()?;
        let (age, clock) = rest.split_first_chunk::<4>()?;
        let clock = u32::from_be_bytes(clock.try_into().ok()?);
        Some(Report {
            octets: u64::from_be_bytes(*octets),
            age: Duration::from_micros(u32::from_be_bytes(*age).into()),
            clock: Some(clock),
        })
    }
}

/// Counts what arrives, and says when to tell.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    octets: u64,
    /// Where the clock begins that reports tell: with the first octets received.
    begin: Option<Instant>,
    received_at: Option<Instant>,
    /// The octets of the last report, and when it was made.
    reported: u64,
    reported_at: Option<Instant>,
    /// When the first of what is not yet reported was received.
    unreported_since: Option<Instant>,
    due: Option<Instant>,
}

impl Reporter {
    /// So many octets arrived; `rtt` is the last round trip known.
    pub(crate) fn received(&mut self, now: Instant, octets: usize, rtt: Option<Duration>) {
        self.octets += octets as u64;
        self.received_at = Some(now);
        self.begin.get_or_insert(now);
        let since = *self.unreported_since.get_or_insert(now);
        let interval = rtt.map_or(INTERVAL_MAX, |rtt| (rtt / 8).clamp(INTERVAL_MIN, INTERVAL_MAX));
        let wait = if self.is_few() { FEW_WAIT } else { COMPANY.min(interval) };
        let next = self.reported_at.and_then(|before| before.checked_add(interval));
        self.due = next.max(Some(since + wait));
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The report that is due at `now`, if one is.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Report> {
        self.due.filter(|due| *due <= now)?;
        Some(self.report(now))
    }

    /// The report that may go along with a packet: there is something new, and the last one is not quite fresh.
    pub(crate) fn take_along(&mut self, now: Instant) -> Option<Report> {
        self.due?;
        let interval = if self.is_few() { FEW_INTERVAL } else { INTERVAL_MIN };
        let is_fresh = self.reported_at.is_some_and(|at| now.saturating_duration_since(at) < interval);
        (!is_fresh).then(|| self.report(now))
    }

    fn is_few(&self) -> bool {
        self.octets - self.reported < FEW
    }

    fn report(&mut self, now: Instant) -> Report {
        (self.due, self.unreported_since) = (None, None);
        (self.reported, self.reported_at) = (self.octets, Some(now));
        let since = |at: Option<Instant>| at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        // The cast takes it modulo 2³².
        let clock = since(self.begin).as_micros() as u32;
        Report { octets: self.octets, age: since(self.received_at), clock: Some(clock) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn report(octets: u64, age: Duration, clock_ms: u32) -> Report {
        Report { octets, age, clock: Some(clock_ms * 1000) }
    }

    #[test]
    fn the_clock_goes_round() {
        let now = Instant::now();
        let mut reporter = Reporter::default();
        reporter.received(now, 100, None);
        let now = now + Duration::from_micros(1 << 32);
        reporter.received(now, 100, None);
        assert_eq!(reporter.take_along(now + 3 * MS), Some(report(200, 3 * MS, 3)));
    }

    #[test]
    fn parse_and_emit_are_inverse() {
        let (age, clock) = (Duration::from_micros(9), Some(0x0a0b_0c0d));
        let report = Report { octets: 0x0102_0304_0506_0708, age, clock };
        assert_eq!(report.emit(), [1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 10, 11, 12, 13]);
        assert_eq!(Report::parse(&report.emit()), Some(report));
        assert_eq!(Report::parse(&report.emit()[..15]), None);
        assert_eq!(Report::parse(&[0; 17]), None);
    }

    #[test]
    fn many_octets_are_reported_soon_and_more_after_an_interval_with_their_age() {
        let now = Instant::now();
        let mut reporter = Reporter::default();
        assert_eq!((reporter.poll_timeout(), reporter.take(now)), (None, None));
        reporter.received(now, 6000, Some(40 * MS));
        assert_eq!(reporter.take(now + MS), None, "a packet may come to go with");
        let now = now + 2 * MS;
        assert_eq!(reporter.take(now), Some(report(6000, 2 * MS, 2)));
        reporter.received(now + MS, 5000, Some(40 * MS));
        reporter.received(now + 2 * MS, 1000, Some(40 * MS));
        assert_eq!(reporter.poll_timeout(), Some(now + 5 * MS));
        assert_eq!(reporter.take(now + 4 * MS), None);
        assert_eq!(reporter.take(now + 5 * MS), Some(report(12000, 3 * MS, 7)));
        assert_eq!(reporter.poll_timeout(), None, "nothing new, nothing to tell");
    }

    #[test]
    fn few_octets_wait_for_more_but_not_for_long() {
        let now = Instant::now();
        let mut reporter = Reporter::default();
        reporter.received(now, 100, Some(8 * MS));
        reporter.received(now + 3 * MS, 100, Some(8 * MS));
        assert_eq!(reporter.poll_timeout(), Some(now + 10 * MS));
        reporter.received(now + 4 * MS, 6000, Some(8 * MS));
        assert_eq!(reporter.take(now + 4 * MS), Some(report(6200, Duration::ZERO, 4)));
    }

    #[test]
    fn a_report_goes_along_with_a_packet_unless_there_is_nothing_new_or_the_last_is_fresh() {
        let now = Instant::now();
        let mut reporter = Reporter::default();
        assert_eq!(reporter.take_along(now), None);
        reporter.received(now, 100, Some(400 * MS));
        assert_eq!(reporter.take_along(now), Some(report(100, Duration::ZERO, 0)));
        reporter.received(now, 100, Some(400 * MS));
        assert_eq!(reporter.take_along(now + 6 * MS), None);
        assert_eq!(reporter.take_along(now + 7 * MS), Some(report(200, 7 * MS, 7)));
        let now = now + 7 * MS;
        reporter.received(now, 6000, Some(400 * MS));
        assert_eq!(reporter.take_along(now), None);
        assert_eq!(reporter.take_along(now + MS), Some(report(6200, MS, 8)));
        assert_eq!(reporter.poll_timeout(), None);
    }
}
