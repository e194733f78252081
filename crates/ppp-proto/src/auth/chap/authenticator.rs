//! The end that is to be convinced: it challenges, again if it hears nothing, and anew from time to time (RFC 1994 §4.1).

use std::time::Instant;

use subtle::ConstantTimeEq;

#[cfg(feature = "legacy-auth")]
use super::mschapv2;
use super::{Algorithm, ChapPacket, Question, md5};
use crate::{
    AddressRule,
    auth::{AuthConfig, Surroundings, Verdict, words},
    packet::{Outbox, TracePacket},
    protocol,
};

/// pppd's words.
const WELCOME: &str = "Access granted";
const GO_AWAY: &str = "Access denied";

/// CHAP in the role of the authenticator.
#[derive(Debug)]
pub(crate) struct ChapAuthenticator {
    algorithm: Algorithm,
    id: u8,
    challenge: Vec<u8>,
    /// Whether the Challenge has no Response yet.
    is_out: bool,
    /// How often it was sent.
    sent: u32,
    /// When to send it again, or the next one.
    deadline: Option<Instant>,
    /// What was said to its Response: a Response that comes again gets the same.
    answer: Vec<u8>,
    /// Who the peer proved to be.
    proved: Option<Vec<u8>>,
}

impl ChapAuthenticator {
    pub(crate) fn start(algorithm: Algorithm, around: &mut Surroundings<'_>) -> ChapAuthenticator {
        let mut authenticator = ChapAuthenticator {
            algorithm,
            id: around.challenges.identifier(),
            challenge: Vec::new(),
            is_out: false,
            sent: 0,
            deadline: None,
            answer: Vec::new(),
            proved: None,
        };
        authenticator.challenge_anew(around);
        authenticator
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What a peer must not be told the answer to.
    pub(crate) fn challenge(&self) -> &[u8] {
        &self.challenge
    }

    fn challenge_anew(&mut self, around: &mut Surroundings<'_>) {
        self.id = self.id.wrapping_add(1);
        self.challenge = around.challenges.challenge().to_vec();
        self.is_out = true;
        self.sent = 0;
        self.send(around);
    }

    fn send(&mut self, around: &mut Surroundings<'_>) {
        let packet = ChapPacket::Challenge { value: &self.challenge, name: around.config.name.as_bytes() };
        let packet = packet.to_vec(self.id);
        TracePacket::sent(protocol::CHAP, &packet);
        around.out.push(protocol::CHAP, packet);
        self.sent += 1;
        self.deadline = Some(around.now + around.config.timers.chap_restart);
    }

    pub(crate) fn handle_timeout(&mut self, around: &mut Surroundings<'_>) -> Option<Verdict> {
        self.deadline.take_if(|deadline| *deadline <= around.now)?;
        if !self.is_out {
            self.challenge_anew(around);
        } else if self.sent < around.config.timers.chap_max_challenges {
            self.send(around);
        } else {
            self.is_out = false;
            let why = format!("it answered none of {} CHAP Challenges", self.sent);
            return Some(Verdict::Refused { name: self.proved.as_deref().map(words), why });
        }
        None
    }

    /// A Response. Only that to the last Challenge counts, and only once.
    pub(crate) fn receive(
        &mut self,
        around: &mut Surroundings<'_>,
        id: u8,
        packet: ChapPacket<'_>,
    ) -> Option<Verdict> {
        let ChapPacket::Response { value, name } = packet else { return None };
        if id != self.id {
            return None;
        }
        if !self.is_out {
            // §4.2: its answer was lost.
            answer(&self.answer, around.out);
            return None;
        }
        self.is_out = false;
        let config = around.config;
        let name = (value, config.remote_name.as_deref().map_or(name, str::as_bytes), name);
        let verdict = match self.judge(config, name) {
            Ok((success, addresses)) => {
                self.answer = ChapPacket::Success { message: &success }.to_vec(id);
                self.deadline = config.timers.chap_interval.map(|interval| around.now + interval);
                match self.proved.replace(name.1.to_vec()) {
                    None => Verdict::Accepted { name: words(name.1), addresses },
                    Some(_) => Verdict::StillAccepted,
                }
            }
            Err(why) => {
                let failure = match self.algorithm {
                    Algorithm::Md5 => GO_AWAY.as_bytes().to_vec(),
                    #[cfg(feature = "legacy-auth")]
                    Algorithm::MsChapV2 => mschapv2::failure(&around.challenges.challenge(), GO_AWAY),
                };
                self.answer = ChapPacket::Failure { message: &failure }.to_vec(id);
                self.deadline = None;
                Verdict::Refused { name: Some(words(name.1)), why: why.to_owned() }
            }
        };
        answer(&self.answer, around.out);
        Some(verdict)
    }

    /// The Success packet's message and the peer's addresses, or what is wrong. `client` is whose secret counts, `user` what
    /// the peer calls itself.
    fn judge(
        &self,
        config: &AuthConfig,
        (value, client, user): (&[u8], &[u8], &[u8]),
    ) -> Result<(Vec<u8>, Vec<AddressRule>), &'static str> {
        if self.proved.as_deref().is_some_and(|proved| proved != client) {
            return Err("it has another name than before");
        }
        if config.is_ourselves(client) {
            return Err("it bears the name by which this end proves itself");
        }
        let secrets = config.secrets(self.algorithm.method());
        let entry = secrets.find(Some(client), Some(config.name.as_bytes()));
        let entry =
            entry.filter(|entry| !entry.secret.is_empty()).ok_or("there is no CHAP secret for that name")?;
        let question = Question { id: self.id, challenge: &self.challenge, user, secret: &entry.secret };
        let success = match self.algorithm {
            Algorithm::Md5 => {
                bool::from(md5::response(question)[..].ct_eq(value)).then(|| WELCOME.as_bytes().to_vec())
            }
            #[cfg(feature = "legacy-auth")]
            Algorithm::MsChapV2 => {
                mschapv2::check(question, value).map(|proof| mschapv2::success(&proof, WELCOME))
            }
        };
        success.map(|success| (success, entry.addresses.clone())).ok_or("its secret is wrong")
    }
}

fn answer(packet: &[u8], out: &mut Outbox) {
    if out.push_answer(protocol::CHAP, packet.to_vec()) {
        TracePacket::sent(protocol::CHAP, packet);
    }
}
