//! Sending (RFC 1144 §3.2.3, appendix A.2).

use super::{VjTerms, change};
use crate::tcp_header::{ACK, FIN, FRAGMENT, Header, PROTOCOL, PSH, RST, SYN, TCP, TCP_MIN, URG};

/// How a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is, as `IPV4`.
    Plain,
    /// Whole, with the slot in its Protocol field, as `VJ_UNCOMPRESSED`.
    Uncompressed,
    /// With a short header, as `VJ_COMPRESSED`.
    Compressed,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    header: Header,
    /// When it was used last, by the count of packets.
    used: u64,
}

/// The sending end of one direction.
#[derive(Debug)]
pub struct Compressor {
    slots: Vec<Slot>,
    slot_id: bool,
    /// The slot of the packet before, if that was no longer ago.
    last: Option<usize>,
    packets: u64,
    buffer: Vec<u8>,
}

impl Compressor {
    /// One that has seen nothing yet, for a receiver with these terms.
    pub fn new(terms: VjTerms) -> Compressor {
        let slots = usize::from(terms.max_slot.min(super::MAX_SLOTS - 1)) + 1;
        Compressor {
            slots: vec![Slot { header: Header::EMPTY, used: 0 }; slots],
            slot_id: terms.slot_id,
            last: None,
            packets: 0,
            buffer: Vec::new(),
        }
    }

    /// What to send in the place of `packet`, and as what.
    pub fn compress<'a>(&'a mut self, packet: &'a [u8]) -> (Form, &'a [u8]) {
        // The RFC's rule: a packet that opens or ends a connection will not be followed by one like it.
        let header = match Header::parse_ipv4(packet) {
            Some(header) if header.protocol() == TCP && header.flags() & (SYN | FIN | RST | ACK) == ACK => {
                header
            }
            _ => return (Form::Plain, packet),
        };
        self.packets += 1;
        self.buffer.clear();
        let known = self
            .slots
            .iter()
            .position(|slot| !slot.header.is_empty() && slot.header.is_same_connection(&header));
        let at = known.unwrap_or_else(|| self.oldest());
        let slot = &mut self.slots[at];
        slot.used = self.packets;
        let before = std::mem::replace(&mut slot.header, header);
        let is_last = self.slot_id && self.last.replace(at) == Some(at);
        let slot_number = at as u8;
        if known.is_some()
            && put_changes(&before, &header, (!is_last).then_some(slot_number), &mut self.buffer)
        {
            self.buffer.extend_from_slice(&packet[header.len()..]);
            return (Form::Compressed, &self.buffer);
        }
        self.buffer.extend_from_slice(packet);
        self.buffer[PROTOCOL] = slot_number;
        (Form::Uncompressed, &self.buffer)
    }

    fn oldest(&self) -> usize {
        let oldest = self.slots.iter().enumerate().min_by_key(|(_, slot)| slot.used);
        oldest.map_or(0, |(at, _)| at)
    }
}

/// Writes a short header for `now` behind `before`; false, and nothing of use, if that cannot be.
fn put_changes(before: &Header, now: &Header, slot: Option<u8>, out: &mut Vec<u8>) -> bool {
    if !is_same_template(before, now) {
        return false;
    }
    let mut changes = 0;
    let mut deltas = Deltas::default();
    if now.flags() & URG != 0 {
        changes |= change::URGENT;
        deltas.put(now.urgent());
    } else if now.urgent() != before.urgent() {
        // Not set and yet changed: nothing can say so.
        return false;
    }
    let window = now.window().wrapping_sub(before.window());
    if window != 0 {
        changes |= change::WINDOW;
        deltas.put(window);
    }
    let acknowledgement = now.acknowledgement().wrapping_sub(before.acknowledgement());
    let sequence = now.sequence().wrapping_sub(before.sequence());
    for (delta, bit) in [(acknowledgement, change::ACKNOWLEDGEMENT), (sequence, change::SEQUENCE)] {
        let Ok(delta) = u16::try_from(delta) else { return false };
        if delta != 0 {
            changes |= bit;
            deltas.put(delta);
        }
    }
    let last_data = before.data_len() as u32;
    // In the two short forms a receiver leaves URG as it was.
    let may_be_short = before.flags() & URG == 0;
    match changes {
        // A repeated acknowledgement or a window probe goes whole: its receiver may have missed something. But data
        // behind a bare acknowledgement is as usual.
        0 if !(now.data_len() != 0 && last_data == 0) => return false,
        // What these stand for is not what they say.
        change::ECHOED | change::ONE_WAY => return false,
        _ if may_be_short
            && changes == change::SEQUENCE | change::ACKNOWLEDGEMENT
            && sequence == acknowledgement
            && sequence == last_data =>
        {
            changes = change::ECHOED;
            deltas.clear();
        }
        change::SEQUENCE if may_be_short && sequence == last_data => {
            changes = change::ONE_WAY;
            deltas.clear();
        }
        _ => {}
    }
    let identification = now.identification().wrapping_sub(before.identification());
    if identification != 1 {
        changes |= change::IDENTIFICATION;
        deltas.put(identification);
    }
    if now.flags() & PSH != 0 {
        changes |= change::PUSH;
    }
    if slot.is_some() {
        changes |= change::SLOT;
    }
    out.push(changes);
    out.extend(slot);
    out.extend(now.checksum().to_be_bytes());
    out.extend_from_slice(deltas.octets());
    true
}

/// Whether all that the differences of a compressed header cannot express is the same. Of the flags that is all but PSH and
/// URG: RFC 1144 is older than those of ECN (RFC 3168).
fn is_same_template(before: &Header, now: &Header) -> bool {
    let (old, new, ip) = (before.octets(), now.octets(), now.ip_len());
    let fixed = |header: &Header| header.flags() & !(PSH | URG);
    before.ip_len() == ip
        && old.len() == new.len()
        && old[..2] == new[..2]
        && old[FRAGMENT] == new[FRAGMENT]
        && old[8] == new[8]
        && old[20..ip] == new[20..ip]
        && old[ip + 12] == new[ip + 12]
        && fixed(before) == fixed(now)
        && old[ip + TCP_MIN..] == new[ip + TCP_MIN..]
}

/// The differences, as they are sent: at most five of three octets.
#[derive(Debug, Default)]
struct Deltas {
    octets: [u8; 15],
    len: usize,
}

impl Deltas {
    fn put(&mut self, delta: u16) {
        let [high, low] = delta.to_be_bytes();
        let octets = if high == 0 && low != 0 { &[low][..] } else { &[0, high, low] };
        self.octets[self.len..self.len + octets.len()].copy_from_slice(octets);
        self.len += octets.len();
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}
