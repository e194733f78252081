//! Storage for a batch of packets, made once and reused.

use std::io;
use std::ops::Range;

use crate::offload::{MAX_PACKET, VirtioHeader};

/// A batch of packets, end to end in one buffer, each behind its virtio header if the device has them.
///
/// A batch is full when it holds `max_packets` packets, or `max_bytes` bytes or more: the packet that
/// crosses the mark is kept whole, so a batch may hold up to one packet more than `max_bytes`.
/// Room for a packet of any MTU is always kept behind the mark, so none is ever cut short.
#[derive(Debug)]
pub struct PacketBatch {
    storage: Vec<u8>,
    packets: Vec<Packet>,
    /// Octets of all packets, without headers.
    bytes: usize,
    max_packets: usize,
    max_bytes: usize,
}

/// A packet's place in the storage, and what its header says.
#[derive(Debug)]
struct Packet {
    header: VirtioHeader,
    octets: Range<usize>,
}

impl PacketBatch {
    /// Packets in a batch made by [`Default`].
    pub const DEFAULT_PACKETS: usize = 64;
    /// Bytes in a batch made by [`Default`]: about one chunk for an SSH channel (RFC 4254 §5.2's usual
    /// 32 KiB maximum packet size).
    pub const DEFAULT_BYTES: usize = 32 * 1024;

    /// A batch of at most `max_packets` packets that stops growing at `max_bytes`.
    ///
    /// # Panics
    /// If either bound is 0, or `max_bytes` is more than a gibibyte.
    pub fn new(max_packets: usize, max_bytes: usize) -> PacketBatch {
        assert!(max_packets > 0 && max_bytes > 0, "a batch must have room for one packet");
        assert!(max_bytes <= 1 << 30, "a batch of {max_bytes} bytes is not a batch");
        PacketBatch {
            // Zeroed pages are not resident until packets of that size arrive.
            storage: vec![0; max_bytes + MAX_PACKET + max_packets * VirtioHeader::LEN],
            packets: Vec::with_capacity(max_packets),
            bytes: 0,
            max_packets,
            max_bytes,
        }
    }

    /// How many packets it holds.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// How many bytes its packets have together.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it takes no further packet.
    pub fn is_full(&self) -> bool {
        self.len() >= self.max_packets || self.bytes() >= self.max_bytes
    }

    /// Forgets its packets and keeps its storage.
    pub fn clear(&mut self) {
        self.packets.clear();
        self.bytes = 0;
    }

    /// Its packets, oldest first. From a device with offload they may be incomplete: see
    /// [`PacketBatch::with_headers`].
    pub fn iter(&self) -> Packets<'_> {
        Packets { batch: self, next: 0 }
    }

    /// Its packets, oldest first, with what is left to do on each; [`VirtioHeader::NONE`] without offload.
    pub fn with_headers(&self) -> impl ExactSizeIterator<Item = (&VirtioHeader, &[u8])> {
        self.packets.iter().map(|packet| (&packet.header, &self.storage[packet.octets.clone()]))
    }

    /// Shows each packet, oldest first, to `change`, which may write into it.
    pub fn for_each_mut(&mut self, mut change: impl FnMut(&VirtioHeader, &mut [u8])) {
        for packet in &self.packets {
            change(&packet.header, &mut self.storage[packet.octets.clone()]);
        }
    }

    /// Copies one packet in; false if the batch is full or the packet is longer than any can be.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        self.push_with(&VirtioHeader::NONE, packet)
    }

    /// The same, with what is left to do on it.
    pub fn push_with(&mut self, header: &VirtioHeader, packet: &[u8]) -> bool {
        if self.is_full() || packet.len() > MAX_PACKET {
            return false;
        }
        let start = self.end();
        let octets = start..start + packet.len();
        self.storage[octets.clone()].copy_from_slice(packet);
        self.take(*header, octets);
        true
    }

    /// Lets `read` put one packet, behind a header of `header` octets (none, or [`VirtioHeader::LEN`]), into the
    /// free space. Must not be called on a full batch.
    pub(crate) fn read_one(
        &mut self,
        header: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        debug_assert!(!self.is_full());
        let start = self.end();
        let length = read(&mut self.storage[start..start + header + MAX_PACKET])?;
        let octets = start + header..start + length;
        if header == 0 {
            self.take(VirtioHeader::NONE, octets);
            return Ok(());
        }
        let header = self.storage[start..start + length].first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        match VirtioHeader::parse(header) {
            Ok(header) => self.take(header, octets),
            // The kernel was not asked for anything but what this crate knows.
            Err(refusal) => tracing::warn!(%refusal, "a packet from the TUN device is lost"),
        }
        Ok(())
    }

    fn take(&mut self, header: VirtioHeader, octets: Range<usize>) {
        self.bytes += octets.len();
        self.packets.push(Packet { header, octets });
    }

    /// Where the free space begins.
    fn end(&self) -> usize {
        self.packets.last().map_or(0, |packet| packet.octets.end)
    }

    fn packet(&self, index: usize) -> Option<&[u8]> {
        Some(&self.storage[self.packets.get(index)?.octets.clone()])
    }
}

impl Default for PacketBatch {
    fn default() -> PacketBatch {
        PacketBatch::new(PacketBatch::DEFAULT_PACKETS, PacketBatch::DEFAULT_BYTES)
    }
}

impl<'a> IntoIterator for &'a PacketBatch {
    type Item = &'a [u8];
    type IntoIter = Packets<'a>;

