//! Buffers for packets, used again and again.

/// The longest packet that is taken: an IPv6 header and the most that its Payload Length can say (RFC 8200 §3). Segments
/// that wait for their segmentation (GSO) are no longer.
pub const MAX_PACKET_LEN: usize = 40 + 0xffff;

/// Sizes of buffers: acknowledgements and pings, small requests, an Ethernet's MTU, jumbo frames, super-packets.
const SIZES: [usize; 5] = [128, 512, 2048, 16 * 1024, MAX_PACKET_LEN];

/// The smallest size that holds `len` octets.
fn class(len: usize) -> usize {
    SIZES.iter().position(|&size| len <= size).expect("at most MAX_PACKET_LEN octets")
}

/// Octets of the buffer that a packet of `len` octets takes.
pub(crate) fn size(len: usize) -> usize {
    SIZES[class(len)]
}

/// Buffers that are free, by size, and a count of all there are.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    free: [Vec<Vec<u8>>; SIZES.len()],
    allocated: usize,
}

impl Pool {
    /// A copy of the packet. With all buffers together there are no more than `limit` octets after it, if giving free
    /// ones back to the system is enough for that.
    pub(crate) fn copy(&mut self, packet: &[u8], limit: usize) -> Vec<u8> {
        let class = class(packet.len());
        let mut buffer = self.free[class].pop().unwrap_or_else(|| {
            self.shrink_to(limit.saturating_sub(SIZES[class]));
            self.allocated += SIZES[class];
            Vec::with_capacity(SIZES[class])
        });
        buffer.extend_from_slice(packet);
        buffer
    }

    /// Takes back a packet's buffer. (The buffer of no packet is none of ours.)
    pub(crate) fn give_back(&mut self, mut packet: Vec<u8>) {
        if !packet.is_empty() {
            let class = class(packet.len());
            packet.clear();
            self.free[class].push(packet);
        }
    }

    /// Gives free buffers back to the system, the largest first, until no more than `limit` octets are left or none of
    /// them is free.
    pub(crate) fn shrink_to(&mut self, limit: usize) {
        for (free, size) in self.free.iter_mut().zip(SIZES).rev() {
            while self.allocated > limit && free.pop().is_some() {
                self.allocated -= size;
            }
        }
    }

    /// Octets of all buffers, free or not.
    pub(crate) fn allocated(&self) -> usize {
        self.allocated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_for_a_packet_of_its_size() {
        let mut pool = Pool::default();
        let first = pool.copy(&[1; 1500], usize::MAX);
        let at = first.as_ptr();
        pool.give_back(first);
        let second = pool.copy(&[2; 600], usize::MAX);
        assert_eq!((second.as_ptr(), &second[..]), (at, &[2; 600][..]));
        assert_eq!(pool.allocated(), 2048);
    }

    #[test]
    fn free_buffers_of_other_sizes_make_way() {
        let mut pool = Pool::default();
        let large = pool.copy(&vec![0; MAX_PACKET_LEN], usize::MAX);
        let small = pool.copy(&[0; 40], usize::MAX);
        pool.give_back(large);
        let _kept = pool.copy(&[0; 1500], 4096);
        assert_eq!(pool.allocated(), 128 + 2048);
        pool.give_back(small);
        pool.shrink_to(0);
        assert_eq!(pool.allocated(), 2048, "what is in use stays");
    }
}
