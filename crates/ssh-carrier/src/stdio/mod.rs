//! This process's own standard input and output: the end that sshd's forced command sees.
//!
//! sshd gives a command either two pipes or one socket, and a pty when the caller asked for one; pppd gives its `pty`
//! command a pty. All of them work. A terminal that somebody types at does not: [`open`] refuses it and says what was
//! probably meant.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rustix::fs::{Mode, OFlags};

use tokio::sync::mpsc;

use crate::fd::{FdKind, FdRx, FdTx, RestoreFlags, nonblocking_for_now};
use crate::lanes::{Merged, Split};
use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, CarrierRx, CarrierTx};

pub mod lanes;
mod terminal;

use lanes::{Back, Joining, LaneListener};
use terminal::RawMode;

/// How to use the standard streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StdioConfig {
    /// Whether our own terminal on the standard streams is sshd's (`ssh -tt`), to be made raw, rather than somebody's.
    pub allow_pty: bool,
    /// The other end in words.
    pub peer: String,
    /// The address that the SSH connection comes from.
    pub address: Option<IpAddr>,
}

impl StdioConfig {
    /// Takes from `SSH_CONNECTION`, which sshd sets, who is at the other end and whether it is sshd at all.
    pub fn from_env() -> Self {
        Self::from_ssh_connection(std::env::var("SSH_CONNECTION").ok().as_deref())
    }

    fn from_ssh_connection(value: Option<&str>) -> Self {
        // Client address, client port, server address, server port: ssh(1), ENVIRONMENT.
        let client = value.and_then(|value| {
            let mut words = value.split(' ');
            let address: IpAddr = words.next()?.parse().ok()?;
            let port: u16 = words.next()?.parse().ok()?;
            Some(SocketAddr::new(address, port))
        });
        Self {
            allow_pty: client.is_some(),
            peer: client.map_or_else(|| "standard input and output".to_owned(), |client| client.to_string()),
            address: client.map(|client| client.ip()),
        }
    }
}

/// Takes standard input and output over as a carrier.
///
/// From then on file descriptor 0 is `/dev/null` and 1 is standard error, so that nothing printed by mistake gets
/// into the stream. May be called once; must be called within a tokio runtime.
pub fn open(config: &StdioConfig) -> Result<Carrier, CarrierError> {
    Ok(take(config)?.into_carrier(None))
}

/// Does the first half of [`open`]; nothing is read yet.
pub fn take(config: &StdioConfig) -> Result<Streams, CarrierError> {
    let taken = |error| CarrierError::io("taking over the standard streams", error);
    let input = rustix::stdio::stdin().try_clone_to_owned().map_err(taken)?;
    let output = rustix::stdio::stdout().try_clone_to_owned().map_err(taken)?;
    check(&input, &output, config)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| taken(error.into()))?;
    rustix::stdio::dup2_stdin(&null).map_err(|error| taken(error.into()))?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr()).map_err(|error| taken(error.into()))?;
    from_fds(input, output, config)
}

/// Refuses what cannot be a stream to the other end.
fn check(input: &OwnedFd, output: &OwnedFd, config: &StdioConfig) -> Result<(), CarrierError> {
    for (fd, stream) in [(input, "standard input"), (output, "standard output")] {
        match FdKind::of(fd).map_err(|error| CarrierError::io(stream, error))? {
            FdKind::Pipe | FdKind::Socket => {}
            FdKind::Terminal if config.allow_pty || !terminal::is_our_own(fd) => {}
            FdKind::Terminal if stream == "standard input" => return Err(CarrierError::Terminal),
            FdKind::Terminal => return Err(CarrierError::NotAStream { stream, kind: "a terminal" }),
            FdKind::Other(kind) => return Err(CarrierError::NotAStream { stream, kind }),
        }
    }
    Ok(())
}

