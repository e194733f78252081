//! Magic numbers and interface identifiers out of a seed.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough where nothing is secret.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A Magic-Number: anything but zero (RFC 1661 §6.4).
    pub(crate) fn magic(&mut self) -> u32 {
        loop {
            let magic = (self.next_u64() >> 32) as u32;
            if magic != 0 {
                return magic;
            }
        }
    }

    /// An independent generator.
    pub(crate) fn fork(&mut self) -> Rng {
        Rng(self.next_u64())
    }
}
