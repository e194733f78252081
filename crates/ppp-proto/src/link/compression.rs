//! CCP on a link (RFC 1962): when packets are compressed, and what happens when the stream of them breaks.
//!
//! A stream begins with the Configure-Ack that grants it, not when CCP is Opened in both directions: from then on a Linux
//! kernel counts packets, those it sends and those it receives. So do we, though none is compressed before Opened (§2.1).
//! Streams are switched when a packet leaves, not when it is made, as it must stand at the right place among the data.

use std::time::Instant;

use tracing::debug;

use super::{
    Event, Family,
    core::Core,
    data::{Kind, restore},
    networks::{failed, is_started},
    streams::{Compression, Receiving},
};
use crate::{
    ccp::{
        Ccp, CcpParams,
        deflate::{Compressor, Damage, Decompressor, is_compressible},
    },
    fsm::{ControlMachine, Layer, State},
    lcp::MRU_DEFAULT,
    packet::{Code, ControlPacket},
    protocol,
};

/// Resets in a row after which the stream is given up: the two ends do not mean the same by Deflate.
const MAX_RESETS: u32 = 5;

/// What a compressed datagram came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpacked {
    /// A packet, in [`Core::unpacked`].
    Packet(Family),
    /// A packet whose header was compressed as well, in [`Core::restored`].
    Restored,
}

impl Core {
    /// Whether what we send is compressed: records are not.
    pub(super) fn compresses(&self) -> bool {
        self.compression.sent.is_some()
    }

    pub(super) fn receive_ccp(&mut self, now: Instant, packet: ControlPacket<'_>) {
        let peer_mru = self.lcp.protocol.peers().mru;
        let Some(ccp) = &mut self.ccp else { return };
        match packet.code {
            // RFC 1962 §3: only in Opened.
            Code::ResetRequest | Code::ResetAck if ccp.state() != State::Opened => {
                self.counters.rx_control_ignored += 1;
            }
            Code::ResetRequest => {
                let answer = ControlPacket { code: Code::ResetAck, id: packet.id, data: &[] };
                self.send(protocol::CCP, answer);
            }
            Code::ResetAck => self.receive_reset_ack(packet.id),
            _ => {
                let layer = ccp.receive(now, packet, peer_mru, &mut self.outbox);
                let window = ccp.protocol.params().receive;
                if packet.code == Code::ConfigureAck && self.compression.received.is_none() {
                    let limit = usize::from(self.config.lcp.mru.max(MRU_DEFAULT));
                    self.compression.received = window.map(|window| Receiving {
                        stream: Decompressor::new(window, limit),
                        broken: None,
                        resets: 0,
                    });
                }
                self.ccp_did(layer);
            }
        }
    }

    fn receive_reset_ack(&mut self, id: u8) {
        match &mut self.compression.received {
            Some(receiving) if receiving.broken.is_some_and(|(expected, _)| expected == id) => {
                receiving.stream.reset();
                receiving.broken = None;
                receiving.resets += 1;
            }
            Some(_) | None => self.counters.rx_control_ignored += 1,
        }
    }

    /// Without compression the link goes on.
    pub(super) fn ccp_did(&mut self, layer: Option<Layer>) {
        let Some(ccp) = &self.ccp else { return };
        match layer {
            Some(Layer::Up) => {
                let params = ccp.protocol.params();
                if params != CcpParams::default() {
                    self.events.push_back(Event::CompressionUp(params));
                }
            }
            Some(Layer::Down) => self.compression = Compression::default(),
            Some(Layer::Finished) => self.events.extend(failed(ccp)),
            Some(Layer::Started) | None => {}
        }
    }

    /// LCP went down, and all streams with it.
    pub(super) fn ccp_down(&mut self, now: Instant) {
        if let Some(ccp) = self.ccp.as_mut().filter(|ccp| is_started(ccp)) {
            ccp.down(now, &mut self.outbox);
            self.compression = Compression::default();
        }
    }

    /// The peer does not speak it.
    pub(super) fn ccp_rejected(&mut self, now: Instant) {
        if let Some(ccp) = &mut self.ccp {
            let layer = ccp.protocol_rejected(now, &mut self.outbox);
            self.ccp_did(layer);
        }
    }

