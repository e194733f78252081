//! The end that proves itself: it answers each Challenge, the first and those that come later (RFC 1994 §4.1).
//!
//! Until it is believed for the first time it says its Response again from time to time: Success may be lost, and an
//! authenticator that has gone on does not challenge any more (§4.2).

use std::time::Instant;

#[cfg(feature = "legacy-auth")]
use super::mschapv2;
use super::{Algorithm, ChapPacket, Question, md5};
use crate::{
    auth::{Proof, Surroundings, words},
    packet::TracePacket,
    protocol,
};

/// CHAP in the role of the peer.
#[derive(Debug)]
pub(crate) struct ChapPeer {
    algorithm: Algorithm,
    /// When the authenticator must have believed us; `None` once it has.
    patience: Option<Instant>,
    /// When to say the last Response again.
    again: Option<Instant>,
    /// How often it was said.
    said: u32,
    /// Whether it ever has.
    accepted: bool,
    answered: Option<Answered>,
}

/// The last Challenge and what was said to it. The same one gets the same again: its first Response may be on its way.
#[derive(Debug)]
struct Answered {
    id: u8,
    challenge: Vec<u8>,
    response: Vec<u8>,
    /// Whether Success or Failure came to it.
    settled: bool,
    #[cfg(feature = "legacy-auth")]
    expected: Option<mschapv2::AuthenticatorResponse>,
}

impl Answered {
    /// Whether a Success packet is one of an authenticator that knows the secret, as far as the algorithm tells.
    #[cfg(feature = "legacy-auth")]
    fn is_proved(&self, message: &[u8]) -> bool {
        self.expected.as_ref().is_none_or(|expected| mschapv2::is_proved(message, expected))
    }

    /// MD5's peer has to believe it.
    #[cfg(not(feature = "legacy-auth"))]
    #[expect(clippy::unused_self, reason = "as above")]
    fn is_proved(&self, _message: &[u8]) -> bool {
        true
    }
}

impl ChapPeer {
    pub(crate) fn start(algorithm: Algorithm, around: &Surroundings<'_>) -> ChapPeer {
        let patience = around.config.timers.chap_timeout.map(|time| around.now + time);
        ChapPeer { algorithm, patience, again: None, said: 0, accepted: false, answered: None }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.patience, self.again].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, around: &mut Surroundings<'_>) -> Option<Proof> {
        if self.patience.is_some_and(|patience| patience <= around.now) {
            return Some(self.refused(String::from("CHAP authentication timed out")));
        }
        self.again.take_if(|again| *again <= around.now)?;
        self.send(around);
        None
    }

    fn send(&mut self, around: &mut Surroundings<'_>) {
        let Some(Answered { response, .. }) = &self.answered else { return };
        if around.out.push_answer(protocol::CHAP, response.clone()) {
            TracePacket::sent(protocol::CHAP, response);
        }
        self.said += 1;
        let timers = &around.config.timers;
        let more = !self.accepted && self.said < timers.chap_max_challenges;
        self.again = more.then(|| around.now + timers.chap_restart);
    }

    /// `own` is the Challenge that this end has out itself, if it has.
    pub(crate) fn receive(
        &mut self,
        around: &mut Surroundings<'_>,
        id: u8,
        packet: ChapPacket<'_>,
        own: Option<&[u8]>,
    ) -> Option<Proof> {
        match packet {
            ChapPacket::Challenge { value, name } => self.answer(around, id, value, name, own),
            ChapPacket::Success { message } => self.accepted(id, message),
            ChapPacket::Failure { message } => {
                self.settle(id)?;
                Some(self.refused(match message {
                    [] => String::from("the peer does not believe it"),
                    message => words(message),
                }))
            }
            ChapPacket::Response { .. } => None,
        }
    }

    fn answer(
        &mut self,
        around: &mut Surroundings<'_>,
        id: u8,
        challenge: &[u8],
        name: &[u8],
        own: Option<&[u8]>,
    ) -> Option<Proof> {
        if let Some(answered) = &self.answered
            && answered.id == id
            && answered.challenge == challenge
        {
            self.send(around);
            return None;
        }
        if self.algorithm.challenge_len().is_some_and(|len| len != challenge.len()) {
            return None;
        }
        let config = around.config;
        // A peer that gives our own question back wants to hear from us what it is to prove.
        if own == Some(challenge) {
            return Some(self.refused(String::from(
                "the peer challenges with our own Challenge: it may not know the secret",
            )));
        }
        if own.is_some() && config.remote_name.is_none() && name == config.name.as_bytes() {
            return Some(self.refused(format!(
                "the peer calls itself {}, as this end does: one secret would do for both directions; \
                 give each end a name of its own",
                words(name)
            )));
        }
        let server = config.remote_name.as_deref().map_or(name, str::as_bytes);
        let Some(secret) = config.own_secret(self.algorithm.method(), Some(server)) else {
            return Some(self.refused(format!(
                "No CHAP secret found for authenticating {} to \"{}\"",
                config.user,
                words(server)
            )));
        };
        let user = config.user.as_bytes();
        let question = Question { id, challenge, user, secret };
        let mut answered = Answered {
            id,
            challenge: challenge.to_vec(),
            response: Vec::new(),
            settled: false,
            #[cfg(feature = "legacy-auth")]
            expected: None,
        };
        answered.response = match self.algorithm {
            Algorithm::Md5 => ChapPacket::Response { value: &md5::response(question), name: user }.to_vec(id),
            #[cfg(feature = "legacy-auth")]
            Algorithm::MsChapV2 => {
                let (value, expected) = mschapv2::response(question, around.challenges.challenge());
                answered.expected = Some(expected);
                ChapPacket::Response { value: &value, name: user }.to_vec(id)
            }
        };
        self.answered = Some(answered);
        self.said = 0;
        self.send(around);
        None
    }

    /// The Response that `id` answers, if it is the last one and had no answer yet.
    fn settle(&mut self, id: u8) -> Option<&Answered> {
        let answered = self.answered.as_mut().filter(|answered| answered.id == id && !answered.settled)?;
        answered.settled = true;
        self.again = None;
        Some(answered)
    }

    fn accepted(&mut self, id: u8, message: &[u8]) -> Option<Proof> {
        if !self.settle(id)?.is_proved(message) {
            let why =
                "the peer does not know the secret itself: its Success has no proof in it (RFC 2759 §5)";
            return Some(self.refused(why.to_owned()));
        }
        self.patience = None;
        let first = !std::mem::replace(&mut self.accepted, true);
        first.then(|| Proof::Accepted { message: words(message) })
    }

    fn refused(&mut self, why: String) -> Proof {
        (self.patience, self.again) = (None, None);
        Proof::Refused { why }
    }
}
