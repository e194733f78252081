//! One end of a link: the phases of RFC 1661 §3 around LCP, authentication, IPCP, IPV6CP and CCP.

mod authenticate;
mod authentication;
mod compression;
mod config;
mod core;
mod data;
mod demand;
mod event;
mod explain;
mod express;
mod keepalive;
mod lcp_codes;
mod networks;
mod phases;
mod probe;
mod quality;
mod sampler;
mod status;
mod streams;
mod tap;
mod told;
mod transmit;

use std::time::Instant;

use bytes::BytesMut;

use self::{
    compression::Unpacked,
    core::{Core, protocol_status},
    data::Kind,
    keepalive::Keepalive,
};
use crate::{
    express::{HeaderDecompressor, RecordReader},
    frame::{FrameDecoder, Framing},
    fsm::ControlMachine,
    lcp::MRU_DEFAULT,
    protocol,
    vj::Form,
};

pub use crate::express::Express;
pub use config::{EchoConfig, LinkConfig, Timers};
pub use demand::calls_for_a_link;
pub use event::{CloseReason, ControlProtocolName, Event, Phase};
pub use express::OffloadHeader;
pub use status::{DeflateCounters, LinkCounters, LinkStatus, ProtocolStatus};
pub use tap::{Direction, Tap};

pub use crate::fsm::{Answer, OptionStatus};

/// One end of a PPP link.
///
/// Feed it with [`receive`](Link::receive) and [`handle_timeout`](Link::handle_timeout); after each, and after every other
/// call that takes the time, drain [`poll_transmit`](Link::poll_transmit) and [`poll_event`](Link::poll_event) and ask
/// [`poll_timeout`](Link::poll_timeout) when to come back.
#[derive(Debug)]
pub struct Link {
    decoder: FrameDecoder,
    records: RecordReader,
    /// The headers that the peer told of, and counts on.
    headers: HeaderDecompressor,
    /// How the decoder is set.
    rx_framing: Framing,
    core: Core,
}

/// Which kind of packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// A packet from the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The protocol it was framed as.
    pub family: Family,
    /// The packet, with padding if the peer sent any.
    pub payload: &'a [u8],
    /// The virtio header that goes with it, from a peer that was told of [`Express::offload`]. Nothing has looked at it.
    pub offload: Option<OffloadHeader>,
}

impl<'a> Packet<'a> {
    /// One that came in a frame.
    fn framed(family: Family, payload: &'a [u8]) -> Packet<'a> {
        Packet { family, payload, offload: None }
    }
}

/// Why a packet was not framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Its first four bits are neither 4 nor 6.
    #[error("expected an IPv4 or IPv6 packet")]
    NotIp,
    /// Its protocol is not Opened.
    #[error("{0:?} is not up on this link")]
    NotUp(Family),
    /// The peer does not take packets of this size.
    #[error("a packet of {len} octets, but at most {mtu} may be sent; set the interface's MTU to {mtu}")]
    TooBig {
        /// The packet's length.
        len: usize,
        /// The largest length allowed.
        mtu: u16,
    },
    /// The peer takes no packets that are still to be split.
    #[error("the peer takes no virtio headers: split the packet")]
    NoOffload,
}

impl Link {
    /// A link in phase Dead: [`open`](Link::open) and [`lower_up`](Link::lower_up) start it.
    pub fn new(config: LinkConfig, now: Instant) -> Link {
        Link {
            decoder: decoder(&config),
            rx_framing: Framing::DEFAULT,
            records: RecordReader::default(),
            headers: HeaderDecompressor::default(),
            core: Core::new(config, now),
        }
    }

    /// Asks for the link to come up: at once when the lower layer is up, else as soon as it is.
    pub fn open(&mut self, now: Instant) {
        self.core.open(now);
    }

    /// The carrier can pass bytes; whatever was left of an earlier one is forgotten.
    pub fn lower_up(&mut self, now: Instant) {
        if !self.core.lower_up {
            self.decoder = decoder(&self.core.config);
            self.rx_framing = Framing::DEFAULT;
            self.records.clear();
            self.headers = HeaderDecompressor::default();
            self.core.damaged = 0;
        }
        self.core.lower_up(now);
    }

    /// The carrier can no longer pass bytes; an open link starts anew at the next [`lower_up`](Link::lower_up).
    pub fn lower_down(&mut self, now: Instant) {
        self.core.lower_down(now);
    }

    /// Takes leave of the peer with these words; [`Event::Closed`] follows when it answered, or did not in time.
    ///
    /// The link stays closed until [`open`](Link::open).
    pub fn close(&mut self, now: Instant, message: &str) {
        self.core.close_for_good(now, message);
    }

