use std::io::{self, Write as _};
use std::task::Waker;

use bytes::Bytes;
use credit::Mode;
use ppp_proto::link::LinkConfig;
use ppp_proto::{Express, IpcpConfig, LcpConfig, LocalAddress, RemoteAddress};

use super::*;

const MS: Duration = Duration::from_millis(1);
const FULL: usize = 1 << 20;

/// Two links that are up, and what the first one has to send.
struct Ends {
    near: Link,
    far: Link,
    now: Instant,
    outward: Outward,
    gathered: Gathered,
    traffic: Traffic,
}

impl Ends {
    fn up(express: Option<Express>) -> Ends {
        Ends::with(express, false)
    }

    fn with(express: Option<Express>, sample: bool) -> Ends {
        let now = Instant::now();
        let link = |last: u8, other: u8| {
            let ipv4 = IpcpConfig {
                local: LocalAddress::Fixed([10, 0, 0, last].into()),
                remote: RemoteAddress::Fixed([10, 0, 0, other].into()),
                ..IpcpConfig::default()
            };
            let lcp = LcpConfig { express, ..LcpConfig::default() };
            let seed = last.into();
            let config =
                LinkConfig { lcp, ipv4: Some(ipv4), ipv6: None, seed, sample, ..LinkConfig::default() };
            let mut link = Link::new(config, now);
            link.open(now);
            link.lower_up(now);
            link
        };
        let (near, far) = (link(1, 2), link(2, 1));
        let mut ends = Ends {
            near,
            far,
            now,
            outward: Outward::new(),
            gathered: Gathered::default(),
            traffic: Traffic::default(),
        };
        for _ in 0..10 {
            ends.answer();
            ends.near.poll_transmit(&mut ends.gathered.frames);
            ends.arrive();
        }
        assert!(ends.near.status().ipv4.is_some() && ends.far.status().ipv4.is_some());
        ends
    }

    /// All that was sent reaches the far end; the packets.
    fn arrive(&mut self) -> Vec<Vec<u8>> {
        self.arrive_of(usize::MAX)
    }

    /// So many octets of it do.
    fn arrive_of(&mut self, most: usize) -> Vec<Vec<u8>> {
        let octets = self.gathered.frames.split_to(most.min(self.gathered.frames.len()));
        let mut rest = &octets[..];
        let mut packets = Vec::new();
        while let Some(packet) = self.far.receive(self.now, &mut rest) {
            packets.push(packet.payload.to_vec());
        }
        packets
    }

    /// What the far end has to say reaches this one.
    fn answer(&mut self) {
        let mut octets = BytesMut::new();
        self.far.handle_timeout(self.now);
        self.far.poll_transmit(&mut octets);
        while self.near.receive(self.now, &mut &octets[..]).is_some() {}
        self.outward.book(self.now, &mut self.near);
    }

    fn take(&mut self, packets: &[(VirtioHeader, Vec<u8>)]) {
        let mut batch = PacketBatch::new(64, 1 << 20);
        for (header, packet) in packets {
            assert!(batch.push_with(header, packet));
        }
        let mut outbox =
            Outbox { gathered: &mut self.gathered, full: FULL, traffic: &mut self.traffic, writer: None };
        self.outward.take(self.now, &batch, &mut self.near, &mut outbox);
    }

    fn release(&mut self) -> bool {
        let mut outbox =
            Outbox { gathered: &mut self.gathered, full: FULL, traffic: &mut self.traffic, writer: None };
        self.outward.release(self.now, &mut self.near, &mut outbox)
    }

    /// Lets go all that only awaits its turn.
    fn release_in_turn(&mut self) {
        while self.release() {
            self.now = self.outward.poll_timeout(self.now).unwrap_or(self.now);
        }
    }
}

/// A TCP segment over IPv4 with this much payload, whose checksum is still to be done.
fn tcp(payload: usize) -> Vec<u8> {
    let mut packet = io::Cursor::new(Vec::new());
    let length = u16::try_from(40 + payload).unwrap().to_be_bytes();
    packet.write_all(&[0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, 6, 0, 0]).unwrap();
    packet.write_all(&[10, 0, 0, 1, 10, 0, 0, 2]).unwrap();
    packet.write_all(&[0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]).unwrap();
    packet.write_all(&vec![0x55; payload]).unwrap();
    packet.into_inner()
}

