//! Link quality reports of a link (RFC 1989).

use std::time::Instant;

use bytes::BytesMut;
use tracing::debug;

use super::{Event, core::Core};
use crate::{lqm::LinkQualityReport, protocol};

impl Core {
    pub(super) fn start_quality(&mut self, now: Instant) {
        let (ours, peers) = (self.lcp.protocol.ours().lqr, self.lcp.protocol.peers().lqr);
        self.quality.start(now, ours, peers);
    }

    /// A frame that holds a report; it has been counted.
    pub(super) fn receive_report(&mut self, now: Instant, payload: &[u8]) {
        let Some(report) = LinkQualityReport::parse(payload) else {
            self.counters.rx_control_ignored += 1;
            return;
        };
        debug!(target: "ppp", "rcvd {report}");
        if self.is_ours(report.magic_number.to_be_bytes()) {
            return self.saw_own_magic(now);
        }
        let verdict = self.quality.hear(now, report, self.damaged);
        self.tell_quality(verdict);
    }

    pub(super) fn tell_quality(&mut self, verdict: Option<bool>) {
        self.events.extend(verdict.map(|good| Event::LinkQuality { good }));
    }

    /// The report that is due, if one is. It is filled in only now, so that what it counts is what went before it.
    pub(super) fn transmit_report(&mut self, out: &mut BytesMut) {
        let magic = self.lcp.protocol.ours().magic;
        let counted_len = self.encoder.counted_len(protocol::LQR, &[0; LinkQualityReport::LEN]);
        let Some(report) = self.quality.take_report(magic, counted_len) else { return };
        debug!(target: "ppp", "sent {report}");
        let mut octets = Vec::with_capacity(LinkQualityReport::LEN);
        report.emit(&mut octets);
        self.frame(protocol::LQR, &octets, out);
    }
}
