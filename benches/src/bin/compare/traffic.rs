//! What moves and is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pppssh_benches::machine;

/// A number that one thread raises and another one looks at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Threads that move octets or packets until this is dropped.
pub(crate) struct Traffic {
    /// What has arrived, for each direction.
    arrived: Vec<Counter>,
    /// What was sent, where that is more than what arrives.
    sent: Counter,
    threads: Vec<JoinHandle<()>>,
    /// Has all threads end.
    stop: Option<Box<dyn FnOnce()>>,
}

/// What arrived in a time.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// In each direction: octets, or packets.
    pub(crate) arrived: Vec<u64>,
    /// What was sent, or 0 where nothing gets lost.
    pub(crate) sent: u64,
    pub(crate) time: Duration,
    /// Processor time of the whole machine.
    pub(crate) busy: Duration,
}

impl Traffic {
    /// Nothing yet; `stop` will have all threads end.
    pub(crate) fn new(stop: impl FnOnce() + 'static) -> Traffic {
        Traffic {
            arrived: Vec::new(),
            sent: Counter::default(),
            threads: Vec::new(),
            stop: Some(Box::new(stop)),
        }
    }

    /// Starts a thread that counts what arrives in one direction.
    pub(crate) fn counts_arrived(&mut self, work: impl FnOnce(Counter) + Send + 'static) {
        let counter = Counter::default();
        self.arrived.push(counter.clone());
        self.threads.push(thread::spawn(move || work(counter)));
    }

    /// Starts a thread that sends, and may count that.
    pub(crate) fn sends(&mut self, work: impl FnOnce(Counter) + Send + 'static) {
        let counter = self.sent.clone();
        self.threads.push(thread::spawn(move || work(counter)));
    }

    /// Watches it for `time`.
    pub(crate) fn measure(&self, time: Duration) -> Measured {
        let read = || (self.arrived.iter().map(Counter::get).collect::<Vec<_>>(), self.sent.get());
        let (busy, start, before) = (machine::busy(), Instant::now(), read());
        thread::sleep(time);
        let (time, after, busy) = (start.elapsed(), read(), machine::busy().saturating_sub(busy));
        Measured {
            arrived: after.0.iter().zip(before.0).map(|(after, before)| after - before).collect(),
            sent: after.1 - before.1,
            time,
            busy,
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
