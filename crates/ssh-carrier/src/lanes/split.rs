//! One stream into several file descriptors.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

use super::Stripes;
use crate::fd::FdTx;

/// Writes to one file descriptor, or to several by turns.
pub(crate) struct Split {
    lanes: Vec<FdTx>,
    stripes: Stripes,
    /// Nothing goes from where the last lane joins until the far end knows of it.
    agreed: Option<oneshot::Receiver<()>>,
}

impl Split {
    pub(crate) fn new(first: FdTx) -> Self {
        Self { lanes: vec![first], stripes: Stripes::default(), agreed: None }
    }

    /// Octets that were given.
    pub(crate) fn position(&self) -> u64 {
        self.stripes.position()
    }

    /// Lanes that it writes to, or soon will.
    pub(crate) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Those of them that have joined.
    pub(crate) fn joined(&self) -> usize {
        self.stripes.lanes()
    }

    /// Another lane joins where so many octets have gone; `false` if that cannot be. From there on nothing goes before `agreed`,
    /// if anything is.
    #[must_use]
    pub(crate) fn join(&mut self, lane: FdTx, position: u64, agreed: Option<oneshot::Receiver<()>>) -> bool {
        let is_possible = self.stripes.join_at(position);
        if is_possible {
            self.lanes.push(lane);
            self.agreed = agreed;
        }
        is_possible
    }

    /// Ready when a chunk may be given. An error comes back each time.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lanes[self.stripes.lane()].poll_flush(cx)
    }

    /// Takes a chunk; what cannot be written at once leaves by itself.
    pub(crate) fn start_send(&mut self, mut chunk: Bytes) {
        if self.is_one_piece(chunk.len()) {
            return self.turn(chunk.len()).start_send(chunk);
        }
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(self.stripes.run()));
            match self.agreed.take_if(|_| self.stripes.lanes() == self.lanes.len()) {
                Some(agreed) => self.turn(piece.len()).start_send_after(agreed, piece),
                None => self.turn(piece.len()).start_send(piece),
            }
        }
    }

    /// The same for a chunk that lies in two pieces; `head` is empty afterwards.
    pub(crate) fn start_send_parts(&mut self, head: &mut BytesMut, tail: &[u8]) {
        let len = head.len() + tail.len();
        if self.is_one_piece(len) {
            return self.turn(len).start_send_parts(head, tail);
        }
        head.extend_from_slice(tail);
        self.start_send(head.split().freeze());
    }

    /// Writes what is held and ends the direction in all lanes, whichever the far end waits at.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for lane in &mut self.lanes {
            ready!(lane.poll_finish(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether so many octets go through one lane, and wait for nothing.
    fn is_one_piece(&self, len: usize) -> bool {
        len < self.stripes.run() && (self.agreed.is_none() || self.joined() < self.lanes())
    }

    /// The lane of the next octets, which are these.
    fn turn(&mut self, octets: usize) -> &mut FdTx {
        let lane = self.stripes.lane();
        self.stripes.advance(octets);
        &mut self.lanes[lane]
    }
}
