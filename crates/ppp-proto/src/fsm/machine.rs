//! The automaton at work: restart timer and counters (RFC 1661 §4.6), Identifiers (§5), and a protocol's options.

use std::time::Instant;

use tracing::{debug, trace, warn};

use super::{
    Action, Actions, Answer, ControlProtocol, Event, Failure, Note, OptionStatus, Reply, State,
    record::Record, transition,
};
use crate::{
    Timers,
    packet::{Code, ControlPacket, Options, Outbox, TracePacket},
};

/// Octets of a message that go into a Terminate-Request.
const MAX_MESSAGE: usize = 128;

/// What an automaton is set to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) timers: Timers,
    /// Stay in Stopped and wait for the peer when Max-Configure is reached (note p).
    pub(crate) passive: bool,
    /// Wait for the peer's first Configure-Request before sending ours.
    pub(crate) silent: bool,
}

/// What the automaton tells the layers above and below (§4.4); never more than one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    Up,
    Down,
    Started,
    Finished,
}

/// One protocol's automaton.
#[derive(Debug)]
pub(crate) struct ControlMachine<P> {
    pub(crate) protocol: P,
    pub(super) settings: Settings,
    pub(super) state: State,
    restarts_left: u32,
    deadline: Option<Instant>,
    last_id: u8,
    /// The options last requested, their Identifier, and whether they still lack an answer.
    pub(super) request: Vec<u8>,
    pub(super) request_id: u8,
    pub(super) awaiting_answer: bool,
    pub(super) naks_sent: u32,
    /// Naks and rejects sent since the last acknowledgment.
    pub(super) refusals: u32,
    pub(super) naks_received: u32,
    message: String,
    pub(super) failure: Option<Failure>,
    /// The failure is a Protocol-Reject.
    unknown_to_peer: bool,
    /// The peer's last Terminate-Request in this negotiation.
    pub(super) farewell: Option<Failure>,
    pub(super) ours: Record,
    pub(super) peers: Record,
    /// How much of the peer's control traffic made no sense here.
    ignored: u64,
}

/// What an event brings along for the actions.
#[derive(Default)]
pub(super) struct Occasion<'a> {
    pub(super) packet: Option<ControlPacket<'a>>,
    pub(super) reply: Option<Reply>,
    /// The longest packet the peer takes.
    pub(super) peer_mru: u16,
}

impl<P: ControlProtocol> ControlMachine<P> {
    pub(super) const NUMBER: u16 = P::NAME.number();

