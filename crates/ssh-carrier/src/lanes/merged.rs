//! One stream out of several lanes.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::Stripes;
use crate::fd::FdRx;

/// Reads from one file descriptor, or from several by turns.
pub(crate) struct Merged {
    lanes: Vec<FdRx>,
    stripes: Stripes,
    /// Nothing is read from there on.
    hold: Option<u64>,
}

impl Merged {
    pub(crate) fn new(first: FdRx) -> Self {
        Self { lanes: vec![first], stripes: Stripes::default(), hold: None }
    }

    /// What has come, and how.
    pub(crate) fn stripes(&self) -> &Stripes {
        &self.stripes
    }

    /// Nothing is read from there on before another lane [joins](Self::join).
    pub(crate) fn hold_at(&mut self, position: u64) {
        self.hold = Some(position);
    }

    /// Another lane joins where so many octets have come; `false` if that cannot be.
    #[must_use]
    pub(crate) fn join(&mut self, lane: FdRx, position: u64) -> bool {
        let is_possible = self.stripes.join_at(position);
        if is_possible {
            self.hold = None;
            self.lanes.push(lane);
        }
        is_possible
    }

    /// The next octets. Where they are held back, whoever makes another lane join sees to it that this is asked again.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        let held = self.hold.map_or(u64::MAX, |at| at.saturating_sub(self.stripes.position()));
        let most = usize::try_from(held).unwrap_or(usize::MAX).min(self.stripes.run());
        if most == 0 {
            return Poll::Pending;
        }
        let chunk = ready!(self.lanes[self.stripes.lane()].poll_recv_most(cx, most))?;
        if let Some(chunk) = &chunk {
            self.stripes.advance(chunk.len());
        }
        Poll::Ready(Ok(chunk))
    }
}