    fn into_iter(self) -> Packets<'a> {
        self.iter()
    }
}

/// The packets of a [`PacketBatch`], oldest first.
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    batch: &'a PacketBatch,
    next: usize,
}

impl<'a> Iterator for Packets<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let packet = self.batch.packet(self.next)?;
        self.next += 1;
        Some(packet)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.batch.len() - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Packets<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(batch: &PacketBatch) -> Vec<Vec<u8>> {
        batch.iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn packets_come_out_whole_and_in_order() {
        let mut batch = PacketBatch::new(8, 100);
        assert!(batch.push(b"one") && batch.push(b"") && batch.push(b"three"));
        assert_eq!(packets(&batch), [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
        assert_eq!((batch.len(), batch.bytes(), batch.iter().len()), (3, 8, 3));
    }

    #[test]
    fn each_packet_can_be_changed_where_it_lies() {
        let mut batch = PacketBatch::new(8, 100);
        assert!(batch.push(b"one") && batch.push(b"two"));
        batch.for_each_mut(|header, packet| {
            assert_eq!(*header, VirtioHeader::NONE);
            packet[0] = b'O';
        });
        assert_eq!(packets(&batch), [b"One".to_vec(), b"Owo".to_vec()]);
    }

    #[test]
    fn it_is_full_at_the_packet_bound() {
        let mut batch = PacketBatch::new(2, 100);
        assert!(batch.push(b"a") && batch.push(b"b"));
        assert!(batch.is_full());
        assert!(!batch.push(b"c"));
        assert_eq!(batch.len(), 2);
    }

    #[test]
    fn the_packet_that_crosses_the_byte_bound_is_kept_whole() {
        let mut batch = PacketBatch::new(64, 10);
        assert!(batch.push(&[1; 9]) && !batch.is_full());
        assert!(batch.push(&vec![2; MAX_PACKET]));
        assert!(batch.is_full());
        assert_eq!(batch.iter().last().map(<[u8]>::len), Some(MAX_PACKET));
    }

    #[test]
    fn a_cleared_batch_is_as_new_without_new_storage() {
        let mut batch = PacketBatch::new(2, 10);
        let storage = batch.storage.as_ptr();
        assert!(batch.push(&[1; 10]) && batch.is_full());
        batch.clear();
        assert!(batch.is_empty() && !batch.is_full());
        assert!(batch.push(b"again"));
        assert_eq!(packets(&batch), [b"again".to_vec()]);
        assert_eq!(batch.storage.as_ptr(), storage);
    }

    #[test]
    fn a_failed_read_leaves_the_batch_as_it_was() {
        let mut batch = PacketBatch::default();
        assert!(batch.push(b"kept"));
        assert!(batch.read_one(0, |_| Err(io::ErrorKind::WouldBlock.into())).is_err());
        assert_eq!(packets(&batch), [b"kept".to_vec()]);
    }

    #[test]
    fn a_read_is_offered_room_for_the_largest_packet_until_the_batch_is_full() {
        let mut batch = PacketBatch::new(64, 1000);
        while !batch.is_full() {
            batch
                .read_one(0, |room| {
                    assert_eq!(room.len(), MAX_PACKET);
                    Ok(999)
                })
                .unwrap();
        }
        assert_eq!((batch.len(), batch.bytes()), (2, 1998));
    }

    #[test]
    fn headers_stand_apart_from_their_packets_and_count_for_nothing() {
        let header = VirtioHeader { needs_csum: true, csum_start: 20, csum_offset: 16, ..VirtioHeader::NONE };
        let mut batch = PacketBatch::new(3, 6);
        let from_device = |octets: &'static [u8]| {
            move |room: &mut [u8]| {
                assert_eq!(room.len(), VirtioHeader::LEN + MAX_PACKET);
                room[..VirtioHeader::LEN].copy_from_slice(&header.emit());
                room[VirtioHeader::LEN..][..octets.len()].copy_from_slice(octets);
                Ok(VirtioHeader::LEN + octets.len())
            }
        };
        batch.read_one(VirtioHeader::LEN, from_device(b"one")).unwrap();
        assert!(batch.push(b"2") && !batch.is_full());
        batch.read_one(VirtioHeader::LEN, from_device(b"three")).unwrap();
        assert!(batch.is_full());
        assert_eq!((batch.len(), batch.bytes()), (3, 9));
        assert_eq!(packets(&batch), [b"one".to_vec(), b"2".to_vec(), b"three".to_vec()]);
        let headers: Vec<_> = batch.with_headers().map(|(header, _)| *header).collect();
        assert_eq!(headers, [header, VirtioHeader::NONE, header]);
    }

    #[test]
    fn a_batch_of_headers_has_room_for_the_largest_packet_at_its_end() {
        let mut batch = PacketBatch::new(1000, 1000);
        for _ in 0..999 {
            batch.read_one(VirtioHeader::LEN, |_| Ok(VirtioHeader::LEN + 1)).unwrap();
        }
        batch.read_one(VirtioHeader::LEN, |room| Ok(room.len())).unwrap();
        assert_eq!((batch.len(), batch.bytes()), (1000, 999 + MAX_PACKET));
    }

    #[test]
    fn a_packet_whose_header_nobody_knows_is_left_out() {
        let mut batch = PacketBatch::default();
        batch
            .read_one(VirtioHeader::LEN, |room| {
                room[0] = 0xff;
                Ok(VirtioHeader::LEN + 1)
            })
            .unwrap();
        assert!(batch.is_empty() && batch.bytes() == 0);
    }
}
