//! Records off the wire and onto it.

use bytes::{BufMut, BytesMut};

/// A virtio header (`struct virtio_net_hdr`, little-endian), opaque here.
pub const OFFLOAD_HEADER_LEN: usize = 10;
/// The longest data of a record: a virtio header and the largest IP packet.
pub const MAX_RECORD: usize = OFFLOAD_HEADER_LEN + 65535;

/// Kind and Length.
pub(crate) const HEADER_LEN: usize = 4;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// A packet, and how its headers are told.
    Packet { form: Form, offload: bool },
    /// How far the receiver got.
    Report,
}

/// How the headers of a packet are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Plain,
    /// As they are, behind the slot that holds them from now on.
    Remembered,
    /// By a slot and how they differ from its own.
    Changed,
}

impl RecordKind {
    const fn octet(self) -> u8 {
        match self {
            RecordKind::Packet { form: Form::Plain, offload: false } => 0x10,
            RecordKind::Packet { form: Form::Plain, offload: true } => 0x11,
            RecordKind::Report => 0x12,
            RecordKind::Packet { form: Form::Remembered, offload: false } => 0x13,
            RecordKind::Packet { form: Form::Remembered, offload: true } => 0x14,
            RecordKind::Packet { form: Form::Changed, offload: false } => 0x15,
            RecordKind::Packet { form: Form::Changed, offload: true } => 0x16,
        }
    }

    /// What begins with this octet, if a record does.
    pub(crate) const fn of(octet: u8) -> Option<RecordKind> {
        Some(match octet {
            0x10 => RecordKind::Packet { form: Form::Plain, offload: false },
            0x11 => RecordKind::Packet { form: Form::Plain, offload: true },
            0x12 => RecordKind::Report,
            0x13 => RecordKind::Packet { form: Form::Remembered, offload: false },
            0x14 => RecordKind::Packet { form: Form::Remembered, offload: true },
            0x15 => RecordKind::Packet { form: Form::Changed, offload: false },
            0x16 => RecordKind::Packet { form: Form::Changed, offload: true },
            _ => return None,
        })
    }
}

/// Appends a record's header.
pub(crate) fn emit_header(kind: RecordKind, len: usize, out: &mut BytesMut) {
    debug_assert!(len <= MAX_RECORD);
    out.put_u32(u32::from(kind.octet()) << 24 | len as u32);
}

/// What the reader made of the octets it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken<'i> {
    /// A record, whose data lies in the input.
    Whole(RecordKind, &'i [u8]),
    /// A record, whose data the reader holds.
    Collected(RecordKind),
    /// All of the input, and the record goes on.
    Unfinished,
    /// A header that cannot be; nothing behind it makes sense.
    Broken,
}

/// Puts records together that do not lie in one chunk.
#[derive(Debug, Default)]
pub(crate) struct RecordReader {
    /// The header and the data of an unfinished record.
    collected: Vec<u8>,
    /// The octets above belong to a record that has been given out.
    is_done: bool,
}

