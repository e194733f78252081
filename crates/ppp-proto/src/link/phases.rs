//! The phases of a link (RFC 1661 §3.2), and who hears of what.

use std::time::Instant;

use tracing::debug;

use super::{
    CloseReason, ControlProtocolName, Event, Phase,
    core::Core,
    keepalive::{Due, Keepalive},
    networks::{failed, is_started},
    told::Told,
};
use crate::{
    fsm::{ControlMachine, Layer, State},
    packet::{ControlPacket, TracePacket},
    protocol,
    vj::{Compressor, Decompressor},
};

/// Events that may wait before control packets, the only cause of more, are ignored: nobody reads them.
const MAX_EVENTS: usize = 64;

/// Octets of a discarded packet that are logged (RFC 1661 §1.2).
const MAX_SHOWN: usize = 32;

impl Core {
    pub(super) fn open(&mut self, now: Instant) {
        self.wanted = true;
        if self.lower_up && matches!(self.lcp.state(), State::Closed | State::Stopped) {
            self.closing = None;
            self.closed_reported = false;
        }
        let layer = self.lcp.open(now, &mut self.outbox);
        self.lcp_did(now, layer);
    }

    pub(super) fn close(&mut self, now: Instant, reason: CloseReason, message: &str) {
        self.start(now);
        self.closing.get_or_insert(reason);
        let layer = self.lcp.close(now, message, &mut self.outbox);
        self.lcp_did(now, layer);
    }

    /// The owner's close: the link does not come back by `lower_up` alone.
    pub(super) fn close_for_good(&mut self, now: Instant, message: &str) {
        self.wanted = false;
        self.close(now, CloseReason::Local { message: message.to_owned() }, message);
    }

    pub(super) fn lower_up(&mut self, now: Instant) {
        if self.lower_up {
            return;
        }
        self.lower_up = true;
        self.closing = None;
        self.closed_reported = false;
        self.network_was_up = false;
        self.outbox.clear();
        self.encoder.set_framing(self.default_framing());
        self.encoder.set_apart(false);
        if self.wanted && self.lcp.state() == State::Initial {
            self.lcp.open(now, &mut self.outbox);
        }
        self.start_at = now.checked_add(self.config.lcp.start_delay);
        if self.config.lcp.start_delay.is_zero() {
            self.start(now);
        }
    }

    /// Tells LCP of the carrier, if it does not know yet.
    pub(super) fn start(&mut self, now: Instant) {
        if self.start_at.take().is_some() {
            let layer = self.lcp.up(now, &mut self.outbox);
            self.lcp_did(now, layer);
        }
    }

