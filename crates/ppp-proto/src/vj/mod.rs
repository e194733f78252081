//! Van Jacobson's compression of TCP/IPv4 headers (RFC 1144), negotiated by IPCP (RFC 1332 §4).
//!
//! Most headers of a TCP connection follow from the one before. Both ends keep the last header of each of a few
//! connections, each in a slot, and only the differences are sent:
//!
//! ```text
//! +-+-+-+-+-+-+-+-+
//! |0|C|I|P|S|A|W|U|   what follows, and whether PSH is set
//! +-+-+-+-+-+-+-+-+
//! | slot (C)      |   else the slot of the packet before
//! +---------------+
//! | TCP checksum  |   two octets, unchanged: this is what finds a header that was restored wrongly
//! | urgent (U)  … |   then, in this order, the differences of window (W), acknowledgement (A),
//! | window (W)  … |   sequence number (S) and IP identification (I): one octet, or 0 and two octets
//! ```
//!
//! S, W and U together stand for "both numbers advanced by the last packet's data", S, A, W and U for "the sequence
//! number did". A packet that cannot be sent like this goes whole, with the slot in the place of its Protocol.

mod change;
mod compressor;
mod decompressor;

pub use compressor::{Compressor, Form};
pub use decompressor::Decompressor;

/// The most slots this end keeps in a direction; the RFC's number, and pppd's.
pub const MAX_SLOTS: u8 = 16;
/// The fewest slots worth having (RFC 1144 §3.2.4 asks for more than two connections at a time; pppd's limit).
pub const MIN_SLOTS: u8 = 2;

/// What to ask of the peer; with it this end also compresses for a peer that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VjConfig {
    /// Connections to remember, from [`MIN_SLOTS`] to [`MAX_SLOTS`] (pppd's `vj-max-slots`).
    pub slots: u8,
    /// Whether the slot may be left out when it is the packet's before (pppd's `novjccomp` forbids it).
    pub slot_id: bool,
}

impl Default for VjConfig {
    fn default() -> VjConfig {
        VjConfig { slots: MAX_SLOTS, slot_id: true }
    }
}

/// What one direction is agreed to be like, or asked to be: the option's two octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VjTerms {
    /// The highest slot, counted from zero.
    pub max_slot: u8,
    /// Whether the slot may be left out.
    pub slot_id: bool,
}

impl From<VjConfig> for VjTerms {
    fn from(config: VjConfig) -> VjTerms {
        VjTerms { max_slot: config.slots.clamp(MIN_SLOTS, MAX_SLOTS) - 1, slot_id: config.slot_id }
    }
}

#[cfg(test)]
mod tests;
