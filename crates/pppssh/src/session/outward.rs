//! Packets on their way to the peer: the only queue that may stand, and how much of it may leave.
//!
//! ```text
//! device ─▶ [ FQ-CoDel ] ─▶ credit? ─▶ split or whole ─▶ Link ─▶ outbox
//! ```
//!
//! What the path takes at once goes past the queue. Where it is known what has arrived, from the peer's reports or its
//! Echo-Replies, [`Credit`] bounds what is under way, so that packets wait here, where flows are told apart and delays are
//! watched, and not in the buffers of ssh.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use credit::{Credit, CreditConfig};
use fairqueue::{FairQueue, INTERVAL, TARGET};
use ppp_proto::link::{Link, SendError};
use ssh_carrier::{CarrierError, CarrierTx};
use tracing::trace;
use tunio::PacketBatch;
use tunio::offload::{GsoType, VirtioHeader, validate};

use super::late::Late;
use super::segments::{Gathered, SEGMENT};
use super::traffic::Traffic;
use crate::status::{Path, ToldBy};

/// A packet that stands for several is cut so that the path is not busy with it for longer than about this.
const TURN: Duration = Duration::from_millis(2);

/// Where only Echo-Replies tell what arrives, round trips have in them what the replies wait for on the way back: in this
/// much, by the [`Governor`](super::governor::Governor). With less to spare than that, packets that come in would slow
/// down those that go out. Some more leave at a time, so that a message of SSH has several packets in it.
const SAMPLED: CreditConfig = CreditConfig {
    slack_min: Duration::from_millis(15),
    slack_max: Duration::from_millis(20),
    burst: Duration::from_millis(6),
    initial: 64 * 1024,
    floor: 16 * 1024,
    ceiling: 64 << 20,
};

/// Single packets of no more octets get their checksum here, which costs less than the header that would ask for it.
const COMPLETED: usize = 2048;

/// Packets of so many octets are written from where they lie, if the carrier can: to put them behind others costs more than a
/// call of the system of their own.
const LENT: usize = 16 * 1024;

/// Packets so small are not worth a wait.
const SMALL: usize = 256;

/// A flow may keep half of the path's round trip waiting, and as many packets, before it is told to slow down, and has six
/// round trips to do so: with less, one that gives up 30 % for each loss, as Cubic does, leaves the path idle. Other flows
/// do not wait behind it.
const SHORTEST: usize = 8;

/// The queue, the account, and room to cut packets in.
#[derive(Debug)]
pub(super) struct Outward {
    queue: FairQueue<VirtioHeader>,
    credit: Credit,
    /// What the link says it has sent, as the account has it; `None` where nobody reports.
    booked: Option<u64>,
    /// Octets that the carrier lets be under way.
    capacity: u64,
    /// Octets of these that have not left: the end of a packet, kept back to fill a segment.
    kept: u64,
    /// Measured, and not asked for yet.
    round_trip: Option<Duration>,
    /// Kept back before anything else.
    late: Late,
    /// Where packets are cut: those that would keep the path busy for long, and those that the peer does not take whole.
    piece: Vec<u8>,
    segment: Vec<u8>,
}

impl Outward {
    pub(super) fn new() -> Self {
        Self {
            queue: FairQueue::new(fairqueue::Config::default()),
            credit: Credit::new(CreditConfig::default()),
            booked: None,
            capacity: u64::MAX,
            kept: 0,
            round_trip: None,
            late: Late::default(),
            piece: Vec::new(),
            segment: Vec::new(),
        }
    }

