//! Who gets what of the link, and who goes first.

use std::time::{Duration, Instant};

use fairqueue::{Config, FairQueue};

use crate::{
    bottleneck::Bottleneck,
    packets::{self, NOT_ECT},
    sources::{Growth, OneByOne, Steady, Tcp},
};

const SECOND: Duration = Duration::from_secs(1);
/// 10 Mbit/s.
const RATE: u64 = 1_250_000;

#[track_caller]
fn assert_equal_shares(shares: &[u64]) {
    let fair = shares.iter().sum::<u64>() / shares.len() as u64;
    for share in shares {
        assert!(share.abs_diff(fair) * 10 <= fair, "{shares:?}");
    }
}

#[test]
fn four_greedy_flows_of_different_packet_sizes_share_the_link() {
    let mut bottleneck = Bottleneck::new(RATE, Config::default());
    for len in [100, 576, 1500, 9000] {
        bottleneck.add(Steady::new(len, 2 * RATE));
    }
    bottleneck.run(SECOND);
    let arrived = bottleneck.run(10 * SECOND);
    assert_equal_shares(&arrived.iter().map(|flow| flow.bytes).collect::<Vec<_>>());
}

#[test]
fn super_packets_of_64_kib_take_no_more_than_their_share() {
    let mut bottleneck = Bottleneck::new(RATE, Config::default());
    for len in [65_535, 1500, 1500] {
        bottleneck.add(Steady::new(len, 2 * RATE));
    }
    bottleneck.run(SECOND);
    let arrived = bottleneck.run(30 * SECOND);
    assert_equal_shares(&arrived.iter().map(|flow| flow.bytes).collect::<Vec<_>>());
}

#[test]
fn a_flow_that_heeds_losses_gets_its_share_beside_one_that_does_not() {
    let mut bottleneck = Bottleneck::new(RATE, Config::default());
    let polite = bottleneck.add(Tcp::new(Growth::Cubic, 1500, Duration::from_millis(20)));
    bottleneck.add(Steady::new(1500, 2 * RATE));
    bottleneck.run(10 * SECOND);
    let arrived = bottleneck.run(20 * SECOND);
    let share = arrived[polite].bytes as f64 / (20 * RATE) as f64;
    assert!(share > 0.4, "{share}");
}

#[test]
fn a_ping_waits_a_packet_of_each_greedy_flow_at_most() {
    let mut bottleneck = Bottleneck::new(RATE, Config::default());
    for _ in 0..4 {
        bottleneck.add(Steady::new(1500, 2 * RATE));
    }
    let ping = bottleneck.add(Steady::every(84, Duration::from_millis(97)));
    bottleneck.run(SECOND);
    assert!(bottleneck.queue.bytes() > 100 * 1500, "the greedy ones hold a standing queue");
    let arrived = bottleneck.run(20 * SECOND);
    // The packet that is being sent when it comes.
    assert!(arrived[ping].sojourn(100) <= bottleneck.time_of(1500), "{:?}", arrived[ping].sojourn(100));
    assert_eq!(arrived[ping].lost, 0);
}

#[test]
fn no_flow_shares_a_queue_while_another_is_free() {
    // By their hashes alone, eight flows in eight queues would have one each in one of 400 cases.
    let mut bottleneck = Bottleneck::new(RATE, Config { flows: 8, ..Config::default() });
    for _ in 0..7 {
        bottleneck.add(Steady::new(1500, 2 * RATE));
    }
    let ping = bottleneck.add(Steady::every(84, Duration::from_millis(97)));
    bottleneck.run(SECOND);
    let arrived = bottleneck.run(20 * SECOND);
    assert!(arrived[ping].sojourn(100) <= bottleneck.time_of(1500), "{:?}", arrived[ping].sojourn(100));
    assert_eq!(arrived[ping].lost, 0);
    assert_equal_shares(&arrived[..7].iter().map(|flow| flow.bytes).collect::<Vec<_>>());
}

