//! Two pumps over a pipe in memory allocate nothing for a packet, but for each buffer of octets that leaves.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use ppp_proto::link::{Event, LinkConfig};
use ppp_proto::{Express, IpcpConfig, LcpConfig, LocalAddress};
use pppssh::session::{Device, Pump, Step};
use ssh_carrier::{Carrier, CarrierError, CarrierInfo, CarrierKind, CarrierRx, CarrierTx};
use tunio::PacketBatch;

/// Counts what this thread asks the system for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes to the system's allocator as it came. The counter is a number in a thread's own memory, made
// when the program was built: reading it allocates nothing, and it is never destroyed.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to the same contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the same contract, and `block` came from there.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to the same contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps to the same contract, and `block` came from there.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Chunks that a pipe holds.
const PIPE: usize = 4;
/// Turns that a chunk lies in a pipe that is long.
const LONG: u64 = 3;

/// One direction of a pipe.
#[derive(Default)]
struct Pipe {
    /// With the turn in which each may come out.
    chunks: VecDeque<(u64, Bytes)>,
    turn: u64,
    delay: u64,
    /// Takes nothing more.
    shut: bool,
    /// Octets that came out.
    passed: u64,
}

type Shared = Arc<Mutex<Pipe>>;

fn lock(pipe: &Shared) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Tx(Shared);

