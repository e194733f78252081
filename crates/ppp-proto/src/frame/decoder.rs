//! Frames off the wire (RFC 1662 §4).

use std::ops::Range;

use hdlc_simd::Class;

use super::{ADDRESS, Accm, CONTROL, ExtraEscapes, FLAG, Fcs, Framing, accm, fcs};
use crate::{express::RecordKind, protocol};

/// Address, Control, Protocol and FCS-32.
const MAX_OVERHEAD: usize = 2 + 2 + 4;

/// One good frame without its flags, Address, Control, Protocol and FCS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The protocol number. One that is not well-formed is the peer's mistake, and to be treated as unknown (RFC 1661 §2).
    pub protocol: u16,
    /// The Information field, with padding if the peer sent any.
    pub payload: &'a [u8],
}

/// What a decoder has met since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameStats {
    /// Good frames given out.
    pub frames: u64,
    /// Octets before the first flag: banners, shell noise.
    pub skipped_octets: u64,
    /// Bare octets of the receive ACCM, dropped as inserted on the way (RFC 1662 §4.2).
    pub inserted_octets: u64,
    /// Frames whose FCS was wrong.
    pub bad_fcs: u64,
    /// Frames ended by the sender with 7d 7e (RFC 1662 §4.3).
    pub aborts: u64,
    /// Frames too short to be any (RFC 1662 §4.3).
    pub runts: u64,
    /// Frames longer than the decoder takes.
    pub oversize: u64,
    /// Frames whose Address and Control are neither ff 03 nor left out.
    pub bad_address: u64,
    /// Frames that end before their protocol number does.
    pub bad_protocol: u64,
}

impl FrameStats {
    /// Frames of which nothing was given out, or which were none: something may have been lost.
    pub const fn damaged(&self) -> u64 {
        let FrameStats { bad_fcs, aborts, runts, oversize, bad_address, bad_protocol, .. } = *self;
        bad_fcs + aborts + runts + oversize + bad_address + bad_protocol
    }
}

/// Finds frames in the receiving direction of a link, however the stream is cut.
#[derive(Debug)]
pub struct FrameDecoder {
    fcs: Fcs,
    accm: Accm,
    /// Flag, Control Escape and the receive ACCM: what ends a run that can be taken as it stands.
    interrupts: Class,
    max_info: usize,
    place: Place,
    /// The frame at hand without escapes, while it is not whole in one chunk or has escapes.
    collected: Vec<u8>,
    /// A Control Escape came last.
    escaped: bool,
    /// Records may stand between frames.
    records: bool,
    stats: FrameStats,
}

/// Where in the stream the decoder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No flag seen yet.
    BeforeFirstFlag,
    /// In a frame that is given up: only the next flag counts.
    Discarding,
    /// Just behind a flag.
    FrameStart,
    /// Behind octets that are in `collected`.
    Collecting,
}

/// The octets between two flags.
#[derive(Debug, Clone, Copy)]
enum Delimited<'i> {
    /// They lie in the input as they were before stuffing.
    Whole(&'i [u8]),
    /// They are in `collected`.
    Collected,
}

/// A good frame, and where it is.
#[derive(Debug)]
pub(crate) struct FoundFrame<'i> {
    /// The protocol number, well-formed or not.
    pub(crate) protocol: u16,
    octets: Delimited<'i>,
    info: Range<usize>,
    /// Its octets without stuffing, with the FCS and one flag (RFC 1989 §2.3).
    pub(crate) counted_len: usize,
}

/// Why a frame is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Fcs,
    Abort,
    Runt,
    Oversize,
    Address,
    Protocol,
}

impl FrameDecoder {
    /// A decoder that waits for its first flag and takes Information fields of at most `max_info` octets (our MRU).
    pub fn new(max_info: usize) -> FrameDecoder {
        let Framing { accm, fcs, .. } = Framing::DEFAULT;
        FrameDecoder {
            fcs,
            accm,
            interrupts: accm::class(accm, ExtraEscapes::NONE),
            max_info,
            place: Place::BeforeFirstFlag,
            collected: Vec::new(),
            escaped: false,
            records: false,
            stats: FrameStats::default(),
        }
    }

    /// How the frames to come look: the FCS and the receive ACCM matter, all else is accepted in both forms.
    ///
    /// LCP packets with the default FCS are taken whatever was negotiated, since the peer may start over at any time
    /// (RFC 1570 §2.1.1).
    pub fn set_framing(&mut self, framing: Framing) {
        self.fcs = framing.fcs;
        if self.accm != framing.accm {
            self.accm = framing.accm;
            self.interrupts = accm::class(framing.accm, ExtraEscapes::NONE);
        }
    }