    pub(super) fn lower_down(&mut self, now: Instant) {
        if !self.lower_up {
            return;
        }
        self.lower_up = false;
        self.start(now);
        let layer = self.lcp.down(now, &mut self.outbox);
        self.lcp_did(now, layer);
        self.outbox.clear();
        if !self.closed_reported {
            self.report_closed(now, CloseReason::LowerDown);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [
            self.start_at,
            self.report_due(),
            self.lcp.deadline(),
            self.authentication.deadline(),
            self.ipcp.as_ref().and_then(ControlMachine::deadline),
            self.ipv6cp.as_ref().and_then(ControlMachine::deadline),
            self.ccp.as_ref().and_then(ControlMachine::deadline),
            self.keepalive.as_ref().and_then(Keepalive::poll_timeout),
            self.sampler.poll_timeout(),
            self.quality.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.start_at.is_some_and(|at| at <= now) {
            self.start(now);
        }
        let layer = self.lcp.handle_timeout(now, &mut self.outbox);
        self.lcp_did(now, layer);
        self.authentication_timeout(now);
        if let Some(ipcp) = &mut self.ipcp {
            let layer = ipcp.handle_timeout(now, &mut self.outbox);
            self.ipcp_did(now, layer);
        }
        if let Some(ipv6cp) = &mut self.ipv6cp {
            let layer = ipv6cp.handle_timeout(now, &mut self.outbox);
            self.ipv6cp_did(now, layer);
        }
        if let Some(ccp) = &mut self.ccp {
            let layer = ccp.handle_timeout(now, &mut self.outbox);
            self.ccp_did(layer);
        }
        match self.keepalive.as_mut().and_then(|keepalive| keepalive.handle_timeout(now)) {
            None => {}
            Some(Due::Echo(id)) => self.send_echo_request(id),
            Some(Due::Dead) => {
                self.events.push_back(Event::PeerDead);
                self.close(now, CloseReason::PeerDead, "Peer not responding");
            }
        }
        self.probe_if_due(now);
        self.report_if_due(now);
        let verdict = self.quality.handle_timeout(now);
        self.tell_quality(verdict);
    }

    /// A frame that is not data.
    pub(super) fn receive_control(&mut self, now: Instant, number: u16, payload: &[u8]) {
        if number == protocol::LCP && self.answers_probe(now, payload) {
            return;
        }
        self.counters.rx_control += 1;
        if self.events.len() >= MAX_EVENTS {
            self.counters.rx_control_ignored += 1;
            return;
        }
        // RFC 1661 §3.4: before LCP is Opened, all else is silently discarded.
        if number != protocol::LCP && self.lcp.state() != State::Opened {
            self.counters.rx_control_ignored += 1;
            return;
        }
        // §3.5: reports pass during Authenticate, too.
        if number == protocol::LQR && self.quality.is_configured() {
            return self.receive_report(now, payload);
        }
        if self.receive_authentication(now, number, payload) {
            return;
        }
        let configured = match number {
            protocol::LCP => true,
            protocol::IPCP => self.ipcp.is_some(),
            protocol::IPV6CP => self.ipv6cp.is_some(),
            protocol::CCP => self.ccp.is_some(),
            _ => false,
        };
        if !configured {
            return self.send_protocol_reject(number, payload);
        }
        let packet = match ControlPacket::parse(payload) {
            Ok(packet) => packet,
            Err(error) => {
                let shown = &payload[..payload.len().min(MAX_SHOWN)];
                debug!(target: "ppp", "discarded a packet of {number:#06x}: {error}: {shown:02x?}");
                self.counters.rx_control_ignored += 1;
                return;
            }
        };
        debug!(target: "ppp", "rcvd {}", TracePacket(number, packet));
        let peer_mru = self.lcp.protocol.peers().mru;
        match (number, &mut self.ipcp, &mut self.ipv6cp) {
            (protocol::IPCP, Some(ipcp), _) => {
                let layer = ipcp.receive(now, packet, peer_mru, &mut self.outbox);
                self.ipcp_did(now, layer);
            }
            (protocol::IPV6CP, _, Some(ipv6cp)) => {
                let layer = ipv6cp.receive(now, packet, peer_mru, &mut self.outbox);
                self.ipv6cp_did(now, layer);
            }
            (protocol::CCP, ..) => self.receive_ccp(now, packet),
            _ => self.receive_lcp(now, packet),
        }
    }

    /// What LCP's automaton told.
    pub(super) fn lcp_did(&mut self, now: Instant, layer: Option<Layer>) {
        match layer {
            Some(Layer::Up) => self.lcp_up(now),
            Some(Layer::Down) => self.lcp_down(now),
            Some(Layer::Finished) => {
                let why = self.lcp.failure().unwrap_or("the peer does not negotiate").to_owned();
                let failed = CloseReason::NegotiationFailed { protocol: ControlProtocolName::Lcp, why };
                self.report_closed(now, failed);
            }
            Some(Layer::Started) | None => {}
        }
        if self.lcp.protocol.is_looped_back() && self.closing.is_none() && !self.closed_reported {
            self.closing = Some(CloseReason::LoopDetected);
            self.events.push_back(Event::LoopDetected);
        }
        self.set_phase(
            now,
            match self.lcp.state() {
                State::ReqSent | State::AckRcvd | State::AckSent => Phase::Establish,
                // Silent, or passive after Max-Configure: the peer has the word.
                State::Stopped if !self.closed_reported => Phase::Establish,
                State::Initial | State::Starting | State::Closed | State::Stopped => Phase::Dead,
                State::Closing | State::Stopping => Phase::Terminate,
                State::Opened => self.opened_phase(),
            },
        );
    }

    fn lcp_up(&mut self, now: Instant) {
        self.closing = None;
        self.encoder.set_framing(self.tx_framing());
        self.express = Told::default();
        if self.tx_express().is_some() {
            self.encoder.set_apart(true);
        }
        self.events.push_back(Event::LcpUp { mru: self.lcp.protocol.ours().mru, mtu: self.mtu() });
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.start(now);
        }
        self.start_sampler(now);
        self.send_identification();
        self.start_quality(now);
        self.begin_authentication(now);
    }

    fn lcp_down(&mut self, now: Instant) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.stop();
        }
        self.sampler.stop();
        self.probe = None;
        self.quality.stop();
        self.authentication.stop();
        if let Some(ipcp) = self.ipcp.as_mut().filter(|ipcp| is_started(ipcp)) {
            let layer = ipcp.down(now, &mut self.outbox);
            self.ipcp_did(now, layer);
        }
        if let Some(ipv6cp) = self.ipv6cp.as_mut().filter(|ipv6cp| is_started(ipv6cp)) {
            let layer = ipv6cp.down(now, &mut self.outbox);
            self.ipv6cp_did(now, layer);
        }
        self.ccp_down(now);
        self.encoder.set_framing(self.default_framing());
    }

    pub(super) fn ipcp_did(&mut self, now: Instant, layer: Option<Layer>) {
        let Some(ipcp) = &self.ipcp else { return };
        match layer {
            Some(Layer::Up) => {
                self.network_was_up = true;
                self.compressor = ipcp.protocol.peers_vj().map(Compressor::new);
                self.decompressor = ipcp.protocol.vj().map(Decompressor::new);
                self.events.push_back(Event::Ipv4Up(ipcp.protocol.params()));
            }
            Some(Layer::Down) => {
                self.compressor = None;
                self.decompressor = None;
                self.events.push_back(Event::Ipv4Down);
            }
            Some(Layer::Finished | Layer::Started) | None => {}
        }
        if layer == Some(Layer::Finished) {
            self.events.extend(failed(ipcp));
            self.check_networks(now);
        }
    }

    pub(super) fn ipv6cp_did(&mut self, now: Instant, layer: Option<Layer>) {
        let Some(ipv6cp) = &self.ipv6cp else { return };
        match layer {
            Some(Layer::Up) => {
                self.network_was_up = true;
                let (local, remote) = (ipv6cp.protocol.local(), ipv6cp.protocol.remote());
                self.events.push_back(Event::Ipv6Up { local, remote });
            }
            Some(Layer::Down) => self.events.push_back(Event::Ipv6Down),
            Some(Layer::Finished | Layer::Started) | None => {}
        }
        if layer == Some(Layer::Finished) {
            self.events.extend(failed(ipv6cp));
            self.check_networks(now);
        }
    }

    fn report_closed(&mut self, now: Instant, otherwise: CloseReason) {
        self.closed_reported = true;
        let reason = self.closing.get_or_insert(otherwise).clone();
        self.set_phase(now, Phase::Dead);
        self.events.push_back(Event::Closed(reason));
    }

    /// The peer wants to end the link; the reason we will give, unless there is one already.
    pub(super) fn note_terminate_request(&mut self, message: String) {
        let auth = self.lcp.protocol.refused_auth().filter(|_| !self.network_was_up).map(str::to_owned);
        self.closing.get_or_insert(match auth {
            Some(protocol) => CloseReason::AuthRequired { protocol },
            None => CloseReason::PeerTerminated { message },
        });
    }
}
