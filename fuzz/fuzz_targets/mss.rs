//! Packets whose maximum segment size is lowered: whatever they are, their sum stays, and little else changes; and acknowledgements
//! of TCP, which are none of them.
//!
//! ```text
//! | mtu, 2 | partial, 1 | packet … |
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use tunio::ack::is_bare;
use tunio::mss::{clamp, is_syn};
use tunio::offload::ones_complement_sum;

/// Two octets of a checksum, and two of each option that fits into 40 octets.
const MOST_CHANGES: usize = 2 + 2 * 10;

fuzz_target!(|input: &[u8]| {
    let Some(([high, low, partial], packet)) = input.split_first_chunk() else { return };
    let partial = partial & 1 == 1;
    let mut clamped = packet.to_vec();
    let changed = clamp(&mut clamped, u16::from_be_bytes([*high, *low]), partial);
    assert_eq!(changed, clamped != packet);
    assert!(is_syn(packet) || !changed);
    assert!(!is_syn(packet) || !is_bare(packet));
    let changes = packet.iter().zip(&clamped).filter(|(was, is)| was != is).count();
    assert!(changes <= MOST_CHANGES && clamped.len() == packet.len());
    assert!(partial || ones_complement_sum(&clamped) == ones_complement_sum(packet));
});
