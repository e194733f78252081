//! Further lanes for the stream: channels of the same connection that carry a part of it by turns
//! ([`CarrierTx::widen`](crate::CarrierTx::widen)), each through another process that sshd started.
//!
//! That process finds this one by a socket in the file system, says nothing of itself, and copies: what comes in on its own
//! standard input, and back what this one sends.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::Streams;
use crate::fd::{FdRx, FdTx};
use crate::lanes::{Agreement, HELLO, Joint, MOST, Merged, Split};
use crate::{Carrier, CarrierError};

/// How long the caller may take to say where a lane joins.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where further lanes are joined: a socket that is removed at the end.
#[derive(Debug)]
pub struct LaneListener {
    socket: UnixListener,
    path: PathBuf,
}

impl LaneListener {
    /// Listens at `path`, in a directory that nobody else can write to. A socket that nobody listens at any more is replaced.
    pub fn bind(path: &Path) -> io::Result<Self> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self { socket: UnixListener::bind(path)?, path: path.to_owned() })
    }

    /// Another process of this user that wants to join.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        loop {
            let (stream, _) = ready!(self.socket.poll_accept(cx))?;
            if stream.peer_cred()?.uid() == rustix::process::geteuid().as_raw() {
                return Poll::Ready(Ok(stream));
            }
        }
    }
}

impl Drop for LaneListener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes in who wants to join the stream that comes in.
pub(super) struct Joining {
    /// `None` once it failed, or there are enough.
    listener: Option<LaneListener>,
    asking: Option<AbortOnDropHandle<io::Result<(UnixStream, Joint)>>>,
    back: mpsc::UnboundedSender<Back>,
}

/// A lane that is to join what goes back, too.
pub(super) struct Back {
    fd: FdTx,
    /// The first octet that may go through it.
    earliest: u64,
}

impl Joining {
    /// Together with where those come out that go both ways.
    pub(super) fn new(listener: LaneListener) -> (Self, mpsc::UnboundedReceiver<Back>) {
        let (back, backs) = mpsc::unbounded_channel();
        (Self { listener: Some(listener), asking: None, back }, backs)
    }

    /// To be done before anything is read: what is read where a lane has joined must be known for it.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Merged) -> io::Result<()> {
        while stream.stripes().lanes() < MOST {
            if let Some(asking) = &mut self.asking {
                let Poll::Ready(joined) = Pin::new(asking).poll(cx) else { break };
                self.asking = None;
                match joined.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into())) {
                    Ok((lane, joint)) => self.join(lane, joint, stream)?,
                    Err(error) => debug!(%error, "a lane that was to join"),
                }
            }
            let Some(listener) = &self.listener else { break };
            match listener.poll_accept(cx) {
                Poll::Ready(Ok(lane)) => {
                    self.asking = Some(AbortOnDropHandle::new(tokio::spawn(ask(lane))));
                }
                Poll::Ready(Err(error)) => {
                    debug!(%error, "listening for lanes");
                    self.listener = None;
                }
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn join(&self, lane: UnixStream, joint: Joint, stream: &mut Merged) -> io::Result<()> {
        let agreement = Agreement { received: None }.emit();
        // There is room for one word in a socket that nothing but another was written to.
        if joint.received.is_none() && lane.try_write(&agreement)? != agreement.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let lane = OwnedFd::from(lane.into_std()?);
        if let Some(earliest) = joint.received {
            // The half that sends may be gone: then nothing goes back any more.
            let _ = self.back.send(Back { fd: FdTx::new(lane.try_clone()?)?, earliest });
        }
        if !stream.join(FdRx::new(lane)?, joint.sent) {
            return Err(impossible());
        }
        info!("the caller uses {} channels", stream.stripes().lanes());
        Ok(())
    }
}

/// Lets a lane join what goes back, and says where it does.
pub(super) fn agree(Back { mut fd, earliest }: Back, stream: &mut Split<FdTx>) -> io::Result<()> {
    let position = earliest.max(stream.stripes().position());
    fd.start_send(Agreement { received: Some(position) }.emit().into());
    if stream.join(fd, position, None) { Ok(()) } else { Err(impossible()) }
}

fn impossible() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a lane joins where it cannot")
}

/// Where in the stream a lane joins.
async fn ask(mut lane: UnixStream) -> io::Result<(UnixStream, Joint)> {
    let answer = async {
        lane.write_all(HELLO).await?;
        let mut joint = [0; Joint::LEN];
        lane.read_exact(&mut joint).await?;
        Ok::<_, io::Error>(Joint::parse(joint))
    };
    let joint = timeout(PATIENCE, answer).await??;
    Ok((lane, joint))
}

/// Hands what comes in on the standard streams on to the process that listens at `path`, and back what that one sends, until
/// either ends.
pub async fn hand_on(streams: Streams, path: &Path) -> Result<(), CarrierError> {
    let joined = |error| CarrierError::io("joining the link's first process", error);
    let socket = UnixStream::connect(path).await.map_err(joined)?;
    let socket = OwnedFd::from(socket.into_std().map_err(joined)?);
    let mut to = FdTx::new(socket.try_clone().map_err(joined)?).map_err(joined)?;
    let mut from = FdRx::new(socket).map_err(joined)?;
    let Carrier { mut tx, mut rx, .. } = streams.into_carrier(None);
    let onward = async {
        while let Some(chunk) = rx.recv().await? {
            poll_fn(|cx| to.poll_flush(cx)).await.map_err(joined)?;
            to.start_send(chunk);
        }
        poll_fn(|cx| to.poll_finish(cx)).await.map_err(joined)
    };
    let back = async {
        while let Some(chunk) = poll_fn(|cx| from.poll_recv(cx)).await.map_err(joined)? {
            tx.send(chunk).await?;
        }
        tx.finish().await
    };
    // The first process ends the lane; that the caller sends no more does not.
    tokio::select! {
        Err(error) = onward => Err(error),
        done = back => done,
    }
}