    /// From now on it stops in front of what begins as a record does.
    pub(crate) fn stop_at_records(&mut self, records: bool) {
        self.records = records;
    }

    /// Whether it stands between two frames, and a record comes.
    pub(crate) fn is_at_record(&self, input: &[u8]) -> bool {
        self.records
            && self.place == Place::FrameStart
            && input.first().is_some_and(|octet| RecordKind::of(*octet).is_some())
    }

    /// Makes nothing of what comes before the next flag: it belongs to a record that was none.
    pub(crate) fn discard(&mut self) {
        self.count(Fault::Oversize);
        self.place = Place::Discarding;
    }

    /// The counters.
    pub fn stats(&self) -> FrameStats {
        self.stats
    }

    /// Consumes `input` up to and with the next good frame; `None` when all of it is consumed.
    ///
    /// The payload lies in `input` itself where the frame was whole in it and without escapes.
    pub fn next_frame<'s, 'i: 's>(&'s mut self, input: &mut &'i [u8]) -> Option<Frame<'s>> {
        let found = self.find(input)?;
        Some(Frame { protocol: found.protocol, payload: self.payload(&found) })
    }

    /// As [`next_frame`](FrameDecoder::next_frame), without borrowing the decoder for as long as the frame is in use:
    /// for a caller that looks at some frames and gives out others.
    pub(crate) fn find<'i>(&mut self, input: &mut &'i [u8]) -> Option<FoundFrame<'i>> {
        loop {
            let octets = self.delimit(input)?;
            let frame = match octets {
                Delimited::Whole(octets) => octets,
                Delimited::Collected => &self.collected,
            };
            let counted_len = frame.len() + 1;
            match check(frame, self.fcs, self.max_info) {
                Ok((protocol, info)) => {
                    self.stats.frames += 1;
                    return Some(FoundFrame { protocol, octets, info, counted_len });
                }
                Err(fault) => self.count(fault),
            }
        }
    }

    /// The Information field of the frame found last.
    pub(crate) fn payload<'s, 'i: 's>(&'s self, found: &FoundFrame<'i>) -> &'s [u8] {
        let octets = match found.octets {
            Delimited::Whole(octets) => octets,
            Delimited::Collected => &self.collected,
        };
        &octets[found.info.clone()]
    }

    /// Consumes `input` up to and with the next flag that ends a frame; `None` when there is none.
    fn delimit<'i>(&mut self, input: &mut &'i [u8]) -> Option<Delimited<'i>> {
        loop {
            let octets = *input;
            if self.is_at_record(octets) {
                return None;
            }
            match self.place {
                Place::BeforeFirstFlag | Place::Discarding => {
                    let flag = memchr::memchr(FLAG, octets);
                    if self.place == Place::BeforeFirstFlag {
                        self.stats.skipped_octets += flag.unwrap_or(octets.len()) as u64;
                    }
                    *input = flag.map_or(&[], |at| &octets[at + 1..]);
                    flag?;
                    self.place = Place::FrameStart;
                }
                Place::FrameStart => {
                    let plain = self.interrupts.plain_prefix(octets);
                    if octets.get(plain) == Some(&FLAG) {
                        *input = &octets[plain + 1..];
                        if plain > 0 {
                            return Some(Delimited::Whole(&octets[..plain]));
                        }
                    } else if octets.is_empty() {
                        return None;
                    } else {
                        self.collected.clear();
                        self.escaped = false;
                        self.place = Place::Collecting;
                    }
                }
                Place::Collecting => {
                    if !self.collect(input) {
                        self.count(Fault::Oversize);
                        self.place = Place::Discarding;
                        continue;
                    }
                    // What collecting leaves begins with a flag.
                    *input = input.get(1..)?;
                    self.place = Place::FrameStart;
                    if self.escaped {
                        self.count(Fault::Abort);
                    } else if !self.collected.is_empty() {
                        return Some(Delimited::Collected);
                    }
                }
            }
        }
    }

    /// Collects the octets of `input` up to the next flag, which stays; false when they are more than any good frame has.
    fn collect(&mut self, input: &mut &[u8]) -> bool {
        let limit = self.max_info + MAX_OVERHEAD;
        let unstuffed = self.interrupts.unstuff(&mut self.escaped, input, &mut self.collected, limit);
        self.stats.inserted_octets += unstuffed.dropped as u64;
        *input = &input[unstuffed.consumed..];
        self.collected.len() <= limit
    }

    fn count(&mut self, fault: Fault) {
        let counter = match fault {
            Fault::Fcs => &mut self.stats.bad_fcs,
            Fault::Abort => &mut self.stats.aborts,
            Fault::Runt => &mut self.stats.runts,
            Fault::Oversize => &mut self.stats.oversize,
            Fault::Address => &mut self.stats.bad_address,
            Fault::Protocol => &mut self.stats.bad_protocol,
        };
        *counter += 1;
    }
}