/// The standard streams, taken over.
pub struct Streams {
    rx: StdioRx,
    tx: StdioTx,
    peer: String,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Streams {
    /// The carrier that they are, with further lanes for whoever joins at `lanes`.
    pub fn into_carrier(mut self, lanes: Option<LaneListener>) -> Carrier {
        (self.rx.joining, self.tx.joining) = lanes.map(Joining::new).unzip();
        let info = CarrierInfo { kind: CarrierKind::Stdio, peer: self.peer, address: None, cipher: None };
        Carrier { tx: Box::new(self.tx), rx: Box::new(self.rx), info }
    }
}

fn from_fds(input: OwnedFd, output: OwnedFd, config: &StdioConfig) -> Result<Streams, CarrierError> {
    check(&input, &output, config)?;
    let prepared = |error| CarrierError::io("preparing the standard streams", error);
    let raw = RawMode::enter(&input).map_err(prepared)?.map(Arc::new);
    let (input, input_flags) = private(input, OFlags::RDONLY).map_err(prepared)?;
    let (output, output_flags) = private(output, OFlags::WRONLY).map_err(prepared)?;
    let stream = Merged::new(FdRx::new(input).map_err(prepared)?);
    let rx = StdioRx { stream, joining: None, _flags: input_flags, _raw: raw.clone() };
    let stream = Split::new(FdTx::new(output).map_err(prepared)?);
    let tx = StdioTx { stream, joining: None, flags: output_flags, raw };
    Ok(Streams { rx, tx, peer: config.peer.clone() })
}

/// A non-blocking file descriptor for the same pipe, terminal or socket.
///
/// `O_NONBLOCK` belongs to the open file description, which other processes may hold too: a shell's terminal, a pipe
/// line's pipe. Where Linux lets us open the thing anew we get a description of our own; elsewhere the flag is put
/// back at the end.
fn private(fd: OwnedFd, access: OFlags) -> io::Result<(OwnedFd, Option<Arc<RestoreFlags>>)> {
    // To open a pty's master anew is to make another pty.
    let can_be_reopened = FdKind::of(&fd)? != FdKind::Socket && !terminal::is_master(&fd);
    if cfg!(target_os = "linux") && can_be_reopened {
        let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if let Ok(own) = rustix::fs::open(path, flags, Mode::empty()) {
            return Ok((own, None));
        }
    }
    let restore = nonblocking_for_now(&fd)?;
    Ok((fd, restore))
}

struct StdioTx {
    // Before the guards: the descriptor closes, then its flags and the terminal's mode are put back.
    stream: Split<FdTx>,
    /// Lanes that the other half took in.
    joining: Option<mpsc::UnboundedReceiver<Back>>,
    flags: Option<Arc<RestoreFlags>>,
    raw: Option<Arc<RawMode>>,
}

fn writing(error: io::Error) -> CarrierError {
    CarrierError::io("writing to standard output", error)
}

impl CarrierTx for StdioTx {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        if let Some(joining) = &mut self.joining
            && let Poll::Ready(Some(back)) = joining.poll_recv(cx)
        {
            lanes::agree(back, &mut self.stream).map_err(writing)?;
        }
        self.stream.poll_ready(cx).map_err(writing)
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        self.stream.start_send(chunk);
        Ok(())
    }

    fn start_send_parts(&mut self, head: &mut BytesMut, tail: &[u8]) -> Result<(), CarrierError> {
        self.stream.start_send_parts(head, tail);
        Ok(())
    }

    fn writes_parts(&self) -> bool {
        true
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        ready!(self.stream.poll_finish(cx)).map_err(writing)?;
        // The guards hold copies of a pipe, and its reader sees the end only when those are closed too.
        self.flags = None;
        self.raw = None;
        Poll::Ready(Ok(()))
    }
}

struct StdioRx {
    stream: Merged,
    joining: Option<Joining>,
    _flags: Option<Arc<RestoreFlags>>,
    _raw: Option<Arc<RawMode>>,
}

impl CarrierRx for StdioRx {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>> {
        let joined = self.joining.as_mut().map_or(Ok(()), |joining| joining.poll(cx, &mut self.stream));
        let received = joined.map_or_else(|error| Poll::Ready(Err(error)), |()| self.stream.poll_recv(cx));
        received.map_err(|error| CarrierError::io("reading from standard input", error))
    }
}

#[cfg(test)]
mod tests;
