//! The write side: a ring that accepts at once, and the task that empties it into the socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;

use super::{BLOCK, Failure};

/// Empty blocks kept while the ring is in use; one is kept when it is idle.
const SPARE_BLOCKS: usize = 4;

/// Blocks handed to the socket in one call.
const VECTOR: usize = 8;

pub(super) struct Outbound {
    limit: usize,
    gate: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Accepted and not yet taken by the writer, oldest first; only the last may have room.
    blocks: VecDeque<BytesMut>,
    spare: Vec<BytesMut>,
    /// Octets accepted and not yet taken by the socket, those in the writer's hands included.
    queued: usize,
    /// Octets admitted by gates that the engine still holds as they were given.
    admitted: usize,
    /// Octets that the engine has made into packets, but not written since.
    packed: usize,
    phase: Phase,
    writer: Option<Waker>,
    closer: Option<Waker>,
    waiters: Vec<Waiter>,
    next_gate: u64,
}

#[derive(Default)]
enum Phase {
    #[default]
    Open,
    Closing,
    Closed,
    Failed(Failure),
}

struct Waiter {
    gate: u64,
    waker: Waker,
}

impl State {
    /// Octets on their way from a gate to the socket.
    fn under_way(&self) -> usize {
        self.admitted + self.packed + self.queued
    }

    fn error(&self) -> Option<io::Error> {
        match &self.phase {
            Phase::Open => None,
            Phase::Closing | Phase::Closed => {
                Some(io::Error::new(io::ErrorKind::BrokenPipe, "written to after it was shut down"))
            }
            Phase::Failed(failure) => Some(failure.to_error()),
        }
    }
}

fn wake(waiters: Vec<Waiter>) {
    for waiter in waiters {
        waiter.waker.wake();
    }
}

impl Outbound {
    pub(super) fn new(limit: usize, gate: usize) -> Self {
        Self { limit, gate, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes octets for the socket; an error once the limit is reached.
    pub(super) fn accept(&self, mut octets: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        if let Some(error) = state.error() {
            return Err(error);
        }
        if octets.is_empty() {
            return Ok(0);
        }
        let room = self.limit - state.queued;
        if room == 0 {
            let text = format!("the peer left {} octets unread and kept asking for more", self.limit);
            let failure = Failure::new(io::ErrorKind::OutOfMemory, &text);
            drop(state);
            self.fail(&failure);
            return Err(failure.to_error());
        }
        octets = &octets[..octets.len().min(room)];
        let taken = octets.len();
        while !octets.is_empty() {
            if state.blocks.back().is_none_or(|last| last.len() == last.capacity()) {
                let block = state.spare.pop().unwrap_or_else(|| BytesMut::with_capacity(BLOCK));
                state.blocks.push_back(block);
            }
            if let Some(last) = state.blocks.back_mut() {
                let n = octets.len().min(last.capacity() - last.len());
                last.extend_from_slice(&octets[..n]);
                octets = &octets[n..];
            }
        }
        state.queued += taken;
        // An engine writes all that it has packed at once.
        state.packed = 0;
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Ok(taken)
    }

    /// The error of the socket, if it had one.
    pub(super) fn check(&self) -> io::Result<()> {
        match &self.state().phase {
            Phase::Failed(failure) => Err(failure.to_error()),
            Phase::Open | Phase::Closing | Phase::Closed => Ok(()),
        }
    }

    pub(super) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        match &state.phase {
            Phase::Closed => return Poll::Ready(Ok(())),
            Phase::Failed(failure) => return Poll::Ready(Err(failure.to_error())),
            Phase::Open => state.phase = Phase::Closing,
            Phase::Closing => {}
        }
        state.closer = Some(cx.waker().clone());
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Pending
    }

    /// Ends the ring with an error; the first one stands.
    pub(super) fn fail(&self, failure: &Failure) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Closed | Phase::Failed(_)) {
            return;
        }
        state.phase = Phase::Failed(failure.clone());
        state.blocks.clear();
        state.spare.clear();
        let waiters = std::mem::take(&mut state.waiters);
        let others = [state.writer.take(), state.closer.take()];
        drop(state);
        wake(waiters);
        for waker in others.into_iter().flatten() {
            waker.wake();
        }
    }

    pub(super) fn new_gate(&self) -> u64 {
        let mut state = self.state();
        state.next_gate += 1;
        state.next_gate
    }

    pub(super) fn forget_gate(&self, gate: u64) {
        self.state().waiters.retain(|waiter| waiter.gate != gate);
    }

    /// Ready while few enough octets are under way.
    pub(super) fn poll_gate(&self, gate: u64, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if let Some(error) = state.error() {
            return Poll::Ready(Err(error));
        }
        if state.under_way() <= self.gate {
            return Poll::Ready(Ok(()));
        }
        let waiter = Waiter { gate, waker: cx.waker().clone() };
        match state.waiters.iter_mut().find(|known| known.gate == gate) {
            Some(known) => *known = waiter,
            None => state.waiters.push(waiter),
        }
        Poll::Pending
    }

    /// A gate let `n` octets into the engine.
    pub(super) fn admit(&self, n: usize) {
        self.state().admitted += n;
    }

    /// The engine is done with `n` octets that a gate had let in.
    pub(super) fn pack(&self, n: usize) {
        let mut state = self.state();
        state.admitted -= n;
        state.packed += n;
    }

    /// Hands everything accepted to the writer; `false` when the ring was shut down and is empty, or failed.
    fn poll_take(&self, batch: &mut VecDeque<BytesMut>, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        if !state.blocks.is_empty() {
            batch.append(&mut state.blocks);
            return Poll::Ready(true);
        }
        match state.phase {
            Phase::Open => {
                state.spare.truncate(1);
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            Phase::Closing | Phase::Closed | Phase::Failed(_) => Poll::Ready(false),
        }
    }

    /// The socket took `n` octets, which emptied `empty`.
    fn written(&self, n: usize, empty: Vec<BytesMut>) {
        let mut state = self.state();
        state.queued -= n;
        for mut block in empty {
            block.clear();
            // What was advanced over comes back only when the block is rebuilt at its full size.
            block.reserve(BLOCK);
            if state.spare.len() < SPARE_BLOCKS {
                state.spare.push(block);
            }
        }
        let passing =
            if state.under_way() <= self.gate { std::mem::take(&mut state.waiters) } else { Vec::new() };
        drop(state);
        wake(passing);
    }

    fn closed(&self) {
        let mut state = self.state();
        state.phase = Phase::Closed;
        let closer = state.closer.take();
        drop(state);
        if let Some(closer) = closer {
            closer.wake();
        }
    }
}

