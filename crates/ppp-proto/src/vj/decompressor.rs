//! Receiving (RFC 1144 §3.2.3, appendix A.3).

use super::{VjTerms, change};
use crate::tcp_header::{Header, PROTOCOL, PSH, TCP, URG};

/// The receiving end of one direction. What it cannot restore it drops; TCP sends it again.
#[derive(Debug)]
pub struct Decompressor {
    slots: Vec<Header>,
    slot_id: bool,
    /// The slot of the packet before. `None` after an error: packets without a slot are then tossed until one has one,
    /// as the lost one may have changed it (§4.1).
    last: Option<usize>,
    buffer: Vec<u8>,
}

impl Decompressor {
    /// One that has seen nothing yet. It holds a header of 120 octets for each slot.
    pub fn new(terms: VjTerms) -> Decompressor {
        Decompressor {
            slots: vec![Header::EMPTY; usize::from(terms.max_slot) + 1],
            slot_id: terms.slot_id,
            last: None,
            buffer: Vec::new(),
        }
    }

    /// A frame was lost or damaged: what names no slot is dropped until something does.
    pub fn toss(&mut self) {
        self.last = None;
    }

    /// The last packet that was restored.
    pub fn restored(&self) -> &[u8] {
        &self.buffer
    }

    /// The packet that a `VJ_UNCOMPRESSED` one is, without padding; `None` if it is none.
    pub fn uncompressed(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let restored = self.remember(packet);
        self.last = restored;
        restored.map(|_| &self.buffer[..])
    }

    fn remember(&mut self, packet: &[u8]) -> Option<usize> {
        let at = usize::from(*packet.get(PROTOCOL)?);
        let slot = self.slots.get_mut(at)?;
        let mut header = Header::parse_ipv4(trimmed(packet)?)?;
        header.set_protocol(TCP);
        *slot = header;
        self.buffer.clear();
        self.buffer.extend_from_slice(header.octets());
        self.buffer.extend_from_slice(&trimmed(packet)?[header.len()..]);
        Some(at)
    }

    /// The packet that a `VJ_COMPRESSED` one was made of; `None` if that cannot be known.
    pub fn compressed(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let restored = self.restore(packet);
        if restored.is_none() {
            self.toss();
        }
        restored.map(|()| &self.buffer[..])
    }

    fn restore(&mut self, packet: &[u8]) -> Option<()> {
        let mut rest = Rest(packet);
        let changes = rest.octet()?;
        if changes & change::SLOT != 0 {
            self.last = Some(usize::from(rest.octet()?));
        } else if !self.slot_id {
            return None;
        }
        let slot = self.slots.get_mut(self.last?).filter(|slot| !slot.is_empty())?;
        let mut header = *slot;
        header.set_checksum(u16::from_be_bytes([rest.octet()?, rest.octet()?]));
        header.set_flag(PSH, changes & change::PUSH != 0);
        let last_data = header.data_len() as u32;
        match changes & change::ONE_WAY {
            change::ECHOED => {
                header.set_acknowledgement(header.acknowledgement().wrapping_add(last_data));
                header.set_sequence(header.sequence().wrapping_add(last_data));
            }
            change::ONE_WAY => header.set_sequence(header.sequence().wrapping_add(last_data)),
            changes => {
                header.set_flag(URG, changes & change::URGENT != 0);
                if changes & change::URGENT != 0 {
                    header.set_urgent(rest.delta()?);
                }
                if changes & change::WINDOW != 0 {
                    header.set_window(header.window().wrapping_add(rest.delta()?));
                }
                if changes & change::ACKNOWLEDGEMENT != 0 {
                    let delta = rest.delta()?.into();
                    header.set_acknowledgement(header.acknowledgement().wrapping_add(delta));
                }
                if changes & change::SEQUENCE != 0 {
                    header.set_sequence(header.sequence().wrapping_add(rest.delta()?.into()));
                }
            }
        }
        let identification = if changes & change::IDENTIFICATION != 0 { rest.delta()? } else { 1 };
        header.set_identification(header.identification().wrapping_add(identification));
        header.set_data_len(rest.0.len())?;
        header.fix_ip_checksum();
        *slot = header;
        self.buffer.clear();
        self.buffer.extend_from_slice(header.octets());
        self.buffer.extend_from_slice(rest.0);
        Some(())
    }
}

/// Without padding (RFC 1661 §2), which a compressed packet cannot have but a whole one can.
fn trimmed(packet: &[u8]) -> Option<&[u8]> {
    let length = u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]);
    packet.get(..length.into())
}

/// What is left of a compressed packet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn delta(&mut self) -> Option<u16> {
        match self.octet()? {
            0 => Some(u16::from_be_bytes([self.octet()?, self.octet()?])),
            small => Some(small.into()),
        }
    }
}
