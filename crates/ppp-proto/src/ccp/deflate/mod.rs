//! Deflate as PPP packs packets with it (RFC 1979).
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |       PPP Protocol 00fd       |        Sequence Number        |   §2.1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |    Data ...
//! +-+-+-+-+
//! ```
//!
//! All packets of a direction are one raw deflate stream: first the packet's protocol, in one octet where that is enough,
//! then the packet. The stream is flushed behind each packet with an empty stored block, of which the last four octets,
//! always 00 00 ff ff, are not sent. A packet that would not shrink goes as it is, yet stands in the stream's history at
//! both ends and is counted, so a lost packet of either kind is found by the next sequence number. The stream starts anew
//! after a Reset-Request and its Reset-Ack (RFC 1962 §3.1).

mod compressor;
mod decompressor;

pub use compressor::Compressor;
pub use decompressor::{Damage, Decompressor};

/// The smallest window: zlib cannot do the 8 that RFC 1979 allows.
pub const MIN_WINDOW: u8 = 9;
/// The largest window.
pub const MAX_WINDOW: u8 = 15;

/// What an empty stored block ends in: its length, and the complement of that (RFC 1951 §3.2.4).
const MARKER: [u8; 4] = [0, 0, 0xff, 0xff];
/// Octets of a sequence number.
const SEQUENCE_LEN: usize = 2;
/// The highest protocol whose packets are compressed (§2): those above are few, and must not depend on a history.
const LAST_PROTOCOL: u16 = 0x3fff;
/// Compressed datagrams of one link in a bundle, which have been compressed already, as have [`COMPRESSED`](crate::protocol::COMPRESSED).
const LINK_COMPRESSED: u16 = 0x00fb;

/// Whether packets of this protocol are part of the stream.
pub const fn is_compressible(protocol: u16) -> bool {
    protocol <= LAST_PROTOCOL && protocol != crate::protocol::COMPRESSED && protocol != LINK_COMPRESSED
}

/// A protocol as it stands in the stream.
#[derive(Debug, Clone, Copy)]
struct StreamProtocol([u8; 2]);

impl StreamProtocol {
    fn octets(&self) -> &[u8] {
        // As in RFC 1661 §6.5, whether or not that was negotiated.
        if self.0[0] == 0 { &self.0[1..] } else { &self.0 }
    }
}

#[cfg(test)]
mod tests;