const GSO: VirtioHeader = VirtioHeader {
    needs_csum: true,
    gso_type: GsoType::TcpV4,
    hdr_len: 40,
    gso_size: 1460,
    csum_start: 20,
    csum_offset: 16,
    ..VirtioHeader::NONE
};

const ALL: Express = Express::ALL;

#[test]
fn a_stranger_gets_the_packets_that_a_super_packet_stands_for() {
    let mut ends = Ends::up(None);
    ends.take(&[(GSO, tcp(10 * 1460 + 5))]);
    let lengths: Vec<usize> = ends.arrive().iter().map(Vec::len).collect();
    assert_eq!(lengths, [[1500; 10].as_slice(), &[45]].concat());
    assert_eq!(ends.traffic.packets_sent, 11);
}

#[test]
fn our_own_kind_gets_a_super_packet_whole() {
    let mut ends = Ends::up(Some(ALL));
    ends.take(&[(GSO, tcp(10 * 1460))]);
    assert_eq!(ends.arrive(), [tcp(10 * 1460)]);
}

#[test]
fn what_exceeds_the_credit_waits_until_the_peer_reports_that_something_has_arrived() {
    let mut ends = Ends::up(Some(ALL));
    let initial = CreditConfig::default().initial as usize;
    let packets: Vec<_> = (0..100).map(|_| (GSO, tcp(1460 * 2))).collect();
    for some in packets.chunks(10) {
        ends.take(some);
    }
    let left = std::mem::take(&mut ends.gathered.frames);
    let sent = left.len();
    assert!(sent <= initial && sent > initial - 3000, "{sent} octets left at once");
    assert!(!ends.release(), "there is no credit left");
    ends.gathered.frames = left;
    ends.now += 20 * MS;
    assert!(!ends.arrive().is_empty());
    ends.now += 10 * MS;
    ends.answer();
    ends.release_in_turn();
    // The path took all of it, so it may take twice as much (slow start).
    assert!(ends.gathered.frames.len() > initial, "{} octets left then", ends.gathered.frames.len());
}

#[test]
fn acknowledgements_that_leave_late_keep_nobody_waiting_and_are_gone_with_the_path() {
    let mut ends = Ends::up(None);
    ends.outward.acknowledge_late(ends.now + 50 * MS);
    ends.take(&[(VirtioHeader::NONE, tcp(0)), (VirtioHeader::NONE, tcp(1))]);
    assert_eq!(ends.arrive(), [tcp(1)]);
    assert!(!ends.release());
    ends.now = ends.outward.poll_timeout(ends.now).expect("one waits");
    assert!(ends.release());
    assert_eq!(ends.arrive(), [tcp(0)]);
    ends.take(&[(VirtioHeader::NONE, tcp(0))]);
    ends.outward.clear();
    assert_eq!(ends.outward.poll_timeout(ends.now), None);
}

#[test]
fn no_more_is_under_way_than_the_carrier_lets_and_more_leaves_when_it_does() {
    let mut ends = Ends::up(Some(ALL));
    ends.outward.carrier_takes(10_000);
    for _ in 0..10 {
        ends.take(&[(VirtioHeader::NONE, tcp(1460)), (VirtioHeader::NONE, tcp(1460))]);
    }
    for capacity in [10_000, 20_000] {
        ends.outward.carrier_takes(capacity);
        ends.release_in_turn();
        // What is kept back has not left.
        let under_way = ends.outward.credit.under_way() - ends.outward.kept;
        assert!(under_way <= capacity && under_way > capacity - 3000, "{under_way} of {capacity}");
    }
}

#[test]
fn a_packet_larger_than_the_window_leaves_once_nothing_else_is_under_way() {
    let mut ends = Ends::up(Some(ALL));
    // Too long for what may be under way at first, and not to be cut.
    let packet = tcp(40_000);
    ends.take(&[(VirtioHeader { gso_type: GsoType::None, ..GSO }, packet.clone())]);
    assert_eq!(ends.arrive().len(), 1);
    ends.take(&[(VirtioHeader { gso_type: GsoType::None, ..GSO }, packet)]);
    assert_eq!(ends.arrive().len(), 0);
    ends.now += 20 * MS;
    ends.answer();
    assert!(ends.release());
    assert_eq!(ends.arrive().len(), 1);
}