    pub(crate) fn new(protocol: P, settings: Settings) -> ControlMachine<P> {
        ControlMachine {
            protocol,
            settings,
            state: State::Initial,
            restarts_left: 0,
            deadline: None,
            last_id: 0,
            request: Vec::new(),
            request_id: 0,
            awaiting_answer: false,
            naks_sent: 0,
            refusals: 0,
            naks_received: 0,
            message: String::new(),
            failure: None,
            unknown_to_peer: false,
            farewell: None,
            ours: Record::default(),
            peers: Record::default(),
            ignored: 0,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether it failed because the peer does not speak it, not because the two cannot agree.
    pub(crate) fn is_unknown_to_peer(&self) -> bool {
        self.unknown_to_peer
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    pub(crate) fn ignored(&self) -> u64 {
        self.ignored
    }

    pub(crate) fn our_options(&self) -> &[OptionStatus] {
        self.ours.options()
    }

    pub(crate) fn peer_options(&self) -> &[OptionStatus] {
        self.peers.options()
    }

    /// Whether there is any answer of the peer to our requests, or a request of its own.
    pub(crate) fn has_heard_peer(&self) -> bool {
        !self.peers.options().is_empty()
            || self.ours.options().iter().any(|option| option.answer != Answer::Pending)
    }

    /// An Identifier for a packet of this protocol.
    pub(crate) fn fresh_id(&mut self) -> u8 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    pub(crate) fn up(&mut self, now: Instant, out: &mut Outbox) -> Option<Layer> {
        self.failure = None;
        self.unknown_to_peer = false;
        self.message.clear();
        if self.settings.silent && self.state == State::Starting {
            self.begin();
            self.state = State::Stopped;
            return None;
        }
        self.fire(now, Event::Up, &Occasion::default(), out)
    }

    pub(crate) fn down(&mut self, now: Instant, out: &mut Outbox) -> Option<Layer> {
        self.fire(now, Event::Down, &Occasion::default(), out)
    }

    /// Opens. In Stopped, where the RFC leaves it free (note r), negotiation begins anew as by Down and Up.
    pub(crate) fn open(&mut self, now: Instant, out: &mut Outbox) -> Option<Layer> {
        let restart = self.state == State::Stopped && !self.settings.silent;
        if self.settings.silent && self.state == State::Closed {
            self.begin();
            self.state = State::Stopped;
            return None;
        }
        let layer = self.fire(now, Event::Open, &Occasion::default(), out);
        if restart {
            self.fire(now, Event::Down, &Occasion::default(), out);
            return self.up(now, out);
        }
        layer
    }

    pub(crate) fn close(&mut self, now: Instant, message: &str, out: &mut Outbox) -> Option<Layer> {
        self.message = message.chars().take(MAX_MESSAGE).collect();
        self.fire(now, Event::Close, &Occasion::default(), out)
    }

    /// Gives up, for a reason the peer is told.
    pub(crate) fn fail(&mut self, now: Instant, why: Failure, out: &mut Outbox) -> Option<Layer> {
        debug!(target: "ppp", "{} failed: {why}", P::NAME);
        let message = why.clone();
        self.failure.get_or_insert(why);
        self.close(now, &message, out)
    }

    /// The peer does not speak this protocol at all (Protocol-Reject).
    pub(crate) fn protocol_rejected(&mut self, now: Instant, out: &mut Outbox) -> Option<Layer> {
        self.unknown_to_peer |= self.failure.is_none();
        self.failure.get_or_insert_with(|| format!("the peer does not speak {}", P::NAME));
        self.fire(now, Event::RxjMinus, &Occasion::default(), out)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> Option<Layer> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        self.deadline = None;
        if self.restarts_left > 0 {
            return self.fire(now, Event::ToPlus, &Occasion::default(), out);
        }
        let why = match self.state {
            State::ReqSent | State::AckRcvd | State::AckSent => Some(self.unanswered()),
            State::Initial
            | State::Starting
            | State::Closed
            | State::Stopped
            | State::Closing
            | State::Stopping
            | State::Opened => None,
        };
        if let Some(why) = why {
            // pppd's words, which people look for.
            warn!(target: "ppp", "{}: timeout sending Config-Requests", P::NAME);
            self.failure.get_or_insert(why);
        }
        self.fire(now, Event::ToMinus, &Occasion::default(), out)
    }

    fn unanswered(&self) -> Failure {
        let (count, name) = (self.settings.timers.max_configure, P::NAME);
        if let Some(farewell) = &self.farewell {
            farewell.clone()
        } else if self.has_heard_peer() {
            format!("no agreement after {count} {name} Configure-Requests without a usable answer")
        } else {
            format!("the peer answered none of {count} {name} Configure-Requests")
        }
    }

    pub(super) fn ignore(&mut self, what: &str) -> Option<Layer> {
        trace!(target: "ppp", "{} ignores {what} in state {}", P::NAME, self.state);
        self.ignored += 1;
        None
    }

    /// A new negotiation begins.
    pub(super) fn begin(&mut self) {
        self.protocol.restart();
        self.request.clear();
        self.awaiting_answer = false;
        self.naks_sent = 0;
        self.naks_received = 0;
        self.refusals = 0;
        self.farewell = None;
        self.failure = None;
        self.unknown_to_peer = false;
        self.ours.clear();
        self.peers.clear();
    }

    /// Walks the table, and does what it says.
    pub(super) fn fire(
        &mut self,
        now: Instant,
        event: Event,
        occasion: &Occasion<'_>,
        out: &mut Outbox,
    ) -> Option<Layer> {
        let (next, Actions { list, note, possible }) = transition(self.state, event);
        if !possible {
            return self.ignore("an impossible event");
        }
        // A Configure-Request that is not caused by another one, out of a state without negotiation, is a fresh start.
        if next == State::ReqSent && !self.state.is_under_way() && event != Event::RcrMinus {
            self.begin();
        }
        trace!(target: "ppp", "{}: {event}: {} -> {next}", P::NAME, self.state);
        self.state = next;
        let mut layer = None;
        for action in list {
            match action {
                Action::tlu => match self.protocol.settle() {
                    Ok(()) => layer = Some(Layer::Up),
                    Err(why) => {
                        // Not up yet, so that Close does not say This-Layer-Down.
                        self.state = State::AckSent;
                        return self.fail(now, why, out);
                    }
                },
                Action::tld => layer = Some(Layer::Down),
                Action::tls => layer = Some(Layer::Started),
                Action::tlf if note == Some(Note::Passive) && self.settings.passive => {}
                Action::tlf => layer = Some(Layer::Finished),
                Action::irc => {
                    self.restarts_left = match next {
                        State::Closing | State::Stopping => self.settings.timers.max_terminate,
                        State::Initial
                        | State::Starting
                        | State::Closed
                        | State::Stopped
                        | State::ReqSent
                        | State::AckRcvd
                        | State::AckSent
                        | State::Opened => self.settings.timers.max_configure,
                    };
                }
                Action::zrc => {
                    self.restarts_left = 0;
                    self.deadline = Some(now + self.settings.timers.restart);
                }
                Action::scr => match self.protocol.pause().filter(|_| event == Event::Rcn) {
                    Some(pause) => {
                        // The timer sends it, with what is wanted by then.
                        self.request_id = 0;
                        self.deadline = Some(now + pause);
                    }
                    None => self.send_configure_request(now, event == Event::ToPlus, out),
                },
                Action::sca => Self::send_answer(Code::ConfigureAck, occasion, out),
                Action::scn => Self::send_answer(Code::ConfigureNak, occasion, out),
                Action::str => self.send_terminate_request(now, out),
                Action::sta => {
                    let id = occasion.packet.map_or(0, |packet| packet.id);
                    Self::send_reply(ControlPacket { code: Code::TerminateAck, id, data: &[] }, out);
                }
                Action::scj => self.send_code_reject(occasion, out),
                // Only LCP has them, and its owner sends them.
                Action::ser => {}
            }
        }
        match self.state {
            State::Initial | State::Starting | State::Closed | State::Stopped | State::Opened => {
                self.deadline = None;
            }
            State::Closing | State::Stopping | State::ReqSent | State::AckRcvd | State::AckSent => {
                self.deadline.get_or_insert(now + self.settings.timers.restart);
            }
        }
        layer
    }

    fn send_configure_request(&mut self, now: Instant, again: bool, out: &mut Outbox) {
        // §5.1: a new Identifier when the options may have changed, and when the last request has been answered.
        if !again || !self.awaiting_answer {
            self.request.clear();
            self.protocol.request(&mut self.request);
            self.request_id = self.fresh_id();
        }
        self.awaiting_answer = true;
        if let Ok(options) = Options::parse(&self.request) {
            self.ours.asked(Self::NUMBER, options);
        }
        let packet = ControlPacket { code: Code::ConfigureRequest, id: self.request_id, data: &self.request };
        Self::trace(packet);
        out.push(Self::NUMBER, packet.to_vec());
        self.start_timer(now);
    }

    fn send_terminate_request(&mut self, now: Instant, out: &mut Outbox) {
        let id = self.fresh_id();
        let packet = ControlPacket { code: Code::TerminateRequest, id, data: self.message.as_bytes() };
        Self::trace(packet);
        out.push(Self::NUMBER, packet.to_vec());
        self.start_timer(now);
    }

    fn start_timer(&mut self, now: Instant) {
        self.restarts_left = self.restarts_left.saturating_sub(1);
        self.deadline = Some(now + self.settings.timers.restart);
    }

    fn send_answer(code: Code, occasion: &Occasion<'_>, out: &mut Outbox) {
        let Some(ControlPacket { id, data, .. }) = occasion.packet else { return };
        let (code, data) = match &occasion.reply {
            None | Some(Reply::Ack) => (code, data),
            Some(Reply::Nak(naks)) => (Code::ConfigureNak, &naks[..]),
            Some(Reply::Reject(rejects)) => (Code::ConfigureReject, &rejects[..]),
        };
        Self::send_reply(ControlPacket { code, id, data }, out);
    }

    /// The rejected packet goes back, cut to what the peer takes (§5.6).
    fn send_code_reject(&mut self, occasion: &Occasion<'_>, out: &mut Outbox) {
        let Some(rejected) = occasion.packet else { return };
        let mut data = rejected.to_vec();
        data.truncate(usize::from(occasion.peer_mru).saturating_sub(crate::packet::HEADER_LEN));
        let id = self.fresh_id();
        Self::send_reply(ControlPacket { code: Code::CodeReject, id, data: &data }, out);
    }

    fn send_reply(packet: ControlPacket<'_>, out: &mut Outbox) {
        if out.push_answer(Self::NUMBER, packet.to_vec()) {
            Self::trace(packet);
        }
    }

    fn trace(packet: ControlPacket<'_>) {
        debug!(target: "ppp", "sent {}", TracePacket(Self::NUMBER, packet));
    }
}
