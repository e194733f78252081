//! Receiving.

use super::{Slot, change::Change, provide};
use crate::{express::record::OFFLOAD_HEADER_LEN, tcp_header::Header};

/// The receiving end of one direction. What a peer says wrongly costs it a packet.
#[derive(Debug, Default)]
pub(crate) struct HeaderDecompressor {
    /// None, or all of them.
    slots: Vec<Slot>,
    /// The packet last restored, and the virtio header of its slot.
    restored: Vec<u8>,
    offload: Option<[u8; OFFLOAD_HEADER_LEN]>,
}

impl HeaderDecompressor {
    /// The slot holds the headers of this packet from now on. A packet without any, or a slot that there is not, changes nothing.
    pub(crate) fn remember(&mut self, slot: u8, offload: Option<&[u8; OFFLOAD_HEADER_LEN]>, packet: &[u8]) {
        let Some(header) = Header::of_tcp(packet) else { return };
        provide(&mut self.slots);
        if let Some(slot) = self.slots.get_mut(usize::from(slot)) {
            slot.remember(header, offload);
        }
    }

    /// The packet of which a slot, a change and the data are told; `None` if that cannot be.
    pub(crate) fn restore(&mut self, told: &[u8]) -> Option<&[u8]> {
        let (slot, mut rest) = told.split_first()?;
        let slot = self.slots.get_mut(usize::from(*slot)).filter(|slot| !slot.header.is_empty())?;
        let change = Change::parse(&mut rest)?;
        slot.header = change.apply(&slot.header, rest.len())?;
        self.restored.clear();
        self.restored.extend_from_slice(slot.header.octets());
        self.restored.extend_from_slice(rest);
        self.offload = slot.offload;
        Some(&self.restored)
    }

    /// The packet last restored.
    pub(crate) fn restored(&self) -> &[u8] {
        &self.restored
    }

    /// The virtio header told last with a packet that its slot was about.
    pub(crate) fn offload(&self) -> Option<[u8; OFFLOAD_HEADER_LEN]> {
        self.offload
    }
}
