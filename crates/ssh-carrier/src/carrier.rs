//! The two halves of a byte stream.

use std::fmt;
use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::CarrierError;

/// A byte stream to the other end.
///
/// The halves are independent, so that one task can wait for both at once. Dropping both ends the stream and
/// whatever carried it (the child process, the SSH connection).
pub struct Carrier {
    /// The half that sends.
    pub tx: Box<dyn CarrierTx>,
    /// The half that receives.
    pub rx: Box<dyn CarrierRx>,
    /// What carries the bytes, for people and for the status page.
    pub info: CarrierInfo,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier").field("info", &self.info).finish_non_exhaustive()
    }
}

/// The sending half. At most one chunk is held here while the far side takes no bytes.
pub trait CarrierTx: Send {
    /// Ready when [`start_send`](Self::start_send) may be called. Cancel-safe: a chunk under way is kept here, and
    /// leaves by itself as soon as it can.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>>;

    /// Takes one chunk; never blocks. Call only after [`poll_ready`](Self::poll_ready) said ready.
    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError>;

    /// Takes one chunk that lies in two pieces, like [`start_send`](Self::start_send); `head` is empty afterwards.
    fn start_send_parts(&mut self, head: &mut BytesMut, tail: &[u8]) -> Result<(), CarrierError> {
        head.extend_from_slice(tail);
        self.start_send(head.split().freeze())
    }

    /// Whether [`start_send_parts`](Self::start_send_parts) writes the pieces from where they lie.
    fn writes_parts(&self) -> bool {
        false
    }

    /// Writes out what is held and tells the far side that no more will come.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>>;

    /// The far end takes the stream through several channels, too. A carrier that can will open more of them where one does
    /// not let through what the path holds.
    fn widen(&mut self) {}

    /// Channels that it sends through, where it may open more.
    fn channels(&self) -> Option<usize> {
        None
    }

    /// Octets that may be under way on the path, as [`path_holds`](Self::path_holds) counts them: more would stand in the carrier, and
    /// leave in one bunch when they can.
    fn capacity(&self) -> u64 {
        u64::MAX
    }

    /// So many octets that were sent have not arrived, and so many came in, within a round trip of the path: to be said about once in
    /// a round trip. That tells a carrier when to open another channel.
    fn path_holds(&mut self, rtt: Duration, sent: u64, received: u64) {
        let _ = (rtt, sent, received);
    }
}

/// The receiving half.
pub trait CarrierRx: Send {
    /// The next bytes from the other end, in any chunking; `None` once the stream ended cleanly.
    ///
    /// Cancel-safe. Must be polled whenever the caller can take bytes: an SSH connection stops as a whole when
    /// one channel is not drained.
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>>;

    /// Nobody at the far end bounds what is under way to here: a carrier that can does so from here on, and the rest waits at the far end
    /// before it is sealed and sent.
    fn bound(&mut self) {}
}

impl dyn CarrierTx + '_ {
    /// Waits until a chunk may be sent.
    pub async fn ready(&mut self) -> Result<(), CarrierError> {
        poll_fn(|cx| self.poll_ready(cx)).await
    }

    /// Waits for room, then sends one chunk.
    pub async fn send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        self.ready().await?;
        self.start_send(chunk)
    }

    /// Writes out what is held and ends the sending direction.
    pub async fn finish(&mut self) -> Result<(), CarrierError> {
        poll_fn(|cx| self.poll_finish(cx)).await
    }
}

impl dyn CarrierRx + '_ {
    /// Waits for the next bytes; `None` once the stream ended cleanly.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, CarrierError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }
}

/// What kind of thing carries the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierKind {
    /// The SSH client in this process.
    Native,
    /// The system's `ssh` as a child.
    Openssh,
    /// Another command as a child.
    Command,
    /// Standard input and output.
    Stdio,
    /// The SSH server in this process.
    Server,
    /// A pipe between two ends in one process.
    Memory,
}

impl fmt::Display for CarrierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Openssh => "openssh",
            Self::Command => "command",
            Self::Stdio => "stdio",
            Self::Server => "server",
            Self::Memory => "memory",
        })
    }
}

/// A description of a [`Carrier`].
#[derive(Clone, Debug)]
pub struct CarrierInfo {
    /// What carries the bytes.
    pub kind: CarrierKind,
    /// The other end in words: `vpn@10.10.10.1:22`, or what `SSH_CONNECTION` says.
    pub peer: String,
    /// The address that the SSH connection goes to or comes from, where it is known: a route through the link must
    /// not swallow it.
    pub address: Option<IpAddr>,
    /// The SSH cipher, where it is known.
    pub cipher: Option<String>,
}