#[test]
fn nothing_waits_for_a_stranger_to_report() {
    let mut ends = Ends::up(None);
    for _ in 0..10 {
        ends.take(&[(GSO, tcp(40 * 1460)), (VirtioHeader::NONE, tcp(0))]);
    }
    assert!(ends.outward.queue.is_empty());
    assert_eq!(ends.arrive().len(), 410);
}

#[test]
fn what_waits_is_forgotten_with_its_path() {
    let mut ends = Ends::up(Some(ALL));
    ends.take(&[(GSO, tcp(44 * 1460)), (GSO, tcp(10 * 1460)), (GSO, tcp(10 * 1460))]);
    assert!(!ends.outward.queue.is_empty());
    ends.outward.clear();
    assert!(ends.outward.queue.is_empty() && ends.outward.credit.under_way() == 0);
}

#[test]
fn a_super_packet_is_cut_where_the_path_is_slow() {
    let mut ends = Ends::up(Some(ALL));
    // 30 kB in 500 ms are half a megabit a second, of which a packet shall take 2 ms.
    ends.take(&[(GSO, tcp(20 * 1460))]);
    ends.now += 500 * MS;
    ends.arrive();
    ends.now += 10 * MS;
    ends.answer();
    ends.release();
    ends.take(&[(GSO, tcp(10 * 1460))]);
    let mut packets = ends.arrive();
    while !ends.outward.queue.is_empty() {
        ends.now += 10 * MS;
        ends.answer();
        ends.release();
        packets.extend(ends.arrive());
    }
    assert_eq!(packets.iter().map(|packet| packet.len() - 40).sum::<usize>(), 10 * 1460);
    assert!(packets.iter().all(|packet| packet.len() <= 1500), "{} packets", packets.len());
}

/// More to send than a line carries meanwhile, for 10 ms, of which that many octets arrive.
fn fill(ends: &mut Ends, octets: usize) {
    ends.take(&[(); 5].map(|()| (VirtioHeader::NONE, tcp(1460))));
    ends.release();
    ends.now += 10 * MS;
    ends.arrive_of(octets);
    ends.answer();
}

/// A line of 5 Mb/s whose rate is known, with packets that wait and nothing under way.
fn on_a_slow_line() -> Ends {
    let mut ends = Ends::up(Some(ALL));
    for _ in 0..400 {
        fill(&mut ends, 6250);
    }
    assert_eq!(ends.outward.credit.mode(), Mode::Steady);
    while ends.outward.credit.under_way() > 0 {
        ends.now += 10 * MS;
        ends.arrive_of(6250);
        ends.answer();
    }
    ends
}

#[test]
fn where_the_path_is_slow_what_waits_leaves_in_bursts_and_says_when_the_next_is_due() {
    let mut ends = on_a_slow_line();
    let mut bursts = Vec::new();
    while ends.release() {
        bursts.push(ends.gathered.frames.split().len());
        let Some(due) = ends.outward.poll_timeout(ends.now) else { break };
        assert!(!ends.release(), "it was not due");
        ends.now = due;
    }
    assert!(bursts.len() >= 2 && bursts.iter().all(|burst| *burst <= 4 * 1504), "{bursts:?}");
}

#[test]
fn while_the_path_becomes_quicker_a_flow_may_have_more_waiting() {
    let mut ends = Ends::up(Some(ALL));
    let mut octets = 800.0;
    while ends.outward.credit.mode() == Mode::Starting {
        fill(&mut ends, octets as usize);
        octets *= 1.02;
    }
    // Of a round trip and the time of a few packets.
    let part = |outward: &Outward| {
        let credit = &outward.credit;
        let packets = (SHORTEST * 1500) as f64 / credit.rate().unwrap();
        outward.queue.target().as_secs_f64() / (credit.usual_rtt().unwrap().as_secs_f64() + packets)
    };
    assert!(part(&ends.outward) > 1.9, "{}", part(&ends.outward));
    for _ in 0..100 {
        fill(&mut ends, octets as usize);
    }
    assert!(part(&ends.outward) < 1.0, "{}", part(&ends.outward));
}

