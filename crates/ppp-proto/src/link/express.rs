//! Records among the frames, between ends that agreed on it (`express`).

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::{Direction, Family, Link, Packet, SendError, core::Core, data::family, keepalive::Keepalive};
use crate::{
    Express,
    express::{
        Form, HEADER_LEN, Headers, MAX_RECORD, OFFLOAD_HEADER_LEN, RecordKind, Report, Taken, emit_header,
    },
    fsm::State,
};

/// The virtio header in front of a packet.
pub type OffloadHeader = [u8; OFFLOAD_HEADER_LEN];

impl Core {
    /// What the peer takes beyond the RFCs, and we send.
    pub(super) fn tx_express(&self) -> Option<Express> {
        let (ours, peers) = (self.config.lcp.express?, self.lcp.protocol.peers().express?);
        (self.lcp.state() == State::Opened).then(|| ours.and(peers))
    }

    /// What we take beyond the RFCs, as the peer knows.
    pub(super) fn rx_express(&self) -> Option<Express> {
        self.lcp.protocol.ours().express.filter(|_| self.lcp.state() == State::Opened)
    }

    /// A packet record came in; its family if it may pass.
    fn received_packet(&mut self, now: Instant, data_len: usize, packet: &[u8]) -> Option<Family> {
        let (family, number) = family(packet)?;
        if let Some(tap) = &mut self.tap {
            tap.packet(Direction::Received, number, packet);
        }
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.heard(now, number);
        }
        let octets = HEADER_LEN + data_len;
        self.note_arrival(now, octets);
        if !self.is_up(family) {
            self.counters.rx_dropped += 1;
            self.quality.discarded();
            return None;
        }
        self.quality.received(octets);
        self.counters.rx_data(packet);
        Some(family)
    }

    /// So many octets of a packet came in, in a record or, as compressed ones do, in a frame.
    pub(super) fn note_arrival(&mut self, now: Instant, octets: usize) {
        if self.tx_express().is_some_and(|express| express.reports) {
            let rtt = self.keepalive.as_ref().and_then(Keepalive::last_rtt);
            self.express.reporter.received(now, octets, rtt);
        }
    }

    /// So many octets of a packet left in a frame.
    pub(super) fn note_framed(&mut self, octets: usize) {
        self.express.sent += octets as u64;
    }

    pub(super) fn report_if_due(&mut self, now: Instant) {
        if let Some(report) = self.express.reporter.take(now) {
            self.express.report = Some(report);
        }
    }

    pub(super) fn report_due(&self) -> Option<Instant> {
        self.express.reporter.poll_timeout()
    }

    /// The report that waits, in front of all else: the sooner it arrives, the more it says.
    pub(super) fn transmit_express_report(&mut self, out: &mut BytesMut) {
        if let Some(report) = self.express.report.take() {
            self.emit_report(report, out);
        }
    }

    fn emit_report(&mut self, report: Report, out: &mut BytesMut) {
        let octets = emit_record(RecordKind::Report, [&report.emit()], 0, out);
        self.note_encoded(octets);
    }

    fn note_encoded(&mut self, octets: usize) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.encoded(octets);
        }
    }

    /// Sends a packet as a record; one with a header, if its own octets are to go `behind`, without these.
    pub(super) fn record(
        &mut self,
        header: Option<&OffloadHeader>,
        packet: &[u8],
        behind: bool,
        out: &mut BytesMut,
    ) {
        if let (Some(tap), Some((_, number))) = (&mut self.tap, family(packet)) {
            tap.packet(Direction::Sent, number, packet);
        }
        let takes_changes = self.tx_express().is_some_and(|express| express.headers);
        let headers =
            if takes_changes && !behind { self.express.headers.tell(header, packet) } else { Headers::PLAIN };
        let kind = RecordKind::Packet { form: headers.form, offload: header.is_some() };
        let Headers { before, replaced, .. } = headers;
        let octets = match (headers.form, header) {
            (Form::Plain, None) => emit_record(kind, [packet], 0, out),
            (Form::Plain, Some(header)) if behind => emit_record(kind, [header], packet.len(), out),
            (Form::Plain, Some(header)) => emit_record(kind, [header, packet], 0, out),
            (Form::Remembered, Some(header)) => emit_record(kind, [before, header, packet], 0, out),
            // A change tells of the virtio header, too.
            (Form::Remembered | Form::Changed, _) => emit_record(kind, [before, &packet[replaced..]], 0, out),
        };
        self.note_encoded(octets);
        self.express.sent += octets as u64;
        self.quality.sent(octets);
        self.counters.tx_packets += 1;
        self.counters.tx_octets += packet.len() as u64;
    }
}

/// Appends a record, but for the last `behind` octets of its data; its length.
#[inline]
fn emit_record<const PARTS: usize>(
    kind: RecordKind,
    data: [&[u8]; PARTS],
    behind: usize,
    out: &mut BytesMut,
) -> usize {
    let here: usize = data.iter().map(|part| part.len()).sum();
    let len = here + behind;
    out.reserve(HEADER_LEN + here);
    emit_header(kind, len, out);
    for part in data {
        out.extend_from_slice(part);
    }
    HEADER_LEN + len
}

/// The virtio header that data begin with, if they begin with one, and the packet behind it; too little is an empty packet.
fn split_offload(is_offload: bool, data: &[u8]) -> (Option<OffloadHeader>, &[u8]) {
    if is_offload {
        data.split_first_chunk().map_or((None, &[]), |(header, packet)| (Some(*header), packet))
    } else {
        (None, data)
    }
}

/// A packet that came as a record, and where it is.
pub(super) struct FoundRecord<'i> {
    family: Family,
    offload: Option<OffloadHeader>,
    place: Place<'i>,
}

