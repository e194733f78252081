//! One end's counters and timers (RFC 1989 §2.2 to §2.7).

use std::time::{Duration, Instant};

use super::{
    LinkQualityReport, LqmConfig,
    loss::{History, Loss},
};

/// A report is late when it has not come for this many of its periods.
const LATE_PERIODS: u32 = 2;

/// What link quality reports tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QualityStatus {
    /// Reports sent since LCP is Opened.
    pub reports_sent: u32,
    /// Reports received since then.
    pub reports_received: u32,
    /// From the peer to us, as far as reports of both moments tell.
    pub inbound: Loss,
    /// From us to the peer.
    pub outbound: Loss,
    /// The same between the last two reports only.
    pub last_inbound: Loss,
    /// The same between the last two reports only.
    pub last_outbound: Loss,
    /// What the policy makes of it, if there is one.
    pub good: Option<bool>,
}

/// Frames and octets of one direction. RFC 1989 lets them begin anywhere, and only differences count.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    packets: u32,
    octets: u32,
}

impl Counters {
    fn count(&mut self, octets: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    fn pair(self) -> (u32, u32) {
        (self.packets, self.octets)
    }
}

/// The SaveIn fields, which are "logically appended" to a report as it comes in (§2.6).
#[derive(Debug, Clone, Copy, Default)]
struct SaveIn {
    lqrs: u32,
    counters: Counters,
    discards: u32,
    errors: u32,
}

/// Whose reports come when, while LCP is Opened.
#[derive(Debug)]
struct Schedule {
    /// Between our reports; without one there is no timer of ours.
    period: Option<Duration>,
    next_report: Option<Instant>,
    /// The peer asked for an answer to each of its reports.
    answers: bool,
    /// Between the peer's reports, if it promised any, and when the next one is late.
    expected: Option<Duration>,
    late_at: Option<Instant>,
    /// A report of ours waits for the carrier.
    due: bool,
    /// The peer has not said that it does not know reports.
    welcome: bool,
    out_lqrs: u32,
    in_lqrs: u32,
    last: Option<(LinkQualityReport, SaveIn)>,
    history: Option<History>,
    losses: QualityStatus,
}

/// What one end knows of the quality of its link.
#[derive(Debug)]
pub(crate) struct Monitor {
    config: LqmConfig,
    sent: Counters,
    received: Counters,
    discards: u32,
    schedule: Option<Schedule>,
}

impl Monitor {
    pub(crate) fn new(config: LqmConfig) -> Monitor {
        Monitor {
            config,
            sent: Counters::default(),
            received: Counters::default(),
            discards: 0,
            schedule: None,
        }
    }

    /// Whether reports are understood here; else they are protocol-rejected.
    pub(crate) fn is_configured(&self) -> bool {
        self.config.answer || self.config.period.is_some()
    }

    /// A frame went out. Octets are counted before stuffing, with the FCS and one flag (§2.3).
    pub(crate) fn sent(&mut self, octets: usize) {
        self.sent.count(octets);
    }

    /// A good frame came in, counted the same way.
    pub(crate) fn received(&mut self, octets: usize) {
        self.received.count(octets);
    }

    /// A good frame came in that nobody here wants.
    pub(crate) fn discarded(&mut self) {
        self.discards = self.discards.wrapping_add(1);
    }

    /// LCP is Opened. `asked` is the period in hundredths of a second that the peer promised to report in, `asks` the one
    /// that it asked us for; zero is an answer to each of its reports.
    pub(crate) fn start(&mut self, now: Instant, asked: Option<u32>, asks: Option<u32>) {
        let period = |hundredths: u32| Duration::from_millis(u64::from(hundredths) * 10);
        let own = asks.or(asked).filter(|&hundredths| hundredths > 0).map(period);
        let expected = asked.filter(|&hundredths| hundredths > 0).map(period);
        self.schedule = Some(Schedule {
            period: own,
            next_report: own.map(|own| now + own),
            answers: asks == Some(0),
            expected,
            late_at: expected.map(|expected| now + expected * LATE_PERIODS),
            due: false,
            welcome: self.is_configured(),
            out_lqrs: 0,
            in_lqrs: 0,
            last: None,
            history: self.config.policy.filter(|_| asked.or(asks).is_some()).map(History::new),
            losses: QualityStatus::default(),
        });
    }

    /// LCP is no longer Opened.
    pub(crate) fn stop(&mut self) {
        self.schedule = None;
    }

    /// §2.7: a peer that rejects reports gets no more of them.
    pub(crate) fn rejected(&mut self) {
        if let Some(schedule) = &mut self.schedule {
            schedule.welcome = false;
            schedule.due = false;
            schedule.next_report = None;
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let schedule = self.schedule.as_ref()?;
        [schedule.next_report, schedule.late_at].into_iter().flatten().min()
    }

    /// Does what is due; the new verdict if there is one.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<bool> {
        let schedule = self.schedule.as_mut()?;
        if schedule.next_report.is_some_and(|next| next <= now) {
            schedule.make_due(now);
        }
        let expected = schedule.expected.filter(|_| schedule.late_at.is_some_and(|late| late <= now))?;
        schedule.late_at = Some(now + expected);
        // §2.9: when a report does not come, one more of ours should go.
        schedule.make_due(now);
        schedule.period_was(false)
    }

