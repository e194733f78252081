//! One client: its connection from the first octet to the last.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use russh::Disconnect;
use russh::server::{self, Handle};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;

use super::channel::{Command, What};
use super::handler::Handler;
use super::sessions::{Sessions, Stage};
use super::{Phase, Shared};
use crate::ring::{RingCloser, RingConfig, RingStream};
use crate::stderr::EXTENDED_DATA_STDERR;
use crate::tcp;

/// How long a client may take to receive the last octets of a session and its status: 2 MiB, which is more than may be
/// under way on a slow line, take 17 s at 1 Mb/s.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// How long a client that was asked to go may take to go.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves one client until it is gone.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    permit: OwnedSemaphorePermit,
) {
    if let Err(error) = tcp::keep_short(&stream) {
        tracing::debug!(%peer, %error, "cannot keep what waits in the socket short");
    }
    tcp::steer(&stream, shared.config.congestion_control.as_deref());
    let (read, write) = stream.into_split();
    let ring = RingStream::from_halves(read, write, RingConfig::default());
    let (gate, closer) = (ring.gate(), ring.closer());
    let (sessions, asked, staged) = Sessions::new();
    let sessions = Arc::new(sessions);
    let handler = Handler::new(peer, Arc::clone(&shared), Arc::clone(&sessions), gate, permit);
    let grace = Instant::now() + shared.config.login_grace;
    let started =
        tokio::time::timeout_at(grace, server::run_stream(Arc::clone(&shared.ssh), ring, handler)).await;
    let session = match started {
        Ok(Ok(session)) => session,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "no SSH client"),
        Err(_) => return tracing::debug!(%peer, "said nothing in time"),
    };
    let handle = session.handle();
    let client = Client { peer, handle, closer, sessions, shared };
    let mut session = pin!(session);
    tokio::select! {
        ended = &mut session => return log_end(peer, ended),
        () = client.attend(asked, staged, grace) => {}
    }
    // Its task ends when it finds the stream closed, which it does unless it waits for a session that reads
    // nothing; that session was told to end.
    if let Ok(ended) = tokio::time::timeout(GOODBYE, &mut session).await {
        log_end(peer, ended);
    }
}

fn log_end(peer: SocketAddr, ended: Result<(), russh::Error>) {
    match ended {
        Ok(()) => tracing::debug!(%peer, "connection ended"),
        Err(error) => tracing::info!(%peer, %error, "connection ended"),
    }
}

struct Client {
    peer: SocketAddr,
    handle: Handle,
    closer: RingCloser,
    sessions: Arc<Sessions>,
    shared: Arc<Shared>,
}

impl Client {
    /// Does what sessions ask for, until the connection has to end; ends it.
    async fn attend(
        &self,
        mut asked: mpsc::UnboundedReceiver<Command>,
        mut stage: watch::Receiver<Stage>,
        grace: Instant,
    ) {
        let mut phase = self.shared.phase.clone();
        let mut deadline = Some(grace);
        let reason = loop {
            tokio::select! {
                Some(command) = asked.recv() => {
                    if !self.obey(command).await {
                        break "the client takes no answer";
                    }
                }
                Ok(()) = stage.changed() => deadline = match *stage.borrow_and_update() {
                    // The limit of the login itself stands.
                    Stage::Login => deadline,
                    Stage::Idle => Some(Instant::now() + self.shared.config.login_grace),
                    Stage::Serving => None,
                    Stage::Ended => Some(Instant::now() + LAST_WORDS),
                },
                () = until(deadline) => match *stage.borrow() {
                    Stage::Login => break "login took too long",
                    Stage::Idle => break "no session was asked for",
                    Stage::Ended => break "all sessions have ended",
                    // Begun at the last moment.
                    Stage::Serving => deadline = None,
                },
                closing = leaves_open(&mut phase) => {
                    if closing == Phase::Closing {
                        self.drain(&mut asked, &stage).await;
                    }
                    break "the server is shutting down";
                }
            }
        };
        tracing::debug!(peer = %self.peer, reason, "closing the connection");
        self.sessions.end_all();
        if *phase.borrow() != Phase::Closed {
            let bye = self.handle.disconnect(Disconnect::ByApplication, reason.to_owned(), "en".to_owned());
            if tokio::time::timeout(GOODBYE, bye).await.is_ok() {
                self.let_go().await;
            }
        }
        self.closer.close();
    }

    /// When the server is asked to shut down, sessions that are ending get their exit status through.
    async fn drain(&self, asked: &mut mpsc::UnboundedReceiver<Command>, stage: &watch::Receiver<Stage>) {
        while let Ok(command) = asked.try_recv() {
            if !self.obey(command).await {
                return;
            }
        }
        if *stage.borrow() == Stage::Ended {
            self.let_go().await;
        }
    }

    /// Gives the client time to close the connection. When it does, russh's task ends, and `serve` with it.
    async fn let_go(&self) {
        tokio::time::sleep(GOODBYE).await;
    }

    /// `false` when it cannot be done in time.
    async fn obey(&self, Command { channel, what }: Command) -> bool {
        let doing = async {
            match what {
                What::Stderr(text) => {
                    let _ = self.handle.extended_data(channel, EXTENDED_DATA_STDERR, text).await;
                }
                What::Exit(status) => {
                    if self.sessions.end(channel) {
                        let _ = self.handle.exit_status_request(channel, status).await;
                        let _ = self.handle.close(channel).await;
                    }
                }
                What::Abandoned => {
                    if self.sessions.end(channel) {
                        let _ = self.handle.close(channel).await;
                    }
                }
            }
        };
        tokio::time::timeout(LAST_WORDS, doing).await.is_ok()
    }
}

/// Waits until the server is no longer open, and tells what it is then.
async fn leaves_open(phase: &mut watch::Receiver<Phase>) -> Phase {
    phase.wait_for(|&phase| phase != Phase::Open).await.map_or(Phase::Closed, |phase| *phase)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
