//! The packets that only LCP has: Protocol-Reject (RFC 1661 §5.7), Echo (§5.8), Discard-Request (§5.9), Identification
//! (RFC 1570 §1.1), Time-Remaining (RFC 1570 §1.2).
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     Code      |  Identifier   |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Magic-Number                          |   9 to 13
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    Data ...
//! +-+-+-+-+
//! ```

use std::time::Instant;

use tracing::debug;

use super::{CloseReason, Event, core::Core};
use crate::{
    fsm::State,
    lcp::MRU_DEFAULT,
    packet::{Code, ControlPacket, HEADER_LEN, TracePacket},
    protocol,
};

/// Octets of a peer's words that are shown.
const MAX_WORDS: usize = 200;

/// A peer's words, harmless to a terminal.
fn words(octets: &[u8]) -> String {
    octets[..octets.len().min(MAX_WORDS)].escape_ascii().to_string()
}

impl Core {
    pub(super) fn receive_lcp(&mut self, now: Instant, packet: ControlPacket<'_>) {
        match packet.code {
            Code::ProtocolReject => self.receive_protocol_reject(now, packet.data),
            Code::EchoRequest => self.receive_echo_request(now, packet),
            Code::EchoReply => self.receive_echo_reply(now, packet),
            Code::DiscardRequest => {}
            Code::Identification => match packet.data.split_first_chunk::<4>() {
                Some((_, text)) => self.events.push_back(Event::PeerIdentification(words(text))),
                None => self.counters.rx_control_ignored += 1,
            },
            Code::TimeRemaining => match packet.data {
                &[_, _, _, _, a, b, c, d, ref text @ ..] => {
                    let seconds = u32::from_be_bytes([a, b, c, d]);
                    self.events.push_back(Event::TimeRemaining { seconds, message: words(text) });
                }
                _ => self.counters.rx_control_ignored += 1,
            },
            Code::TerminateRequest => {
                self.note_terminate_request(words(packet.data));
                self.receive_by_automaton(now, packet);
            }
            Code::CodeReject => {
                self.stop_rejected(packet.data);
                self.receive_by_automaton(now, packet);
            }
            Code::ConfigureRequest
            | Code::ConfigureAck
            | Code::ConfigureNak
            | Code::ConfigureReject
            | Code::TerminateAck
            | Code::ResetRequest
            | Code::ResetAck
            | Code::Other(_) => self.receive_by_automaton(now, packet),
        }
    }

    fn receive_by_automaton(&mut self, now: Instant, packet: ControlPacket<'_>) {
        let peer_mru = self.lcp.protocol.peers().mru;
        let layer = self.lcp.receive(now, packet, peer_mru, &mut self.outbox);
        self.lcp_did(now, layer);
    }

    /// §4.3: what the peer does not know and LCP can do without is sent no more.
    fn stop_rejected(&mut self, rejected: &[u8]) {
        match rejected.first().copied().map(Code::from) {
            Some(Code::EchoRequest) => {
                self.sampler.stop();
                if let Some(keepalive) = &mut self.keepalive {
                    keepalive.stop();
                }
            }
            Some(Code::Identification) => self.config.lcp.identification = None,
            _ => {}
        }
    }

    /// Only the rejected protocol stops (RXJ- for it, RXJ+ for LCP).
    fn receive_protocol_reject(&mut self, now: Instant, data: &[u8]) {
        let number = match data.split_first_chunk() {
            // §5.7: only meaningful in Opened.
            Some((number, _)) if self.lcp.state() == State::Opened => u16::from_be_bytes(*number),
            _ => {
                self.counters.rx_control_ignored += 1;
                return;
            }
        };
        match number {
            protocol::LCP => {
                let layer = self.lcp.protocol_rejected(now, &mut self.outbox);
                self.lcp_did(now, layer);
            }
            protocol::PAP | protocol::CHAP => self.authentication_rejected(now, number),
            protocol::IPCP | protocol::IPV4 => {
                if let Some(ipcp) = &mut self.ipcp {
                    let layer = ipcp.protocol_rejected(now, &mut self.outbox);
                    self.ipcp_did(now, layer);
                }
            }
            protocol::CCP | protocol::COMPRESSED => self.ccp_rejected(now),
            protocol::IPV6CP | protocol::IPV6 => {
                if let Some(ipv6cp) = &mut self.ipv6cp {
                    let layer = ipv6cp.protocol_rejected(now, &mut self.outbox);
                    self.ipv6cp_did(now, layer);
                }
            }
            protocol::VJ_COMPRESSED | protocol::VJ_UNCOMPRESSED => self.compressor = None,
            protocol::LQR => self.quality.rejected(),
            _ => {}
        }
    }

    fn receive_echo_request(&mut self, now: Instant, packet: ControlPacket<'_>) {
        let Some((magic, rest)) = packet.data.split_first_chunk::<4>().filter(|_| self.lcp.receive_echo())
        else {
            self.counters.rx_control_ignored += 1;
            return;
        };
        if self.is_ours(*magic) {
            return self.saw_own_magic(now);
        }
        let room = usize::from(self.lcp.protocol.peers().mru).saturating_sub(HEADER_LEN + magic.len());
        let data = [&self.lcp.protocol.ours().magic.to_be_bytes(), &rest[..rest.len().min(room)]].concat();
        self.send(protocol::LCP, ControlPacket { code: Code::EchoReply, id: packet.id, data: &data });
    }

    fn receive_echo_reply(&mut self, now: Instant, packet: ControlPacket<'_>) {
        let magic =
            packet.data.first_chunk::<4>().filter(|magic| self.lcp.receive_echo() && !self.is_ours(**magic));
        let rtt = match (magic, &mut self.keepalive) {
            (Some(_), Some(keepalive)) => keepalive.answered(packet.id, now),
            _ => None,
        };
        match rtt {
            Some(rtt) => self.events.push_back(Event::EchoReply { rtt }),
            None => self.counters.rx_control_ignored += 1,
        }
    }

    /// A packet with our own Magic-Number came in: a sign of a loop (§6.4), and once too often proof of one.
    pub(super) fn saw_own_magic(&mut self, now: Instant) {
        if self.lcp.protocol.saw_own_magic() {
            self.events.push_back(Event::LoopDetected);
            self.close(now, CloseReason::LoopDetected, "Loopback detected");
        }
    }

    /// Whether this Magic-Number is the one we have, if we have any.
    pub(super) fn is_ours(&self, magic: [u8; 4]) -> bool {
        let ours = self.lcp.protocol.ours().magic;
        ours != 0 && magic == ours.to_be_bytes()
    }

    pub(super) fn send_echo_request(&mut self, id: u8) {
        let data = self.lcp.protocol.ours().magic.to_be_bytes();
        let packet = ControlPacket { code: Code::EchoRequest, id, data: &data };
        if self.outbox.push(protocol::LCP, packet.to_vec()) {
            debug!(target: "ppp", "sent {}", TracePacket(protocol::LCP, packet));
        }
    }

    pub(super) fn send_identification(&mut self) {
        let Some(text) = &self.config.lcp.identification else { return };
        let room = usize::from(self.mtu().min(MRU_DEFAULT)).saturating_sub(HEADER_LEN + 4);
        let text = &text.as_bytes()[..text.len().min(room)];
        let data = [&self.lcp.protocol.ours().magic.to_be_bytes(), text].concat();
        let id = self.lcp.fresh_id();
        self.send(protocol::LCP, ControlPacket { code: Code::Identification, id, data: &data });
    }
}