    /// The path is gone, and with it what waited for it.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.credit.reset();
        (self.booked, self.round_trip) = (None, None);
        self.late = Late::default();
    }

    /// Takes what the device gave.
    pub(super) fn take(
        &mut self,
        now: Instant,
        batch: &PacketBatch,
        link: &mut Link,
        outbox: &mut Outbox<'_, '_>,
    ) {
        self.book(now, link);
        let most = self.longest_turn();
        for (header, packet) in batch.with_headers() {
            if self.late.keeps(now, header, packet) {
                continue;
            }
            if header.gso_type == GsoType::None || packet.len() <= most {
                self.take_one(now, header, packet, link, outbox);
                continue;
            }
            let Ok(checked) = validate(header, packet) else {
                outbox.traffic.dropped_not_up += 1;
                continue;
            };
            let mut pieces = checked.split_at(most);
            let mut piece = std::mem::take(&mut self.piece);
            while let Some(header) = pieces.next_into(&mut piece) {
                self.take_one(now, &header, &piece, link, outbox);
            }
            self.piece = piece;
        }
    }

    fn take_one(
        &mut self,
        now: Instant,
        header: &VirtioHeader,
        packet: &[u8],
        link: &mut Link,
        outbox: &mut Outbox<'_, '_>,
    ) {
        if self.queue.is_empty() && self.may_leave(now, packet.len(), outbox) {
            frame(now, &mut self.segment, header, packet, link, outbox);
            book(&mut self.booked, &mut self.credit, now, link);
            ask(now, link, outbox);
        } else {
            self.queue.enqueue(now, packet, *header);
        }
    }

    /// The carrier lets so many octets be under way.
    pub(super) fn carrier_takes(&mut self, capacity: u64) {
        self.capacity = capacity;
    }

    /// Lets go what may leave now; whether anything did.
    pub(super) fn release(&mut self, now: Instant, link: &mut Link, outbox: &mut Outbox<'_, '_>) -> bool {
        self.credit.heard(outbox.traffic.bytes_received);
        self.book(now, link);
        let Gathered { frames, urgent } = &*outbox.gathered;
        self.kept = frames.len().saturating_sub(*urgent).min(SEGMENT) as u64;
        let mut released = false;
        while let Some(acknowledgement) = self.late.poll(now) {
            let (header, packet) = acknowledgement.packet();
            self.take_one(now, header, packet, link, outbox);
            released = true;
        }
        while let Some(len) = self.queue.peek(now).map(|packet| packet.bytes.len())
            && self.may_leave(now, len, outbox)
        {
            let Some(packet) = self.queue.dequeue(now) else { break };
            let (segment, booked, credit) = (&mut self.segment, &mut self.booked, &mut self.credit);
            frame(now, segment, &packet.tag, packet.bytes, link, outbox);
            book(booked, credit, now, link);
            ask(now, link, outbox);
            released = true;
        }
        let stats = self.queue.stats();
        outbox.traffic.dropped_by_queue =
            stats.dropped_by_codel.packets + stats.dropped_over_limit.packets + stats.refused;
        outbox.traffic.marked = stats.marked_by_codel;
        if self.booked.is_some() && self.queue.is_empty() && self.credit.available() > 0 {
            self.credit.ran_dry();
        }
        released
    }

    /// The latest round trip of an Echo-Request, once, and what of it packets of our own took.
    pub(super) fn poll_round_trip(&mut self) -> Option<(Duration, Duration)> {
        let time = self.round_trip.take()?;
        Some((time, self.booked.map_or(Duration::ZERO, |_| self.credit.own_wait())))
    }

    /// What is known of the path, once something was sent of which the peer will tell whether it has arrived.
    pub(super) fn path(&self, link: &Link) -> Option<Path> {
        self.booked.filter(|sent| *sent > 0)?;
        Some(Path {
            told_by: if link.is_sampled() { ToldBy::EchoReplies } else { ToldBy::Reports },
            rtt_ms: self.credit.min_rtt().map(|rtt| rtt.as_secs_f64() * 1e3),
            bytes_per_second: self.credit.rate().map(|rate| rate as u64),
            bytes_under_way: self.credit.under_way(),
            packets_waiting: self.queue.len() as u64,
            bytes_waiting: self.queue.bytes() as u64,
        })
    }

    /// The path's round trip and the octets under way on it, where the peer tells what has arrived.
    pub(super) fn holds(&self) -> Option<(Duration, u64)> {
        self.booked?;
        Some((self.credit.min_rtt()?, self.credit.under_way()))
    }

    fn may_leave(&self, now: Instant, len: usize, outbox: &mut Outbox<'_, '_>) -> bool {
        let in_turn = len <= SMALL || self.credit.due(now).is_none();
        outbox.has_room(len) && (self.booked.is_none() || self.affords(len) && in_turn)
    }

    /// Whether so many octets may be under way. One packet may be, however small the window.
    fn affords(&self, len: usize) -> bool {
        let under_way = self.credit.under_way();
        let room = self.credit.available().min(self.capacity.saturating_sub(under_way));
        room + self.kept >= len as u64 || under_way == 0
    }

    /// Whether packets wait for their turn, or for others to arrive: more leaves soon.
    pub(super) fn waits_for_the_path(&self) -> bool {
        self.booked.is_some() && !self.queue.is_empty()
    }

    /// From now until then acknowledgements leave [late](Late).
    pub(super) fn acknowledge_late(&mut self, until: Instant) {
        self.late.begin(until);
    }

    /// When something that waits may leave, if it is only its time that has not come.
    pub(super) fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let (turn, late) = (self.turn(now), self.late.poll_timeout());
        turn.into_iter().chain(late).min()
    }

    fn turn(&mut self, now: Instant) -> Option<Instant> {
        self.booked?;
        let due = self.credit.due(now)?;
        let len = self.queue.peek(now).map(|packet| packet.bytes.len());
        let awaits = len.is_some_and(|len| self.affords(len));
        self.credit.awaits_turn(awaits);
        awaits.then_some(due)
    }

    /// What the link sent and heard since.
    fn book(&mut self, now: Instant, link: &mut Link) {
        book(&mut self.booked, &mut self.credit, now, link);
        if let Some(time) = link.poll_round_trip() {
            // The first one counts no octets yet, and had none of ours ahead of it.
            self.credit.round_trip(now, time);
            self.round_trip = Some(time);
        }
        let Some(report) = link.poll_report().filter(|_| self.booked.is_some()) else { return };
        self.credit.delivered(now, report.octets, report.age, report.clock);
        self.fit_codel(usize::from(link.mtu()));
    }

    /// CoDel's terms for the path as it is known by now.
    fn fit_codel(&mut self, mtu: usize) {
        let (Some(rate), Some(rtt)) = (self.credit.rate(), self.credit.usual_rtt()) else { return };
        let packets = Duration::try_from_secs_f64((SHORTEST * mtu) as f64 / rate).unwrap_or_default();
        let target = if self.credit.is_growing() {
            // The queue says nothing of the path yet.
            2 * (rtt + packets)
        } else {
            (rtt / 2).clamp(TARGET, 20 * TARGET).max(packets)
        };
        self.queue.set_codel(target, INTERVAL.max(6 * rtt));
        self.queue.set_rate_hint(rate as u64, mtu);
    }

    /// Octets for which the path is busy for [`TURN`], or no more than it may get where that is not known.
    fn longest_turn(&self) -> usize {
        if self.booked.is_none() {
            return usize::MAX;
        }
        let known = self.credit.rate().map(|rate| (rate * TURN.as_secs_f64()) as usize);
        known.unwrap_or(self.credit.window() as usize)
    }
}

