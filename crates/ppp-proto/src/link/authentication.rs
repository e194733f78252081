//! What the two ends owe each other and have proved, by PAP or CHAP.

use std::time::Instant;

use crate::{
    AddressRule, AuthConfig, AuthProtocol,
    auth::{
        Challenges, Proof, Surroundings, Verdict,
        chap::{Algorithm, ChapAuthenticator, ChapPacket, ChapPeer},
        pap::{PapAuthenticator, PapPacket, PapPeer},
    },
    lcp::Demands,
    packet::{ControlPacket, Outbox},
    protocol,
};

/// Both roles of this end.
#[derive(Debug)]
pub(super) struct Authentication {
    pub(super) config: Option<AuthConfig>,
    challenges: Option<Challenges>,
    /// Proves who we are.
    peer: Option<(AuthProtocol, PeerRole)>,
    /// Lets the peer prove who it is.
    authenticator: Option<(AuthProtocol, AuthenticatorRole)>,
    /// What is still owed.
    pub(super) we_owe: bool,
    pub(super) peer_owes: bool,
    /// Whether the phase was left for the next one.
    pub(super) is_over: bool,
    /// Who the peer proved to be.
    pub(super) name: Option<String>,
    /// The addresses that it may have, if they depend on that.
    pub(super) addresses: Option<Vec<AddressRule>>,
}

#[derive(Debug)]
enum PeerRole {
    Pap(PapPeer),
    Chap(ChapPeer),
}

#[derive(Debug)]
enum AuthenticatorRole {
    Pap(PapAuthenticator),
    Chap(ChapAuthenticator),
}

/// What came of a packet or of time.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) proof: Option<(AuthProtocol, Proof)>,
    pub(super) verdict: Option<(AuthProtocol, Verdict)>,
}

impl Authentication {
    pub(super) fn new(config: Option<AuthConfig>) -> Authentication {
        Authentication {
            challenges: config.as_ref().map(|config| Challenges::new(config.entropy.clone())),
            config,
            peer: None,
            authenticator: None,
            we_owe: false,
            peer_owes: false,
            is_over: false,
            name: None,
            addresses: None,
        }
    }

    /// What LCP shall negotiate.
    pub(super) fn demands(&self) -> Demands {
        self.config
            .as_ref()
            .map_or_else(Demands::default, |config| Demands::new(config.demanded(), config.provable()))
    }

    /// Who the peer proved to be.
    pub(super) fn peer(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let peer = self.peer.as_ref().and_then(|(_, role)| match role {
            PeerRole::Pap(pap) => pap.deadline(),
            PeerRole::Chap(chap) => chap.deadline(),
        });
        let authenticator = self.authenticator.as_ref().and_then(|(_, role)| match role {
            AuthenticatorRole::Pap(pap) => pap.deadline(),
            AuthenticatorRole::Chap(chap) => chap.deadline(),
        });
        [peer, authenticator].into_iter().flatten().min()
    }

    /// LCP is no longer Opened: what was proved holds no more.
    pub(super) fn stop(&mut self) {
        self.peer = None;
        self.authenticator = None;
        (self.we_owe, self.peer_owes, self.is_over) = (false, false, false);
        self.name = None;
        self.addresses = None;
    }