#[test]
fn a_pump_that_comes_late_for_a_turn_makes_up_for_it() {
    let burst = |late| {
        let mut ends = on_a_slow_line();
        assert!(ends.release());
        ends.gathered.frames.clear();
        ends.now = ends.outward.poll_timeout(ends.now).unwrap() + late;
        assert!(ends.release());
        ends.gathered.frames.len()
    };
    let [in_time, late] = [Duration::ZERO, 6 * MS].map(burst);
    assert!(late > in_time, "{late} and {in_time}");
}

#[test]
fn the_path_is_known_from_the_first_packet_on_until_it_is_gone_and_to_a_stranger_never() {
    let packets: Vec<_> = (0..40).map(|_| (VirtioHeader::NONE, tcp(1460))).collect();
    let mut ends = Ends::up(None);
    ends.take(&packets);
    assert_eq!(ends.outward.path(&ends.near), None);

    let mut ends = Ends::up(Some(ALL));
    ends.take(&[]);
    assert_eq!(ends.outward.path(&ends.near), None, "nothing was sent");
    ends.take(&packets);
    let path = ends.outward.path(&ends.near).unwrap();
    assert_eq!((path.told_by, path.rtt_ms), (ToldBy::Reports, None));
    assert_eq!(path.bytes_under_way, ends.gathered.frames.len() as u64);
    assert_eq!((path.packets_waiting, path.bytes_waiting), (19, 19 * 1500));
    ends.now += 20 * MS;
    ends.arrive();
    ends.now += 10 * MS;
    ends.answer();
    ends.release_in_turn();
    let path = ends.outward.path(&ends.near).unwrap();
    assert_eq!((path.rtt_ms, path.packets_waiting), (Some(20.0), 0));
    ends.outward.clear();
    assert_eq!(ends.outward.path(&ends.near), None);
}

#[test]
fn the_first_answer_of_one_who_is_asked_tells_how_long_the_empty_path_takes() {
    let mut ends = Ends::with(None, true);
    ends.now += 1000 * MS;
    ends.take(&[(VirtioHeader::NONE, tcp(10))]);
    assert_eq!(ends.outward.poll_round_trip(), None);
    ends.near.handle_timeout(ends.now);
    ends.near.poll_transmit(&mut ends.gathered.frames);
    ends.arrive();
    ends.now += 20 * MS;
    ends.answer();
    assert_eq!(ends.outward.poll_round_trip(), Some((20 * MS, Duration::ZERO)));
    assert_eq!(ends.outward.poll_round_trip(), None, "once");
    ends.take(&[(VirtioHeader::NONE, tcp(1460))]);
    let path = ends.outward.path(&ends.near).unwrap();
    assert_eq!((path.told_by, path.rtt_ms), (ToldBy::EchoReplies, Some(20.0)));
}

/// A carrier that writes long packets from where they lie, when it is ready.
#[derive(Default)]
struct Pipe {
    is_ready: bool,
    is_broken: bool,
    written: BytesMut,
    lent: Vec<usize>,
}

impl CarrierTx for Pipe {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        match (self.is_broken, self.is_ready) {
            (true, _) => Poll::Ready(Err(CarrierError::Terminal)),
            (false, true) => Poll::Ready(Ok(())),
            (false, false) => Poll::Pending,
        }
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        self.written.extend_from_slice(&chunk);
        Ok(())
    }

    fn start_send_parts(&mut self, head: &mut BytesMut, tail: &[u8]) -> Result<(), CarrierError> {
        self.lent.push(tail.len());
        self.written.extend_from_slice(&head.split());
        self.written.extend_from_slice(tail);
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        Poll::Ready(Ok(()))
    }
}

/// Takes packets of so many octets of payload, or lets go what waits if there are none.
fn through(ends: &mut Ends, pipe: &mut Pipe, payloads: &[usize]) -> Result<(), CarrierError> {
    let mut batch = PacketBatch::new(64, 1 << 20);
    for payload in payloads {
        assert!(batch.push_with(&GSO, &tcp(*payload)));
    }
    let mut cx = Context::from_waker(Waker::noop());
    let writer = Some(Writer { tx: pipe, cx: &mut cx, failed: None });
    let mut outbox = Outbox { gathered: &mut ends.gathered, full: FULL, traffic: &mut ends.traffic, writer };
    if payloads.is_empty() {
        ends.outward.release(ends.now, &mut ends.near, &mut outbox);
    } else {
        ends.outward.take(ends.now, &batch, &mut ends.near, &mut outbox);
    }
    outbox.result()
}