    /// Consumes `chunk`; returns each IP packet as it is found and `None` when the chunk is used up.
    ///
    /// ```
    /// # use ppp_proto::{Link, Packet};
    /// # fn give_to_the_system(_: Packet<'_>) {}
    /// # fn example(link: &mut Link, now: std::time::Instant, mut chunk: &[u8]) {
    /// while let Some(packet) = link.receive(now, &mut chunk) {
    ///     give_to_the_system(packet);
    /// }
    /// # }
    /// ```
    pub fn receive<'s, 'i: 's>(&'s mut self, now: Instant, chunk: &mut &'i [u8]) -> Option<Packet<'s>> {
        self.receive_while(now, chunk, |_| true)
    }

    /// Does the same, but returns `None` also when there is an event, before it looks at what follows in the chunk.
    ///
    /// For an owner who must set the host's addresses before it can pass on the packets behind them: drain
    /// [`poll_event`](Link::poll_event), then call again with the rest of the chunk.
    pub fn receive_to_event<'s, 'i: 's>(
        &'s mut self,
        now: Instant,
        chunk: &mut &'i [u8],
    ) -> Option<Packet<'s>> {
        self.receive_while(now, chunk, |core| core.events.is_empty())
    }

    fn receive_while<'s, 'i: 's>(
        &'s mut self,
        now: Instant,
        chunk: &mut &'i [u8],
        go_on: impl Fn(&Core) -> bool,
    ) -> Option<Packet<'s>> {
        if !self.core.lower_up {
            *chunk = &[];
        }
        while go_on(&self.core) {
            if chunk.is_empty() {
                // Of all that came at once, since a rate that is measured from the middle of it is none.
                self.core.report_if_due(now);
                return None;
            }
            self.follow_framing();
            if self.is_at_record(chunk) {
                match self.receive_record(now, chunk) {
                    Some(record) => return Some(self.packet(&record)),
                    None => continue,
                }
            }
            // It stops in front of a record, too.
            let Some(frame) = self.decoder.find(chunk) else { continue };
            self.note_damage();
            self.core.start(now);
            if let Some(keepalive) = &mut self.core.keepalive {
                keepalive.heard(now, frame.protocol);
            }
            if let Some(tap) = &mut self.core.tap {
                tap.packet(Direction::Received, frame.protocol, self.decoder.payload(&frame));
            }
            if self.core.compression.received.is_some() {
                self.core.received_uncompressed(now, frame.protocol, self.decoder.payload(&frame));
            }
            let kind = self.core.kind(frame.protocol);
            if kind != Kind::Control {
                self.core.sampler.received(frame.counted_len);
                self.core.note_arrival(now, frame.counted_len);
            }
            match kind {
                Kind::Data(family) => {
                    let payload = self.decoder.payload(&frame);
                    self.core.counters.rx_data(payload);
                    self.core.quality.received(frame.counted_len);
                    return Some(Packet::framed(family, payload));
                }
                Kind::Vj => {
                    if self.core.restore(frame.protocol, self.decoder.payload(&frame)) {
                        self.core.quality.received(frame.counted_len);
                        return Some(Packet::framed(Family::Ipv4, self.core.restored()));
                    }
                    self.core.quality.discarded();
                }
                Kind::Untimely => {
                    self.core.counters.rx_dropped += 1;
                    self.core.quality.discarded();
                }
                Kind::Compressed => {
                    let unpacked = self.core.unpack(now, self.decoder.payload(&frame));
                    if unpacked.is_some() {
                        self.core.quality.received(frame.counted_len);
                    } else {
                        self.core.quality.discarded();
                    }
                    match unpacked {
                        Some(Unpacked::Packet(family)) => {
                            return Some(Packet::framed(family, self.core.unpacked()));
                        }
                        Some(Unpacked::Restored) => {
                            return Some(Packet::framed(Family::Ipv4, self.core.restored()));
                        }
                        None => {}
                    }
                }
                Kind::Control => {
                    self.core.quality.received(frame.counted_len);
                    self.core.receive_control(now, frame.protocol, self.decoder.payload(&frame));
                }
            }
        }
        None
    }

    /// RFC 1144 §4.1: what was lost before a frame may be what its short header builds upon.
    fn note_damage(&mut self) {
        let damaged = self.decoder.stats().damaged();
        if damaged != self.core.damaged {
            self.core.damaged = damaged;
            if let Some(decompressor) = &mut self.core.decompressor {
                decompressor.toss();
            }
        }
    }

    /// Sets the decoder to what LCP agreed on, or no longer does.
    fn follow_framing(&mut self) {
        let framing = self.core.rx_framing();
        if framing != self.rx_framing {
            self.rx_framing = framing;
            self.decoder.set_framing(framing);
        }
        self.decoder.stop_at_records(self.core.rx_express().is_some());
    }

    /// Frames one IP packet behind what `out` already holds.
    pub fn encode(&mut self, packet: &[u8], out: &mut BytesMut) -> Result<(), SendError> {
        let (family, number) = data::family(packet).ok_or(SendError::NotIp)?;
        if !self.core.is_up(family) {
            return Err(SendError::NotUp(family));
        }
        let mtu = self.core.mtu();
        if packet.len() > usize::from(mtu) {
            return Err(SendError::TooBig { len: packet.len(), mtu });
        }
        if self.core.tx_express().is_some() && !self.core.compresses() {
            self.core.record(None, packet, false, out);
            return Ok(());
        }
        let before = out.len();
        let len = packet.len();
        let core = &mut self.core;
        let (number, packet) = match &mut core.compressor {
            Some(compressor) if family == Family::Ipv4 => match compressor.compress(packet) {
                (Form::Plain, packet) => (number, packet),
                (Form::Uncompressed, packet) => (protocol::VJ_UNCOMPRESSED, packet),
                (Form::Compressed, packet) => (protocol::VJ_COMPRESSED, packet),
            },
            _ => (number, packet),
        };
        let (number, packet) = match core.compression.compress(core.ccp.as_ref(), number, packet) {
            Some(datagram) => {
                core.counters.tx_deflate.count(packet.len(), datagram.len());
                (protocol::COMPRESSED, datagram)
            }
            None => (number, packet),
        };
        if let Some(tap) = &mut core.tap {
            tap.packet(Direction::Sent, number, packet);
        }
        core.encoder.encode_into(number, packet, out);
        let counted = core.encoder.counted_len(number, packet);
        core.quality.sent(counted);
        core.note_framed(counted);
        core.counters.tx_packets += 1;
        core.counters.tx_octets += len as u64;
        core.sampler.sent(out.len() - before);
        if let Some(keepalive) = &mut core.keepalive {
            keepalive.encoded(out.len() - before);
        }
        Ok(())
    }

    /// Appends the control frames that wait to be sent; false if there were none.
    pub fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        self.core.transmit(out)
    }

    /// Shows all packets to `tap` from now on, on whatever carrier.
    pub fn set_tap(&mut self, tap: Box<dyn Tap>) {
        self.core.tap = Some(tap);
    }

    /// What happened since the last call.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// When [`handle_timeout`](Link::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.poll_timeout()
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.handle_timeout(now);
    }

    /// The largest packet that may be sent: the peer's MRU or the configured bound, whichever is smaller.
    pub fn mtu(&self) -> u16 {
        self.core.mtu()
    }

    /// The largest packet that the peer may send: the MRU that it was asked to keep to.
    pub fn mru(&self) -> u16 {
        self.core.lcp.protocol.ours().mru
    }

    /// The link's phase.
    pub fn phase(&self) -> Phase {
        self.core.phase
    }

    /// A snapshot of all there is to know.
    pub fn status(&self) -> LinkStatus {
        let core = &self.core;
        let ignored = [
            core.lcp.ignored(),
            core.ipcp.as_ref().map_or(0, ControlMachine::ignored),
            core.ipv6cp.as_ref().map_or(0, ControlMachine::ignored),
            core.ccp.as_ref().map_or(0, ControlMachine::ignored),
        ];
        LinkStatus {
            name: core.config.name.clone(),
            phase: core.phase,
            phase_since: core.phase_since,
            lower_up: core.lower_up,
            lcp: protocol_status(&core.lcp),
            ipcp: core.ipcp.as_ref().map(protocol_status),
            ipv6cp: core.ipv6cp.as_ref().map(protocol_status),
            peer: core.authentication.peer().map(str::to_owned),
            ccp: core.ccp.as_ref().map(protocol_status),
            ipv4: core.ipcp.as_ref().filter(|_| core.is_up(Family::Ipv4)).map(|ipcp| ipcp.protocol.params()),
            ipv6: core
                .ipv6cp
                .as_ref()
                .filter(|_| core.is_up(Family::Ipv6))
                .map(|ipv6cp| (ipv6cp.protocol.local(), ipv6cp.protocol.remote())),
            compression: compression::params(core.ccp.as_ref()),
            mru: self.mru(),
            mtu: core.mtu(),
            tx_framing: core.tx_framing(),
            rx_framing: core.rx_framing(),
            last_echo_rtt: core.keepalive.as_ref().and_then(Keepalive::last_rtt),
            quality: core.quality.status(),
            last_heard: core.keepalive.as_ref().and_then(Keepalive::last_heard),
            counters: LinkCounters {
                tx_control: core.outbox.pushed(),
                tx_control_dropped: core.outbox.dropped(),
                rx_control_ignored: core.counters.rx_control_ignored + ignored.iter().sum::<u64>(),
                ..core.counters
            },
            frames: self.decoder.stats(),
            close_reason: core.closing.clone(),
        }
    }
}

/// A decoder for the largest frames the peer may send: also before it knows our MRU, or if it refuses to.
fn decoder(config: &LinkConfig) -> FrameDecoder {
    FrameDecoder::new(usize::from(config.lcp.mru.max(MRU_DEFAULT)))
}
