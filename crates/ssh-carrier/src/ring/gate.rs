//! Holding a sender back while its octets would only queue.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::outbound::Outbound;

/// Chunks that may be on their way through the SSH engine and not yet in the ring: enough that it never waits for
/// the next one, few enough that they are no queue.
const IN_FLIGHT: usize = 3;

/// Tells a sender of channel data when to send the next chunk.
///
/// It is ready when the socket keeps up ([`RingConfig::gate`](super::RingConfig::gate)) and when the chunks sent
/// before have come out of the SSH engine, but for the last three. So neither the ring, nor the engine's own queue,
/// nor a large window granted by the peer can hide a standing queue from the caller.
///
/// When an engine drops chunks, because their channel was closed, the gate may stay shut: then the channel's end is
/// what the sender has to hear of. When the stream ends, the gate returns its error.
pub struct SendGate {
    outbound: Arc<Outbound>,
    id: u64,
    /// The count of accepted octets at which each of the last chunks has surely come out, oldest first.
    targets: VecDeque<u64>,
}

impl fmt::Debug for SendGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGate").finish_non_exhaustive()
    }
}

impl SendGate {
    pub(super) fn new(outbound: Arc<Outbound>) -> Self {
        let id = outbound.new_gate();
        Self { outbound, id, targets: VecDeque::with_capacity(IN_FLIGHT + 1) }
    }

    /// Ready when the next chunk may go to the engine.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let target = if self.targets.len() < IN_FLIGHT { 0 } else { self.targets[0] };
        self.outbound.poll_gate(self.id, target, cx)
    }

    /// A chunk of `len` octets went to the engine.
    pub fn sent(&mut self, len: usize) {
        // The engine writes more than it is given (headers, padding, answers), so counting from the last target
        // alone would open the gate ever earlier. Counting from what is accepted now, where that is more, stops it.
        let base = self.targets.back().copied().unwrap_or(0).max(self.outbound.accepted());
        self.targets.push_back(base + len as u64);
        if self.targets.len() > IN_FLIGHT {
            self.targets.pop_front();
        }
    }
}

impl Drop for SendGate {
    fn drop(&mut self) {
        self.outbound.forget_gate(self.id);
    }
}