    /// A report came in, and was counted as received; `errors` is the number of damaged frames so far. The new verdict
    /// if there is one.
    pub(crate) fn hear(&mut self, now: Instant, report: LinkQualityReport, errors: u64) -> Option<bool> {
        let schedule = self.schedule.as_mut()?;
        schedule.in_lqrs = schedule.in_lqrs.wrapping_add(1);
        let saved = SaveIn {
            lqrs: schedule.in_lqrs,
            counters: self.received,
            discards: self.discards,
            errors: errors as u32,
        };
        schedule.late_at = schedule.expected.map(|expected| now + expected * LATE_PERIODS);
        let last = schedule.last.replace((report, saved));
        if schedule.answers || last.is_some_and(|(last, _)| last.peer_in_lqrs == report.peer_in_lqrs) {
            schedule.make_due(now);
        }
        let (last, last_saved) = last?;
        let peer_out = |report: LinkQualityReport| (report.peer_out_packets, report.peer_out_octets);
        let last_out = |report: LinkQualityReport| (report.last_out_packets, report.last_out_octets);
        let peer_in = |report: LinkQualityReport| (report.peer_in_packets, report.peer_in_octets);
        let inbound = Loss::between(
            [peer_out(last), peer_out(report)],
            [last_saved.counters.pair(), saved.counters.pair()],
        );
        // §2.8: of a report that says it was the peer's first word, these fields are indeterminate.
        let outbound = Loss::between([last_out(last), last_out(report)], [peer_in(last), peer_in(report)])
            .filter(|_| last.peer_in_lqrs != 0 && report.peer_in_lqrs != 0);
        schedule.losses.last_inbound = inbound.unwrap_or_default();
        schedule.losses.last_outbound = outbound.unwrap_or_default();
        schedule.losses.inbound.add(schedule.losses.last_inbound);
        schedule.losses.outbound.add(schedule.losses.last_outbound);
        let losses = [schedule.losses.last_inbound, schedule.losses.last_outbound];
        let good = schedule.history.as_ref()?.tolerates(&losses);
        schedule.period_was(good)
    }

    /// The report to send now, if one is due, before whatever else there is to send (§2.4). Its frame has `octets` octets,
    /// which it says itself; the caller tells of the frame by `sent` as of any other.
    pub(crate) fn take_report(&mut self, magic_number: u32, octets: usize) -> Option<LinkQualityReport> {
        let schedule = self.schedule.as_mut().filter(|schedule| schedule.due)?;
        schedule.due = false;
        schedule.out_lqrs = schedule.out_lqrs.wrapping_add(1);
        let mut sent = self.sent;
        sent.count(octets);
        let (last, saved) = schedule.last.unwrap_or_default();
        Some(LinkQualityReport {
            magic_number,
            last_out_lqrs: last.peer_out_lqrs,
            last_out_packets: last.peer_out_packets,
            last_out_octets: last.peer_out_octets,
            peer_in_lqrs: saved.lqrs,
            peer_in_packets: saved.counters.packets,
            peer_in_discards: saved.discards,
            peer_in_errors: saved.errors,
            peer_in_octets: saved.counters.octets,
            peer_out_lqrs: schedule.out_lqrs,
            peer_out_packets: sent.packets,
            peer_out_octets: sent.octets,
        })
    }

    /// What is known, if any report passed.
    pub(crate) fn status(&self) -> Option<QualityStatus> {
        let schedule = self.schedule.as_ref()?;
        let status = QualityStatus {
            reports_sent: schedule.out_lqrs,
            reports_received: schedule.in_lqrs,
            good: schedule.history.as_ref().map(History::is_good),
            ..schedule.losses
        };
        (status.reports_sent, status.reports_received).ne(&(0, 0)).then_some(status)
    }
}

impl Schedule {
    /// A report shall go; the timer starts again with it (§2.7).
    fn make_due(&mut self, now: Instant) {
        self.due = self.welcome;
        self.next_report = self.period.filter(|_| self.welcome).map(|period| now + period);
    }

