//! Storage for a batch of packets, made once and reused.

use std::io;

/// The longest packet a TUN device can hand over: an IP packet of 65535 octets, also the largest MTU.
const MAX_PACKET: usize = 65535;

/// A batch of packets, end to end in one buffer.
///
/// A batch is full when it holds `max_packets` packets, or `max_bytes` bytes or more: the packet that
/// crosses the mark is kept whole, so a batch may hold up to one packet more than `max_bytes`.
/// Room for a packet of any MTU is always kept behind the mark, so none is ever cut short.
#[derive(Debug)]
pub struct PacketBatch {
    storage: Vec<u8>,
    /// Where each packet ends in `storage`.
    ends: Vec<u32>,
    max_packets: usize,
    max_bytes: usize,
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
            storage: vec![0; max_bytes + MAX_PACKET],
            ends: Vec::with_capacity(max_packets),
            max_packets,
            max_bytes,
        }
    }

    /// How many packets it holds.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes its packets have together.
    pub fn bytes(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    /// Whether it takes no further packet.
    pub fn is_full(&self) -> bool {
        self.len() >= self.max_packets || self.bytes() >= self.max_bytes
    }

    /// Forgets its packets and keeps its storage.
    pub fn clear(&mut self) {
        self.ends.clear();
    }

    /// Its packets, oldest first.
    pub fn iter(&self) -> Packets<'_> {
        Packets { batch: self, next: 0 }
    }

    /// Copies one packet in; false if the batch is full or the packet is longer than any can be.
    pub fn push(&mut self, packet: &[u8]) -> bool {
        if self.is_full() || packet.len() > MAX_PACKET {
            return false;
        }
        let start = self.bytes();
        self.storage[start..start + packet.len()].copy_from_slice(packet);
        self.ends.push((start + packet.len()) as u32);
        true
    }

    /// Lets `read` put one packet into the free space. Must not be called on a full batch.
    pub(crate) fn read_one(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<()> {
        debug_assert!(!self.is_full());
        let start = self.bytes();
        let length = read(&mut self.storage[start..start + MAX_PACKET])?;
        self.ends.push((start + length) as u32);
        Ok(())
    }

    fn packet(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |previous| self.ends[previous] as usize);
        Some(&self.storage[start..end])
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
        assert!(batch.read_one(|_| Err(io::ErrorKind::WouldBlock.into())).is_err());
        assert_eq!(packets(&batch), [b"kept".to_vec()]);
    }

    #[test]
    fn a_read_is_offered_room_for_the_largest_packet_until_the_batch_is_full() {
        let mut batch = PacketBatch::new(64, 1000);
        while !batch.is_full() {
            batch
                .read_one(|room| {
                    assert_eq!(room.len(), MAX_PACKET);
                    Ok(999)
                })
                .unwrap();
        }
        assert_eq!((batch.len(), batch.bytes()), (2, 1998));
    }
}
