//! Holding a sender back while its octets would only queue.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::outbound::Outbound;

/// Tells a sender of channel data when to send the next chunk.
///
/// It is ready while no more than [`RingConfig::gate`](super::RingConfig::gate) octets are under way: in the SSH
/// engine's queue, in its packets, or in the ring. So none of these, nor a large window granted by the peer, can
/// hide a standing queue from the caller. What the engine holds is known exactly, because each chunk that was
/// [admitted](Self::admit) tells when the engine lets go of it.
pub struct SendGate {
    outbound: Arc<Outbound>,
    id: u64,
}

impl fmt::Debug for SendGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGate").finish_non_exhaustive()
    }
}

impl SendGate {
    pub(super) fn new(outbound: Arc<Outbound>) -> Self {
        let id = outbound.new_gate();
        Self { outbound, id }
    }

    /// A gate for another sender through the same stream.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(Arc::clone(&self.outbound))
    }

    /// Ready when the next chunk may be sent; an error when the stream has ended.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbound.poll_gate(self.id, cx)
    }

    /// The same octets, counted until the engine drops them. These are what has to be given to the engine.
    #[must_use]
    pub fn admit(&self, chunk: Bytes) -> Bytes {
        self.outbound.admit(chunk.len());
        Bytes::from_owner(Admitted { chunk, outbound: Arc::clone(&self.outbound) })
    }
}

impl Drop for SendGate {
    fn drop(&mut self) {
        self.outbound.forget_gate(self.id);
    }
}

struct Admitted {
    chunk: Bytes,
    outbound: Arc<Outbound>,
}

impl AsRef<[u8]> for Admitted {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.outbound.pack(self.chunk.len());
    }
}