    fn period_was(&mut self, good: bool) -> Option<bool> {
        let history = self.history.as_mut()?;
        history.period(good).then(|| history.is_good())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lqm::QualityPolicy;

    const SECOND: Duration = Duration::from_secs(1);

    fn monitor(policy: Option<QualityPolicy>) -> Monitor {
        Monitor::new(LqmConfig { policy, ..LqmConfig::default() })
    }

    #[test]
    fn a_report_counts_itself_and_is_not_repeated() {
        let now = Instant::now();
        let mut monitor = monitor(None);
        monitor.sent(100);
        monitor.start(now, None, Some(100));
        assert_eq!(monitor.take_report(7, 57), None);
        monitor.handle_timeout(now + SECOND);
        let report = monitor.take_report(7, 57).unwrap();
        assert_eq!((report.magic_number, report.peer_out_lqrs), (7, 1));
        assert_eq!((report.peer_out_packets, report.peer_out_octets), (2, 157));
        assert_eq!(monitor.take_report(7, 57), None);
        assert_eq!(monitor.poll_timeout(), Some(now + 2 * SECOND));
    }

    #[test]
    fn counters_of_reports_begin_anew_with_lcp_and_those_of_frames_do_not() {
        let now = Instant::now();
        let mut monitor = monitor(None);
        for round in 1..=2 {
            monitor.start(now, None, Some(0));
            monitor.received(57);
            monitor.hear(now, LinkQualityReport::default(), 0);
            let report = monitor.take_report(0, 57).unwrap();
            assert_eq!((report.peer_out_lqrs, report.peer_in_lqrs), (1, 1));
            monitor.sent(57);
            assert_eq!((report.peer_out_packets, report.peer_in_packets), (round, round));
            monitor.stop();
        }
    }

    #[test]
    fn a_peers_zero_is_an_answer_to_each_and_no_timer() {
        let now = Instant::now();
        let mut monitor = monitor(None);
        monitor.start(now, None, Some(0));
        assert_eq!(monitor.poll_timeout(), None);
        for number in 1..=3 {
            monitor.hear(now, LinkQualityReport { peer_in_lqrs: number, ..Default::default() }, 0);
            assert_eq!(monitor.take_report(0, 57).unwrap().peer_in_lqrs, number);
        }
    }

    #[test]
    fn an_answer_restarts_the_timer() {
        let now = Instant::now();
        let mut monitor = monitor(None);
        monitor.start(now, None, Some(100));
        let half = now + SECOND / 2;
        // Twice the same PeerInLQRs: the peer may have missed one of ours.
        monitor.hear(half, LinkQualityReport { peer_in_lqrs: 3, ..Default::default() }, 0);
        assert_eq!(monitor.take_report(0, 57), None);
        monitor.hear(half, LinkQualityReport { peer_in_lqrs: 3, ..Default::default() }, 0);
        assert!(monitor.take_report(0, 57).is_some());
        assert_eq!(monitor.poll_timeout(), Some(half + SECOND));
    }

    #[test]
    fn reports_that_do_not_come_are_bad_periods_and_call_for_one_of_ours() {
        let now = Instant::now();
        let policy = QualityPolicy { good: 1, of: 2, ..QualityPolicy::default() };
        let mut monitor =
            Monitor::new(LqmConfig { period: Some(SECOND), policy: Some(policy), answer: false });
        monitor.start(now, Some(100), Some(0));
        assert_eq!(monitor.poll_timeout(), Some(now + 2 * SECOND));
        assert_eq!(monitor.handle_timeout(now + 2 * SECOND), None);
        assert!(monitor.take_report(0, 57).is_some());
        assert_eq!(monitor.handle_timeout(now + 3 * SECOND), Some(false));
        monitor.hear(now + 3 * SECOND, LinkQualityReport::default(), 0);
        assert_eq!(
            monitor.hear(now + 4 * SECOND, LinkQualityReport::default(), 0),
            Some(true),
            "the second one ends a period"
        );
        assert_eq!(monitor.poll_timeout(), Some(now + 6 * SECOND));
    }

    #[test]
    fn of_a_first_report_only_the_inbound_fields_count() {
        let now = Instant::now();
        let mut monitor = monitor(None);
        monitor.start(now, None, Some(0));
        monitor.hear(now, LinkQualityReport::default(), 0);
        let second = LinkQualityReport {
            last_out_packets: 500,
            peer_in_lqrs: 0,
            peer_out_packets: 3,
            ..LinkQualityReport::default()
        };
        monitor.received(57);
        monitor.hear(now, second, 0);
        let status = monitor.status().unwrap();
        assert_eq!(status.outbound, Loss::default());
        assert_eq!((status.inbound.packets, status.inbound.packets_lost), (3, 2));
    }

    #[test]
    fn after_a_protocol_reject_there_is_neither_report_nor_timer() {
        let now = Instant::now();
        let mut monitor = monitor(None);
        monitor.start(now, None, Some(100));
        monitor.handle_timeout(now + SECOND);
        monitor.rejected();
        assert_eq!((monitor.take_report(0, 57), monitor.poll_timeout()), (None, None));
        for _ in 0..2 {
            monitor.hear(now, LinkQualityReport::default(), 0);
        }
        assert_eq!((monitor.take_report(0, 57), monitor.poll_timeout()), (None, None));
    }
}
