//! TCP headers told by their difference from the last ones of the connection.
//!
//! What Van Jacobson's compression does ([`vj`](crate::vj)), for what TCP and IP have become since: with timestamps, which
//! change in each packet and so leave nothing for that one to compress, over IPv6, and for packets that are yet to be split.
//! Nothing is lost on the way, so there is nothing to recover from. Each record says which of [`SLOTS`] slots it is about:
//!
//! ```text
//!  13  a slot, and one IP packet, whose headers the slot holds from now on
//!  14  a slot, a virtio header, and one IP packet; the slot holds both headers
//!  15  a slot, a change, and the data of one IP packet
//!  16  the same, of a packet whose virtio header is the slot's
//! ```
//!
//! A change says how the headers differ from the slot's, which are these from then on:
//!
//! ```text
//! +-+-+-+-+-+-+-+-+
//! |0|F|I|E|V|W|A|S|   what follows
//! +-+-+-+-+-+-+-+-+-------+
//! |     TCP checksum      |   as it is: what finds a header that was restored wrongly
//! +-----------+-----------+
//! |   ... S   |   ... A   |   sequence number, from where the last packet's data ended; acknowledgement number
//! |   ... W   |   ... V   |   window; TSval
//! |   ... E   |   ... I   |   TSecr; identification, from the last one's successor
//! |  flags F  |               as they are
//! +-----------+
//! ```
//!
//! Each of `...` is a difference modulo 2³², or 2¹⁶ for window and identification, in groups of seven bits from the lowest on,
//! the eighth set if another group follows (LEB128). Lengths and the IPv4 header's checksum follow from the rest; all else is
//! what it was. Data of a full segment has so 6 octets of headers in place of 52, and its acknowledgement 10.

mod change;
mod compressor;
mod decompressor;

use super::record::OFFLOAD_HEADER_LEN;
use crate::tcp_header::Header;

pub(crate) use compressor::{HeaderCompressor, Headers};
pub(crate) use decompressor::HeaderDecompressor;

/// Connections that either end remembers in a direction.
const SLOTS: usize = 64;

/// The longest packet of which it pays: headers of more are less than a hundredth of it, and what is written from where it lies is
/// not copied.
const MAX_PACKET: usize = 8192;

/// What either end remembers of a connection.
#[derive(Debug, Clone, Copy)]
struct Slot {
    header: Header,
    /// The virtio header that was told last.
    offload: Option<[u8; OFFLOAD_HEADER_LEN]>,
}

impl Slot {
    const EMPTY: Slot = Slot { header: Header::EMPTY, offload: None };

    fn remember(&mut self, header: Header, offload: Option<&[u8; OFFLOAD_HEADER_LEN]>) {
        self.header = header;
        self.offload = offload.copied().or(self.offload);
    }
}

/// Gives an end its slots, before it uses the first.
fn provide(slots: &mut Vec<Slot>) {
    if slots.is_empty() {
        slots.resize(SLOTS, Slot::EMPTY);
    }
}

#[cfg(test)]
mod tests;