fn book(booked: &mut Option<u64>, credit: &mut Credit, now: Instant, link: &Link) {
    let sent = link.reported_octets_sent();
    match (sent, *booked) {
        (Some(sent), Some(before)) if sent >= before => credit.sent(now, (sent - before) as usize),
        // LCP was Opened, anew or for the first time.
        (Some(sent), _) => {
            *credit = Credit::new(if link.is_sampled() { SAMPLED } else { CreditConfig::default() });
            credit.sent(now, sent as usize);
        }
        (None, _) => {}
    }
    *booked = sent;
}

/// A question behind a packet, and not only behind all that leave together.
fn ask(now: Instant, link: &mut Link, outbox: &mut Outbox<'_, '_>) {
    if link.is_sampled() {
        outbox.tell(now, link);
    }
}

/// Where frames gather, and how much of them.
pub(super) struct Outbox<'a, 'c> {
    pub(super) gathered: &'a mut Gathered,
    /// Octets from which on packets wait.
    pub(super) full: usize,
    pub(super) traffic: &'a mut Traffic,
    /// Where the carrier writes long packets from where they lie, and the peer takes them.
    pub(super) writer: Option<Writer<'a, 'c>>,
}

/// A carrier that frames and a packet behind them can be given to at once.
pub(super) struct Writer<'a, 'c> {
    tx: &'a mut dyn CarrierTx,
    cx: &'a mut Context<'c>,
    failed: Option<CarrierError>,
}

