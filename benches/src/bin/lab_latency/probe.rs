//! A ping of our own: a datagram each 20 ms to whoever sends it back.
//!
//! Both ends are threads of this process, before all others at the kernel's scheduler, so that what is measured is the
//! way and not how busy the processor is. How late the sender got to run is measured, too.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use netlab::Host;

/// From one probe to the next.
const SPACING: Duration = Duration::from_millis(20);
/// Octets in a datagram, as ping(8) sends.
const OCTETS: usize = 56;
/// How often threads that listen look whether they shall stop.
const GLANCE: Duration = Duration::from_millis(100);
/// How long an answer may take; more than any queue here holds.
const PATIENCE: Duration = Duration::from_secs(20);

/// One datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    /// When it was sent, from the first one's time on.
    pub(crate) sent: Duration,
    /// How much later than it should have been.
    pub(crate) late: Duration,
    /// How long the answer took, if there was one.
    pub(crate) rtt: Option<Duration>,
}

/// Probes on their way.
pub(crate) struct Prober {
    started: Instant,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What one of the threads does.
type Job = Box<dyn FnOnce(&Shared) + Send>;

#[derive(Default)]
struct Shared {
    probes: Mutex<Vec<Probe>>,
    /// There is an answer.
    answered: Condvar,
    stop: AtomicBool,
}

impl Prober {
    /// Sends probes from an address of `from`'s to one of `to`'s.
    pub(crate) fn start(from: (&Host, Ipv4Addr), to: (&Host, Ipv4Addr)) -> Prober {
        let bind = |(host, address): (&Host, Ipv4Addr)| {
            let socket = host.run(|| UdpSocket::bind((address, 0))).unwrap();
            let socket = socket.unwrap_or_else(|error| panic!("{} has no {address}: {error}", host.name()));
            socket.set_read_timeout(Some(GLANCE)).unwrap();
            socket
        };
        let (near, far) = (bind(from), bind(to));
        near.connect(far.local_addr().unwrap()).unwrap();
        let shared = Arc::new(Shared::default());
        let started = Instant::now();
        let receiver = near.try_clone().unwrap();
        let jobs: [Job; 3] = [
            Box::new(move |shared| shared.send(started, &near)),
            Box::new(move |shared| shared.receive(started, &receiver)),
            Box::new(move |shared| shared.echo(&far)),
        ];
        let threads = jobs.map(|job| {
            let shared = shared.clone();
            thread::spawn(move || {
                let this = rustix::thread::gettid();
                rustix::process::setpriority_process(Some(this), -20).expect("the right to come first");
                job(&shared);
            })
        });
        Prober { started, shared, threads: threads.into() }
    }

    /// The time now, from the first probe's on.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Goes on until a probe that was sent after `time` is answered; whether one was, within 20 s. What was in
    /// front of it in a queue has left that queue then.
    pub(crate) fn until_answered(&self, time: Duration) -> bool {
        let probes = self.shared.probes.lock().unwrap();
        let waiting = |probes: &mut Vec<Probe>| {
            !probes.iter().rev().take_while(|probe| probe.sent > time).any(|probe| probe.rtt.is_some())
        };
        let waited = self.shared.answered.wait_timeout_while(probes, PATIENCE, waiting).unwrap();
        !waited.1.timed_out()
    }

    /// Sends no more, and gives out what came of each probe so far.
    pub(crate) fn finish(self) -> Vec<Probe> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a prober's thread");
        }
        std::mem::take(&mut self.shared.probes.lock().unwrap())
    }
}

impl Shared {
    fn send(&self, started: Instant, socket: &UdpSocket) {
        let mut datagram = [0; OCTETS];
        for number in 0_u32.. {
            let due = SPACING * number;
            thread::sleep(due.saturating_sub(started.elapsed()));
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            datagram[..4].copy_from_slice(&number.to_le_bytes());
            let sent = started.elapsed();
            self.probes.lock().unwrap().push(Probe { sent, late: sent.saturating_sub(due), rtt: None });
            // A link that is lost takes nothing: that is a probe without an answer.
            let _ = socket.send(&datagram);
        }
    }

    fn receive(&self, started: Instant, socket: &UdpSocket) {
        let mut datagram = [0; OCTETS];
        while !self.stop.load(Ordering::Relaxed) {
            // Or nothing came for a while, or nobody is there.
            let Ok(OCTETS) = socket.recv(&mut datagram) else { continue };
            let number = u32::from_le_bytes(datagram[..4].try_into().expect("four octets"));
            let now = started.elapsed();
            if let Some(probe) = self.probes.lock().unwrap().get_mut(number as usize) {
                probe.rtt.get_or_insert(now.saturating_sub(probe.sent));
            }
            self.answered.notify_all();
        }
    }

    fn echo(&self, socket: &UdpSocket) {
        let mut datagram = [0; OCTETS];
        while !self.stop.load(Ordering::Relaxed) {
            if let Ok((octets, from)) = socket.recv_from(&mut datagram) {
                let _ = socket.send_to(&datagram[..octets], from);
            }
        }
    }
}