impl RecordReader {
    /// Whether it is in the middle of a record.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_done && !self.collected.is_empty()
    }

    /// Forgets what it holds.
    pub(crate) fn clear(&mut self) {
        self.collected.clear();
        self.is_done = false;
    }

    /// The data of the record last put together.
    pub(crate) fn data(&self) -> &[u8] {
        self.collected.get(HEADER_LEN..).unwrap_or_default()
    }

    /// Takes one record from `input`, which begins with one unless the reader is in the middle of it.
    pub(crate) fn take<'i>(&mut self, input: &mut &'i [u8]) -> Taken<'i> {
        if self.is_done {
            self.clear();
        }
        if self.collected.is_empty()
            && let Some((header, rest)) = input.split_first_chunk::<HEADER_LEN>()
        {
            let Some((kind, len)) = parse_header(*header) else { return self.broken(input) };
            if let Some((data, rest)) = rest.split_at_checked(len) {
                *input = rest;
                return Taken::Whole(kind, data);
            }
            self.collected.reserve(HEADER_LEN + len);
        }
        self.fill(input, HEADER_LEN);
        let Some(header) = self.collected.first_chunk() else { return Taken::Unfinished };
        let Some((kind, len)) = parse_header(*header) else { return self.broken(input) };
        self.fill(input, HEADER_LEN + len);
        if self.collected.len() < HEADER_LEN + len {
            return Taken::Unfinished;
        }
        self.is_done = true;
        Taken::Collected(kind)
    }

    /// Collects from `input` until there are `len` octets.
    fn fill(&mut self, input: &mut &[u8], len: usize) {
        let missing = len.saturating_sub(self.collected.len()).min(input.len());
        let (octets, rest) = input.split_at(missing);
        self.collected.extend_from_slice(octets);
        *input = rest;
    }

    fn broken<'i>(&mut self, input: &mut &'i [u8]) -> Taken<'i> {
        self.clear();
        *input = input.get(1..).unwrap_or_default();
        Taken::Broken
    }
}

fn parse_header(header: [u8; HEADER_LEN]) -> Option<(RecordKind, usize)> {
    let [kind, a, b, c] = header;
    let len = u32::from_be_bytes([0, a, b, c]) as usize;
    Some((RecordKind::of(kind)?, len)).filter(|_| (1..=MAX_RECORD).contains(&len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(reader: &mut RecordReader, mut input: &[u8]) -> Vec<(RecordKind, Vec<u8>)> {
        let mut records = Vec::new();
        while !input.is_empty() {
            match reader.take(&mut input) {
                Taken::Whole(kind, data) => records.push((kind, data.to_vec())),
                Taken::Collected(kind) => records.push((kind, reader.data().to_vec())),
                Taken::Unfinished => assert!(input.is_empty() && reader.is_open()),
                Taken::Broken => panic!("good records are not broken"),
            }
        }
        records
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in_however_the_stream_is_cut(
            sent in prop::collection::vec((0..7_u8, prop::collection::vec(any::<u8>(), 1..300)), 0..20),
            cuts in prop::collection::vec(1_usize..400, 1..60),
        ) {
            let sent: Vec<_> =
                sent.into_iter().map(|(kind, data)| (RecordKind::of(0x10 + kind).unwrap(), data)).collect();
            let octets = sent.iter().map(|(kind, _)| kind.octet());
            prop_assert!(octets.zip(&sent).all(|(octet, (kind, _))| RecordKind::of(octet) == Some(*kind)));
            let mut wire = BytesMut::new();
            for (kind, data) in &sent {
                emit_header(*kind, data.len(), &mut wire);
                wire.extend_from_slice(data);
            }
            let mut reader = RecordReader::default();
            let mut received = Vec::new();
            let mut rest = &wire[..];
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, behind) = rest.split_at(cut.min(rest.len()));
                rest = behind;
                received.extend(read(&mut reader, chunk));
            }
            prop_assert_eq!(received, sent);
        }
    }

    #[test]
    fn a_record_in_one_chunk_is_not_copied() {
        let wire = [0x10, 0, 0, 2, 0x45, 0x00];
        let mut input = &wire[..];
        let Taken::Whole(RecordKind::Packet { .. }, data) = RecordReader::default().take(&mut input) else {
            panic!()
        };
        assert_eq!(data.as_ptr(), wire[4..].as_ptr());
    }

    #[test]
    fn a_length_of_nothing_or_of_too_much_is_broken_whole_or_cut() {
        for header in [[0x10, 0, 0, 0], [0x11, 1, 0, 0x0a], [0x12, 0xff, 0xff, 0xff]] {
            let mut reader = RecordReader::default();
            assert_eq!(reader.take(&mut &header[..]), Taken::Broken);
            assert_eq!(reader.take(&mut &header[..2]), Taken::Unfinished);
            assert_eq!(reader.take(&mut &header[2..]), Taken::Broken);
            assert!(!reader.is_open());
        }
    }
}