#[test]
fn a_flow_that_shares_a_queue_gets_one_of_its_own_when_there_is_one_and_its_packets_have_left() {
    let mut queue = packets::queue(Config { flows: 8, ..Config::default() });
    let now = Instant::now();
    let order = |queue: &mut packets::Queue<u16>| -> Vec<u16> {
        std::iter::from_fn(|| queue.dequeue(now).map(|packet| packet.tag)).collect()
    };
    for flow in 1..=9 {
        queue.enqueue(now, &packets::packet(flow, 0, 1500, NOT_ECT), flow);
    }
    assert_eq!(queue.stats().new_flows, 8, "the ninth shares");
    assert_eq!(order(&mut queue), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!(queue.is_empty());
    for (number, flow) in [9, 8, 9, 8].into_iter().enumerate() {
        queue.enqueue(now, &packets::packet(flow, number as u64, 1500, NOT_ECT), flow);
    }
    assert_eq!(queue.stats().new_flows, 10);
}

#[test]
fn what_shared_a_queue_does_not_go_back_to_it_while_another_is_free() {
    let now = Instant::now();
    for absent in 1..=8 {
        let mut queue = packets::queue(Config { flows: 8, ..Config::default() });
        for flow in 1..=9 {
            queue.enqueue(now, &packets::packet(flow, 0, 1500, NOT_ECT), ());
        }
        while queue.dequeue(now).is_some() {}
        for flow in (1..=9).filter(|flow| *flow != absent) {
            queue.enqueue(now, &packets::packet(flow, 1, 1500, NOT_ECT), ());
        }
        assert_eq!(queue.stats().new_flows, 16, "without {absent}");
    }
}

#[test]
fn a_call_beside_a_hundred_transfers_waits_few_packets() {
    let mut bottleneck = Bottleneck::new(10 * RATE, Config::default());
    for _ in 0..100 {
        bottleneck.add(Tcp::new(Growth::Cubic, 1500, Duration::from_millis(40)));
    }
    // Voice over IP: 50 packets a second.
    let call = bottleneck.add(Steady::every(200, Duration::from_millis(20)));
    bottleneck.run(5 * SECOND);
    let arrived = bottleneck.run(10 * SECOND);
    // Now and then it is an old flow for a round (RFC 8290 §4.2), as it still has credits; hardly ever for two.
    assert!(arrived[call].sojourn(95) <= 5 * bottleneck.time_of(1500), "{:?}", arrived[call].sojourn(95));
    assert!(arrived[call].sojourn(100) <= 120 * bottleneck.time_of(1500), "{:?}", arrived[call].sojourn(100));
    assert_eq!(arrived[call].lost, 0);
}

#[test]
fn a_flow_that_is_new_again_and_again_starves_nobody() {
    let mut bottleneck = Bottleneck::new(RATE, Config::default());
    for _ in 0..3 {
        bottleneck.add(Steady::new(1500, 2 * RATE));
    }
    // It has credits left whenever it has nothing to send; were it forgotten then, every other packet would be its.
    let again_and_again = bottleneck.add(OneByOne::new(1400));
    bottleneck.run(SECOND);
    let arrived = bottleneck.run(10 * SECOND);
    assert!(arrived[again_and_again].bytes <= arrived[0].bytes, "{}", arrived[again_and_again].bytes);
}

/// RFC 8290 §4.2, step by step.
#[test]
fn turns_are_taken_by_credits_and_new_flows_come_before_old_ones() {
    let mut queue = packets::queue(Config { quantum: 1000, ..Config::default() });
    let now = Instant::now();
    let order = |queue: &mut packets::Queue<char>, count: usize| -> String {
        (0..count).map_while(|_| queue.dequeue(now).map(|packet| packet.tag)).collect()
    };
    for number in 0..6 {
        queue.enqueue(now, &packets::packet(1, number, 500, NOT_ECT), 'a');
        queue.enqueue(now, &packets::packet(2, number, 1000, NOT_ECT), 'b');
    }
    assert_eq!(order(&mut queue, 6), "aabaab", "two of 500 octets, or one of 1000");
    queue.enqueue(now, &packets::packet(3, 0, 400, NOT_ECT), 'c');
    queue.enqueue(now, &packets::packet(3, 1, 400, NOT_ECT), 'c');
    queue.enqueue(now, &packets::packet(3, 2, 400, NOT_ECT), 'c');
    queue.enqueue(now, &packets::packet(3, 3, 400, NOT_ECT), 'c');
    // A new one has a quantum too, and pays what it took beyond it when it is old.
    assert_eq!(order(&mut queue, 20), "cccaacbbbb");
    queue.enqueue(now, &packets::packet(4, 0, 500, NOT_ECT), 'd');
    assert_eq!(order(&mut queue, 20), "d");
}

#[test]
fn what_was_looked_at_is_taken_next_unless_a_sparser_flow_comes() {
    let mut queue = packets::queue(Config::default());
    let now = Instant::now();
    let later = now + Duration::from_secs(10);
    for number in 0..4 {
        queue.enqueue(now, &packets::packet(1, number, 1500, NOT_ECT), 'a');
        queue.enqueue(now, &packets::packet(2, number, 1500, NOT_ECT), 'b');
    }
    assert_eq!(queue.peek(now).unwrap().tag, 'a');
    let stats = queue.stats();
    for seconds in 0..5 {
        let packet = queue.peek(later + seconds * SECOND).unwrap();
        assert_eq!((packet.tag, packets::number(packet.bytes)), ('a', 0));
    }
    assert_eq!(queue.stats(), stats, "to look again changes nothing");
    assert_eq!(queue.sojourn(later), Some(Duration::from_secs(10)));
    assert_eq!(queue.dequeue(now).unwrap().tag, 'a');
    assert_eq!(queue.dequeue(now).unwrap().tag, 'b');
    assert_eq!(queue.peek(now).unwrap().tag, 'a');
    queue.enqueue(now, &packets::packet(3, 0, 40, NOT_ECT), 'c');
    assert_eq!(queue.peek(now).unwrap().tag, 'c');
    assert_eq!(queue.dequeue(now).unwrap().tag, 'c');
    assert_eq!(queue.dequeue(now).unwrap().tag, 'a');
}

#[test]
fn nobody_can_know_who_shares_a_queue_with_whom() {
    // Flows of one queue come out as they went in, those of two take turns: the order tells who shares. By chance two
    // hashes agree about 64 flows once in 2^63 times.
    let spread = || {
        let mut queue = FairQueue::new(Config { flows: 2, ..Config::default() });
        let now = Instant::now();
        for flow in 0..64 {
            queue.enqueue(now, &packets::packet(flow, 0, 1500, NOT_ECT), flow);
        }
        std::iter::from_fn(move || queue.dequeue(now).map(|packet| packet.tag)).collect::<Vec<_>>()
    };
    assert_ne!(spread(), spread());
}
