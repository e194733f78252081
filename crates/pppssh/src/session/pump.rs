//! Moves packets between a device and a carrier, through a link. One task, one loop, one queue.
//!
//! ```text
//! up:   device → encode → outbox (one chunk) → carrier
//! down: carrier → decode → device
//! ```
//!
//! A chunk holds many frames and leaves as soon as the carrier takes it, but for what is [kept back](super::segments) for a
//! moment because more follows. While the carrier takes nothing the outbox fills to [`CHUNK`] and no further; then packets wait
//! in the device's own queue.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use ppp_proto::link::{Event, Link, LinkConfig, calls_for_a_link};
use ssh_carrier::{Carrier, CarrierError};
use tokio::time::Sleep;
use tracing::trace;
use tunio::PacketBatch;
use tunio::offload::{Merger, VirtioHeader};

use super::device::Device;
use super::governor::{Governor, Judged};
use super::holds::Holds;
use super::mss::{MssClamp, smaller_mtu};
use super::outward::{Outbox, Outward, Writer};
use super::segments::{Gathered, Kept};
use super::traffic::Traffic;
use crate::capture::Capture;
use crate::status::Path;

/// Octets of frames that are gathered before the device is left to wait: one SSH packet's worth, as large as
/// OpenSSH takes (32 KiB), so that a chunk is sealed and written once.
const CHUNK: usize = 32 * 1024;

/// Packets read from the device at a time; more than a chunk of small ones holds would only wait here.
const BATCH_PACKETS: usize = 256;

/// Chunks taken from the carrier before the sending side has its turn, so that neither direction starves the other.
const RECEIVE_TURN: usize = 8;

/// Rounds of the loop before other tasks have their turn.
const ROUNDS: usize = 16;

/// What made the pump stop.
#[derive(Debug)]
pub enum Step {
    /// The link has something to say; call again to go on.
    Event(Event),
    /// The carrier's stream ended cleanly.
    CarrierEnded,
}