/// The lengths of the packets that reach the far end.
fn lengths(ends: &mut Ends, pipe: &mut Pipe) -> Vec<usize> {
    pipe.written.unsplit(ends.gathered.frames.split());
    ends.gathered.frames = std::mem::take(&mut pipe.written);
    ends.arrive().iter().map(Vec::len).collect()
}

#[test]
fn a_long_packet_is_written_from_where_it_lies_and_in_its_turn() {
    let mut ends = Ends::up(Some(Express { reports: false, ..ALL }));
    let mut pipe = Pipe { is_ready: true, ..Pipe::default() };
    through(&mut ends, &mut pipe, &[2000, 40_000, 3000, 50_000, 4000]).unwrap();
    assert_eq!(pipe.lent, [40_040, 50_040]);
    assert_eq!(lengths(&mut ends, &mut pipe), [2040, 40_040, 3040, 50_040, 4040]);
    assert_eq!(ends.traffic.packets_sent, 5);
}

#[test]
fn a_long_packet_waits_in_the_queue_while_the_carrier_writes_another() {
    let mut ends = Ends::up(Some(Express { reports: false, ..ALL }));
    let mut pipe = Pipe::default();
    through(&mut ends, &mut pipe, &[40_000]).unwrap();
    assert!(ends.gathered.frames.is_empty() && pipe.lent.is_empty());
    assert_eq!(ends.outward.queue.len(), 1);
    pipe.is_ready = true;
    through(&mut ends, &mut pipe, &[]).unwrap();
    assert_eq!(pipe.lent, [40_040]);
    assert_eq!(lengths(&mut ends, &mut pipe), [40_040]);
}

#[test]
fn a_carrier_that_broke_is_told_of_though_nothing_is_framed() {
    let mut ends = Ends::up(Some(Express { reports: false, ..ALL }));
    let mut pipe = Pipe { is_broken: true, ..Pipe::default() };
    assert!(through(&mut ends, &mut pipe, &[40_000]).is_err());
}

#[test]
fn small_packets_and_reports_wait_for_nobody_and_long_packets_may() {
    let mut ends = Ends::up(Some(ALL));
    ends.gathered = Gathered::default();
    ends.take(&[(VirtioHeader::NONE, tcp(1400))]);
    assert_eq!((ends.gathered.urgent, ends.traffic.packets_sent), (0, 1));
    ends.take(&[(VirtioHeader::NONE, tcp(20))]);
    assert_eq!(ends.gathered.urgent, ends.gathered.frames.len());
    let before = ends.gathered.frames.len();
    ends.take(&[(VirtioHeader::NONE, tcp(1400))]);
    assert_eq!(ends.gathered.urgent, before);
    ends.arrive();

    // What there is to tell goes in front of a packet of which the end may be kept back.
    let mut answer = BytesMut::new();
    ends.far.encode(&tcp(1400), &mut answer).unwrap();
    assert!(ends.near.receive(ends.now, &mut &answer[..]).is_some());
    ends.gathered.urgent = 0;
    ends.take(&[(VirtioHeader::NONE, tcp(1400))]);
    assert!(
        ends.gathered.urgent > 0 && ends.gathered.urgent < 100,
        "{} of {}",
        ends.gathered.urgent,
        ends.gathered.frames.len()
    );
}

#[test]
fn what_is_kept_back_is_not_under_way() {
    let mut ends = Ends::up(Some(ALL));
    for _ in 0..100 {
        ends.take(&[(VirtioHeader::NONE, tcp(1400))]);
    }
    assert!(!ends.outward.queue.is_empty(), "more than may be under way");
    // All has left: nothing more may.
    ends.gathered = Gathered::default();
    assert!(!ends.release());
    // Of a whole packet's octets it has not left.
    ends.gathered.frames.resize(1500, 0);
    assert!(ends.release());
    // They do not wait, so they are not kept back but about to leave.
    ends.gathered = Gathered { frames: BytesMut::zeroed(1500), urgent: 1500 };
    assert!(!ends.release());
}
