//! What russh asks about one client.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, Error, Pty};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::error::TrySendError;

use super::channel::{self, Incoming};
use super::sessions::Sessions;
use super::{Phase, Shared};
use crate::authorized_keys::{AuthorizedKeys, KeyOptions, Refusal};
use crate::ring::SendGate;
use crate::{Carrier, CarrierInfo, CarrierKind};

/// A longer user name is refused (LOGIN_NAME_MAX of Linux).
const MAX_USER: usize = 256;

/// A longer command is refused.
const MAX_COMMAND: usize = 4 * 1024;

/// Requests on one channel before its exec request: `ssh` sends a few, with SendEnv a few more.
const MAX_REQUESTS: usize = 32;

/// The status of a session that was refused.
const REFUSED: u32 = 1;

pub(super) struct Handler {
    peer: SocketAddr,
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    gate: SendGate,
    /// Given back at the login.
    unauthenticated: Option<OwnedSemaphorePermit>,
    login: Option<Login>,
    /// The open channels whose exec request has not come.
    waiting: HashMap<ChannelId, Waiting>,
}

/// Who logged in.
#[derive(Clone)]
struct Login {
    user: String,
    fingerprint: String,
    comment: String,
    options: KeyOptions,
}

/// A channel that waits for its exec request.
struct Waiting {
    channel: Channel<Msg>,
    requests: usize,
}

impl Handler {
    pub(super) fn new(
        peer: SocketAddr,
        shared: Arc<Shared>,
        sessions: Arc<Sessions>,
        gate: SendGate,
        unauthenticated: OwnedSemaphorePermit,
    ) -> Self {
        let unauthenticated = Some(unauthenticated);
        Self { peer, shared, sessions, gate, unauthenticated, login: None, waiting: HashMap::new() }
    }

    /// Looks the key up in the files as they are now.
    async fn look_up(&self, user: &str, key: &PublicKey, algorithm: &Algorithm) -> Result<Login, String> {
        if *algorithm == (Algorithm::Rsa { hash: None }) {
            return Err(
                "ssh-rsa signs with SHA-1; the client needs to use rsa-sha2-256 or rsa-sha2-512".to_owned()
            );
        }
        if user.len() > MAX_USER {
            return Err(format!("expected a user name of at most {MAX_USER} octets, found {}", user.len()));
        }
        let users = &self.shared.config.users;
        if !users.is_empty() && !users.iter().any(|known| known == user) {
            return Err("no such user".to_owned());
        }
        let paths = self.shared.config.authorized_keys.clone();
        let (key, address, now) = (key.clone(), self.peer.ip(), SystemTime::now());
        let looked = tokio::task::spawn_blocking(move || {
            let mut warnings = Vec::new();
            let mut found = Err(Refusal::Unknown.to_string());
            for path in paths {
                let keys = match AuthorizedKeys::load(&path) {
                    Ok(keys) => keys,
                    Err(error) => {
                        warnings.push(error.to_string());
                        continue;
                    }
                };
                warnings.extend(keys.warnings_of(&path));
                match keys.authorize(&key, address, now) {
                    Ok(entry) => {
                        found = Ok((entry.comment.clone(), entry.options.clone()));
                        break;
                    }
                    Err(Refusal::Unknown) => {}
                    Err(refusal) => found = Err(format!("{}: {refusal}", path.display())),
                }
            }
            (found, warnings, key.fingerprint(HashAlg::Sha256).to_string())
        });
        let (found, warnings, fingerprint) = looked.await.map_err(|panic| panic.to_string())?;
        self.shared.warn(warnings);
        let (comment, options) = found?;
        Ok(Login { user: user.to_owned(), fingerprint, comment, options })
    }

    fn refuse(&self, user: &str, key: &PublicKey, why: &str) -> Auth {
        let key = key.fingerprint(HashAlg::Sha256);
        let user: String = user.chars().take(MAX_USER).collect();
        tracing::info!(peer = %self.peer, user, %key, "login refused: {why}");
        Auth::reject()
    }

    /// Counts a request on a channel; an error ends the connection.
    fn count(&mut self, channel: ChannelId) -> Result<(), Error> {
        if let Some(waiting) = self.waiting.get_mut(&channel) {
            waiting.requests += 1;
            if waiting.requests > MAX_REQUESTS {
                tracing::info!(peer = %self.peer, "too many requests before exec");
                return Err(Error::Disconnect);
            }
        }
        Ok(())
    }

