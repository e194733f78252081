//! How the headers of one packet differ from those of the packet before.

use crate::tcp_header::Header;

const SEQUENCE: u8 = 0x01;
const ACKNOWLEDGEMENT: u8 = 0x02;
const WINDOW: u8 = 0x04;
const TIMESTAMP_VALUE: u8 = 0x08;
const TIMESTAMP_ECHO: u8 = 0x10;
const IDENTIFICATION: u8 = 0x20;
const FLAGS: u8 = 0x40;
const ALL: u8 = 0x7f;

/// The fields that differ: differences, but for the checksum and the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    checksum: u16,
    sequence: u32,
    acknowledgement: u32,
    window: u16,
    /// TSval and TSecr.
    timestamps: [u32; 2],
    identification: u16,
    /// `None` if they are what they were.
    flags: Option<u8>,
}

impl Change {
    /// From the headers `before` to those of `now`, as far as a change can tell it.
    pub(super) fn between(before: &Header, now: &Header) -> Change {
        let timestamps =
            before.timestamps().zip(now.timestamps()).map(|([value, echo], [new_value, new_echo])| {
                [new_value.wrapping_sub(value), new_echo.wrapping_sub(echo)]
            });
        let identification =
            if now.is_ipv4() { now.identification().wrapping_sub(next_identification(before)) } else { 0 };
        Change {
            checksum: now.checksum(),
            sequence: now.sequence().wrapping_sub(next_sequence(before)),
            acknowledgement: now.acknowledgement().wrapping_sub(before.acknowledgement()),
            window: now.window().wrapping_sub(before.window()),
            timestamps: timestamps.unwrap_or_default(),
            identification,
            flags: (now.flags() != before.flags()).then_some(now.flags()),
        }
    }

    /// The headers that follow from those `before`, with so many octets of data behind them; `None` if no packet can be so long.
    pub(super) fn apply(&self, before: &Header, data_len: usize) -> Option<Header> {
        let mut header = *before;
        header.set_checksum(self.checksum);
        header.set_sequence(next_sequence(before).wrapping_add(self.sequence));
        header.set_acknowledgement(before.acknowledgement().wrapping_add(self.acknowledgement));
        header.set_window(before.window().wrapping_add(self.window));
        if let Some([value, echo]) = before.timestamps() {
            let [value_change, echo_change] = self.timestamps;
            header.set_timestamps([value.wrapping_add(value_change), echo.wrapping_add(echo_change)]);
        }
        if before.is_ipv4() {
            header.set_identification(next_identification(before).wrapping_add(self.identification));
        }
        header.set_flags(self.flags.unwrap_or(before.flags()));
        header.set_data_len(data_len)?;
        header.fix_ip_checksum();
        Some(header)
    }

    /// Appends it.
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.push(0);
        out.extend_from_slice(&self.checksum.to_be_bytes());
        let [value, echo] = self.timestamps;
        let differences = [
            (SEQUENCE, self.sequence),
            (ACKNOWLEDGEMENT, self.acknowledgement),
            (WINDOW, self.window.into()),
            (TIMESTAMP_VALUE, value),
            (TIMESTAMP_ECHO, echo),
            (IDENTIFICATION, self.identification.into()),
        ];
        let mut follows = 0;
        for (bit, difference) in differences.into_iter().filter(|(_, difference)| *difference != 0) {
            follows |= bit;
            put(difference, out);
        }
        if let Some(flags) = self.flags {
            follows |= FLAGS;
            out.push(flags);
        }
        out[start] = follows;
    }

    /// Takes one from where `input` begins; `None` if there is none.
    pub(super) fn parse(input: &mut &[u8]) -> Option<Change> {
        let (&[follows, high, low], rest) = input.split_first_chunk()?;
        if follows & !ALL != 0 {
            return None;
        }
        *input = rest;
        let mut difference = |bit| if follows & bit == 0 { Some(0) } else { take(input) };
        let sequence = difference(SEQUENCE)?;
        let acknowledgement = difference(ACKNOWLEDGEMENT)?;
        let window = difference(WINDOW)?;
        let timestamps = [difference(TIMESTAMP_VALUE)?, difference(TIMESTAMP_ECHO)?];
        let identification = difference(IDENTIFICATION)?;
        let flags = if follows & FLAGS == 0 { None } else { Some(octet(input)?) };
        Some(Change {
            checksum: u16::from_be_bytes([high, low]),
            sequence,
            acknowledgement,
            window: window.try_into().ok()?,
            timestamps,
            identification: identification.try_into().ok()?,
            flags,
        })
    }
}

/// Where the data of a packet with these headers ended.
fn next_sequence(before: &Header) -> u32 {
    before.sequence().wrapping_add(before.data_len() as u32)
}

fn next_identification(before: &Header) -> u16 {
    before.identification().wrapping_add(1)
}

fn put(mut difference: u32, out: &mut Vec<u8>) {
    while difference >= 0x80 {
        out.push(difference as u8 | 0x80);
        difference >>= 7;
    }
    out.push(difference as u8);
}

fn take(input: &mut &[u8]) -> Option<u32> {
    let mut difference = 0_u64;
    for group in 0..5 {
        let octet = octet(input)?;
        difference |= u64::from(octet & 0x7f) << (7 * group);
        if octet & 0x80 == 0 {
            return difference.try_into().ok();
        }
    }
    None
}

fn octet(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}
