//! Sending on a channel, or on several by turns, one chunk at a time.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::task::noop_waker;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::task::AbortOnDropHandle;

use crate::lanes::{Piece, Split};
use crate::ring::SendGate;

/// The sending half of a channel.
pub(super) type Half = Arc<ChannelWriteHalf<Msg>>;

/// Sends on one channel, or on several by turns. It holds one chunk, and no more than the gate allows are behind it.
pub(super) struct ChannelSender {
    pub(super) lanes: Split<Half>,
    /// Waits for the channel's window and for the engine's queue, whether or not anybody asks again: sshd opens a
    /// channel with an empty window.
    sending: Option<AbortOnDropHandle<Result<(), russh::Error>>>,
    is_failed: bool,
    is_finished: bool,
    gate: SendGate,
}

impl ChannelSender {
    pub(super) fn new(half: ChannelWriteHalf<Msg>, gate: SendGate) -> Self {
        Self { lanes: Split::new(Arc::new(half)), sending: None, is_failed: false, is_finished: false, gate }
    }

    /// Ready when nothing is held; an error when the connection is gone.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(sending) = &mut self.sending {
            self.is_failed = !matches!(ready!(Pin::new(sending).poll(cx)), Ok(Ok(())));
            self.sending = None;
        }
        Poll::Ready(if self.is_failed { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) })
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        self.gate.poll_ready(cx)
    }

    pub(super) fn start_send(&mut self, chunk: Bytes) {
        let mut chunk = self.gate.admit(chunk);
        if let Some(half) = self.lanes.whole(chunk.len()) {
            let half = Arc::clone(half);
            return self.start(async move { half.data_bytes(chunk).await });
        }
        let mut pieces = Vec::new();
        while !chunk.is_empty() {
            let Piece { lane, octets, agreed } = self.lanes.cut(&mut chunk);
            pieces.push((Arc::clone(lane), octets, agreed));
        }
        self.start(async move {
            for (half, octets, agreed) in pieces {
                if let Some(agreed) = agreed {
                    agreed.await.map_err(|_| russh::Error::SendError)?;
                }
                half.data_bytes(octets).await?;
            }
            Ok(())
        });
    }

    pub(super) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        if !self.is_finished {
            self.is_finished = true;
            // Whichever the far end waits at.
            let lanes = self.lanes.all().to_vec();
            self.start(async move {
                for lane in lanes {
                    lane.eof().await?;
                }
                Ok(())
            });
        }
        self.poll_sent(cx)
    }

    fn start(&mut self, send: impl Future<Output = Result<(), russh::Error>> + Send + 'static) {
        debug_assert!(self.sending.is_none(), "start_send without poll_ready");
        let mut send = Box::pin(send);
        // Mostly there is room, and no task is needed.
        match send.as_mut().poll(&mut Context::from_waker(&noop_waker())) {
            Poll::Ready(sent) => self.is_failed |= sent.is_err(),
            Poll::Pending => self.sending = Some(AbortOnDropHandle::new(tokio::spawn(send))),
        }
    }
}

/// A channel through a jump host, as the stream under another connection.
pub(super) struct ChannelWriter(pub(super) ChannelSender);

impl AsyncWrite for ChannelWriter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.0.poll_ready(cx))?;
        self.0.start_send(Bytes::copy_from_slice(buf));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_sent(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_finish(cx)
    }
}

/// The reading half of the same.
pub(super) struct ChannelReader {
    half: ChannelReadHalf,
    current: Bytes,
}

impl ChannelReader {
    pub(super) fn new(half: ChannelReadHalf) -> Self {
        Self { half, current: Bytes::new() }
    }
}

impl AsyncRead for ChannelReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.current.is_empty() {
            let message = ready!(pin!(self.half.wait()).poll(cx));
            match message {
                Some(ChannelMsg::Data { data }) => self.current = data,
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Poll::Ready(Ok(())),
                Some(_) => {}
            }
        }
        let n = self.current.len().min(buf.remaining());
        buf.put_slice(&self.current[..n]);
        self.current.advance(n);
        Poll::Ready(Ok(()))
    }
}