/// Why the pump cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PumpError {
    /// The carrier broke.
    #[error("the SSH connection broke")]
    Carrier(#[from] CarrierError),
    /// The device broke: it was removed, or the kernel refused to read it.
    #[error("reading the TUN device")]
    Device(#[source] io::Error),
}

/// The frame pump of one link over one carrier.
pub struct Pump {
    link: Link,
    /// Received octets that the link has not yet seen.
    inbox: Bytes,
    /// Packets that wait for the carrier.
    outward: Outward,
    /// Counts what comes in.
    holds: Holds,
    /// Slows down who sends to us, where the peer does not.
    governor: Governor,
    /// Frames that wait for the carrier.
    outbox: Gathered,
    /// What of them is kept back.
    kept: Kept,
    /// Makes one packet for the device of many from the peer.
    merger: Merger,
    mss: MssClamp,
    batch: PacketBatch,
    timer: Pin<Box<Sleep>>,
    /// What the timer is set to, so that it is only touched when the link's deadline moved.
    deadline: Option<Instant>,
    traffic: Traffic,
    capture: Capture,
    /// Whether packets are taken from the device; else they wait there.
    reading: bool,
    /// `batch` holds packets that were taken before there was a link.
    early: bool,
}

impl Pump {
    /// A pump around a link that has no carrier yet.
    pub fn new(config: LinkConfig) -> Self {
        let now = Instant::now();
        Self {
            link: Link::new(config, now),
            inbox: Bytes::new(),
            outward: Outward::new(),
            holds: Holds::new(now),
            governor: Governor::default(),
            outbox: Gathered { frames: BytesMut::with_capacity(2 * CHUNK), urgent: 0 },
            kept: Kept::default(),
            merger: Merger::default(),
            mss: MssClamp::default(),
            batch: PacketBatch::new(BATCH_PACKETS, CHUNK),
            timer: Box::pin(tokio::time::sleep_until(now.into())),
            deadline: None,
            traffic: Traffic::default(),
            capture: Capture::default(),
            reading: true,
            early: false,
        }
    }

    /// Whether to take packets from the device from now on, or to leave them in its queue. A pump reads at first, and
    /// what comes before the link is up is lost, as on any interface that is down.
    pub fn read_device(&mut self, reading: bool) {
        self.reading = reading;
    }

    /// Waits for a packet that is worth a call (see [`calls_for_a_link`]). It goes first when the device is read again.
    /// Cancel-safe.
    pub async fn wait_for_packet<D: Device + ?Sized>(&mut self, device: &mut D) -> io::Result<()> {
        loop {
            poll_fn(|cx| device.poll_recv(cx, &mut self.batch)).await?;
            self.early = self.batch.iter().any(calls_for_a_link);
            if self.early {
                return Ok(());
            }
        }
    }

    /// Writes all that passes to the files of `capture`.
    pub fn set_capture(&mut self, capture: Capture) {
        if let Some(tap) = capture.tap() {
            self.link.set_tap(tap);
        }
        self.capture = capture;
    }

    /// Whether to lower the maximum segment size of TCP connections to what the link carries, as at first.
    pub fn clamp_mss(&mut self, wanted: bool) {
        self.mss.set(wanted);
    }

    /// There is a carrier: the negotiation starts.
    pub fn lower_up(&mut self) {
        let now = Instant::now();
        self.capture.started();
        self.link.open(now);
        self.link.lower_up(now);
    }

    /// The carrier is gone, and what was on its way through it. The counters stay.
    pub fn lower_down(&mut self) {
        self.link.lower_down(Instant::now());
        self.inbox.clear();
        self.outbox.frames.clear();
        (self.outbox.urgent, self.kept) = (0, Kept::default());
        self.outward.clear();
        self.governor.clear();
        self.capture.ended();
        while self.link.poll_event().is_some() {}
    }

    /// The link inside, for its status.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Packets and octets moved so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// What is known of the path to the peer; `None` while the peer does not tell what has arrived.
    pub fn path(&self) -> Option<Path> {
        self.outward.path(&self.link)
    }

    /// Asks the peer to end the link (RFC 1661 §3.7); [`Event::Closed`] follows.
    pub fn close(&mut self, reason: &str) {
        self.link.close(Instant::now(), reason);
    }

    /// Moves packets until there is something to tell. Cancel-safe.
    pub async fn run<D: Device + ?Sized>(
        &mut self,
        carrier: &mut Carrier,
        device: &mut D,
    ) -> Result<Step, PumpError> {
        poll_fn(|cx| self.poll(cx, carrier, device)).await
    }

    /// Sends what is left, a Terminate-Ack for instance, and ends the stream.
    pub async fn finish(&mut self, carrier: &mut Carrier) -> Result<(), CarrierError> {
        self.link.poll_transmit(&mut self.outbox.frames);
        if !self.outbox.frames.is_empty() {
            self.capture.sent(&self.outbox.frames);
            carrier.tx.send(self.outbox.frames.split().freeze()).await?;
        }
        carrier.tx.finish().await
    }

    fn poll<D: Device + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        carrier: &mut Carrier,
        device: &mut D,
    ) -> Poll<Result<Step, PumpError>> {
        for _ in 0..ROUNDS {
            let mut progress = false;

            for _ in 0..RECEIVE_TURN {
                self.deliver(device);
                if let Some(event) = self.link.poll_event() {
                    return Poll::Ready(Ok(Step::Event(event)));
                }
                match carrier.rx.poll_recv(cx)? {
                    Poll::Ready(Some(chunk)) => {
                        self.capture.received(&chunk);
                        self.inbox = chunk;
                        progress = true;
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(Step::CarrierEnded)),
                    Poll::Pending => break,
                }
            }

            progress |= self.poll_timer(cx);
            self.outbox.urgently(|frames| self.link.poll_transmit(frames));

            progress |= self.release(cx, carrier)?;
            if self.reading {
                if std::mem::take(&mut self.early) {
                    self.take_batch(cx, carrier)?;
                    progress = true;
                } else if let Poll::Ready(count) = device.poll_recv(cx, &mut self.batch) {
                    count.map_err(PumpError::Device)?;
                    self.take_batch(cx, carrier)?;
                    progress = true;
                }
            }

            if !self.outbox.frames.is_empty() && carrier.tx.poll_ready(cx)?.is_ready() {
                progress |= self.send(carrier)?;
            }

            if !progress {
                self.capture.flush();
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Gives the carrier what leaves now, if anything does; whether there is more to do.
    fn send(&mut self, carrier: &mut Carrier) -> Result<bool, CarrierError> {
        let now = Instant::now();
        let Gathered { frames, urgent } = &mut self.outbox;
        let follow = self.outward.waits_for_the_path();
        let mut leaving = self.kept.leaving(now, frames.len(), *urgent, follow);
        if leaving == 0 {
            // The timer may not have been told.
            let until = self.kept.poll_timeout(now);
            return Ok(self.deadline.is_none() || until < self.deadline);
        }
        if leaving == frames.len() {
            self.link.report_along(now, frames);
            leaving = frames.len();
        }
        let chunk = frames.split_to(leaving).freeze();
        *urgent = 0;
        self.capture.sent(&chunk);
        carrier.tx.start_send(chunk)?;
        // The carrier has what was gathered; most of the buffer may be left.
        if frames.capacity() < CHUNK + CHUNK / 8 {
            frames.reserve(2 * CHUNK);
        }
        Ok(true)
    }

    /// Feeds the link with what was received, up to the next event, and the device with the packets therein.
    ///
    /// An event stops it, since the packets behind one that says "IPv4 is up" need the addresses that the caller
    /// will set first.
    fn deliver<D: Device + ?Sized>(&mut self, device: &mut D) {
        if self.inbox.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut rest = &self.inbox[..];
        let takes = device.offload();
        let merges = takes.tcp4 || takes.udp;
        self.merger.merge_udp(takes.udp);
        let mtu = smaller_mtu(&self.link);
        let (mut malformed, mut governed, mut marked) = (0, 0, 0);
        let traffic = &mut self.traffic;
        // What the device refuses is lost, as packets may be.
        let mut send = |header: &VirtioHeader, packet: &[u8]| {
            match device.send_offload(header, packet) {
                Ok(()) => traffic.received(packet.len()),
                Err(error) => {
                    trace!(%error, "the device refused a packet");
                    traffic.dropped_by_device += 1;
                }
            }
            Ok::<(), Infallible>(())
        };
        while let Some(packet) = self.link.receive_to_event(now, &mut rest) {
            let header = match packet.offload.as_ref().map(VirtioHeader::parse) {
                None => VirtioHeader::NONE,
                Some(Ok(header)) => header,
                Some(Err(error)) => {
                    trace!(%error, "the peer sent a virtio header that cannot be");
                    malformed += 1;
                    continue;
                }
            };
            let payload = match self.governor.judge(now, packet.payload) {
                Judged::Pass(payload) => payload,
                Judged::Marked(payload) => {
                    marked += 1;
                    payload
                }
                Judged::Dropped => {
                    governed += 1;
                    continue;
                }
            };
            let packet = self.mss.inward(mtu, &header, payload);
            let Ok(()) =
                if merges { self.merger.push(&header, packet, &mut send) } else { send(&header, packet) };
        }
        let Ok(()) = self.merger.flush(send);
        self.traffic.dropped_by_device += malformed;
        self.traffic.dropped_by_governor += governed;
        self.traffic.marked_by_governor += marked;
        let used = self.inbox.len() - rest.len();
        self.inbox.advance(used);
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let (turn, kept) = (self.outward.poll_timeout(now), self.kept.poll_timeout(now));
        let deadline = self.link.poll_timeout().into_iter().chain(turn).chain(kept).min();
        let Some(at) = deadline else {
            self.deadline = None;
            return false;
        };
        if self.deadline != deadline {
            self.timer.as_mut().reset(at.into());
            self.deadline = deadline;
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.deadline = None;
        self.link.handle_timeout(Instant::now());
        true
    }

    /// Lets go what waits and may leave now.
    fn release(&mut self, cx: &mut Context<'_>, carrier: &mut Carrier) -> Result<bool, CarrierError> {
        self.outward.carrier_takes(carrier.tx.capacity());
        let writer = Writer::new(&self.link, cx, &mut *carrier.tx);
        let mut outbox =
            Outbox { gathered: &mut self.outbox, full: CHUNK, traffic: &mut self.traffic, writer };
        let now = Instant::now();
        let released = self.outward.release(now, &mut self.link, &mut outbox);
        outbox.result()?;
        if let Some((rtt, under_way)) = self.outward.holds() {
            self.holds.tell(now, rtt, under_way, self.traffic.bytes_received, &mut *carrier.tx);
        }
        if let Some((time, own)) = self.outward.poll_round_trip() {
            if self.governor.measured(now, time, own) {
                carrier.rx.bound();
            }
            if let Some(until) = self.governor.poll_start() {
                self.outward.acknowledge_late(until);
            }
        } else if !self.link.is_sampled() {
            self.governor.clear();
        }
        Ok(released)
    }

    fn take_batch(&mut self, cx: &mut Context<'_>, carrier: &mut Carrier) -> Result<(), CarrierError> {
        self.mss.outward(&self.link, &mut self.batch);
        let writer = Writer::new(&self.link, cx, &mut *carrier.tx);
        let mut outbox =
            Outbox { gathered: &mut self.outbox, full: CHUNK, traffic: &mut self.traffic, writer };
        self.outward.take(Instant::now(), &self.batch, &mut self.link, &mut outbox);
        outbox.result()
    }
}
