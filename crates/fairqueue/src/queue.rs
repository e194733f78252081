use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use crate::{
    MAX_PACKET_LEN,
    backlog::{Backlog, Fifo, View},
    codel::{Head, Queue, Terms},
    config::Config,
    ecn::{self, Codepoint},
    flow_key::FlowKey,
    flows::Flows,
    stats::Stats,
};

/// Packets dropped from the fattest flow at a time, at most (RFC 8290 §4.1).
const DROP_BATCH: usize = 64;

/// What became of a packet that was to be enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// It waits.
    Queued {
        /// Packets, of the fattest flows, that were dropped to make room for it.
        dropped: usize,
    },
    /// It was not taken: it is empty, longer than [`MAX_PACKET_LEN`], or there is no room for it even in an empty queue.
    Refused,
}

/// A packet whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a, T> {
    /// The packet, marked if it had to be.
    pub bytes: &'a [u8],
    /// What its owner gave with it.
    pub tag: T,
    /// How long it has waited.
    pub sojourn: Duration,
}

impl<'a, T> Packet<'a, T> {
    fn new(view: View<'a, T>, now: Instant) -> Self {
        Self { bytes: view.packet, tag: view.tag, sojourn: now.saturating_duration_since(view.enqueued) }
    }
}

/// FQ-CoDel (RFC 8290): a queue of IP packets in which flows share the link, sparse ones go first, and none stands longer
/// than it must.
///
/// `T` is whatever the owner wants back with a packet. `S` makes the hash that spreads flows over queues; the default is
/// keyed at random, so that nobody can aim at another's queue (RFC 8290 §4.1, §8).
#[derive(Debug)]
pub struct FairQueue<T, S = RandomState> {
    config: Config,
    /// The rate hint; zero if there is none.
    bytes_per_second: u64,
    terms: Terms,
    hash: S,
    flows: Flows,
    backlog: Backlog<T>,
    stats: Stats,
}

impl<T: Copy> FairQueue<T> {
    /// An empty queue.
    pub fn new(config: Config) -> Self {
        Self::with_hasher(config, RandomState::new())
    }
}

impl<T: Copy, S: BuildHasher> FairQueue<T, S> {
    /// An empty queue with a hash of one's own: for simulations that shall be the same in every run.
    pub fn with_hasher(config: Config, hash: S) -> Self {
        let config = config.bounded();
        Self {
            config,
            terms: config.terms(0),
            bytes_per_second: 0,
            hash,
            flows: Flows::new(config.flows),
            backlog: Backlog::new(config.memory_limit, config.idle_memory),
            stats: Stats::default(),
        }
    }

    /// Changes [`Config::target`] and [`Config::interval`].
    pub fn set_codel(&mut self, target: Duration, interval: Duration) {
        self.config = Config { target, interval, ..self.config }.bounded();
        self.terms = self.config.terms(self.bytes_per_second);
    }

    /// Fits CoDel to the rate of the link and its [`Config::mtu`], as often as they change: where a packet takes longer
    /// than two thirds of the configured target to send, the target becomes one and a half times that long, and the
    /// interval longer by as much. A rate of zero is one that is not known.
    pub fn set_rate_hint(&mut self, bytes_per_second: u64, mtu: usize) {
        self.bytes_per_second = bytes_per_second;
        self.config.mtu = mtu;
        self.terms = self.config.terms(bytes_per_second);
    }

    /// Puts a copy of the packet at the end of its flow (RFC 8290 §4.1). Where the limits do not allow that, half of the
    /// fattest flow makes room, oldest packets first.
    pub fn enqueue(&mut self, now: Instant, packet: &[u8], tag: T) -> Enqueued {
        let Some(dropped) = self.make_room(packet.len()) else {
            self.stats.refused += 1;
            return Enqueued::Refused;
        };
        let flow = self.flows.of_hash(self.hash.hash_one(FlowKey::of(packet)));
        let fifo = &mut self.flows.get_mut(flow).fifo;
        self.backlog.push(fifo, now, packet, tag);
        self.stats.enqueued.add(packet.len());
        self.stats.peak_flow_bytes = self.stats.peak_flow_bytes.max(fifo.bytes());
        self.stats.peak_bytes = self.stats.peak_bytes.max(self.backlog.bytes());
        self.stats.new_flows += u64::from(self.flows.arrived(flow, self.config.quantum));
        Enqueued::Queued { dropped }
    }

