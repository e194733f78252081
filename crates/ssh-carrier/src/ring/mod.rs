//! A stream that keeps two SSH ends from waiting for each other.
//!
//! [`RingStream`] stands between an SSH engine and its socket. Russh's event loop awaits its socket write and
//! reads nothing meanwhile. When both ends are russh and both have data to send, each fills the other's socket
//! buffer, each awaits room, and neither ever reads again. Here the write side accepts into memory and a task of
//! its own feeds the socket, so that the event loop always comes back to its read; and the read side is filled by
//! a second task, which empties the socket while the event loop is busy.
//!
//! # How much memory that may take
//!
//! What russh writes while the socket takes nothing is:
//!
//! - channel data, up to the window that the far side granted. OpenSSH grants 2 MiB, russh here 8, others more, and a
//!   hostile peer may grant 4 GiB at once (RFC 4254 §5.2). So senders pass through a [`SendGate`], which holds
//!   them back while more than [`RingConfig::gate`] octets are on their way, whatever window was granted;
//! - answers to what the far side asks: a window adjustment of 52 octets for each MiB received, a failure of the
//!   same size for each request. Only a peer that asks on and on without ever reading the answers makes these add
//!   up;
//! - one key exchange, a few KiB: the next one needs the far side's part in it.
//!
//! [`RingConfig::write_limit`] is above all of that together for a peer in its right mind (what the gate lets
//! through, or one window of OpenSSH's without a gate, and 2 MiB for answers). A peer that drives the ring beyond it gets an error and
//! loses its connection; the process keeps its memory.
//!
//! Blocks are allocated as they are needed and one is kept when all is written, so an idle stream holds little.

mod gate;
mod inbound;
mod outbound;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

pub use gate::SendGate;
use inbound::Inbound;
use outbound::Outbound;

/// Octets in one block of either direction: room for a packet of 32 KiB and its neighbour.
const BLOCK: usize = 64 * 1024;

/// How much a [`RingStream`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingConfig {
    /// Octets accepted and not yet taken by the socket; one more is an error. See the module's description.
    pub write_limit: usize,
    /// Octets read from the socket and not yet asked for; the reader pauses beyond.
    pub read_limit: usize,
    /// Octets on their way to the socket beyond which a [`SendGate`] holds its sender back.
    pub gate: usize,
}

impl Default for RingConfig {
    fn default() -> Self {
        Self { write_limit: 4 * 1024 * 1024, read_limit: 512 * 1024, gate: 128 * 1024 }
    }
}

/// A byte stream whose writes are always accepted and whose reads run ahead. See the module's description.
///
/// A flush is done as soon as the octets are accepted: to wait for the socket there would be to wait without
/// reading, the very thing this type exists to avoid. Shutting down waits until all is written. An error of the
/// socket is returned by the next write, and by reads once what had arrived before it is read. Dropping the stream
/// ends both tasks and closes the socket.
pub struct RingStream {
    inbound: Arc<Inbound>,
    outbound: Arc<Outbound>,
    current: bytes::Bytes,
    tasks: [AbortHandle; 2],
}

impl fmt::Debug for RingStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingStream").finish_non_exhaustive()
    }
}

impl RingStream {
    /// Puts a ring before `io`. Must be called within a tokio runtime.
    ///
    /// The two directions of `io` share a lock; where it can be split without one, as a TCP stream can,
    /// [`from_halves`](Self::from_halves) is faster.
    pub fn new<IO>(io: IO, config: RingConfig) -> Self
    where
        IO: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (read, write) = tokio::io::split(io);
        Self::from_halves(read, write, config)
    }

    /// Puts a ring before a stream that is split already. Must be called within a tokio runtime.
    pub fn from_halves<R, W>(read: R, write: W, config: RingConfig) -> Self
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let inbound = Arc::new(Inbound::new(config.read_limit));
        let outbound = Arc::new(Outbound::new(config.write_limit, config.gate));
        let (failed, write_failed) = oneshot::channel();
        let writer = tokio::spawn(outbound::run(Arc::clone(&outbound), write, failed));
        let reader = tokio::spawn(inbound::run(Arc::clone(&inbound), read, write_failed));
        let tasks = [writer.abort_handle(), reader.abort_handle()];
        Self { inbound, outbound, current: bytes::Bytes::new(), tasks }
    }

    /// A gate for one sender of channel data.
    pub fn gate(&self) -> SendGate {
        SendGate::new(Arc::clone(&self.outbound))
    }

    /// A means to end the stream when the engine that owns it has to be stopped.
    pub fn closer(&self) -> RingCloser {
        RingCloser {
            inbound: Arc::clone(&self.inbound),
            outbound: Arc::clone(&self.outbound),
            tasks: self.tasks.clone(),
        }
    }
}

/// Ends a [`RingStream`] from elsewhere.
#[derive(Clone)]
pub struct RingCloser {
    inbound: Arc<Inbound>,
    outbound: Arc<Outbound>,
    tasks: [AbortHandle; 2],
}

impl fmt::Debug for RingCloser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingCloser").finish_non_exhaustive()
    }
}

impl RingCloser {
    /// Closes the socket at once. What is not written yet is lost; the stream's owner gets an error.
    pub fn close(&self) {
        for task in &self.tasks {
            task.abort();
        }
        let failure = Failure::new(io::ErrorKind::ConnectionAborted, "closed by this end");
        self.inbound.fail(failure.clone());
        self.outbound.fail(&failure);
    }
}

impl Drop for RingStream {
    fn drop(&mut self) {
        self.closer().close();
    }
}

impl AsyncRead for RingStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.current.is_empty() {
            match std::task::ready!(self.inbound.poll_next(cx))? {
                Some(chunk) => self.current = chunk,
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = self.current.len().min(buf.remaining());
        buf.put_slice(&self.current.split_to(n));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RingStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.outbound.accept(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.outbound.check())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbound.poll_shutdown(cx)
    }
}

/// An I/O error that more than one caller hears of.
#[derive(Clone, Debug)]
struct Failure {
    kind: io::ErrorKind,
    text: Arc<str>,
}

impl Failure {
    fn new(kind: io::ErrorKind, text: &str) -> Self {
        Self { kind, text: text.into() }
    }

    fn to_error(&self) -> io::Error {
        io::Error::new(self.kind, self.text.to_string())
    }
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        Self::new(error.kind(), &error.to_string())
    }
}
