//! One session: its carrier, and the reply to it.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use russh::server::Handle;
use russh::{ChannelId, ChannelMsg, ChannelReadHalf};
use tokio::sync::mpsc;
use tokio_util::sync::ReusableBoxFuture;

use crate::authorized_keys::KeyOptions;
use crate::ring::SendGate;
use crate::{Carrier, CarrierError, CarrierRx, CarrierTx};

/// One text for the client's standard error is cut to this.
const MAX_STDERR: usize = 4 * 1024;

/// An accepted exec request.
#[derive(Debug)]
pub struct Incoming {
    /// The session's standard input and output, seen from here.
    pub carrier: Carrier,
    /// The name that the client logged in with.
    pub user: String,
    /// `SHA256:…` of the key that it logged in with.
    pub key_fingerprint: String,
    /// The comment of that key in authorized_keys.
    pub key_comment: String,
    /// The options of that key in authorized_keys.
    pub options: KeyOptions,
    /// Where the client is.
    pub peer: SocketAddr,
    /// The command that the client asked for. It was not run, and is not to be run.
    pub command: String,
    /// The way to tell the client how it ended.
    pub reply: Reply,
}

/// Tells the client how its session ended. The session is closed by [`exit`](Self::exit), or, without a status, when
/// this and both halves of the carrier are dropped.
pub struct Reply {
    lease: Arc<Lease>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("channel", &self.lease.session.id).finish_non_exhaustive()
    }
}

impl Reply {
    /// Writes to the client's standard error. A newline is added; what is longer than 4 KiB is cut.
    pub fn stderr(&self, text: &str) {
        let mut text = text.trim_end();
        if let Some((cut, _)) = text.char_indices().find(|&(at, c)| at + c.len_utf8() > MAX_STDERR) {
            text = &text[..cut];
        }
        self.lease.session.command(What::Stderr(format!("{text}\n").into()));
    }

    /// Closes the session with an exit status, after all that was sent before.
    ///
    /// What the carrier still held is sent only if its sending half was finished.
    pub fn exit(self, status: u32) {
        self.lease.session.command(What::Exit(status));
    }
}

/// What a session asks of its connection.
pub(super) struct Command {
    pub(super) channel: ChannelId,
    pub(super) what: What,
}

pub(super) enum What {
    Stderr(Bytes),
    Exit(u32),
    Abandoned,
}

/// A session as its connection knows it.
pub(super) struct Session {
    id: ChannelId,
    commands: mpsc::UnboundedSender<Command>,
    closed: AtomicBool,
    sender: AtomicWaker,
    receiver: AtomicWaker,
}

impl Session {
    pub(super) fn new(id: ChannelId, commands: mpsc::UnboundedSender<Command>) -> Self {
        let (sender, receiver) = (AtomicWaker::new(), AtomicWaker::new());
        Self { id, commands, closed: AtomicBool::new(false), sender, receiver }
    }

    fn command(&self, what: What) {
        // When the connection has ended there is nobody to tell.
        let _ = self.commands.send(Command { channel: self.id, what });
    }

    /// Nothing more can be sent, and nothing will come but what is here.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.sender.wake();
        self.receiver.wake();
    }

    fn check(&self) -> Result<(), CarrierError> {
        if self.closed.load(Ordering::Acquire) { Err(gone()) } else { Ok(()) }
    }
}

/// Held by all parts of an [`Incoming`]; when the last is dropped the session is closed.
struct Lease {
    session: Arc<Session>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.session.command(What::Abandoned);
    }
}

fn gone() -> CarrierError {
    CarrierError::io("the SSH client closed the session", io::ErrorKind::ConnectionAborted.into())
}

