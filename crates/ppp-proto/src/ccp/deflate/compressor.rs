//! Sending.

use std::fmt;

use zlib_rs::{Deflate, DeflateFlush, Status};

use super::{MARKER, MAX_WINDOW, MIN_WINDOW, SEQUENCE_LEN, StreamProtocol, is_compressible};

/// zlib's own default, as pppd's kernel takes it.
const LEVEL: i32 = 6;

/// The sending end of one direction. It holds about 270 KiB for the largest window.
pub struct Compressor {
    stream: Deflate,
    window: u8,
    sequence: u16,
    buffer: Vec<u8>,
}

impl Compressor {
    /// One at the beginning of its stream, for a receiver with this window.
    pub fn new(window: u8) -> Compressor {
        let window = window.clamp(MIN_WINDOW, MAX_WINDOW);
        Compressor { stream: Deflate::new(LEVEL, false, window), window, sequence: 0, buffer: Vec::new() }
    }

    /// Starts the stream anew.
    pub fn reset(&mut self) {
        self.stream.reset();
        self.sequence = 0;
    }

    /// What to send in the place of `packet`, as a compressed datagram; `None` if it shall go as it is.
    pub fn compress(&mut self, protocol: u16, packet: &[u8]) -> Option<&[u8]> {
        if !is_compressible(protocol) {
            return None;
        }
        let sequence = self.sequence.to_be_bytes();
        self.sequence = self.sequence.wrapping_add(1);
        // One octet more than is of use once the marker is taken off, so that a full buffer means too much.
        let room = packet.len() + MARKER.len() + 1;
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        self.buffer[..SEQUENCE_LEN].copy_from_slice(&sequence);
        let protocol = StreamProtocol(protocol.to_be_bytes());
        let head = deflate(
            &mut self.stream,
            protocol.octets(),
            &mut self.buffer[SEQUENCE_LEN..room],
            DeflateFlush::NoFlush,
        );
        let start = SEQUENCE_LEN + head;
        let tail = deflate(&mut self.stream, packet, &mut self.buffer[start..room], DeflateFlush::SyncFlush);
        let end = start + tail;
        if end == room {
            // The rest must be taken out of the stream all the same.
            let mut rest = [0; 512];
            while deflate(&mut self.stream, &[], &mut rest, DeflateFlush::SyncFlush) == rest.len() {}
            return None;
        }
        let data = self.buffer[..end].strip_suffix(&MARKER)?;
        (data.len() < packet.len()).then_some(data)
    }
}

/// Puts `input` into the stream; returns how much of `output` was filled.
fn deflate(stream: &mut Deflate, input: &[u8], output: &mut [u8], flush: DeflateFlush) -> usize {
    let before = stream.total_out();
    match stream.compress(input, output, flush) {
        Ok(Status::Ok | Status::BufError) => (stream.total_out() - before) as usize,
        // Neither is asked for: the stream is never finished, and its state is zlib's own.
        Ok(Status::StreamEnd) | Err(_) => unreachable!("a raw deflate stream takes any octets"),
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("window", &self.window)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
