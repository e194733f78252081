//! Further lanes for what comes in: channels of the same connection that carry a part of it by turns
//! ([`CarrierTx::widen`](crate::CarrierTx::widen)), each through another process that sshd started.
//!
//! That process finds this one by a socket in the file system, says nothing of itself, and copies: what comes in on its own
//! standard input, and back what this one answers.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::Streams;
use crate::fd::FdRx;
use crate::lanes::{AGREED, HELLO, MOST, PLACE_LEN, Stripes};
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

/// The lanes of a stream besides the first.
pub(super) struct Lanes {
    /// `None` once it failed, or there are enough.
    listener: Option<LaneListener>,
    joining: Option<AbortOnDropHandle<io::Result<(UnixStream, u64)>>>,
    stripes: Stripes,
    others: Vec<FdRx>,
}

impl Lanes {
    pub(super) fn new(listener: LaneListener) -> Self {
        Self { listener: Some(listener), joining: None, stripes: Stripes::default(), others: Vec::new() }
    }

    /// The next octets of the stream, whose first lane is `first`.
    pub(super) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        first: &mut FdRx,
    ) -> Poll<io::Result<Option<Bytes>>> {
        // Before anything is read: what is read where a lane has joined must be known for it.
        self.poll_join(cx)?;
        let lane = match self.stripes.lane() {
            0 => first,
            other => &mut self.others[other - 1],
        };
        let chunk = ready!(lane.poll_recv_most(cx, self.stripes.run()))?;
        if let Some(chunk) = &chunk {
            self.stripes.advance(chunk.len());
        }
        Poll::Ready(Ok(chunk))
    }

    /// Takes in who wants to join.
    fn poll_join(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.others.len() < MOST - 1 {
            if let Some(joining) = &mut self.joining {
                let Poll::Ready(joined) = Pin::new(joining).poll(cx) else { break };
                self.joining = None;
                match joined.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into())) {
                    Ok((stream, position)) => self.join(stream, position)?,
                    Err(error) => debug!(%error, "a lane that was to join"),
                }
            }
            let Some(listener) = &self.listener else { break };
            match listener.poll_accept(cx) {
                Poll::Ready(Ok(stream)) => {
                    self.joining = Some(AbortOnDropHandle::new(tokio::spawn(ask(stream))));
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

    fn join(&mut self, stream: UnixStream, position: u64) -> io::Result<()> {
        if !self.stripes.join_at(position) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a lane joins where it cannot"));
        }
        // There is room for one word in a socket that nothing but another was written to.
        if stream.try_write(AGREED)? != AGREED.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.others.push(FdRx::new(OwnedFd::from(stream.into_std()?))?);
        info!("the caller uses {} channels for what he sends", self.others.len() + 1);
        Ok(())
    }
}

/// Where in the stream a lane joins.
async fn ask(mut stream: UnixStream) -> io::Result<(UnixStream, u64)> {
    let answer = async {
        stream.write_all(HELLO).await?;
        let mut place = [0; PLACE_LEN];
        stream.read_exact(&mut place).await?;
        Ok::<_, io::Error>(u64::from_be_bytes(place))
    };
    let position = timeout(PATIENCE, answer).await??;
    Ok((stream, position))
}

/// Hands what comes in on the standard streams on to the process that listens at `path`, and back what that one says, until
/// either ends.
pub async fn hand_on(streams: Streams, path: &Path) -> Result<(), CarrierError> {
    let joined = |error| CarrierError::io("joining the link's first process", error);
    let (mut from, mut to) = UnixStream::connect(path).await.map_err(joined)?.into_split();
    let Carrier { mut tx, mut rx, .. } = streams.into_carrier(None);
    let onward = async {
        while let Some(chunk) = rx.recv().await? {
            to.write_all(&chunk).await.map_err(joined)?;
        }
        to.shutdown().await.map_err(joined)
    };
    let back = async {
        let mut said = bytes::BytesMut::new();
        while from.read_buf(&mut said).await.map_err(joined)? > 0 {
            tx.send(said.split().freeze()).await?;
        }
        tx.finish().await
    };
    // The first process ends the lane; that the caller sends no more does not.
    tokio::select! {
        Err(error) = onward => Err(error),
        done = back => done,
    }
}
