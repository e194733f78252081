//! What happens when more comes than may wait.

use std::time::{Duration, Instant};

use fairqueue::{Config, Count, Enqueued, MAX_PACKET_LEN};

use crate::{
    bottleneck::Bottleneck,
    packets::{self, ECT, MIN_LEN, NOT_ECT, packet},
    sources::Steady,
};

#[test]
fn a_flood_of_flows_and_lengths_stays_within_its_memory() {
    let config = Config { memory_limit: 1 << 20, idle_memory: 64 << 10, ..Config::default() };
    let mut queue = packets::queue(config);
    let now = Instant::now();
    let mut most = 0;
    // Each length in turn fills all there is, so that the buffers of the others have to make way.
    for len in [MIN_LEN, 1500, 60_000, 300, 9000] {
        for flow in 0..3000 {
            let enqueued = queue.enqueue(now, &packet(flow, 0, len, NOT_ECT), ());
            assert_ne!(enqueued, Enqueued::Refused);
            most = most.max(queue.memory());
        }
    }
    assert!((1_000_000..=1 << 20).contains(&most), "{most}");
    while queue.dequeue(now).is_some() {}
    assert!(queue.memory() <= 64 << 10, "and given back");
}

#[test]
fn no_more_packets_wait_than_may() {
    let mut queue = packets::queue(Config { packet_limit: 100, ..Config::default() });
    let now = Instant::now();
    for number in 0..250 {
        queue.enqueue(now, &packet(number % 20, 0, 100, NOT_ECT), ());
        assert!(queue.len() <= 100);
    }
    // Half of a flow went at a time.
    assert!(queue.len() > 90);
    let dropped = 250 - queue.len() as u64;
    assert_eq!(queue.stats().dropped_over_limit, Count { packets: dropped, bytes: 100 * dropped });
}

/// RFC 8290 §4.1: half of the fattest, 64 packets at most, from its head.
#[test]
fn the_fattest_flow_makes_room_with_its_oldest_packets() {
    let mut queue = packets::queue(Config { packet_limit: 300, ..Config::default() });
    let now = Instant::now();
    let count = |numbers: std::ops::Range<u64>, flow, len, queue: &mut packets::Queue<u64>| {
        numbers
            .map(|number| match queue.enqueue(now, &packet(flow, number, len, NOT_ECT), number) {
                Enqueued::Queued { dropped } => dropped,
                Enqueued::Refused => panic!("refused"),
            })
            .collect::<Vec<_>>()
    };
    count(0..100, 1, 1500, &mut queue);
    count(0..200, 2, 100, &mut queue);
    assert_eq!(count(200..201, 2, 100, &mut queue), [50], "flow 1 has more octets, if fewer packets");
    assert_eq!(count(201..250, 2, 100, &mut queue), [0; 49]);
    assert_eq!(count(250..251, 2, 100, &mut queue), [25]);
    let mut first = [None; 2];
    while let Some(packet) = queue.dequeue(now) {
        first[usize::from(packets::flow(packet.bytes) - 1)].get_or_insert(packet.tag);
    }
    assert_eq!(first, [Some(75), Some(0)]);
}

#[test]
fn a_batch_is_64_packets_at_most() {
    let mut queue = packets::queue(Config { packet_limit: 1000, ..Config::default() });
    let now = Instant::now();
    for number in 0..1000 {
        queue.enqueue(now, &packet(1, number, 100, NOT_ECT), number);
    }
    assert_eq!(queue.enqueue(now, &packet(1, 1000, 100, NOT_ECT), 1000), Enqueued::Queued { dropped: 64 });
    assert_eq!(queue.dequeue(now).unwrap().tag, 64);
}

#[test]
fn a_packet_that_was_looked_at_may_have_to_make_room() {
    let mut queue = packets::queue(Config { packet_limit: 2, ..Config::default() });
    let now = Instant::now();
    for number in 0..2 {
        queue.enqueue(now, &packet(1, number, 1500, NOT_ECT), number);
    }
    assert_eq!(queue.peek(now).unwrap().tag, 0);
    queue.enqueue(now, &packet(2, 0, 100, NOT_ECT), 10);
    assert_eq!(queue.peek(now).unwrap().tag, 1);
    queue.enqueue(now, &packet(2, 1, 100, NOT_ECT), 11);
    assert_eq!(queue.dequeue(now).unwrap().tag, 10, "nothing of flow 1 is left");
}