    /// Closes a session that asked for what is not to be had, with the reason on its standard error.
    fn dismiss(&mut self, id: ChannelId, session: &mut Session, why: &str) -> Result<(), Error> {
        tracing::info!(peer = %self.peer, "session refused: {why}");
        self.waiting.remove(&id);
        // A failure would be shown as "request failed", without the reason.
        session.channel_success(id)?;
        session.extended_data(id, 1, format!("pppssh: {why}\r\n"))?;
        session.exit_status_request(id, REFUSED)?;
        session.close(id)
    }

    fn exec(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Error> {
        let Some(login) = self.login.clone() else {
            return Err(Error::Inconsistent);
        };
        if !self.waiting.contains_key(&id) {
            return session.channel_failure(id);
        }
        if command.len() > MAX_COMMAND {
            let why = format!("expected a command of at most {MAX_COMMAND} octets, found {}", command.len());
            return self.dismiss(id, session, &why);
        }
        let Ok(command) = std::str::from_utf8(command) else {
            return self.dismiss(id, session, "expected a command in UTF-8");
        };
        if *self.shared.phase.borrow() != Phase::Open {
            return self.dismiss(id, session, "this server is shutting down");
        }
        let permit = match self.shared.incoming.clone().try_reserve_owned() {
            Ok(permit) => permit,
            Err(TrySendError::Full(_)) => {
                return self.dismiss(id, session, "this server is busy; try again later");
            }
            Err(TrySendError::Closed(_)) => return self.dismiss(id, session, "this server is shutting down"),
        };
        let Some(Waiting { channel, .. }) = self.waiting.remove(&id) else {
            return session.channel_failure(id);
        };
        let (read, _) = channel.split();
        let begun = self.sessions.begin(id);
        let (tx, rx, reply) = channel::parts(&begun, read, session.handle(), self.gate.another());
        let info = CarrierInfo {
            kind: CarrierKind::Server,
            peer: format!("{}@{}", login.user, self.peer),
            address: Some(self.peer.ip()),
            cipher: None,
        };
        session.channel_success(id)?;
        permit.send(Incoming {
            carrier: Carrier { tx, rx, info },
            user: login.user,
            key_fingerprint: login.fingerprint,
            key_comment: login.comment,
            options: login.options,
            peer: self.peer,
            command: command.to_owned(),
            reply,
        });
        Ok(())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.sessions.end_all();
    }
}

impl server::Handler for Handler {
    type Error = Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Error> {
        Ok(match self.look_up(user, offer.public_key, offer.algorithm).await {
            Ok(_) => Auth::Accept,
            Err(why) => self.refuse(user, offer.public_key, &why),
        })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        Ok(match self.look_up(user, key.public_key, key.algorithm).await {
            Ok(login) => {
                tracing::info!(
                    peer = %self.peer, user, key = %login.fingerprint, comment = %login.comment, "login accepted"
                );
                self.login = Some(login);
                Auth::Accept
            }
            Err(why) => self.refuse(user, key.public_key, &why),
        })
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), Error> {
        self.unauthenticated = None;
        self.sessions.logged_in();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        if self.waiting.len() + self.sessions.count() >= self.shared.config.max_sessions {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.waiting.insert(channel.id(), Waiting { channel, requests: 0 });
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Error> {
        self.waiting.remove(&channel);
        self.sessions.end(channel);
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, _: &[u8], _: &mut Session) -> Result<(), Error> {
        // Nobody reads a channel before its exec request, and it would fill up.
        self.count(channel)
    }

    async fn extended_data(
        &mut self,
        channel: ChannelId,
        _: u32,
        _: &[u8],
        _: &mut Session,
    ) -> Result<(), Error> {
        self.count(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        self.exec(channel, data, session)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Error> {
        if !self.waiting.contains_key(&channel) {
            return session.channel_failure(channel);
        }
        let why =
            "there is no shell here, only `pppssh serve`; call with `pppssh connect`, or name that command";
        self.dismiss(channel, session, why)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.count(channel)?;
        session.channel_failure(channel)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.count(channel)?;
        session.channel_failure(channel)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Error> {
        self.count(channel)?;
        session.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.count(channel)?;
        session.channel_failure(channel)
    }

    async fn agent_request(&mut self, channel: ChannelId, _: &mut Session) -> Result<bool, Error> {
        self.count(channel)?;
        Ok(false)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.count(channel)?;
        session.channel_failure(channel)
    }

    async fn signal(&mut self, channel: ChannelId, _: russh::Sig, _: &mut Session) -> Result<(), Error> {
        self.count(channel)
    }
}