/// Empties the ring into `io` until it is shut down.
pub(super) async fn run<W>(outbound: Arc<Outbound>, mut io: W, failed: oneshot::Sender<Failure>)
where
    W: AsyncWrite + Unpin,
{
    match feed(&outbound, &mut io).await {
        Ok(()) => outbound.closed(),
        Err(error) => {
            let failure = Failure::from(&error);
            outbound.fail(&failure);
            // The reader may have ended before; then nobody is left to hear of it.
            let _ = failed.send(failure);
        }
    }
}

async fn feed<W: AsyncWrite + Unpin>(outbound: &Outbound, io: &mut W) -> io::Result<()> {
    let mut batch = VecDeque::new();
    while std::future::poll_fn(|cx| outbound.poll_take(&mut batch, cx)).await {
        while !batch.is_empty() {
            let n = write_some(io, &batch).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            outbound.written(n, advance(&mut batch, n));
        }
        io.flush().await?;
    }
    outbound.check()?;
    io.shutdown().await
}

async fn write_some<W: AsyncWrite + Unpin>(io: &mut W, batch: &VecDeque<BytesMut>) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); VECTOR];
    let mut n = 0;
    for (slice, block) in slices.iter_mut().zip(batch) {
        *slice = IoSlice::new(block);
        n += 1;
    }
    io.write_vectored(&slices[..n]).await
}

/// Drops the first `n` octets of `batch` and returns the blocks that this emptied.
fn advance(batch: &mut VecDeque<BytesMut>, mut n: usize) -> Vec<BytesMut> {
    let mut empty = Vec::new();
    while n > 0
        && let Some(first) = batch.front_mut()
    {
        let step = n.min(first.len());
        first.advance(step);
        n -= step;
        if first.is_empty() {
            empty.extend(batch.pop_front());
        }
    }
    empty
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;

    #[tokio::test]
    async fn an_idle_ring_keeps_one_block() {
        let (near, mut far) = duplex(1000);
        let outbound = Arc::new(Outbound::new(usize::MAX, 0));
        let (failed, _) = oneshot::channel();
        tokio::spawn(run(Arc::clone(&outbound), near, failed));
        assert_eq!(outbound.accept(&vec![0; 20 * BLOCK]).unwrap(), 20 * BLOCK);
        far.read_exact(&mut vec![0; 20 * BLOCK]).await.unwrap();
        while outbound.state().writer.is_none() {
            tokio::task::yield_now().await;
        }
        let state = outbound.state();
        assert!(state.blocks.is_empty());
        assert_eq!(state.spare.iter().map(BytesMut::capacity).collect::<Vec<_>>(), [BLOCK]);
        assert_eq!(state.under_way(), 0);
    }
}
