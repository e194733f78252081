//! The phase Authenticate (RFC 1661 §3.5): until both ends have proved what they owe, nothing else passes.

use std::time::Instant;

use tracing::debug;

use super::{
    CloseReason, Event, Phase,
    authentication::{Authentication, News},
    core::Core,
};
use crate::{
    auth::{Proof, Verdict},
    fsm::State,
    packet::{ControlPacket, TracePacket},
    protocol,
};

impl Core {
    /// LCP is Opened: the peer proves who it is if it must, and so do we.
    pub(super) fn begin_authentication(&mut self, now: Instant) {
        self.set_phase(now, Phase::Authenticate);
        let (theirs, ours) = (self.lcp.protocol.ours().auth, self.lcp.protocol.peers().auth);
        let news = self.authentication.start(now, theirs, ours, &mut self.outbox);
        if let (None, Some(config)) = (theirs, &self.authentication.config)
            && !config.require.is_empty()
        {
            match &config.unauthenticated {
                Some(addresses) => self.authentication.addresses = Some(addresses.clone()),
                None => return self.close(now, CloseReason::PeerRefusedAuth, "peer refused to authenticate"),
            }
        }
        self.authentication_did(now, news);
    }

    /// Which phase an Opened LCP is in.
    pub(super) fn opened_phase(&self) -> Phase {
        if self.authentication.is_over { Phase::Network } else { Phase::Authenticate }
    }

    pub(super) fn authentication_timeout(&mut self, now: Instant) {
        if self.authentication.deadline().is_some_and(|deadline| deadline <= now) {
            let news = self.authentication.handle_timeout(now, &mut self.outbox);
            self.authentication_did(now, news);
        }
    }

    /// Takes what belongs to authentication, and what may not pass before it (§3.5); false: the packet is for others.
    pub(super) fn receive_authentication(&mut self, now: Instant, number: u16, payload: &[u8]) -> bool {
        if number == protocol::LCP {
            return false;
        }
        if !self.authentication.speaks(number) {
            let untimely = !self.authentication.is_over;
            self.counters.rx_control_ignored += u64::from(untimely);
            return untimely;
        }
        let news = ControlPacket::parse(payload).ok().and_then(|packet| {
            debug!(target: "ppp", "rcvd {}", TracePacket(number, packet));
            self.authentication.receive(now, number, packet, &mut self.outbox)
        });
        match news {
            Some(news) => self.authentication_did(now, news),
            None => self.counters.rx_control_ignored += 1,
        }
        true
    }

    /// The peer answered PAP or CHAP with a Protocol-Reject.
    pub(super) fn authentication_rejected(&mut self, now: Instant, number: u16) {
        let news = self.authentication.rejected(number);
        self.authentication_did(now, news);
    }

    fn authentication_did(&mut self, now: Instant, News { proof, verdict }: News) {
        match verdict {
            Some((by, Verdict::Accepted { name, addresses })) => {
                self.authentication.peer_owes = false;
                self.authentication.name = Some(name.clone());
                self.authentication.addresses = Some(addresses);
                self.events.push_back(Event::PeerAuthenticated { by, name });
            }
            Some((_, Verdict::StillAccepted)) | None => {}
            Some((by, Verdict::Refused { name, why })) => {
                return self.close(
                    now,
                    CloseReason::PeerAuthFailed { by, name, why },
                    "Authentication failed",
                );
            }
        }
        match proof {
            Some((by, Proof::Accepted { message })) => {
                self.authentication.we_owe = false;
                self.events.push_back(Event::AuthenticatedToPeer { by, message });
            }
            Some((by, Proof::Refused { why })) => {
                let words = "Failed to authenticate ourselves to peer";
                return self.close(now, CloseReason::AuthToPeerFailed { by, why }, words);
            }
            None => {}
        }
        let Authentication { we_owe, peer_owes, is_over, .. } = self.authentication;
        if !we_owe && !peer_owes && !is_over && self.lcp.state() == State::Opened {
            self.authentication.is_over = true;
            if let Some(ipcp) = &mut self.ipcp {
                ipcp.protocol.permit(self.authentication.addresses.as_deref());
            }
            self.begin_networks(now);
        }
    }
}