    /// Starts what LCP agreed on: the peer's proof, and ours.
    pub(super) fn start(
        &mut self,
        now: Instant,
        theirs: Option<AuthProtocol>,
        ours: Option<AuthProtocol>,
        out: &mut Outbox,
    ) -> News {
        self.stop();
        let mut news = News::default();
        let (Some(config), Some(challenges)) = (&self.config, &mut self.challenges) else { return news };
        (self.we_owe, self.peer_owes) = (ours.is_some(), theirs.is_some());
        let mut around = Surroundings { now, config, challenges, out };
        self.authenticator = theirs.map(|method| match Algorithm::of(method) {
            None => (method, AuthenticatorRole::Pap(PapAuthenticator::start(&around))),
            Some(algorithm) => {
                (method, AuthenticatorRole::Chap(ChapAuthenticator::start(algorithm, &mut around)))
            }
        });
        self.peer = ours.map(|method| match Algorithm::of(method) {
            None => {
                let (pap, proof) = PapPeer::start(&mut around);
                news.proof = proof.map(|proof| (method, proof));
                (method, PeerRole::Pap(pap))
            }
            Some(algorithm) => (method, PeerRole::Chap(ChapPeer::start(algorithm, &around))),
        });
        news
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Outbox) -> News {
        let (Some(config), Some(challenges)) = (&self.config, &mut self.challenges) else {
            return News::default();
        };
        let mut around = Surroundings { now, config, challenges, out };
        let verdict = self.authenticator.as_mut().and_then(|(method, role)| {
            let verdict = match role {
                AuthenticatorRole::Pap(pap) => pap.handle_timeout(now),
                AuthenticatorRole::Chap(chap) => chap.handle_timeout(&mut around),
            };
            Some((*method, verdict?))
        });
        let proof = self.peer.as_mut().and_then(|(method, role)| {
            let proof = match role {
                PeerRole::Pap(pap) => pap.handle_timeout(&mut around),
                PeerRole::Chap(chap) => chap.handle_timeout(&mut around),
            };
            Some((*method, proof?))
        });
        News { proof, verdict }
    }

    /// Whether packets of this protocol belong to one of the two exchanges.
    pub(super) fn speaks(&self, number: u16) -> bool {
        let is = |method: AuthProtocol| method.number() == number;
        self.peer.as_ref().is_some_and(|(method, _)| is(*method))
            || self.authenticator.as_ref().is_some_and(|(method, _)| is(*method))
    }

    /// Gives a packet to the role whose it is; `None` if it means nothing.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        number: u16,
        packet: ControlPacket<'_>,
        out: &mut Outbox,
    ) -> Option<News> {
        let mut around =
            Surroundings { now, config: self.config.as_ref()?, challenges: self.challenges.as_mut()?, out };
        let id = packet.id;
        let mut news = News::default();
        if number == protocol::PAP {
            match (PapPacket::parse(packet)?, &mut self.peer, &mut self.authenticator) {
                (
                    request @ PapPacket::AuthenticateRequest { .. },
                    _,
                    Some((method, AuthenticatorRole::Pap(pap))),
                ) => {
                    let verdict = pap.receive(around.config, id, request, around.out);
                    news.verdict = verdict.map(|verdict| (*method, verdict));
                }
                (
                    answer @ (PapPacket::AuthenticateAck { .. } | PapPacket::AuthenticateNak { .. }),
                    Some((method, PeerRole::Pap(pap))),
                    _,
                ) => news.proof = pap.receive(id, answer).map(|proof| (*method, proof)),
                _ => return None,
            }
            return Some(news);
        }
        match (ChapPacket::parse(packet)?, &mut self.peer, &mut self.authenticator) {
            (response @ ChapPacket::Response { .. }, _, Some((method, AuthenticatorRole::Chap(chap)))) => {
                let verdict = chap.receive(&mut around, id, response);
                news.verdict = verdict.map(|verdict| (*method, verdict));
            }
            (
                packet @ (ChapPacket::Challenge { .. }
                | ChapPacket::Success { .. }
                | ChapPacket::Failure { .. }),
                Some((method, PeerRole::Chap(chap))),
                authenticator,
            ) => {
                let own = match authenticator {
                    Some((_, AuthenticatorRole::Chap(own))) => Some(own.challenge()),
                    _ => None,
                };
                let proof = chap.receive(&mut around, id, packet, own);
                news.proof = proof.map(|proof| (*method, proof));
            }
            _ => return None,
        }
        Some(news)
    }

    /// The peer does not speak a protocol that it agreed on.
    pub(super) fn rejected(&mut self, number: u16) -> News {
        let why = || String::from("authentication failed due to protocol-reject");
        let is = |method: &AuthProtocol| method.number() == number;
        let verdict = self.authenticator.as_ref().map(|(method, _)| *method).filter(is);
        let proof = self.peer.as_ref().map(|(method, _)| *method).filter(is).filter(|_| self.we_owe);
        News {
            proof: proof.map(|method| (method, Proof::Refused { why: why() })),
            verdict: verdict.map(|method| (method, Verdict::Refused { name: self.name.clone(), why: why() })),
        }
    }
}