impl<'a, 'c> Writer<'a, 'c> {
    /// If the carrier writes long packets from where they lie and the peer takes these whole. (On a link that is recorded he does
    /// not.)
    pub(super) fn new(link: &Link, cx: &'a mut Context<'c>, tx: &'a mut dyn CarrierTx) -> Option<Self> {
        let is_worth_it = tx.writes_parts() && link.takes_offload();
        is_worth_it.then_some(Self { tx, cx, failed: None })
    }

    fn is_ready(&mut self) -> bool {
        match self.tx.poll_ready(self.cx) {
            Poll::Ready(result) => self.note(result),
            Poll::Pending => false,
        }
    }

    fn send(&mut self, frames: &mut BytesMut, packet: &[u8]) {
        let result = self.tx.start_send_parts(frames, packet);
        self.note(result);
    }

    fn note(&mut self, result: Result<(), CarrierError>) -> bool {
        result.map_err(|error| self.failed = Some(error)).is_ok()
    }
}

impl Outbox<'_, '_> {
    fn has_room(&mut self, len: usize) -> bool {
        match &mut self.writer {
            Some(writer) if len >= LENT => writer.is_ready(),
            _ => self.gathered.frames.len() < self.full,
        }
    }

    /// A report or a question, if there is something to tell or to ask.
    fn tell(&mut self, now: Instant, link: &mut Link) {
        self.gathered.urgently(|frames| link.report_along(now, frames));
    }

    /// What came of giving packets to the carrier.
    pub(super) fn result(self) -> Result<(), CarrierError> {
        self.writer.and_then(|writer| writer.failed).map_or(Ok(()), Err)
    }

    fn count(&mut self, len: usize, framed: Result<(), SendError>) {
        match framed {
            Ok(()) => {
                self.traffic.sent(len);
                if len <= SMALL {
                    self.gathered.urgent = self.gathered.frames.len();
                }
            }
            Err(SendError::TooBig { .. }) => self.traffic.dropped_too_big += 1,
            Err(SendError::NotIp | SendError::NotUp(_) | SendError::NoOffload) => {
                self.traffic.dropped_not_up += 1;
            }
        }
    }
}

/// Frames a packet: as it is where the peer takes it so, else the packets that it stands for.
fn frame(
    now: Instant,
    segment: &mut Vec<u8>,
    header: &VirtioHeader,
    packet: &[u8],
    link: &mut Link,
    outbox: &mut Outbox<'_, '_>,
) {
    if !link.is_sampled() {
        // In front of the packet, of which the end may be kept back.
        outbox.tell(now, link);
    }
    if !header.needs_csum && header.gso_type == GsoType::None {
        let framed = link.encode(packet, &mut outbox.gathered.frames);
        return outbox.count(packet.len(), framed);
    }
    if link.takes_offload() && (header.gso_type != GsoType::None || packet.len() > COMPLETED) {
        let header = header.emit();
        let framed = match &mut outbox.writer {
            Some(writer) if packet.len() >= LENT => {
                let framed = link.encode_offload_head(&header, packet, &mut outbox.gathered.frames);
                outbox.gathered.urgent = 0;
                framed.map(|()| writer.send(&mut outbox.gathered.frames, packet))
            }
            _ => link.encode_offload(&header, packet, &mut outbox.gathered.frames),
        };
        return outbox.count(packet.len(), framed);
    }
    match validate(header, packet) {
        Ok(checked) => {
            let mut segments = checked.split();
            while segments.next_into(segment) {
                let framed = link.encode(segment, &mut outbox.gathered.frames);
                outbox.count(segment.len(), framed);
            }
        }
        // The kernel's own packets are well.
        Err(refusal) => {
            trace!(%refusal, "the device gave a packet that cannot be");
            outbox.traffic.dropped_not_up += 1;
        }
    }
}

#[cfg(test)]
mod tests;
