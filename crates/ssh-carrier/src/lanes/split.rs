//! One stream into several lanes.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::sync::oneshot;

use super::Stripes;
use crate::fd::FdTx;

/// One lane, or several by turns.
pub(crate) struct Split<T> {
    lanes: Vec<T>,
    stripes: Stripes,
    /// Nothing goes from where the last lane joins until the far end knows of it.
    agreed: Option<oneshot::Receiver<()>>,
}

/// A part of a chunk, and how it goes.
pub(crate) struct Piece<'a, T> {
    pub(crate) lane: &'a mut T,
    pub(crate) octets: Bytes,
    /// What it waits for.
    pub(crate) agreed: Option<oneshot::Receiver<()>>,
}

impl<T> Split<T> {
    pub(crate) fn new(first: T) -> Self {
        Self { lanes: vec![first], stripes: Stripes::default(), agreed: None }
    }

    /// What was given, and how it went.
    pub(crate) fn stripes(&self) -> &Stripes {
        &self.stripes
    }

    /// Another lane joins where so many octets have gone; `false` if that cannot be. From there on nothing goes before `agreed`,
    /// if anything is.
    #[must_use]
    pub(crate) fn join(&mut self, lane: T, position: u64, agreed: Option<oneshot::Receiver<()>>) -> bool {
        let is_possible = self.stripes.join_at(position);
        if is_possible {
            self.lanes.push(lane);
            self.agreed = agreed;
        }
        is_possible
    }

    /// All of them, and those that soon will be.
    pub(crate) fn all(&self) -> &[T] {
        &self.lanes
    }

    /// The lane of the next octets, if so many of them go through one and wait for nothing: then they have gone.
    pub(crate) fn whole(&mut self, octets: usize) -> Option<&mut T> {
        (octets < self.stripes.run() && !self.is_awaited()).then(|| self.turn(octets))
    }

    /// The first part of a chunk, as far as it goes through one lane; then it has gone.
    pub(crate) fn cut(&mut self, chunk: &mut Bytes) -> Piece<'_, T> {
        let agreed = if self.is_awaited() { self.agreed.take() } else { None };
        let octets = chunk.split_to(chunk.len().min(self.stripes.run()));
        Piece { lane: self.turn(octets.len()), octets, agreed }
    }

    /// Whether the next octet may have to wait until the far end knows where it goes.
    fn is_awaited(&self) -> bool {
        self.agreed.is_some() && self.stripes.joined() == self.stripes.lanes()
    }

    /// The lane of the next octets, which are these.
    fn turn(&mut self, octets: usize) -> &mut T {
        let lane = self.stripes.lane();
        self.stripes.advance(octets);
        &mut self.lanes[lane]
    }
}

impl Split<FdTx> {
    /// Ready when a chunk may be given. An error comes back each time.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lanes[self.stripes.lane()].poll_flush(cx)
    }

    /// Takes a chunk; what cannot be written at once leaves by itself.
    pub(crate) fn start_send(&mut self, mut chunk: Bytes) {
        if let Some(lane) = self.whole(chunk.len()) {
            return lane.start_send(chunk);
        }
        while !chunk.is_empty() {
            let Piece { lane, octets, agreed } = self.cut(&mut chunk);
            match agreed {
                Some(agreed) => lane.start_send_after(agreed, octets),
                None => lane.start_send(octets),
            }
        }
    }

    /// The same for a chunk that lies in two pieces; `head` is empty afterwards.
    pub(crate) fn start_send_parts(&mut self, head: &mut BytesMut, tail: &[u8]) {
        if let Some(lane) = self.whole(head.len() + tail.len()) {
            return lane.start_send_parts(head, tail);
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
}
