use super::*;
use crate::session::governor::Governor;

const MS: Duration = Duration::from_millis(1);

/// The shortest segment of TCP over IPv4 with so many octets of data.
fn segment(data: usize) -> Vec<u8> {
    let mut packet = vec![0; 40 + data];
    let length = (packet.len() as u16).to_be_bytes();
    packet[..20].copy_from_slice(&[
        0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]);
    (packet[32], packet[33]) = (0x50, 0x10);
    packet
}

/// What is due now, by its Identification.
fn due(late: &mut Late, now: Instant) -> Vec<u8> {
    std::iter::from_fn(|| late.poll(now)).map(|acknowledgement| acknowledgement.packet().1[5]).collect()
}

#[test]
fn acknowledgements_leave_late_and_in_order_and_nothing_else_does() {
    let (now, mut late) = (Instant::now(), Late::default());
    let header = VirtioHeader { needs_csum: true, csum_start: 20, csum_offset: 16, ..VirtioHeader::NONE };
    let keeps = |late: &mut Late, millis: u32, number: u8| {
        let mut packet = segment(0);
        packet[5] = number;
        late.keeps(now + millis * MS, &header, &packet)
    };
    assert!(!keeps(&mut late, 0, 0));
    late.begin(now + 50 * MS);
    assert!(keeps(&mut late, 10, 1) && keeps(&mut late, 40, 2));
    assert!(!late.keeps(now + 40 * MS, &header, &segment(1)) && !late.keeps(now, &header, &segment(1400)));
    // It is over, but this one does not overtake.
    assert!(keeps(&mut late, 51, 3));
    assert_eq!(late.poll_timeout(), Some(now + 35 * MS));
    assert!(due(&mut late, now + 34 * MS).is_empty());
    assert_eq!(due(&mut late, now + 35 * MS), [1]);
    let second = late.poll(now + 65 * MS).unwrap();
    assert_eq!((second.packet().0, second.packet().1.len()), (&header, 40));
    assert_eq!(due(&mut late, now + 65 * MS), [3]);
    assert!(!keeps(&mut late, 66, 4));
}

#[test]
fn more_than_there_is_room_for_leave_at_once() {
    let (now, mut late) = (Instant::now(), Late::default());
    late.begin(now + 50 * MS);
    let kept = (0..2 * MOST).filter(|_| late.keeps(now, &VirtioHeader::NONE, &segment(0))).count();
    assert_eq!(kept, MOST);
}

/// A TCP that begins, as Linux's Cubic does (RFC 9406 without its last phase), and what it leaves in a queue.
struct Sender {
    /// In packets: sent, acknowledged, and what may be under way.
    sent: usize,
    acknowledged: usize,
    window: f64,
    sent_at: Vec<u32>,
    /// The shortest round trip of all, and of the first in this one, which are so many and end with this packet.
    shortest: u32,
    first: u32,
    samples: u32,
    end: usize,
    starts: bool,
}

impl Sender {
    fn new() -> Sender {
        Sender {
            sent: 0,
            acknowledged: 0,
            window: 10.0,
            sent_at: Vec::new(),
            shortest: u32::MAX,
            first: u32::MAX,
            samples: 0,
            end: 0,
            starts: true,
        }
    }

    fn hears(&mut self, now: u32, acknowledged: usize) {
        if self.acknowledged >= self.end {
            (self.end, self.first, self.samples) = (self.sent, u32::MAX, 0);
        }
        let time = now - self.sent_at[acknowledged - 1];
        self.shortest = self.shortest.min(time);
        if self.samples < 8 {
            (self.first, self.samples) = (self.first.min(time), self.samples + 1);
        }
        if self.samples == 8 && self.first > self.shortest + (self.shortest / 8).clamp(4, 16) {
            self.starts = false;
        }
        if self.starts {
            self.window += (acknowledged - self.acknowledged) as f64;
        }
        self.acknowledged = acknowledged;
    }
}

/// A start through a line of so many packets each millisecond and an empty round trip of so many: the window in which it ends and the longest queue,
/// both in round trips.
fn start(rate: f64, empty: u32, tells: bool) -> (f64, f64) {
    let (begin, mut sender) = (Instant::now(), Sender::new());
    let (mut governor, mut late) = (Governor::default(), Late::default());
    // Nothing comes, and that is known.
    for millis in (0..300).step_by(20) {
        governor.measured(begin + millis * MS, empty * MS, Duration::ZERO);
    }
    let begin = begin + 300 * MS;
    let (mut free_at, mut longest) = (0.0_f64, 0.0_f64);
    let mut arrivals = VecDeque::new();
    let mut answers = VecDeque::new();
    let mut came = 0;
    let data = segment(1460);
    for millis in 0..5000_u32 {
        let now = begin + millis * MS;
        while answers.front().is_some_and(|(at, _)| *at <= millis) {
            let (_, acknowledged) = answers.pop_front().unwrap();
            sender.hears(millis, acknowledged);
        }
        while sender.sent < sender.acknowledged + sender.window as usize {
            sender.sent += 1;
            sender.sent_at.push(millis);
            free_at = free_at.max(f64::from(millis)) + 1.0 / rate;
            arrivals.push_back(free_at as u32 + empty / 2);
        }
        let queue = (free_at - f64::from(millis)).max(0.0);
        longest = longest.max(queue);
        while arrivals.front().is_some_and(|at| *at <= millis) {
            arrivals.pop_front();
            came += 1;
            governor.judge(now, &data);
            if came % 2 == 0 {
                let mut answer = segment(0);
                answer[24..32].copy_from_slice(&u64::to_be_bytes(came as u64));
                if !late.keeps(now, &VirtioHeader::NONE, &answer) {
                    answers.push_back((millis + empty / 2, came));
                }
            }
        }
        while let Some(acknowledgement) = late.poll(now) {
            let (_, packet) = acknowledgement.packet();
            let acknowledged = u64::from_be_bytes(packet[24..32].try_into().unwrap()) as usize;
            answers.push_back((millis + empty / 2, acknowledged));
        }
        if millis % 20 == 0 {
            let time = Duration::from_secs_f64((f64::from(empty) + queue) / 1e3);
            governor.measured(now, time, Duration::ZERO);
            if let Some(until) = governor.poll_start().filter(|_| tells) {
                late.begin(until);
            }
        }
    }
    let holds = rate * f64::from(empty);
    (sender.window / holds, longest / f64::from(empty))
}

#[test]
fn a_start_ends_when_the_path_is_about_full() {
    // 5, 20 and 100 Mb/s, and what differs from doublings of ten packets.
    for rate in [0.42, 0.55, 0.7, 1.67, 2.3, 8.3] {
        for empty in [100, 200, 300] {
            let ((window, queue), (alone, overrun)) = (start(rate, empty, true), start(rate, empty, false));
            let case = format!(
                "{rate} packets a ms, {empty} ms: {window:.2} and {alone:.2}, {queue:.2} and {overrun:.2}"
            );
            assert!((0.8..1.8).contains(&window) && window < 0.7 * alone, "{case}");
            assert!(queue < 0.8 && queue < 0.5 * overrun, "{case}");
        }
    }
}
