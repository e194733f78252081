//! When the network protocols begin, and what becomes of a link that has none left.

use std::time::Instant;

use tracing::warn;

use super::{CloseReason, ControlProtocolName, Event, Phase, core::Core};
use crate::{
    fsm::{ControlMachine, ControlProtocol, State},
    packet::Outbox,
};

impl Core {
    /// Everybody has proved who he is, or need not.
    pub(super) fn begin_networks(&mut self, now: Instant) {
        self.set_phase(now, Phase::Network);
        if let Some(ipcp) = &mut self.ipcp {
            start(ipcp, now, &mut self.outbox);
        }
        if let Some(ipv6cp) = &mut self.ipv6cp {
            start(ipv6cp, now, &mut self.outbox);
        }
        if let Some(ccp) = &mut self.ccp {
            start(ccp, now, &mut self.outbox);
        }
        self.check_networks(now);
    }

    /// A link that carries nothing, and will not, is closed.
    pub(super) fn check_networks(&mut self, now: Instant) {
        if self.lcp.state() != State::Opened {
            return;
        }
        let ipcp = self.ipcp.as_ref().map(|ipcp| (ControlProtocolName::Ipcp, ipcp.state(), ipcp.failure()));
        let ipv6cp = self
            .ipv6cp
            .as_ref()
            .map(|ipv6cp| (ControlProtocolName::Ipv6cp, ipv6cp.state(), ipv6cp.failure()));
        let networks: Vec<_> = [ipcp, ipv6cp].into_iter().flatten().collect();
        if networks.iter().any(|(_, state, _)| state.is_under_way() || *state == State::Opened) {
            return;
        }
        let words = |failure: Option<&str>| failure.unwrap_or("it is closed").to_owned();
        let (protocol, why) = match &networks[..] {
            [] => (ControlProtocolName::Lcp, String::from("neither IPv4 nor IPv6 is configured")),
            [(protocol, _, failure)] => (*protocol, words(*failure)),
            [(protocol, _, failure), rest @ ..] => {
                let others = rest.iter().map(|(other, _, failure)| format!("; {other}: {}", words(*failure)));
                (*protocol, others.fold(words(*failure), |all, one| all + &one))
            }
        };
        let message = why.clone();
        self.close(now, CloseReason::NegotiationFailed { protocol, why }, &message);
    }
}

fn start<P: ControlProtocol>(ncp: &mut ControlMachine<P>, now: Instant, out: &mut Outbox) {
    if ncp.state() == State::Initial {
        ncp.open(now, out);
    }
    ncp.up(now, out);
}

/// Whether the protocol's turn came since LCP was Opened.
pub(super) fn is_started<P: ControlProtocol>(ncp: &ControlMachine<P>) -> bool {
    !matches!(ncp.state(), State::Initial | State::Starting)
}

/// The link may well go on without this protocol, but its owner should know.
pub(super) fn failed<P: ControlProtocol>(ncp: &ControlMachine<P>) -> Option<Event> {
    let why = ncp.failure()?.to_owned();
    warn!(target: "ppp", "{} is down: {why}", P::NAME);
    Some(Event::ProtocolFailed { protocol: P::NAME, why, unknown_to_peer: ncp.is_unknown_to_peer() })
}
