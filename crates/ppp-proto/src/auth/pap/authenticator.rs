//! The end that is to be convinced: it waits, judges once, and says the same again when it is asked again.

use std::time::Instant;

use super::PapPacket;
use crate::{
    auth::{AuthConfig, AuthProtocol, Surroundings, Verdict, words},
    packet::{Outbox, TracePacket},
    protocol,
};

/// pppd's words.
const WELCOME: &[u8] = b"Login ok";
const GO_AWAY: &[u8] = b"Login incorrect";

/// One exchange of PAP, in the role of the authenticator.
#[derive(Debug)]
pub(crate) struct PapAuthenticator {
    deadline: Option<Instant>,
    /// What was decided.
    accepted: Option<bool>,
}

impl PapAuthenticator {
    pub(crate) fn start(around: &Surroundings<'_>) -> PapAuthenticator {
        PapAuthenticator {
            deadline: around.config.timers.pap_timeout.map(|time| around.now + time),
            accepted: None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Verdict> {
        self.deadline.take_if(|deadline| *deadline <= now)?;
        self.accepted = Some(false);
        Some(Verdict::Refused {
            name: None,
            why: String::from("it sent no PAP Authenticate-Request in time"),
        })
    }

    /// An Authenticate-Request. One that comes again has lost its answer, and gets the same (RFC 1334 §2.2.1); `None` then.
    pub(crate) fn receive(
        &mut self,
        config: &AuthConfig,
        id: u8,
        packet: PapPacket<'_>,
        out: &mut Outbox,
    ) -> Option<Verdict> {
        let PapPacket::AuthenticateRequest { peer_id, password } = packet else { return None };
        if let Some(accepted) = self.accepted {
            answer(accepted, id, out);
            return None;
        }
        let entry = config.secrets(AuthProtocol::Pap).find(Some(peer_id), Some(config.name.as_bytes()));
        let entry = entry.filter(|entry| !entry.secret.is_empty() && entry.secret.is(password));
        let entry = entry.filter(|_| !config.is_ourselves(peer_id));
        self.accepted = Some(entry.is_some());
        self.deadline = None;
        answer(entry.is_some(), id, out);
        let name = words(peer_id);
        Some(match entry {
            Some(entry) => Verdict::Accepted { name, addresses: entry.addresses.clone() },
            None => Verdict::Refused { name: Some(name), why: String::from("its name or password is wrong") },
        })
    }
}

fn answer(accepted: bool, id: u8, out: &mut Outbox) {
    let packet = if accepted {
        PapPacket::AuthenticateAck { message: WELCOME }
    } else {
        PapPacket::AuthenticateNak { message: GO_AWAY }
    };
    let packet = packet.to_vec(id);
    if out.push_answer(protocol::PAP, packet.clone()) {
        TracePacket::sent(protocol::PAP, &packet);
    }
}
