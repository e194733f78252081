//! An SSH server inside this process (russh), for hosts without sshd and for the demo.
//!
//! A [`Server`] knows one way in, a public key that an authorized_keys file holds, and one thing to do, an exec
//! request. Each becomes an [`Incoming`]: a [`Carrier`](crate::Carrier), who is at its other end, the command's text,
//! and a [`Reply`] for the exit status. What the text means is the caller's business; nothing is ever run here.
//! Shells, subsystems, terminals and forwardings are refused.
//!
//! Clients do not know of each other: each has its own tasks, so that the error of one, or a panic, ends only that
//! one. What a client may make the server hold is bounded throughout: clients, clients not yet logged in and the time
//! they get, sessions, requests, the command's length, windows and the ring.

mod channel;
mod connection;
mod handler;
mod host_key;
mod listener;
mod sessions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{Limits, MethodKind, MethodSet, Preferred, SshId, server};
use tokio::sync::{Semaphore, mpsc, watch};

pub use channel::{Incoming, Reply};
pub use host_key::{HostKey, generate_host_key};

use crate::authorized_keys::AuthorizedKeys;
use crate::ciphers::CIPHERS;
use crate::{CHANNEL_WINDOW, CarrierError, unread};

/// The largest packet asked for.
const PACKET: u32 = 32 * 1024;

/// Octets after which a key is renewed, in each direction. RFC 4344 §3.2 allows 2^32 blocks of 16 octets with AES,
/// and RFC 4253 §9 advises 1 GiB with no regard to the cipher. A renewal holds all data back for a round trip.
const REKEY_OCTETS: usize = 8 << 30;

/// RFC 4253 §9.
const REKEY_TIME: Duration = Duration::from_secs(3600);

/// Messages waiting for russh's event loop: more than the send gate lets any session have there.
const EVENTS: usize = 64;

/// How long every refused login takes.
const AUTH_REJECTION_TIME: Duration = Duration::from_millis(300);

/// How long a shutdown may take: a connection gets its last words through, says goodbye, and is then cut.
const SHUTDOWN: Duration = Duration::from_secs(20);

/// What a [`Server`] listens on and whom it lets in.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where to listen. An IPv6 address takes no IPv4 connections: name both.
    pub listen: Vec<SocketAddr>,
    /// The keys by which clients know this server, one of a kind.
    pub host_keys: Vec<HostKey>,
    /// The files of keys that may log in. They are read anew at each login.
    pub authorized_keys: Vec<PathBuf>,
    /// The names under which a login is accepted; any, if there is none.
    pub users: Vec<String>,
    /// The congestion control of the connections, as in `net.ipv4.tcp_available_congestion_control`. Without it, or where the system
    /// does not give it, which is logged, the system's own.
    pub congestion_control: Option<String>,
    /// Connections at once.
    pub max_clients: usize,
    /// Of these, how many may not have logged in yet.
    pub max_unauthenticated: usize,
    /// Sessions of one connection at once.
    pub max_sessions: usize,
    /// How long a login may take, and how long a connection may stay without a session after it.
    pub login_grace: Duration,
    /// Keys that one connection may try.
    pub max_auth_attempts: usize,
}

impl ServerConfig {
    /// The usual limits, which are sshd's where it has the same ones.
    pub fn new(listen: Vec<SocketAddr>, host_keys: Vec<HostKey>, authorized_keys: Vec<PathBuf>) -> Self {
        Self {
            listen,
            host_keys,
            authorized_keys,
            users: Vec::new(),
            congestion_control: None,
            max_clients: 64,
            max_unauthenticated: 10,
            max_sessions: 4,
            login_grace: Duration::from_secs(30),
            max_auth_attempts: 6,
        }
    }

    fn ssh(&self) -> server::Config {
        server::Config {
            server_id: SshId::Standard(concat!("SSH-2.0-pppssh_", env!("CARGO_PKG_VERSION")).into()),
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            auth_rejection_time: AUTH_REJECTION_TIME,
            // Clients ask with `none` to learn the methods; nothing is guessed by that.
            auth_rejection_time_initial: Some(Duration::ZERO),
            keys: self.host_keys.iter().map(HostKey::private).collect(),
            limits: Limits {
                rekey_write_limit: REKEY_OCTETS,
                rekey_read_limit: REKEY_OCTETS,
                rekey_time_limit: REKEY_TIME,
            },
            window_size: CHANNEL_WINDOW,
            maximum_packet_size: PACKET,
            channel_buffer_size: unread(CHANNEL_WINDOW),
            event_buffer_size: EVENTS,
            preferred: preferred(),
            // That first `none` counts as one.
            max_auth_attempts: self.max_auth_attempts + 1,
            // A quiet link is a healthy one; logins have a limit of their own.
            inactivity_timeout: None,
            ..server::Config::default()
        }
    }
}

