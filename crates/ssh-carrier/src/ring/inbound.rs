//! The read side: a task that runs ahead of the reader by a bounded number of octets.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;

use super::{BLOCK, Failure};

/// A block with less room than this is given up for a fresh one.
const SMALLEST_READ: usize = 4 * 1024;

pub(super) struct Inbound {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    queued: usize,
    end: Option<End>,
    consumer: Option<Waker>,
    reader: Option<Waker>,
}

enum End {
    Eof,
    Failed(Failure),
}

impl Inbound {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next octets; `None` at the end of the stream.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let mut state = self.state();
        if let Some(chunk) = state.chunks.pop_front() {
            state.queued -= chunk.len();
            if state.queued < self.limit
                && let Some(reader) = state.reader.take()
            {
                drop(state);
                reader.wake();
            }
            return Poll::Ready(Ok(Some(chunk)));
        }
        match &state.end {
            Some(End::Eof) => Poll::Ready(Ok(None)),
            Some(End::Failed(failure)) => Poll::Ready(Err(failure.to_error())),
            None => {
                state.consumer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.queued < self.limit {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn push(&self, chunk: Bytes) {
        let mut state = self.state();
        state.queued += chunk.len();
        state.chunks.push_back(chunk);
        let consumer = state.consumer.take();
        drop(state);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }

    /// Ends this side with an error, after what is there to read.
    pub(super) fn fail(&self, failure: Failure) {
        self.finish(End::Failed(failure));
    }

    /// The first end stands.
    fn finish(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        let consumer = state.consumer.take();
        drop(state);
        if let Some(consumer) = consumer {
            consumer.wake();
        }
    }
}

/// Reads until the end. An error of the write side ends this side too, but only when nothing is left to read: the
/// far side's last words often explain it.
pub(super) async fn run<R>(inbound: Arc<Inbound>, mut io: R, write_failed: oneshot::Receiver<Failure>)
where
    R: AsyncRead + Unpin,
{
    let write_failed = async {
        match write_failed.await {
            Ok(failure) => failure,
            // The writer ended without an error: reading goes on.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::pin!(write_failed);
    let mut block = BytesMut::new();
    let end = loop {
        std::future::poll_fn(|cx| inbound.poll_room(cx)).await;
        if block.capacity() < SMALLEST_READ {
            block.reserve(BLOCK);
        }
        tokio::select! {
            biased;
            read = io.read_buf(&mut block) => match read {
                Ok(0) => break End::Eof,
                Ok(_) => inbound.push(block.split().freeze()),
                Err(error) => break End::Failed(Failure::from(&error)),
            },
            failure = &mut write_failed => break End::Failed(failure),
        }
    };
    inbound.finish(end);
}