#[test]
fn what_no_queue_can_hold_is_refused() {
    let mut queue = packets::queue(Config { memory_limit: 0, ..Config::default() });
    let now = Instant::now();
    assert_eq!(queue.enqueue(now, &[], ()), Enqueued::Refused);
    assert_eq!(queue.enqueue(now, &vec![0x45; MAX_PACKET_LEN + 1], ()), Enqueued::Refused);
    assert_eq!(queue.stats().refused, 2);
    assert!(queue.is_empty() && queue.memory() == 0);

    let longest = vec![0x45; MAX_PACKET_LEN];
    assert_eq!(queue.enqueue(now, &longest, ()), Enqueued::Queued { dropped: 0 });
    assert_eq!(queue.dequeue(now).unwrap().bytes, longest);
}

#[test]
fn a_tag_too_large_for_the_memory_is_refused() {
    let mut queue = packets::queue(Config { memory_limit: 256 << 10, ..Config::default() });
    assert_eq!(queue.enqueue(Instant::now(), &[0x45; 20], [0_u64; 1024]), Enqueued::Refused);
    assert_eq!(queue.memory(), 0);
}

/// RFC 8290 §5.2.6: its queue grows to the limit, and that is all.
#[test]
fn one_who_lies_about_ecn_harms_nobody_but_himself() {
    let mut queue = packets::queue(Config { memory_limit: 1 << 20, ..Config::default() });
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    for number in 0..20_000 {
        let now = start + Duration::from_millis(number);
        for liar in 0..3 {
            queue.enqueue(now, &packet(1, 3 * number + liar, 1500, ECT), ());
        }
        if number % 50 == 0 {
            queue.enqueue(now, &packet(2, number / 50, 100, NOT_ECT), ());
        }
        // Room for one packet in each millisecond.
        let packet = queue.dequeue(now).unwrap();
        if packets::flow(packet.bytes) == 2 {
            longest = longest.max(packet.sojourn);
        }
    }
    assert!(queue.stats().marked_by_codel > 1000);
    assert!(queue.stats().dropped_over_limit.packets > 10_000);
    assert_eq!(queue.stats().dropped_by_codel.packets, 0);
    assert!(longest <= Duration::from_millis(1), "a packet at most: {longest:?}");
}

#[test]
fn greedy_flows_are_held_by_the_limit_and_the_sparse_one_loses_nothing() {
    let mut bottleneck = Bottleneck::new(1_250_000, Config { memory_limit: 256 << 10, ..Config::default() });
    for _ in 0..8 {
        bottleneck.add(Steady::new(1500, 1_250_000));
    }
    let sparse = bottleneck.add(Steady::every(200, Duration::from_millis(20)));
    let arrived = bottleneck.run(Duration::from_secs(10));
    assert_eq!(arrived[sparse].lost, 0);
    assert!(bottleneck.queue.stats().dropped_over_limit.packets > 0);
}

#[test]
fn clearing_forgets_the_packets_and_keeps_the_counters() {
    let mut queue = packets::queue(Config::default());
    let now = Instant::now();
    for number in 0..1000 {
        queue.enqueue(now, &packet(number as u16 % 7, number, 1500, NOT_ECT), ());
    }
    queue.dequeue(now);
    queue.clear();
    assert_eq!((queue.len(), queue.bytes(), queue.sojourn(now)), (0, 0, None));
    assert!(queue.dequeue(now).is_none());
    assert!(queue.memory() <= Config::default().idle_memory);
    assert_eq!(queue.stats().cleared, Count { packets: 999, bytes: 999 * 1500 });
    assert_eq!(queue.stats().dequeued.packets, 1);
    queue.enqueue(now, &packet(1, 0, 1500, NOT_ECT), ());
    assert_eq!(packets::number(queue.dequeue(now).unwrap().bytes), 0);
}
