//! The streams of compressed packets, one in each direction.

use std::time::Instant;

use crate::{
    ccp::{
        Ccp,
        deflate::{Compressor, Decompressor},
    },
    fsm::{ControlMachine, State},
};

/// Both directions' streams.
#[derive(Debug, Default)]
pub(super) struct Compression {
    pub(super) sent: Option<Compressor>,
    pub(super) received: Option<Receiving>,
}

/// The stream from the peer.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) stream: Decompressor,
    /// The stream is broken: the Reset-Request's Identifier, and when it was made.
    pub(super) broken: Option<(u8, Instant)>,
    /// Resets since a datagram was last unpacked.
    pub(super) resets: u32,
}

impl Compression {
    /// What to send in the place of a packet, if it shrinks and if that may be sent.
    pub(super) fn compress(
        &mut self,
        ccp: Option<&ControlMachine<Ccp>>,
        number: u16,
        packet: &[u8],
    ) -> Option<&[u8]> {
        let datagram = self.sent.as_mut()?.compress(number, packet)?;
        ccp.is_some_and(|ccp| ccp.state() == State::Opened).then_some(datagram)
    }

    pub(super) fn unpacked(&self) -> &[u8] {
        self.received.as_ref().map_or(&[], |receiving| receiving.stream.packet())
    }
}
