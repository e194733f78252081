//! The end that proves itself: it asks until it is answered (RFC 1334 §2.2.1).

use std::time::Instant;

use super::{MAX_FIELD, PapPacket};
use crate::{
    auth::{AuthConfig, Proof, Surroundings, words},
    packet::{Outbox, TracePacket},
    protocol,
};

/// One exchange of PAP, in the role of the peer.
#[derive(Debug)]
pub(crate) struct PapPeer {
    /// The Identifiers of the first and the last request: an answer to any of them will do, as they all ask the same.
    first_id: u8,
    last_id: u8,
    requests: u32,
    deadline: Option<Instant>,
}

impl PapPeer {
    pub(crate) fn start(around: &mut Surroundings<'_>) -> (PapPeer, Option<Proof>) {
        let id = around.challenges.identifier();
        let mut peer = PapPeer { first_id: id, last_id: id, requests: 0, deadline: None };
        let proof = peer.request(around.now, around.config, around.out);
        (peer, proof)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn request(&mut self, now: Instant, config: &AuthConfig, out: &mut Outbox) -> Option<Proof> {
        let server = config.remote_name.as_deref().map(str::as_bytes);
        let Some(secret) = config.own_secret(crate::AuthProtocol::Pap, server) else {
            return Some(self.refused(format!("no PAP secret found for {}", config.user)));
        };
        let (user, password) = (config.user.as_bytes(), secret.octets());
        if user.len() > MAX_FIELD || password.len() > MAX_FIELD {
            let why = format!("PAP has no room for a name or password of more than {MAX_FIELD} octets");
            return Some(self.refused(why));
        }
        let packet = PapPacket::AuthenticateRequest { peer_id: user, password }.to_vec(self.last_id);
        TracePacket::sent(protocol::PAP, &packet);
        out.push(protocol::PAP, packet);
        self.requests += 1;
        self.deadline = Some(now + config.timers.pap_restart);
        None
    }

    fn refused(&mut self, why: String) -> Proof {
        self.deadline = None;
        Proof::Refused { why }
    }

    pub(crate) fn handle_timeout(&mut self, around: &mut Surroundings<'_>) -> Option<Proof> {
        self.deadline.take_if(|deadline| *deadline <= around.now)?;
        if self.requests >= around.config.timers.pap_max_requests {
            return Some(self.refused(String::from("No response to PAP authenticate-requests")));
        }
        self.last_id = self.last_id.wrapping_add(1);
        self.request(around.now, around.config, around.out)
    }

    /// An answer; `None` if it is to no request that is out.
    pub(crate) fn receive(&mut self, id: u8, packet: PapPacket<'_>) -> Option<Proof> {
        let asked = id.wrapping_sub(self.first_id) <= self.last_id.wrapping_sub(self.first_id);
        self.deadline.filter(|_| asked)?;
        match packet {
            PapPacket::AuthenticateAck { message } => {
                self.deadline = None;
                Some(Proof::Accepted { message: words(message) })
            }
            PapPacket::AuthenticateNak { message: [] } => {
                Some(self.refused(String::from("the peer does not believe it")))
            }
            PapPacket::AuthenticateNak { message } => Some(self.refused(words(message))),
            PapPacket::AuthenticateRequest { .. } => None,
        }
    }
}