    /// A packet of CCP leaves: what follows it is in another stream.
    pub(super) fn ccp_leaves(&mut self, packet: &[u8]) {
        let Some(ccp) = &self.ccp else { return };
        match packet.first().copied().map(Code::from) {
            // What we are sent from now on is up to the answer.
            Some(Code::ConfigureRequest) => self.compression.received = None,
            Some(Code::ConfigureAck) => {
                self.compression.sent = ccp.protocol.params().send.map(Compressor::new);
            }
            Some(Code::ConfigureNak | Code::ConfigureReject) => self.compression.sent = None,
            Some(Code::ResetAck) => {
                if let Some(stream) = &mut self.compression.sent {
                    stream.reset();
                }
            }
            _ => {}
        }
    }

    /// A packet that arrived as it was sent has its place in the stream, too.
    pub(super) fn received_uncompressed(&mut self, now: Instant, number: u16, packet: &[u8]) {
        if let Some(Receiving { stream, broken: None, .. }) = &mut self.compression.received
            && let Err(damage) = stream.incompressible(number, packet)
        {
            self.stream_broke(now, damage);
        }
    }

    /// Unpacks a compressed datagram, and handles what is in it if that is no packet to give out.
    pub(super) fn unpack(&mut self, now: Instant, datagram: &[u8]) -> Option<Unpacked> {
        match &mut self.compression.received {
            Some(receiving @ Receiving { broken: None, .. }) => match receiving.stream.decompress(datagram) {
                Ok((number, packet)) => {
                    receiving.resets = 0;
                    self.counters.rx_deflate.count(packet.len(), datagram.len());
                    self.handle_unpacked(now, number)
                }
                Err(damage) => {
                    self.lose_datagram();
                    self.stream_broke(now, damage);
                    None
                }
            },
            Some(Receiving { broken: Some((id, since)), .. }) => {
                // The Reset-Request, or its answer, may be lost as well.
                let overdue = (now >= *since + self.config.timers.restart).then_some(*id);
                if let Some(id) = overdue {
                    *since = now;
                    self.send_reset_request(id);
                }
                self.lose_datagram();
                None
            }
            None => {
                self.lose_datagram();
                None
            }
        }
    }

    fn handle_unpacked(&mut self, now: Instant, number: u16) -> Option<Unpacked> {
        match self.kind(number) {
            Kind::Data(family) => {
                let Core { counters, compression, .. } = self;
                counters.rx_data(compression.unpacked());
                return Some(Unpacked::Packet(family));
            }
            Kind::Vj => {
                let Core { counters, compression, decompressor, .. } = self;
                return restore(decompressor.as_mut(), counters, number, compression.unpacked())
                    .then_some(Unpacked::Restored);
            }
            Kind::Untimely => self.counters.rx_dropped += 1,
            Kind::Control if is_compressible(number) => {
                let packet = self.compression.unpacked().to_vec();
                self.receive_control(now, number, &packet);
            }
            // RFC 1979 §2: never in a datagram.
            Kind::Control | Kind::Compressed => self.counters.rx_control_ignored += 1,
        }
        None
    }

    /// The packet that [`unpack`](Core::unpack) unpacked last.
    pub(super) fn unpacked(&self) -> &[u8] {
        self.compression.unpacked()
    }

    fn lose_datagram(&mut self) {
        self.counters.rx_dropped += 1;
        // RFC 1144 §4.1: as with a damaged frame, it may have been what the next short header builds upon.
        if let Some(decompressor) = &mut self.decompressor {
            decompressor.toss();
        }
    }

    /// RFC 1962 §3.1: asks the peer to start its stream anew. What it sends in the meantime is lost.
    fn stream_broke(&mut self, now: Instant, damage: Damage) {
        debug!(target: "ppp", "{damage}");
        let (Some(ccp), Some(receiving)) = (&mut self.ccp, &mut self.compression.received) else { return };
        let id = ccp.fresh_id();
        receiving.broken = Some((id, now));
        if receiving.resets >= MAX_RESETS {
            let layer = ccp.fail(now, String::from("Lost compression sync"), &mut self.outbox);
            return self.ccp_did(layer);
        }
        self.counters.rx_deflate_resets += 1;
        self.send_reset_request(id);
    }

    fn send_reset_request(&mut self, id: u8) {
        self.send(protocol::CCP, ControlPacket { code: Code::ResetRequest, id, data: &[] });
    }
}

/// What CCP settled, while it is Opened.
pub(super) fn params(ccp: Option<&ControlMachine<Ccp>>) -> Option<CcpParams> {
    ccp.filter(|ccp| ccp.state() == State::Opened).map(|ccp| ccp.protocol.params())
}
