//! What to demand of the peer, and what to prove to it.

use std::{fmt, time::Duration};

use zeroize::Zeroize;

use super::{AuthProtocol, Secret, Secrets};
use crate::AddressRule;

/// Authentication's side of a [`LinkConfig`](crate::LinkConfig).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthConfig {
    /// What the peer may prove itself by, the most wanted first. With any, a peer that does not is not let in.
    pub require: Vec<AuthProtocol>,
    /// What we prove ourselves by if the peer demands it and there is a secret; the most wanted first.
    pub answer: Vec<AuthProtocol>,
    /// Who we are when the peer proves itself to us: the server of its secret, and the name in our Challenges.
    pub name: String,
    /// Who we are when we prove ourselves: the client of our secret.
    pub user: String,
    /// Who the peer is, in place of what it says (pppd's `remotename`): for CHAP in both roles, for PAP as the server.
    pub remote_name: Option<String>,
    /// What we prove ourselves by to anybody, in place of a secret from the tables. It proves nothing of a peer.
    pub password: Option<Secret>,
    /// Secrets for PAP.
    pub pap: Secrets,
    /// Secrets for CHAP, of either algorithm.
    pub chap: Secrets,
    /// The addresses of a peer that is let in although it refuses to prove itself (pppd's `allow-ip`).
    pub unauthenticated: Option<Vec<AddressRule>>,
    /// Timers and counters.
    pub timers: AuthTimers,
    /// Where challenges come from.
    pub entropy: Entropy,
}

impl AuthConfig {
    /// Demands nothing, and has nothing to prove anything by.
    pub fn new(name: &str, entropy: Entropy) -> AuthConfig {
        AuthConfig {
            require: Vec::new(),
            answer: AuthProtocol::ALL.to_vec(),
            name: name.to_owned(),
            user: name.to_owned(),
            remote_name: None,
            password: None,
            pap: Secrets::default(),
            chap: Secrets::default(),
            unauthenticated: None,
            timers: AuthTimers::default(),
            entropy,
        }
    }

    pub(crate) fn secrets(&self, method: AuthProtocol) -> &Secrets {
        match method {
            AuthProtocol::Pap => &self.pap,
            AuthProtocol::ChapMd5 => &self.chap,
            #[cfg(feature = "legacy-auth")]
            AuthProtocol::MsChapV2 => &self.chap,
        }
    }

    /// Our secret for a server; any one's if that is not known.
    pub(crate) fn own_secret(&self, method: AuthProtocol, server: Option<&[u8]>) -> Option<&Secret> {
        self.password.as_ref().or_else(|| {
            self.secrets(method).find(Some(self.user.as_bytes()), server).map(|entry| &entry.secret)
        })
    }

    /// The methods by which we can prove who we are.
    pub fn provable(&self) -> Vec<AuthProtocol> {
        let server = self.remote_name.as_deref().map(str::as_bytes);
        let can = |method: &AuthProtocol| self.own_secret(*method, server).is_some();
        self.answer.iter().copied().filter(can).collect()
    }

    /// Whether a peer of this name would be we ourselves. It is not let in: by PAP we tell our secret to whoever demands it,
    /// and he could just give it back.
    pub(crate) fn is_ourselves(&self, client: &[u8]) -> bool {
        client == self.user.as_bytes() && !self.provable().is_empty()
    }

    /// The methods to demand: those for which there is a secret of some peer. If there is none, still those that were
    /// asked for: nobody is let in by them, but nobody is let in without.
    pub fn demanded(&self) -> Vec<AuthProtocol> {
        let usable: Vec<_> = self.require.iter().copied().filter(|method| self.can_check(*method)).collect();
        if usable.is_empty() { self.require.clone() } else { usable }
    }

    /// Whether some peer could prove itself by this method.
    pub fn can_check(&self, method: AuthProtocol) -> bool {
        let client = self.remote_name.as_deref().map(str::as_bytes);
        self.secrets(method).of(client, self.name.as_bytes()).next().is_some()
    }
}

/// Timers and counters of the exchanges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthTimers {
    /// Between our Authenticate-Requests (pppd's `pap-restart`).
    pub pap_restart: Duration,
    /// Authenticate-Requests without an answer before giving up (pppd's `pap-max-authreq`).
    pub pap_max_requests: u32,
    /// How long a peer may take to prove itself by PAP (pppd's `pap-timeout`); `None`: for ever.
    pub pap_timeout: Option<Duration>,
    /// Between our Challenges (pppd's `chap-restart`).
    pub chap_restart: Duration,
    /// Challenges without an answer before giving up (pppd's `chap-max-challenge`).
    pub chap_max_challenges: u32,
    /// Challenges the peer anew so often (pppd's `chap-interval`), if at all.
    pub chap_interval: Option<Duration>,
    /// How long to wait for the peer's Challenge, and for its word on our Response (pppd's `chap-timeout`); `None`: for ever.
    pub chap_timeout: Option<Duration>,
}

impl Default for AuthTimers {
    /// pppd's.
    fn default() -> AuthTimers {
        AuthTimers {
            pap_restart: Duration::from_secs(3),
            pap_max_requests: 10,
            pap_timeout: Some(Duration::from_secs(30)),
            chap_restart: Duration::from_secs(3),
            chap_max_challenges: 10,
            chap_interval: None,
            chap_timeout: Some(Duration::from_secs(60)),
        }
    }
}

/// 256 bits from the system's random number generator, for one link alone: whoever knows them foresees its challenges, and
/// two links that share them challenge alike.
///
/// [`LinkConfig::seed`](crate::LinkConfig::seed) will not do: magic numbers show what comes next.
#[derive(Clone, PartialEq, Eq)]
pub struct Entropy([u8; 32]);

impl Entropy {
    /// These bits.
    pub fn new(bits: [u8; 32]) -> Entropy {
        Entropy(bits)
    }

    pub(crate) fn bits(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl Drop for Entropy {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
