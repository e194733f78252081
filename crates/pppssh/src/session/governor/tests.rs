use super::*;

const MS: Duration = Duration::from_millis(1);
/// A segment of TCP over IPv4, and one of a sender who understands marks.
const PLAIN: u8 = 0;
const ECT: u8 = 2;

fn segment(ecn: u8) -> Vec<u8> {
    let mut packet = vec![0x55; 1500];
    packet[..20].copy_from_slice(&[0x45, ecn, 5, 220, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
    packet
}

/// A full path on which each round trip takes what it is said to.
struct Path {
    governor: Governor,
    now: Instant,
}

impl Path {
    fn new() -> Path {
        Path { governor: Governor::default(), now: Instant::now() }
    }

    /// A round trip each 10 ms and so many packets each millisecond; how many of them were told off.
    fn run(&mut self, millis: u32, packets: u32, ecn: u8, time: Duration, own: Duration) -> (u32, u32) {
        let packet = segment(ecn);
        let (mut marked, mut dropped) = (0, 0);
        for millis in 0..millis {
            self.now += MS;
            for _ in 0..packets {
                match self.governor.judge(self.now, &packet) {
                    Judged::Pass(_) => {}
                    Judged::Marked(octets) => {
                        assert_eq!((octets[1], &octets[20..]), (3, &packet[20..]));
                        marked += 1;
                    }
                    Judged::Dropped => dropped += 1,
                }
            }
            if millis % 10 == 0 {
                self.governor.measured(self.now, time, own);
            }
        }
        (marked, dropped)
    }
}

#[test]
fn nothing_is_judged_where_nothing_is_measured() {
    let mut path = Path::new();
    assert_eq!(path.governor.judge(path.now, &segment(PLAIN)), Judged::Pass(&segment(PLAIN)));
    path.run(1000, 2, PLAIN, 50 * MS, Duration::ZERO);
    assert!(path.run(1000, 2, PLAIN, 400 * MS, Duration::ZERO).1 > 0);
    path.governor.clear();
    assert_eq!(path.governor.judge(path.now, &segment(PLAIN)), Judged::Pass(&segment(PLAIN)));
    // Another path, and nothing is known of it.
    assert_eq!(path.run(1000, 2, PLAIN, 400 * MS, Duration::ZERO), (0, 0));
}

#[test]
fn a_delay_that_stands_costs_packets_or_marks_and_a_shorter_one_nothing() {
    let mut path = Path::new();
    assert_eq!(path.run(1000, 2, PLAIN, 50 * MS, Duration::ZERO), (0, 0));
    assert_eq!(path.run(2000, 2, PLAIN, 49 * MS + TARGET, Duration::ZERO), (0, 0));
    let (marked, dropped) = path.run(2000, 2, PLAIN, 50 * MS + TARGET + MS, Duration::ZERO);
    assert!(marked == 0 && dropped > 10, "{marked}, {dropped}");
    let (marked, dropped) = path.run(2000, 2, ECT, 50 * MS + TARGET + MS, Duration::ZERO);
    assert!(marked > 10 && dropped == 0, "{marked}, {dropped}");
}

#[test]
fn what_waits_for_our_own_packets_is_not_the_senders_fault() {
    let mut path = Path::new();
    path.run(1000, 2, PLAIN, 50 * MS, Duration::ZERO);
    assert_eq!(path.run(2000, 2, PLAIN, 200 * MS, 140 * MS), (0, 0));
    assert!(path.run(2000, 2, PLAIN, 200 * MS, 60 * MS).1 > 5);
}

#[test]
fn an_overestimated_wait_of_our_own_does_not_make_the_path_shorter() {
    let mut path = Path::new();
    path.run(1000, 2, PLAIN, 50 * MS, 49 * MS);
    assert_eq!(path.run(2000, 2, PLAIN, 60 * MS, Duration::ZERO), (0, 0));
}

#[test]
fn a_path_that_became_longer_is_believed_at_once_while_little_comes_in_and_soon_otherwise() {
    let mut path = Path::new();
    path.run(1000, 2, PLAIN, 50 * MS, Duration::ZERO);
    path.run(300, 0, PLAIN, 250 * MS, Duration::ZERO);
    assert_eq!(path.run(2000, 2, PLAIN, 250 * MS, Duration::ZERO), (0, 0));

    let mut path = Path::new();
    path.run(1000, 2, PLAIN, 50 * MS, Duration::ZERO);
    assert!(path.run(30_000, 2, PLAIN, 250 * MS, Duration::ZERO).1 > 50);
    assert!(path.run(8000, 2, PLAIN, 250 * MS, Duration::ZERO).1 > 20, "four periods are remembered");
    path.run(7000, 2, PLAIN, 250 * MS, Duration::ZERO);
    assert_eq!(path.run(5000, 2, PLAIN, 250 * MS, Duration::ZERO), (0, 0));
}

#[test]
fn a_delay_stands_for_a_round_trip_before_anyone_is_told_but_for_no_more_than_half_a_second() {
    for (empty, interval) in [(50, 100), (150, 150), (800, 500)] {
        let mut path = Path::new();
        let queued = empty * MS + TARGET_MAX + MS;
        path.run(1000, 2, PLAIN, empty * MS, Duration::ZERO);
        assert_eq!(path.run(interval - 20, 2, PLAIN, queued, Duration::ZERO), (0, 0), "{empty} ms");
        assert!(path.run(60, 2, PLAIN, queued, Duration::ZERO).1 > 0, "{empty} ms");
    }
}

#[test]
fn who_was_told_is_not_told_again_before_it_can_be_seen_that_he_has_slowed_down() {
    let mut path = Path::new();
    path.run(1000, 2, PLAIN, 200 * MS, Duration::ZERO);
    let queued = 320 * MS;
    assert_eq!(path.run(240, 2, PLAIN, queued, Duration::ZERO), (0, 1));
    assert_eq!(path.run(450, 2, PLAIN, queued, Duration::ZERO), (0, 0));
    assert_eq!(path.run(100, 2, PLAIN, queued, Duration::ZERO), (0, 1));
}

#[test]
fn half_of_a_long_round_trip_may_stand_but_no_more_than_a_tenth_of_a_second() {
    for (empty, allowed) in [(20, 50), (180, 90), (500, 100)] {
        let mut path = Path::new();
        path.run(1000, 2, PLAIN, empty * MS, Duration::ZERO);
        assert_eq!(path.run(3000, 2, PLAIN, (empty + allowed - 1) * MS, Duration::ZERO), (0, 0), "{empty}");
        assert!(path.run(3000, 2, PLAIN, (empty + allowed + 1) * MS, Duration::ZERO).1 > 0, "{empty}");
    }
}

#[test]
fn a_queue_that_stood_already_at_the_first_round_trip_is_found_when_it_has_left() {
    let mut path = Path::new();
    path.run(500, 2, PLAIN, 250 * MS, Duration::ZERO);
    path.run(500, 2, PLAIN, 50 * MS, Duration::ZERO);
    assert!(path.run(1000, 2, PLAIN, 250 * MS, Duration::ZERO).1 > 0);
}

#[test]
fn a_slow_path_that_is_full_is_not_taken_for_one_where_little_comes_in() {
    let mut path = Path::new();
    let mut dropped = 0;
    // 0.6 Mb/s: many a round trip is measured between two packets.
    for packet in 0..200 {
        let time = if packet < 50 { 50 * MS } else { 250 * MS };
        dropped += path.run(1, 1, PLAIN, time, Duration::ZERO).1;
        path.run(1, 0, PLAIN, time, Duration::ZERO);
        path.now += 18 * MS;
    }
    assert!(dropped > 5, "{dropped}");
}