impl CarrierTx for Tx {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        let pipe = lock(&self.0);
        if !pipe.shut && pipe.chunks.len() < PIPE { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(&mut self, chunk: Bytes) -> Result<(), CarrierError> {
        let mut pipe = lock(&self.0);
        let due = pipe.turn + pipe.delay;
        pipe.chunks.push_back((due, chunk));
        Ok(())
    }

    fn poll_finish(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CarrierError>> {
        Poll::Ready(Ok(()))
    }
}

struct Rx(Shared);

impl CarrierRx for Rx {
    fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CarrierError>> {
        let mut pipe = lock(&self.0);
        let turn = pipe.turn;
        if pipe.chunks.front().is_none_or(|(due, _)| *due > turn) {
            return Poll::Pending;
        }
        let chunk = pipe.chunks.pop_front().map(|(_, chunk)| chunk);
        pipe.passed += chunk.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(Ok(chunk))
    }
}

/// A device that gives as many packets as it is told to, all the same, and counts those it gets.
struct Mill {
    packet: Vec<u8>,
    to_give: u64,
    given: u64,
    got: u64,
}

impl Device for Mill {
    fn poll_recv(&mut self, _: &mut Context<'_>, batch: &mut PacketBatch) -> Poll<io::Result<usize>> {
        batch.clear();
        while self.to_give > 0 && batch.push(&self.packet) {
            self.to_give -= 1;
            self.given += 1;
        }
        if batch.is_empty() { Poll::Pending } else { Poll::Ready(Ok(batch.len())) }
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        self.got += 1;
        assert_eq!(packet.len(), self.packet.len());
        Ok(())
    }
}

struct End {
    pump: Box<Pump>,
    carrier: Carrier,
    device: Mill,
    up: bool,
    to_peer: Shared,
    /// Turns that ended with packets in the queue, and those of them in which the pipe had room: for want of credit.
    waited: [u64; 2],
}

impl End {
    fn new(octet: u8, tx: &Shared, rx: &Shared, express: Option<Express>, len: usize) -> End {
        let mut pump = Pump::new(LinkConfig {
            lcp: LcpConfig { express, ..LcpConfig::default() },
            ipv4: Some(IpcpConfig {
                local: LocalAddress::Fixed([10, 0, 0, octet].into()),
                ..IpcpConfig::default()
            }),
            ipv6: None,
            seed: octet.into(),
            ..LinkConfig::default()
        });
        pump.lower_up();
        let info =
            CarrierInfo { kind: CarrierKind::Memory, peer: String::new(), address: None, cipher: None };
        let carrier = Carrier { tx: Box::new(Tx(tx.clone())), rx: Box::new(Rx(rx.clone())), info };
        let mut packet = vec![octet; len];
        packet[0] = 0x45;
        let device = Mill { packet, to_give: 0, given: 0, got: 0 };
        End { pump: Box::new(pump), carrier, device, up: false, to_peer: tx.clone(), waited: [0; 2] }
    }

    /// Runs until it has to wait.
    fn turn(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(step) = pin!(self.pump.run(&mut self.carrier, &mut self.device)).poll(cx) {
            match step.expect("the pipe goes on") {
                Step::Event(event) => self.up |= matches!(event, Event::Ipv4Up(_)),
                Step::CarrierEnded => unreachable!("the pipe goes on"),
            }
        }
        let queue_stands = self.queued() > 0;
        self.waited[0] += u64::from(queue_stands);
        self.waited[1] += u64::from(queue_stands && lock(&self.to_peer).chunks.len() < PIPE);
    }

    fn dropped(&self) -> u64 {
        let traffic = self.pump.traffic();
        traffic.dropped_by_queue + traffic.dropped_not_up + traffic.dropped_too_big
    }

    /// Packets that wait in its queue.
    fn queued(&self) -> u64 {
        self.device.given - self.pump.traffic().packets_sent - self.dropped()
    }
}

/// What a run was like.
#[derive(Debug, Clone, Copy)]
struct Run {
    allocations: u64,
    octets: u64,
    waited: [u64; 2],
}

struct Ends {
    ends: [End; 2],
    pipes: [Shared; 2],
}

impl Ends {
    fn new(express: Option<Express>, len: usize, delay: u64) -> Ends {
        let pipe = || {
            let chunks = VecDeque::with_capacity(2 * PIPE);
            Arc::new(Mutex::new(Pipe { chunks, delay, ..Pipe::default() }))
        };
        let pipes: [Shared; 2] = [pipe(), pipe()];
        let [a, b] = &pipes;
        Ends { ends: [End::new(1, a, b, express, len), End::new(2, b, a, express, len)], pipes }
    }

    /// Both ends, turn by turn, until `done`. Where nothing moves, a timer will.
    async fn until(&mut self, mut done: impl FnMut(&mut [End; 2]) -> bool) {
        poll_fn(|cx| {
            let mut quiet = 0;
            while quiet <= LONG {
                let state = |ends: &[End; 2], pipes: &[Shared; 2]| {
                    let packets = ends.each_ref().map(|end| (end.device.given, end.device.got, end.queued()));
                    (packets, pipes.each_ref().map(|pipe| lock(pipe).passed))
                };
                let before = state(&self.ends, &self.pipes);
                self.ends.iter_mut().for_each(|end| end.turn(cx));
                if done(&mut self.ends) {
                    return Poll::Ready(());
                }
                self.pipes.iter().for_each(|pipe| lock(pipe).turn += 1);
                quiet = if state(&self.ends, &self.pipes) == before { quiet + 1 } else { 0 };
            }
            Poll::Pending
        })
        .await;
    }

    /// Lets `count` packets stand in the queue of each end: it keeps their buffers for those that stand there later.
    /// Whether, and when, credit lets any stand is up to the processor's leisure.
    async fn stand(&mut self, count: u64) {
        self.pipes.iter().for_each(|pipe| lock(pipe).shut = true);
        self.until(|ends| {
            for end in &mut *ends {
                end.device.to_give = count - end.queued();
            }
            ends.iter().all(|end| end.queued() == count)
        })
        .await;
        self.pipes.iter().for_each(|pipe| lock(pipe).shut = false);
        let arrived = |from: &End, to: &End| to.device.got + from.dropped() == from.device.given;
        self.until(|[a, b]| arrived(a, b) && arrived(b, a)).await;
    }

    /// Sends `count` packets each way, `window` of them at a time.
    async fn send(&mut self, count: u64, window: u64) -> Run {
        let start = self.ends.each_ref().map(|end| (end.device.given, end.device.got, end.dropped()));
        self.ends.iter_mut().for_each(|end| end.waited = [0; 2]);
        let octets = |pipes: &[Shared; 2]| pipes.iter().map(|pipe| lock(pipe).passed).sum::<u64>();
        let octets_before = octets(&self.pipes);
        let allocations = ALLOCATIONS.get();
        self.until(|ends| {
            let mut finished = true;
            for (at, other) in [(0, 1), (1, 0)] {
                let given = ends[at].device.given - start[at].0;
                let done = ends[other].device.got - start[other].1 + ends[at].dropped() - start[at].2;
                finished &= done == count;
                ends[at].device.to_give = (window - (given - done)).min(count - given);
            }
            finished
        })
        .await;
        let [a, b] = &self.ends;
        Run {
            allocations: ALLOCATIONS.get() - allocations,
            octets: octets(&self.pipes) - octets_before,
            waited: [a.waited[0] + b.waited[0], a.waited[1] + b.waited[1]],
        }
    }
}

/// Packets each way in one run.
const COUNT: u64 = 2000;
const EXPRESS: Option<Express> = Some(Express::ALL);

/// Octets that leave from one buffer of the pump: it takes another one when less than a chunk's room is left, and the
/// carrier keeps the old one as long as it needs it. Each is two allocations, the octets and the count of who holds them.
const BUFFER: u64 = 24 * 1024;
/// What happens now and then: a collection that reaches its largest size.
const SOME: u64 = 16;

/// Moves packets of `len` octets both ways, `window` of them under way, and sees that it costs buffers only.
#[track_caller]
fn costs_buffers_only(express: Option<Express>, len: usize, window: u64, delay: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let runs = runtime.block_on(async {
        let mut ends = Ends::new(express, len, delay);
        ends.until(|ends| ends.iter().all(|end| end.up)).await;
        ends.stand(window).await;
        ends.send(COUNT, window).await;
        [ends.send(COUNT, window).await, ends.send(2 * COUNT, window).await]
    });
    println!("{len} octets, {window} at a time, {delay} turns: {runs:?}");
    for run in runs {
        let most = 2 * (run.octets / BUFFER) + SOME;
        assert!(run.allocations <= most, "{run:?}: {most} at most");
    }
    runs[1]
}

#[test]
fn packets_one_by_one_cost_nothing() {
    for express in [EXPRESS, None] {
        for len in [64, 1500] {
            costs_buffers_only(express, len, 1, 0);
        }
    }
}

#[test]
fn packets_that_fill_chunks_cost_nothing() {
    for express in [EXPRESS, None] {
        for len in [64, 1500] {
            costs_buffers_only(express, len, 16, 0);
        }
    }
}

#[test]
fn a_queue_that_stands_behind_a_full_carrier_costs_nothing() {
    for express in [EXPRESS, None] {
        // No more than the queue keeps when it has run empty (`fairqueue::Config::idle_memory`).
        let run = costs_buffers_only(express, 1500, 200, LONG);
        assert!(run.waited[0] > run.waited[1], "{run:?}");
    }
}

#[test]
fn a_queue_that_stands_for_want_of_credit_costs_nothing() {
    let run = costs_buffers_only(EXPRESS, 1500, 16, LONG);
    assert!(run.waited[1] > 0, "{run:?}");
}
