//! Packets that know their flow and their number.

use std::hash::{BuildHasherDefault, DefaultHasher};

use fairqueue::{Config, FairQueue};

/// A hash that is the same in every run.
pub(crate) type Fixed = BuildHasherDefault<DefaultHasher>;
pub(crate) type Queue<T> = FairQueue<T, Fixed>;

pub(crate) fn queue<T: Copy>(config: Config) -> Queue<T> {
    FairQueue::with_hasher(config, BuildHasherDefault::default())
}

/// Headers of IPv4 and UDP, and the number.
pub(crate) const MIN_LEN: usize = 20 + 8 + 8;

/// What a packet says of ECN: nothing, or ECT(0) (RFC 3168 §5).
pub(crate) const NOT_ECT: u8 = 0;
pub(crate) const ECT: u8 = 0b10;

/// A packet of UDP over IPv4, at least [`MIN_LEN`] long; the flow is its source port.
pub(crate) fn packet(flow: u16, number: u64, len: usize, ecn: u8) -> Vec<u8> {
    let mut packet = vec![0x5a; len];
    packet[..12].copy_from_slice(&[0x45, ecn, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 64, 17, 0, 0]);
    packet[12..20].copy_from_slice(&[192, 168, 1, 1, 192, 168, 2, 1]);
    packet[20..22].copy_from_slice(&flow.to_be_bytes());
    packet[22..24].copy_from_slice(&5001_u16.to_be_bytes());
    packet[28..36].copy_from_slice(&number.to_be_bytes());
    let sum: u32 =
        (0..20).step_by(2).map(|at| u32::from(u16::from_be_bytes([packet[at], packet[at + 1]]))).sum();
    // Twice, since the first carry may make another (RFC 1071 §4.1).
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    let sum = fold(fold(sum));
    packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    packet
}

pub(crate) fn flow(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[20], packet[21]])
}

pub(crate) fn number(packet: &[u8]) -> u64 {
    u64::from_be_bytes(packet[28..36].try_into().expect("eight octets"))
}

pub(crate) fn is_marked(packet: &[u8]) -> bool {
    packet[1] & 0b11 == 0b11
}
