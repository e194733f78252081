//! A line made by this program, for a kernel without netem: what venus sends comes out of a TUN device, waits as long as it
//! would on a line, and goes into saturn's, and the other way.
//!
//! It is the line of [`crate::joined`]: a FIFO that empties at the line's rate at either end, and behind it the delay, the
//! loss and the slots.

use std::collections::VecDeque;
use std::io;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use netlab::Host;
use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tunio::{PacketBatch, Tun, TunConfig, drops_packet};

use crate::line::{FRAME_HEADER, Line};

/// The line, while it is there.
pub(crate) struct Emulated {
    dropped: Arc<[AtomicU64; 2]>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Emulated {
    /// Joins the hosts, each by a device of that name.
    pub(crate) fn join(hosts: [&Host; 2], device: &str, line: &Line) -> Emulated {
        let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
        let ends = hosts.map(|host| tun(host, device, runtime.handle()));
        let dropped = Arc::<[AtomicU64; 2]>::default();
        let ways = [0, 1].map(|_| Way::new(line));
        let (stop, stopped) = oneshot::channel();
        let carrier = Carrier { ends, ways, dropped: Arc::clone(&dropped) };
        let thread = std::thread::spawn(move || carrier.run(&runtime, stopped));
        Emulated { dropped, stop: Some(stop), thread: Some(thread) }
    }

    /// Packets that the queue at either end, up and down, had no room for so far.
    pub(crate) fn dropped(&self) -> [u64; 2] {
        [0, 1].map(|way| self.dropped[way].load(Ordering::Relaxed))
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        // A carrier that has failed said so.
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A device on a host, packets of which are given out one by one, as the wire would have them.
fn tun(host: &Host, name: &str, runtime: &Handle) -> Tun {
    let config = TunConfig { name: Some(name.to_owned()), ..TunConfig::default() };
    let create = || {
        let _runtime = runtime.enter();
        Tun::create(&config)
    };
    host.run(create).unwrap().unwrap_or_else(|error| panic!("{} has no device {name}: {error}", host.name()))
}

struct Carrier {
    ends: [Tun; 2],
    /// From venus, and to her.
    ways: [Way; 2],
    dropped: Arc<[AtomicU64; 2]>,
}

impl Carrier {
    fn run(mut self, runtime: &Runtime, mut stopped: oneshot::Receiver<()>) {
        before_others();
        let carried = runtime.block_on(async {
            tokio::select! {
                _ = &mut stopped => Ok(()),
                ended = self.carry() => ended,
            }
        });
        carried.expect("devices that can be read and written");
    }

    async fn carry(&mut self) -> io::Result<()> {
        let mut timer = Timer::new()?;
        let mut batches = <[PacketBatch; 2]>::default();
        loop {
            let [up, down] = &mut self.ends;
            let [from_venus, from_saturn] = &mut batches;
            timer.set(self.ways.iter().filter_map(Way::due).min())?;
            let from = tokio::select! {
                biased;
                passed = timer.passed() => passed.map(|()| None),
                read = up.recv_batch(from_venus) => read.map(|_| Some(0)),
                read = down.recv_batch(from_saturn) => read.map(|_| Some(1)),
            }?;
            let now = Instant::now();
            if let Some(from) = from {
                for packet in &batches[from] {
                    if !self.ways[from].take(now, packet) {
                        self.dropped[from].fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            for (from, way) in self.ways.iter_mut().enumerate() {
                while let Some(packet) = way.arrived(now) {
                    match self.ends[1 - from].send(&packet) {
                        Err(error) if !drops_packet(&error) => return Err(error),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// A real-time priority for this thread, if it may have one: it is the line, which does not wait for those who use it.
fn before_others() {
    let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
    let mut chrt = Command::new("chrt");
    chrt.args(["--rr", "--pid", "1", &thread])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if !chrt.status().is_ok_and(|status| status.success()) {
        println!("the line gets no real-time priority: expect it to stall");
    }
}

/// What is on its way in one direction.
struct Way {
    line: Line,
    /// When the packets that wait in the queue have left it.
    queue: VecDeque<Instant>,
    /// When packets arrive at the other end.
    arrivals: VecDeque<(Instant, Vec<u8>)>,
    /// When a bunch arrives next.
    slot: Instant,
    random: fastrand::Rng,
}

impl Way {
    fn new(line: &Line) -> Way {
        Way {
            line: *line,
            queue: VecDeque::new(),
            arrivals: VecDeque::new(),
            slot: Instant::now(),
            random: fastrand::Rng::with_seed(1),
        }
    }

    /// A packet comes to the queue; whether there is room.
    fn take(&mut self, now: Instant, packet: &[u8]) -> bool {
        while self.queue.pop_front_if(|left| *left <= now).is_some() {}
        if self.queue.len() >= self.line.queue() as usize {
            return false;
        }
        let begins = self.queue.back().copied().unwrap_or(now);
        let time = self.line.rate.0.map_or(0.0, |rate| (packet.len() + FRAME_HEADER) as f64 * 8e-6 / rate);
        let left = begins + Duration::from_secs_f64(time);
        self.queue.push_back(left);
        if self.random.f64() * 100.0 >= self.line.loss_percent {
            let at = self.in_slot(left + Duration::from_micros(u64::from(self.line.rtt_ms) * 500));
            self.arrivals.push_back((at, packet.to_vec()));
        }
        true
    }

    /// When that arrives.
    fn in_slot(&mut self, at: Instant) -> Instant {
        let most = u64::from(self.line.slots_ms) * 1000;
        if most == 0 {
            return at;
        }
        while self.slot < at {
            self.slot += Duration::from_micros(self.random.u64(1000.min(most)..=most));
        }
        self.slot
    }

    fn due(&self) -> Option<Instant> {
        self.arrivals.front().map(|(at, _)| *at)
    }

    fn arrived(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.arrivals.pop_front_if(|(at, _)| *at <= now).map(|(_, packet)| packet)
    }
}

/// A timer that is precise to less than the millisecond of tokio's.
struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    fn new() -> io::Result<Timer> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        // Its successor of tokio 1.54 asks, as unsafe code, for what an `OwnedFd` keeps to anyway.
        #[allow(deprecated)]
        AsyncFd::new(timer).map(Timer)
    }

    fn set(&mut self, at: Option<Instant>) -> io::Result<()> {
        // None stops it, as zero would.
        let left = at.map(|at| at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1)));
        let it_value = Timespec::try_from(left.unwrap_or_default()).map_err(io::Error::other)?;
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        Ok(())
    }

    async fn passed(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.0.readable().await?;
            match rustix::io::read(guard.get_inner(), &mut [0_u8; 8]) {
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                read => return read.map(|_| ()).map_err(io::Error::from),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::USUAL;
    use crate::line::Rate;

    const MS: Duration = Duration::from_millis(1);

    /// A way, when it began, and what arrives of so many packets of 1500 octets that come at once.
    fn burst(line: Line, packets: usize) -> (Vec<Duration>, usize) {
        let (mut way, begin) = (Way::new(&line), Instant::now());
        way.slot = begin;
        let taken = (0..packets).filter(|_| way.take(begin, &[0; 1500])).count();
        let mut arrivals = Vec::new();
        while let Some(at) = way.due() {
            let early = at.checked_sub(Duration::from_nanos(1)).unwrap();
            assert_eq!(way.arrived(early), None);
            assert_eq!(way.arrived(at).map(|packet| packet.len()), Some(1500));
            arrivals.push(at - begin);
        }
        (arrivals, taken)
    }

    #[test]
    fn packets_leave_at_the_line_s_rate_and_arrive_half_a_round_trip_later() {
        let (arrivals, taken) = burst(USUAL, 50);
        assert_eq!((arrivals.len(), taken), (50, 50));
        // 1514 octets at 20 Mb/s.
        let each = Duration::from_nanos(605_600);
        for (packet, at) in (1_u32..).zip(&arrivals) {
            assert!(at.abs_diff(25 * MS + each * packet) < MS / 100, "{packet}: {at:?}");
        }
        let (arrivals, _) = burst(Line { rate: Rate(None), ..USUAL }, 3);
        assert_eq!(arrivals, [25 * MS; 3]);
    }

    #[test]
    fn a_full_queue_takes_no_more_until_one_has_left() {
        let (arrivals, taken) = burst(USUAL, 200);
        assert_eq!((arrivals.len(), taken), (83, 83));
        let (mut way, begin) = (Way::new(&USUAL), Instant::now());
        while way.take(begin, &[0; 1500]) {}
        assert!(!way.take(begin + MS / 2, &[0; 1500]));
        assert!(way.take(begin + MS, &[0; 1500]) && !way.take(begin + MS, &[0; 1500]));
    }

    #[test]
    fn so_many_are_lost_and_have_taken_their_time() {
        let line = Line { loss_percent: 10.0, rate: Rate(Some(100.0)), rtt_ms: 1000, ..USUAL };
        let (arrivals, taken) = burst(line, 2000);
        assert_eq!(taken, 2000);
        assert!((1700..1900).contains(&arrivals.len()), "{}", arrivals.len());
        let last = *arrivals.last().unwrap();
        assert!(last > 500 * MS + 235 * MS, "{last:?}");
    }

    #[test]
    fn slots_let_packets_arrive_in_bunches_and_in_order() {
        let (arrivals, _) = burst(Line { slots_ms: 20, ..USUAL }, 80);
        let bunches = arrivals.chunk_by(|a, b| a == b).count();
        // 80 packets take 48 ms, and a bunch comes each 10 ms or so.
        assert!((3..12).contains(&bunches), "{bunches}");
        assert!(arrivals.is_sorted());
    }
}
