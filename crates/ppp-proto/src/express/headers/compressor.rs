//! Sending.

use super::{MAX_PACKET, SLOTS, Slot, change::Change, provide};
use crate::{
    express::record::{Form, OFFLOAD_HEADER_LEN},
    tcp_header::{Header, is_tcp},
};

/// The headers of a packet, as they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Headers<'a> {
    pub(crate) form: Form,
    /// What stands in front of the packet: a slot, or with a change.
    pub(crate) before: &'a [u8],
    /// In the place of so many octets of the packet.
    pub(crate) replaced: usize,
}

impl Headers<'_> {
    /// They are told as they are, and forgotten.
    pub(crate) const PLAIN: Headers<'static> = Headers { form: Form::Plain, before: &[], replaced: 0 };
}

/// The sending end of one direction.
#[derive(Debug, Default)]
pub(crate) struct HeaderCompressor {
    /// None, or all of them.
    slots: Vec<Slot>,
    /// The last slot, and the change if there was one.
    before: Vec<u8>,
}

impl HeaderCompressor {
    /// How to tell the headers of a packet, which must then be sent so. A virtio header goes behind what stands in front, unless
    /// they are told by change, which includes it.
    #[inline]
    pub(crate) fn tell(&mut self, offload: Option<&[u8; OFFLOAD_HEADER_LEN]>, packet: &[u8]) -> Headers<'_> {
        // Seen here, all others cost next to nothing.
        if packet.len() > MAX_PACKET || !is_tcp(packet) {
            return Headers::PLAIN;
        }
        self.tell_tcp(offload, packet)
    }

    fn tell_tcp(&mut self, offload: Option<&[u8; OFFLOAD_HEADER_LEN]>, packet: &[u8]) -> Headers<'_> {
        let Some(header) = Header::of_tcp(packet) else { return Headers::PLAIN };
        provide(&mut self.slots);
        // Two connections may want the same slot; they are told in full by turns.
        let at = header.connection() as usize % SLOTS;
        let slot = &mut self.slots[at];
        self.before.clear();
        self.before.push(at as u8);
        let before = slot.header;
        let is_same_offload = offload.is_none() || slot.offload.as_ref() == offload;
        if is_same_offload && !before.is_empty() {
            let change = Change::between(&before, &header);
            // Whatever a change cannot tell shows here, since this is what the other end does.
            let restored = change.apply(&before, header.data_len());
            if restored.is_some_and(|restored| restored.octets() == header.octets()) {
                slot.header = header;
                change.emit(&mut self.before);
                return Headers { form: Form::Changed, before: &self.before, replaced: header.len() };
            }
        }
        slot.remember(header, offload);
        Headers { form: Form::Remembered, before: &self.before, replaced: 0 }
    }
}