/// The three parts of a session.
pub(super) fn parts(
    session: &Arc<Session>,
    read: ChannelReadHalf,
    handle: Handle,
    gate: SendGate,
) -> (Box<dyn CarrierTx>, Box<dyn CarrierRx>, Reply) {
    let lease = Arc::new(Lease { session: Arc::clone(session) });
    let tx = Tx { lease: Arc::clone(&lease), handle, gate, sending: None, finish: Finish::Open };
    let rx = Rx { lease: Arc::clone(&lease), next: Some(ReusableBoxFuture::new(next(read))) };
    (Box::new(tx), Box::new(rx), Reply { lease })
}

struct Tx {
    lease: Arc<Lease>,
    handle: Handle,
    gate: SendGate,
    /// A chunk or the end, on its way into russh's queue.
    sending: Option<Sending>,
    finish: Finish,
}

/// `false` if the connection has ended.
type Sending = Pin<Box<dyn Future<Output = bool> + Send>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    Open,
    Sending,
    Done,
}

impl Tx {
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        let session = &self.lease.session;
        session.sender.register(cx.waker());
        session.check()?;
        if let Some(sending) = &mut self.sending {
            let sent = ready!(sending.as_mut().poll(cx));
            self.sending = None;
            if !sent {
                return Poll::Ready(Err(gone()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Starts an exchange with russh's queue, which nearly always has room at once.
    fn start(&mut self, mut sending: Sending) -> Result<(), CarrierError> {
        match sending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(true) => Ok(()),
            Poll::Ready(false) => Err(gone()),
            Poll::Pending => {
                // The caller need not come back before it has more to send, so this waits by itself.
                let task = tokio::spawn(sending);
                self.sending = Some(Box::pin(async move { task.await.unwrap_or(false) }));
                Ok(())
            }
        }
    }
}

impl CarrierTx for Tx {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        ready!(self.poll_sent(cx))?;
        self.gate.poll_ready(cx).map_err(|error| CarrierError::io("cannot write to the SSH client", error))
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        let (handle, id) = (self.handle.clone(), self.lease.session.id);
        let chunk = self.gate.admit(chunk);
        self.start(Box::pin(async move { handle.data(id, chunk).await.is_ok() }))
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        loop {
            match self.finish {
                Finish::Done => return Poll::Ready(Ok(())),
                Finish::Open => {
                    ready!(self.poll_sent(cx))?;
                    let (handle, id) = (self.handle.clone(), self.lease.session.id);
                    self.start(Box::pin(async move { handle.eof(id).await.is_ok() }))?;
                    self.finish = Finish::Sending;
                }
                Finish::Sending => {
                    ready!(self.poll_sent(cx))?;
                    self.finish = Finish::Done;
                }
            }
        }
    }
}

struct Rx {
    lease: Arc<Lease>,
    /// The next message. `None` after the end: russh must not find a reader that no longer reads, or it would wait
    /// for it with the whole connection.
    next: Option<ReusableBoxFuture<'static, (Option<ChannelMsg>, ChannelReadHalf)>>,
}

async fn next(mut read: ChannelReadHalf) -> (Option<ChannelMsg>, ChannelReadHalf) {
    (read.wait().await, read)
}

impl CarrierRx for Rx {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>> {
        self.lease.session.receiver.register(cx.waker());
        while let Some(pending) = &mut self.next {
            let Poll::Ready((message, read)) = pending.poll(cx) else {
                // Russh keeps the far end of a channel that this side closed.
                return self
                    .lease
                    .session
                    .check()
                    .map_or_else(|gone| Poll::Ready(Err(gone)), |()| Poll::Pending);
            };
            match message {
                Some(ChannelMsg::Data { data }) => {
                    pending.set(next(read));
                    return Poll::Ready(Ok(Some(data)));
                }
                Some(ChannelMsg::Eof) => self.next = None,
                Some(ChannelMsg::Close) | None => {
                    self.next = None;
                    return Poll::Ready(Err(gone()));
                }
                // Window adjustments, signals, and what was asked before the exec request.
                Some(_) => pending.set(next(read)),
            }
        }
        Poll::Ready(Ok(None))
    }
}
