//! Whatever is done in whatever order: flows keep their order, nothing comes twice, and the sums are right.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use fairqueue::{Config, Count, Enqueued};
use proptest::prelude::*;

use crate::packets::{self, ECT, MIN_LEN, NOT_ECT, Queue};

#[derive(Debug, Clone, Copy)]
enum Step {
    Enqueue { flow: u16, len: usize, ecn: u8 },
    Peek,
    PeekAndDequeue,
    Dequeue,
    Wait(Duration),
    Codel(Duration, Duration),
    RateHint(u64, usize),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![4 => MIN_LEN..1600, 1 => MIN_LEN..65_000];
    let ecn = prop_oneof![Just(NOT_ECT), Just(ECT)];
    let millis = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    prop_oneof![
        40 => (0u16..12, len, ecn).prop_map(|(flow, len, ecn)| Step::Enqueue { flow, len, ecn }),
        5 => Just(Step::Peek),
        10 => Just(Step::PeekAndDequeue),
        20 => Just(Step::Dequeue),
        20 => millis(0..200).prop_map(Step::Wait),
        1 => (millis(0..50), millis(0..300)).prop_map(|(target, interval)| Step::Codel(target, interval)),
        1 => (0u64..1_000_000, 0usize..9000).prop_map(|(rate, mtu)| Step::RateHint(rate, mtu)),
        1 => Just(Step::Clear),
    ]
}

/// A packet on its way, as it was enqueued: number within its flow, length and ECN.
type Sent = (u64, usize, u8);

/// The queue, and what a queue that never drops anything would hold.
struct Model {
    queue: Queue<Sent>,
    now: Instant,
    waiting: HashMap<u16, std::collections::VecDeque<Sent>>,
    next: u64,
    missing: Count,
}

impl Model {
    /// What left the queue must be what was put in; all of its flow before it, if it did not come, was dropped.
    fn check(&mut self, bytes: &[u8], tag: Sent) {
        let flow = packets::flow(bytes);
        let (number, len, ecn) = tag;
        let mut expected = packets::packet(flow, number, len, ecn);
        if ecn == ECT && packets::is_marked(bytes) {
            expected = packets::packet(flow, number, len, 0b11);
        }
        assert_eq!(bytes, expected, "only a mark may change it");
        let waiting = self.waiting.get_mut(&flow).expect("a flow that was enqueued");
        loop {
            let first = waiting.pop_front().expect("nothing comes twice, or in another order");
            if first == tag {
                break;
            }
            self.missing.packets += 1;
            self.missing.bytes += first.1 as u64;
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Enqueue { flow, len, ecn } => {
                let sent = (self.next, len, ecn);
                self.next += 1;
                let enqueued = self.queue.enqueue(self.now, &packets::packet(flow, sent.0, len, ecn), sent);
                assert!(matches!(enqueued, Enqueued::Queued { .. }));
                self.waiting.entry(flow).or_default().push_back(sent);
            }
            Step::Peek => {
                let found = self.queue.peek(self.now).is_some();
                assert!(found || self.queue.is_empty());
            }
            Step::PeekAndDequeue => {
                let before = self.queue.peek(self.now).map(|packet| (packet.bytes.to_vec(), packet.tag));
                let after = self.queue.dequeue(self.now).map(|packet| (packet.bytes.to_vec(), packet.tag));
                assert_eq!(before, after);
                if let Some((bytes, tag)) = after {
                    self.check(&bytes, tag);
                }
            }
            Step::Dequeue => {
                let packet = self.queue.dequeue(self.now).map(|packet| (packet.bytes.to_vec(), packet.tag));
                assert!(packet.is_some() || self.queue.is_empty());
                if let Some((bytes, tag)) = packet {
                    self.check(&bytes, tag);
                }
            }
            Step::Wait(span) => self.now += span,
            Step::Codel(target, interval) => self.queue.set_codel(target, interval),
            Step::RateHint(rate, mtu) => self.queue.set_rate_hint(rate, mtu),
            Step::Clear => {
                self.queue.clear();
                assert!(self.queue.is_empty());
            }
        }
        let stats = self.queue.stats();
        let sum = |part: fn(&Count) -> u64| {
            [stats.dequeued, stats.dropped_by_codel, stats.dropped_over_limit, stats.cleared]
                .iter()
                .map(part)
                .sum::<u64>()
        };
        assert_eq!(stats.enqueued.packets, sum(|count| count.packets) + self.queue.len() as u64);
        assert_eq!(stats.enqueued.bytes, sum(|count| count.bytes) + self.queue.bytes() as u64);
    }
}

proptest! {
    #[test]
    fn order_and_sums_hold(
        steps in prop::collection::vec(step(), 0..300),
        flows in prop_oneof![Just(1usize), Just(3), Just(1024)],
        quantum in 0u32..4000,
        packet_limit in 1usize..60,
        ce_threshold in prop::option::of((0u64..20).prop_map(Duration::from_millis)),
    ) {
        let config = Config {
            flows,
            quantum,
            packet_limit,
            memory_limit: 256 << 10,
            idle_memory: 32 << 10,
            ce_threshold,
            ..Config::default()
        };
        let mut model = Model {
            queue: packets::queue(config),
            now: Instant::now(),
            waiting: HashMap::new(),
            next: 0,
            missing: Count::default(),
        };
        for step in steps {
            model.take(step);
            prop_assert!(model.queue.len() <= packet_limit);
            prop_assert!(model.queue.memory() <= 256 << 10);
            prop_assert!(!model.queue.is_empty() || model.queue.memory() <= (32 << 10) + 65_575);
        }
        while !model.queue.is_empty() {
            model.take(Step::Dequeue);
        }
        // What is left in the model was dropped too, behind the last that came.
        for sent in model.waiting.values().flatten() {
            model.missing.packets += 1;
            model.missing.bytes += sent.1 as u64;
        }
        let stats = model.queue.stats();
        prop_assert_eq!(
            model.missing.packets,
            stats.dropped_by_codel.packets + stats.dropped_over_limit.packets + stats.cleared.packets
        );
        prop_assert_eq!(
            model.missing.bytes,
            stats.dropped_by_codel.bytes + stats.dropped_over_limit.bytes + stats.cleared.bytes
        );
    }
}