fn preferred() -> Preferred {
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    Preferred {
        cipher: CIPHERS.to_vec().into(),
        // All but ssh-rsa, which signs with SHA-1.
        key: vec![
            Algorithm::Ed25519,
            ecdsa(EcdsaCurve::NistP256),
            ecdsa(EcdsaCurve::NistP384),
            ecdsa(EcdsaCurve::NistP521),
            Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
            Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
        ]
        .into(),
        ..Preferred::default()
    }
}

/// What all connections of a server share.
struct Shared {
    config: ServerConfig,
    ssh: Arc<server::Config>,
    clients: Arc<Semaphore>,
    unauthenticated: Arc<Semaphore>,
    incoming: mpsc::Sender<Incoming>,
    phase: watch::Receiver<Phase>,
    /// The warnings about authorized_keys that were logged last, so that each is logged once.
    warned: Mutex<Vec<String>>,
}

impl Shared {
    /// Logs the warnings about authorized_keys as they are now, but for those that were there before.
    fn warn(&self, warnings: Vec<String>) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in &warnings {
            if !warned.contains(warning) {
                tracing::warn!("{warning}");
            }
        }
        *warned = warnings;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Connections are told to go.
    Closing,
    /// Connections are cut.
    Closed,
}

/// A listening SSH server. Dropping it cuts every connection; [`shutdown`](Self::shutdown) says goodbye first.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    incoming: mpsc::Receiver<Incoming>,
    phase: watch::Sender<Phase>,
}

impl Server {
    /// Listens. Must be called within a tokio runtime.
    pub async fn bind(config: ServerConfig) -> Result<Self, CarrierError> {
        if config.listen.is_empty() || config.host_keys.is_empty() || config.authorized_keys.is_empty() {
            let missing = "a server needs an address to listen on, a host key and an authorized_keys file";
            return Err(CarrierError::Config(missing.to_owned()));
        }
        let (incoming, accepted) = mpsc::channel(config.max_clients.max(1));
        let (phase, watched) = watch::channel(Phase::Open);
        let shared = Arc::new(Shared {
            ssh: Arc::new(config.ssh()),
            clients: Arc::new(Semaphore::new(config.max_clients)),
            unauthenticated: Arc::new(Semaphore::new(config.max_unauthenticated)),
            incoming,
            phase: watched,
            warned: Mutex::default(),
            config,
        });
        // A login would fail with no more than a line in the log; say it while somebody looks.
        let mut warnings = Vec::new();
        for path in shared.config.authorized_keys.clone() {
            let loaded = tokio::task::spawn_blocking(move || (AuthorizedKeys::load(&path), path)).await;
            let (keys, path) = loaded.map_err(|panic| CarrierError::Config(panic.to_string()))?;
            warnings.extend(keys?.warnings_of(&path));
        }
        shared.warn(warnings);
        let sockets = shared
            .config
            .listen
            .iter()
            .map(|&address| listener::listen(address))
            .collect::<Result<Vec<_>, _>>()?;
        let mut addresses = Vec::new();
        for socket in &sockets {
            let address = socket.local_addr();
            addresses
                .push(address.map_err(|error| CarrierError::io("cannot tell the listening address", error))?);
        }
        for socket in sockets {
            tokio::spawn(listener::run(socket, Arc::clone(&shared)));
        }
        Ok(Self { addresses, incoming: accepted, phase })
    }

    /// The addresses that are listened on, with the ports that the system chose where 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The next exec request. Cancel-safe.
    pub async fn accept(&mut self) -> Result<Incoming, CarrierError> {
        // Only a panic of every listener can end this before the server is dropped.
        let closed = || CarrierError::io("the SSH server has ended", std::io::ErrorKind::BrokenPipe.into());
        self.incoming.recv().await.ok_or_else(closed)
    }

    /// Stops listening, lets sessions that were [exited](Reply::exit) get their status through, disconnects all
    /// clients, and waits until they are gone, for 20 s at most.
    pub async fn shutdown(mut self) {
        self.incoming.close();
        while self.incoming.try_recv().is_ok() {}
        self.phase.send_replace(Phase::Closing);
        // Each connection holds a receiver of this for as long as it lives.
        let _ = tokio::time::timeout(SHUTDOWN, self.phase.closed()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Closed);
    }
}