enum Place<'i> {
    /// In the chunk.
    Chunk(&'i [u8]),
    /// The reader has it, behind so many octets of the record's data.
    Reader(usize),
    /// Its headers were restored.
    Restored,
}

impl Link {
    /// Whether `chunk` begins with a record, or goes on with one.
    pub(super) fn is_at_record(&self, chunk: &[u8]) -> bool {
        self.core.rx_express().is_some() && (self.records.is_open() || self.decoder.is_at_record(chunk))
    }

    /// Takes one record, or a part of one; the packet if it was one that may pass.
    pub(super) fn receive_record<'i>(
        &mut self,
        now: Instant,
        chunk: &mut &'i [u8],
    ) -> Option<FoundRecord<'i>> {
        let (kind, whole) = match self.records.take(chunk) {
            Taken::Whole(kind, data) => (kind, Some(data)),
            Taken::Collected(kind) => (kind, None),
            Taken::Unfinished => return None,
            Taken::Broken => {
                self.decoder.discard();
                return None;
            }
        };
        let data = whole.unwrap_or(self.records.data());
        let (offload, packet) = match kind {
            RecordKind::Report => {
                self.core.express.heard = Report::parse(data).or(self.core.express.heard);
                return None;
            }
            RecordKind::Packet { form: Form::Plain, offload } => split_offload(offload, data),
            RecordKind::Packet { form: Form::Remembered, offload } => {
                let (slot, data) = data.split_first()?;
                let (offload, packet) = split_offload(offload, data);
                self.headers.remember(*slot, offload.as_ref(), packet);
                (offload, packet)
            }
            RecordKind::Packet { form: Form::Changed, offload: is_offload } => {
                if self.headers.restore(data).is_none() {
                    self.core.counters.rx_dropped += 1;
                    return None;
                }
                (self.headers.offload().filter(|_| is_offload), self.headers.restored())
            }
        };
        let family = self.core.received_packet(now, data.len(), packet)?;
        let place = match (kind, whole) {
            (RecordKind::Packet { form: Form::Changed, .. }, _) => Place::Restored,
            (_, Some(whole)) => Place::Chunk(&whole[whole.len() - packet.len()..]),
            (_, None) => Place::Reader(data.len() - packet.len()),
        };
        Some(FoundRecord { family, offload, place })
    }

    /// The packet of the record found last.
    pub(super) fn packet<'s, 'i: 's>(&'s self, found: &FoundRecord<'i>) -> Packet<'s> {
        let payload = match found.place {
            Place::Chunk(packet) => packet,
            Place::Reader(before) => &self.records.data()[before..],
            Place::Restored => self.headers.restored(),
        };
        Packet { family: found.family, payload, offload: found.offload }
    }

    /// Whether the peer takes packets that it is to split itself, or to complete the checksum of
    /// ([`encode_offload`](Link::encode_offload)).
    pub fn takes_offload(&self) -> bool {
        self.core.tx_express().is_some_and(|express| express.offload) && !self.core.compresses()
    }

    /// Whether the peer takes the stream in through several channels, if its carrier has them.
    pub fn peer_takes_lanes(&self) -> bool {
        self.core.tx_express().is_some()
            && self.core.lcp.protocol.peers().express.is_some_and(|peer| peer.lanes)
    }

    /// Sends one packet of up to 65535 octets with the virtio header that goes with it.
    ///
    /// The caller answers for the header: what it makes of the packet must fit the MTU. The peer trusts it as little as any
    /// other octet.
    pub fn encode_offload(
        &mut self,
        header: &OffloadHeader,
        packet: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        self.offload(header, packet, false, out)
    }

    /// The same, but for the packet's own octets: the caller sends these right behind what is in `out` now.
    pub fn encode_offload_head(
        &mut self,
        header: &OffloadHeader,
        packet: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        self.offload(header, packet, true, out)
    }

    fn offload(
        &mut self,
        header: &OffloadHeader,
        packet: &[u8],
        behind: bool,
        out: &mut BytesMut,
    ) -> Result<(), SendError> {
        let (family, _) = family(packet).ok_or(SendError::NotIp)?;
        if !self.core.is_up(family) {
            return Err(SendError::NotUp(family));
        }
        if !self.takes_offload() {
            return Err(SendError::NoOffload);
        }
        if packet.len() > MAX_RECORD - OFFLOAD_HEADER_LEN {
            return Err(SendError::TooBig { len: packet.len(), mtu: u16::MAX });
        }
        self.core.record(Some(header), packet, behind, out);
        Ok(())
    }

    /// Octets of packets sent so far, as [`poll_report`](Link::poll_report) counts them: since LCP is Opened, or since the
    /// peer first answered where it [is sampled](Link::is_sampled). `None` where nobody tells what arrives.
    pub fn reported_octets_sent(&self) -> Option<u64> {
        let reports = self.core.rx_express().is_some_and(|express| express.reports)
            && self.core.tx_express().is_some_and(|express| express.reports);
        if reports { Some(self.core.express.sent) } else { self.core.sampler.counted() }
    }

    /// Appends a report, or a question in place of one, behind packets that are about to leave, if there is something to
    /// tell or to ask: it costs next to nothing there, where alone it would be a message of SSH and a packet of TCP.
    pub fn report_along(&mut self, now: Instant, out: &mut BytesMut) {
        if let Some(report) = self.core.express.reporter.take_along(now) {
            self.core.emit_report(report, out);
        }
        self.probe_along(now, out);
    }

    /// What the peer has received, once: as it reports, or as its latest Echo-Reply tells.
    pub fn poll_report(&mut self) -> Option<Report> {
        let told = |octets| Report { octets, age: Duration::ZERO, clock: None };
        let arrived = self.core.sampler.poll_arrived().map(told);
        self.core.express.heard.take().or(arrived)
    }
}
