//! A look at the packets of a link, for captures.

use std::fmt;

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From this end to the peer.
    Sent,
    /// From the peer to this end.
    Received,
}

/// Sees every packet that crosses a link: after the framing was taken off, or before it is put on.
///
/// What it does must be quick, as the link waits for it.
pub trait Tap: Send + fmt::Debug {
    /// One packet: its Protocol field's value, and its Information field.
    fn packet(&mut self, direction: Direction, protocol: u16, information: &[u8]);
}
