//! Packets for the automaton: which event they are (RFC 1661 §4.3, §5), and whether they count.

use std::time::Instant;

use super::{
    Action, ControlProtocol, Event, Reply, ReplyBuilder, State,
    machine::{ControlMachine, Layer, Occasion},
    transition,
};
use crate::packet::{Code, ControlPacket, Options, Outbox};

/// The multiple of Max-Failure after which nothing will ever converge: naks in one direction, refusals in the other.
const MAX_ROUNDS: u32 = 4;
/// Octets of the peer's words that are kept.
const MAX_WORDS: usize = 128;

impl<P: ControlProtocol> ControlMachine<P> {
    /// An Echo-Request, Echo-Reply or Discard-Request was received; true if it is to be handled.
    pub(crate) fn receive_echo(&mut self) -> bool {
        let (_, actions) = transition(self.state, Event::Rxr);
        actions.list.contains(&Action::ser)
    }

    /// A packet with a code from 1 to 7, or one that nobody knows.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        packet: ControlPacket<'_>,
        peer_mru: u16,
        out: &mut Outbox,
    ) -> Option<Layer> {
        let occasion = Occasion { packet: Some(packet), reply: None, peer_mru };
        match packet.code {
            Code::ConfigureRequest => self.receive_configure_request(now, packet, occasion, out),
            Code::ConfigureAck | Code::ConfigureNak | Code::ConfigureReject => {
                self.receive_answer(now, packet, out)
            }
            Code::TerminateRequest => {
                let message = match packet.data {
                    [] => String::new(),
                    words => format!(": {}", words[..words.len().min(MAX_WORDS)].escape_ascii()),
                };
                self.farewell = Some(format!("the peer closed {}{message}", P::NAME));
                if self.state == State::Opened {
                    self.failure.clone_from(&self.farewell);
                }
                self.fire(now, Event::Rtr, &occasion, out)
            }
            Code::TerminateAck => self.fire(now, Event::Rta, &occasion, out),
            Code::CodeReject => match packet.data {
                [code, _, _, _, ..] if (1..=7).contains(code) => {
                    self.failure.get_or_insert_with(|| {
                        format!("the peer rejects code {code}, without which {} cannot work", P::NAME)
                    });
                    self.fire(now, Event::RxjMinus, &occasion, out)
                }
                [_, _, _, _, ..] => self.fire(now, Event::RxjPlus, &occasion, out),
                _ => self.ignore("a Code-Reject without a packet in it"),
            },
            Code::ProtocolReject
            | Code::EchoRequest
            | Code::EchoReply
            | Code::DiscardRequest
            | Code::Identification
            | Code::TimeRemaining
            | Code::ResetRequest
            | Code::ResetAck
            | Code::Other(_) => self.fire(now, Event::Ruc, &occasion, out),
        }
    }

    fn receive_configure_request(
        &mut self,
        now: Instant,
        packet: ControlPacket<'_>,
        mut occasion: Occasion<'_>,
        out: &mut Outbox,
    ) -> Option<Layer> {
        let Ok(options) = Options::parse(packet.data) else {
            return self.ignore("options that do not fit");
        };
        match self.state {
            State::Initial | State::Starting => return self.ignore("a packet while down"),
            // Whatever it asks, the answer is the same.
            State::Closed | State::Closing | State::Stopping => {
                return self.fire(now, Event::RcrPlus, &occasion, out);
            }
            State::Stopped | State::Opened => self.begin(),
            State::ReqSent | State::AckRcvd | State::AckSent => {}
        }
        self.peers.asked(Self::NUMBER, options);
        let reply = ReplyBuilder::new(self.naks_sent < self.settings.timers.max_failure);
        match self.protocol.receive_request(options, reply) {
            Err(why) => return self.fail(now, why, out),
            Ok(reply) => {
                self.refusals += 1;
                match &reply {
                    Reply::Ack => {
                        self.naks_sent = 0;
                        self.refusals = 0;
                        self.peers.acked(options);
                    }
                    Reply::Nak(naks) => {
                        self.naks_sent += 1;
                        if let Ok(naks) = Options::parse(naks) {
                            self.peers.naked(Self::NUMBER, naks);
                        }
                    }
                    Reply::Reject(rejects) => {
                        if let Ok(rejects) = Options::parse(rejects) {
                            self.peers.rejected(rejects);
                        }
                    }
                }
                occasion.reply = Some(reply);
            }
        }
        if self.refusals > self.settings.timers.max_failure.saturating_mul(MAX_ROUNDS) {
            let why = format!("the peer repeated a request that was refused {} times", self.refusals);
            return self.fail(now, why, out);
        }
        let event = if occasion.reply == Some(Reply::Ack) { Event::RcrPlus } else { Event::RcrMinus };
        self.fire(now, event, &occasion, out)
    }

    /// Configure-Ack, -Nak, -Reject: only as an answer to the request that is out, and only once (§5.2 to §5.4).
    fn receive_answer(&mut self, now: Instant, packet: ControlPacket<'_>, out: &mut Outbox) -> Option<Layer> {
        let occasion = Occasion { packet: Some(packet), ..Occasion::default() };
        let Ok(options) = Options::parse(packet.data) else {
            return self.ignore("options that do not fit");
        };
        match self.state {
            State::Initial | State::Starting => return self.ignore("a packet while down"),
            State::Closed | State::Stopped | State::Closing | State::Stopping => {
                return self.fire(now, Event::Rca, &occasion, out);
            }
            State::ReqSent | State::AckRcvd | State::AckSent | State::Opened => {}
        }
        if !self.awaiting_answer || packet.id != self.request_id {
            return self.ignore("an answer to no request");
        }
        let request = std::mem::take(&mut self.request);
        let requested = Options::parse(&request);
        let outcome = match (packet.code, requested) {
            (Code::ConfigureAck, Ok(requested)) if packet.data == request => {
                self.naks_received = 0;
                self.ours.acked(requested);
                self.protocol.receive_ack();
                Some((Event::Rca, Ok(())))
            }
            (Code::ConfigureNak, _) if !options.is_empty() => {
                self.naks_received += 1;
                self.ours.naked(Self::NUMBER, options);
                let limit = self.settings.timers.max_failure;
                let outcome = if self.naks_received > limit.saturating_mul(MAX_ROUNDS) {
                    Err(format!(
                        "the peer sent {} Configure-Naks and still is not content",
                        self.naks_received
                    ))
                } else {
                    self.protocol.receive_nak(options, self.naks_received > limit)
                };
                Some((Event::Rcn, outcome))
            }
            (Code::ConfigureReject, Ok(requested))
                if !options.is_empty() && options.is_part_of(requested) =>
            {
                self.ours.rejected(options);
                Some((Event::Rcn, self.protocol.receive_reject(options)))
            }
            _ => None,
        };
        self.request = request;
        match outcome {
            None => self.ignore("an answer that does not fit the request"),
            Some((_, Err(why))) => self.fail(now, why, out),
            Some((event, Ok(()))) => {
                self.awaiting_answer = false;
                self.fire(now, event, &occasion, out)
            }
        }
    }
}
