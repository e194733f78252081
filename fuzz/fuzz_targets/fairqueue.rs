//! The fair queue: any octets as packets, in and out in any order, on a clock that jumps.
//!
//! ```text
//! | what, 1 octet | argument, 1 | length, 2 | octets … |
//! ```

#![no_main]

use std::time::{Duration, Instant};

use fairqueue::{Config, FairQueue};
use libfuzzer_sys::fuzz_target;

const MEMORY_LIMIT: usize = 256 << 10;
const IDLE_MEMORY: usize = 64 << 10;

fuzz_target!(|input: &[u8]| {
    let mut queue = FairQueue::new(Config {
        flows: 4,
        packet_limit: 100,
        memory_limit: MEMORY_LIMIT,
        idle_memory: IDLE_MEMORY,
        ce_threshold: Some(Duration::from_millis(50)),
        ..Config::default()
    });
    let mut now = Instant::now();
    let mut rest = input;
    while let Some((&[what, argument, high, low], octets)) = rest.split_first_chunk() {
        rest = octets;
        match what % 8 {
            0..=2 => {
                let (packet, behind) =
                    octets.split_at(octets.len().min(u16::from_be_bytes([high, low]).into()));
                rest = behind;
                queue.enqueue(now, packet, packet.len());
            }
            3 | 4 => {
                let looked_at = queue.peek(now).map(|packet| packet.bytes.to_vec());
                let taken = queue.dequeue(now);
                assert_eq!(taken.map(|packet| packet.bytes.to_vec()), looked_at);
                if let Some(packet) = queue.dequeue(now) {
                    assert_eq!(packet.bytes.len(), packet.tag);
                } else {
                    assert!(queue.is_empty());
                }
            }
            5 => now += Duration::from_millis(argument.into()),
            6 => queue.set_rate_hint(u64::from(high) << (argument % 32), low.into()),
            _ => match argument {
                0 => queue.clear(),
                _ => {
                    queue.set_codel(Duration::from_millis(argument.into()), Duration::from_millis(low.into()))
                }
            },
        }
        let stats = queue.stats();
        let left = [stats.dequeued, stats.dropped_by_codel, stats.dropped_over_limit, stats.cleared];
        assert_eq!(
            stats.enqueued.bytes,
            left.iter().map(|count| count.bytes).sum::<u64>() + queue.bytes() as u64
        );
        assert_eq!(
            stats.enqueued.packets,
            left.iter().map(|count| count.packets).sum::<u64>() + queue.len() as u64
        );
        assert!(queue.memory() <= MEMORY_LIMIT);
        assert_eq!(queue.is_empty(), queue.sojourn(now).is_none());
    }
    while queue.dequeue(now).is_some() {}
    // But for the packet that may still be read.
    assert!(queue.memory() <= IDLE_MEMORY + fairqueue::MAX_PACKET_LEN);
});