    /// The packet that [`dequeue`](Self::dequeue) would give, for an owner who must know its length first. To bring it to
    /// light, CoDel drops those before it that must go. It stays the next one until it is taken, but that a sparser flow
    /// may still come before it.
    pub fn peek(&mut self, now: Instant) -> Option<Packet<'_, T>> {
        let flow = self.offer(now)?;
        let view = self.backlog.first(&self.flows.get(flow).fifo)?;
        Some(Packet::new(view, now))
    }

    /// Takes the next packet out (RFC 8290 §4.2). Its octets can be read until the queue is used again.
    pub fn dequeue(&mut self, now: Instant) -> Option<Packet<'_, T>> {
        let flow = self.offer(now)?;
        let flow = self.flows.get_mut(flow);
        flow.offered = false;
        let view = self.backlog.pop(&mut flow.fifo)?;
        flow.credits -= i64::from(view.packet.len() as u32);
        self.stats.dequeued.add(view.packet.len());
        Some(Packet::new(view, now))
    }

    /// Finds the queue whose turn it is and has CoDel decide about its first packet (RFC 8290 §4.2). Doing so again
    /// without taking that packet changes nothing.
    fn offer(&mut self, now: Instant) -> Option<u32> {
        if self.is_empty() {
            self.flows.all_emptied();
            return None;
        }
        loop {
            let at = self.flows.turn()?;
            let flow = self.flows.get_mut(at);
            // "Zero or less" (RFC 8290 §3), though §4.2 says "negative": else a flow of packets as long as the quantum
            // would begin with two.
            if flow.credits <= 0 {
                self.flows.exhausted(self.config.quantum);
                continue;
            }
            if flow.offered {
                return Some(at);
            }
            let mut turn = Turn {
                fifo: &mut flow.fifo,
                backlog: &mut self.backlog,
                stats: &mut self.stats,
                config: &self.config,
                now,
            };
            if flow.codel.dequeue(&self.terms, now, &mut turn) {
                turn.mark_above_threshold();
                flow.offered = true;
                return Some(at);
            }
            self.flows.emptied();
        }
    }

    /// Makes room for a packet of `len` octets (RFC 8290 §4.1, §5.2.3); tells how many packets had to go, or nothing if
    /// it cannot be done. These losses are not counted towards CoDel's signals (RFC 8289 §5.4).
    fn make_room(&mut self, len: usize) -> Option<usize> {
        if len == 0 || len > MAX_PACKET_LEN {
            return None;
        }
        let mut dropped = 0;
        while self.len() >= self.config.packet_limit || !self.backlog.has_room(len) {
            let flow = self.flows.fattest().filter(|flow| flow.fifo.len() > 0)?;
            // Several at once, so that the search for the fattest is worth its time.
            let batch = flow.fifo.len().div_ceil(2).min(DROP_BATCH);
            for _ in 0..batch {
                if let Some(view) = self.backlog.pop(&mut flow.fifo) {
                    self.stats.dropped_over_limit.add(view.packet.len());
                }
            }
            flow.offered = false;
            dropped += batch;
        }
        Some(dropped)
    }

    /// Forgets all packets, and all that was learned of flows; counters and settings stay.
    pub fn clear(&mut self) {
        self.stats.cleared.packets += self.backlog.len() as u64;
        self.stats.cleared.bytes += self.backlog.bytes() as u64;
        self.backlog.clear();
        self.flows.clear();
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.backlog.len()
    }

    /// Octets of packets that wait.
    pub fn bytes(&self) -> usize {
        self.backlog.bytes()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.backlog.len() == 0
    }

    /// Octets of memory held for packets, those that wait and those to come.
    pub fn memory(&self) -> usize {
        self.backlog.memory()
    }

    /// How long the first packet in turn has waited, as far as can be told without deciding about it; nothing if none
    /// waits.
    pub fn sojourn(&self, now: Instant) -> Option<Duration> {
        let first = self.flows.in_turn().find_map(|flow| self.backlog.first(&flow.fifo))?;
        Some(now.saturating_duration_since(first.enqueued))
    }

    /// The target that CoDel has now.
    pub fn target(&self) -> Duration {
        self.terms.target
    }

    /// The interval that CoDel has now.
    pub fn interval(&self) -> Duration {
        self.terms.interval
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}

/// One flow, as CoDel sees it.
struct Turn<'a, T> {
    fifo: &'a mut Fifo,
    backlog: &'a mut Backlog<T>,
    stats: &'a mut Stats,
    config: &'a Config,
    now: Instant,
}

impl<T: Copy> Queue for Turn<'_, T> {
    fn head(&self) -> Option<Head> {
        let first = self.backlog.first(self.fifo)?;
        Some(Head {
            sojourn: self.now.saturating_duration_since(first.enqueued),
            behind: self.backlog.bytes() - first.packet.len(),
        })
    }

    fn mark_head(&mut self) -> bool {
        self.config.ecn
            && match self.mark() {
                Codepoint::NotCapable => false,
                Codepoint::Capable => {
                    self.stats.marked_by_codel += 1;
                    true
                }
                // Somebody before us has told it.
                Codepoint::CongestionExperienced => true,
            }
    }

    fn drop_head(&mut self) {
        if let Some(view) = self.backlog.pop(self.fifo) {
            self.stats.dropped_by_codel.add(view.packet.len());
        }
    }
}

impl<T: Copy> Turn<'_, T> {
    /// Marks the first packet, if that is possible; tells what it was before.
    fn mark(&mut self) -> Codepoint {
        let Some(packet) = self.backlog.first_mut(self.fifo) else { return Codepoint::NotCapable };
        let before = ecn::codepoint(packet);
        if before == Codepoint::Capable {
            ecn::set_congestion_experienced(packet);
        }
        before
    }

    /// RFC 8290 §5.2.7.
    fn mark_above_threshold(&mut self) {
        let above = self
            .config
            .ce_threshold
            .zip(self.head())
            .is_some_and(|(threshold, head)| head.sojourn > threshold);
        if above && self.mark() == Codepoint::Capable {
            self.stats.marked_above_threshold += 1;
        }
    }
}
