//! Receiving.

use std::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{MARKER, MAX_WINDOW, MIN_WINDOW, SEQUENCE_LEN, StreamProtocol, is_compressible};
use crate::protocol;

/// The most that one stored block can hold (RFC 1951 §3.2.4).
const MAX_STORED: usize = 0xffff;

/// Why a compressed datagram could not be unpacked. Nothing that follows can be, until the stream starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There is nothing in it.
    #[error("a compressed datagram of {len} octets, too short to hold a packet")]
    Short {
        /// Its length.
        len: usize,
    },
    /// Packets are missing before it.
    #[error("expected the compressed datagram {expected}, it is {found}")]
    Sequence {
        /// What came next.
        expected: u16,
        /// What came.
        found: u16,
    },
    /// It is no deflate stream, or the end of one.
    #[error("a compressed datagram that is no deflate stream")]
    Stream,
    /// What is in it is longer than the link's MRU.
    #[error("a compressed datagram of more than {limit} octets")]
    Long {
        /// The longest packet allowed.
        limit: usize,
    },
    /// What is in it does not begin with a protocol.
    #[error("a compressed datagram without a protocol in it")]
    Protocol,
}

/// The receiving end of one direction. It holds the window, at most 32 KiB, and a packet.
pub struct Decompressor {
    stream: Inflate,
    window: u8,
    sequence: u16,
    /// The longest packet.
    limit: usize,
    /// A protocol, a packet, and one octet that must stay empty.
    buffer: Vec<u8>,
    /// The octets of it that are filled.
    filled: usize,
    /// The octets of the protocol.
    start: usize,
}

impl Decompressor {
    /// One at the beginning of its stream, for a sender with this window and packets of at most `limit` octets.
    pub fn new(window: u8, limit: usize) -> Decompressor {
        let window = window.clamp(MIN_WINDOW, MAX_WINDOW);
        Decompressor {
            stream: Inflate::new(false, window),
            window,
            sequence: 0,
            limit,
            buffer: vec![0; size_of::<u16>() + limit + 1],
            filled: 0,
            start: 0,
        }
    }

    /// Starts the stream anew.
    pub fn reset(&mut self) {
        self.stream = Inflate::new(false, self.window);
        self.sequence = 0;
    }

    /// Unpacks a compressed datagram; the packet in it and its protocol.
    pub fn decompress(&mut self, datagram: &[u8]) -> Result<(u16, &[u8]), Damage> {
        let Some((sequence, data)) =
            datagram.split_first_chunk::<SEQUENCE_LEN>().filter(|(_, data)| !data.is_empty())
        else {
            return Err(Damage::Short { len: datagram.len() });
        };
        let (found, expected) = (u16::from_be_bytes(*sequence), self.sequence);
        if found != expected {
            return Err(Damage::Sequence { expected, found });
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.filled = 0;
        self.inflate(data)?;
        self.inflate(&MARKER)?;
        let (protocol, start) = match self.buffer[..self.filled] {
            // RFC 1661 §2: the last octet of a protocol is odd, those before it are even.
            [low, ..] if low & 1 == 1 => (u16::from(low), 1),
            [high, low, ..] => (u16::from_be_bytes([high, low]), 2),
            _ => return Err(Damage::Protocol),
        };
        if !protocol::is_well_formed(protocol) {
            return Err(Damage::Protocol);
        }
        self.start = start;
        if self.packet().len() > self.limit {
            return Err(Damage::Long { limit: self.limit });
        }
        Ok((protocol, self.packet()))
    }

    /// The packet that was unpacked last.
    pub fn packet(&self) -> &[u8] {
        self.buffer.get(self.start..self.filled).unwrap_or_default()
    }

    /// Takes note of a packet that was sent as it is: it stands in the stream's history, as if in stored blocks.
    pub fn incompressible(&mut self, protocol: u16, packet: &[u8]) -> Result<(), Damage> {
        if !is_compressible(protocol) {
            return Ok(());
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.store(StreamProtocol(protocol.to_be_bytes()).octets())?;
        packet.chunks(self.limit.clamp(1, MAX_STORED)).try_for_each(|chunk| self.store(chunk))
    }

    /// Puts octets, at most as many as fit into the buffer, into the history.
    ///
    /// ```text
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// | not last, 00  |              LEN              |             NLEN              |   RFC 1951 §3.2.4, low octets first
    /// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// ```
    fn store(&mut self, octets: &[u8]) -> Result<(), Damage> {
        let [low, high] = (octets.len() as u16).to_le_bytes();
        self.filled = 0;
        self.inflate(&[0, low, high, !low, !high])?;
        self.inflate(octets)
    }

    /// Gives `input` to the stream, whole, and appends what comes out.
    fn inflate(&mut self, input: &[u8]) -> Result<(), Damage> {
        let (taken, given) = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.decompress(input, &mut self.buffer[self.filled..], InflateFlush::SyncFlush);
        self.filled += (self.stream.total_out() - given) as usize;
        if self.filled == self.buffer.len() {
            return Err(Damage::Long { limit: self.limit });
        }
        match status {
            Ok(Status::Ok) if self.stream.total_in() - taken == input.len() as u64 => Ok(()),
            // A stream that ends could not go on with the next packet.
            Ok(Status::Ok | Status::BufError | Status::StreamEnd) | Err(_) => Err(Damage::Stream),
        }
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("window", &self.window)
            .field("sequence", &self.sequence)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