/// The protocol of the frame and where its Information field lies, if the frame is good.
fn check(frame: &[u8], fcs: Fcs, max_info: usize) -> Result<(u16, Range<usize>), Fault> {
    // RFC 1662 §4.3: fewer than 4 octets with the 16-bit FCS is no frame, and no FCS error either.
    if frame.len() < fcs.wire_len() + 2 {
        return Err(Fault::Runt);
    }
    if frame.len() > max_info + MAX_OVERHEAD {
        return Err(Fault::Oversize);
    }
    let covered = match fcs {
        Fcs::Fcs16 => check_fcs16(frame)?,
        Fcs::Fcs32 => check_fcs32(frame).or_else(|fault| {
            // RFC 1570 §2.1.1: whoever starts over does so with the default FCS, and we may not have noticed yet.
            if frame.starts_with(&UNCOMPRESSED_LCP) { check_fcs16(frame) } else { Err(fault) }
        })?,
        // RFC 1570 §2.1.2: the FCS of control packets must be there and good; on traffic it would be padding.
        Fcs::Null if protocol::is_control(parse_header(frame)?.0) => check_fcs16(frame)?,
        Fcs::Null => frame.len(),
    };
    let (protocol, info) = parse_header(&frame[..covered])?;
    if covered - info > max_info {
        return Err(Fault::Oversize);
    }
    Ok((protocol, info..covered))
}

/// How LCP packets in default framing begin.
const UNCOMPRESSED_LCP: [u8; 4] = [ADDRESS, CONTROL, 0xc0, 0x21];

/// The number of octets before the FCS, if it is good.
fn check_fcs16(frame: &[u8]) -> Result<usize, Fault> {
    match frame.split_last_chunk() {
        None => Err(Fault::Runt),
        Some((covered, sent)) if fcs::fcs16(&[], covered) == u16::from_le_bytes(*sent) => Ok(covered.len()),
        Some(_) => Err(Fault::Fcs),
    }
}

fn check_fcs32(frame: &[u8]) -> Result<usize, Fault> {
    match frame.split_last_chunk() {
        None => Err(Fault::Runt),
        Some((covered, sent)) if fcs::fcs32(&[], covered) == u32::from_le_bytes(*sent) => Ok(covered.len()),
        Some(_) => Err(Fault::Fcs),
    }
}

/// The protocol number and the length of Address, Control and Protocol, each compressed or not.
///
/// ```text
/// ff 03 hh ll | ff 03 ll | hh ll | ll         hh even, a single ll odd (RFC 1661 §2)
/// ```
fn parse_header(frame: &[u8]) -> Result<(u16, usize), Fault> {
    let (fields, skipped) = match frame {
        [ADDRESS, CONTROL, rest @ ..] => (rest, 2),
        [ADDRESS, ..] => return Err(Fault::Address),
        _ => (frame, 0),
    };
    match *fields {
        [low, ..] if low & 1 == 1 => Ok((u16::from(low), skipped + 1)),
        [high, low, ..] => Ok((u16::from_be_bytes([high, low]), skipped + 2)),
        _ => Err(Fault::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_frame_takes_no_more_memory_than_the_longest_good_one() {
        const MRU: usize = 1500;
        let mut decoder = FrameDecoder::new(MRU);
        for stuffed in [&[b'x'; 1000][..], &[super::super::ESCAPE; 1000]] {
            assert!(decoder.next_frame(&mut &[FLAG][..]).is_none());
            for _ in 0..1000 {
                assert!(decoder.next_frame(&mut &*stuffed).is_none());
            }
            // A vector may double when it grows, and what is unstuffed may pass the limit by a block before it is seen.
            assert!(decoder.collected.capacity() <= 2 * (MRU + MAX_OVERHEAD + 64));
        }
        assert_eq!(decoder.stats().oversize, 2);
    }
}
