//! Shared helpers of the benchmarks.

pub mod congestion;
pub mod machine;
pub mod samples;

/// Octets of information in one measured chunk: about what the pump hands to a carrier at a time.
pub const CHUNK_LEN: usize = 32 * 1024;

/// Packet lengths measured: an acknowledgement's, a usual MTU and a jumbo one.
pub const PACKET_LENS: [usize; 3] = [64, 1500, 16384];

/// What packets are filled with.
#[derive(Debug, Clone, Copy)]
pub enum Fill {
    /// As encrypted or compressed traffic: every octet equally likely.
    Random,
    /// Flags only: every octet must be escaped.
    Worst,
    /// Letters: no octet need be escaped.
    Text,
}

impl Fill {
    /// All of them.
    pub const ALL: [Fill; 3] = [Fill::Random, Fill::Worst, Fill::Text];

    /// Short name for reports.
    pub fn name(self) -> &'static str {
        match self {
            Fill::Random => "random",
            Fill::Worst => "worst",
            Fill::Text => "text",
        }
    }

    /// A packet of `len` octets, the same in every run.
    pub fn packet(self, len: usize) -> Vec<u8> {
        match self {
            Fill::Random => {
                let mut state = 0x9e37_79b9_7f4a_7c15_u64;
                (0..len)
                    .map(|_| {
                        // xorshift64 (Marsaglia 2003)
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        (state >> 32) as u8
                    })
                    .collect()
            }
            Fill::Worst => vec![0x7e; len],
            Fill::Text => Fill::Random.packet(len).iter().map(|octet| b'a' + octet % 26).collect(),
        }
    }
}
