//! A link of some rate behind a fair queue, sources before it, and a clock of its own.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use fairqueue::{Config, Policer, Verdict};

use crate::packets::{self, Fixed, Queue};

/// What a source hears when a packet of its has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ack {
    pub(crate) number: u64,
    pub(crate) marked: bool,
}

/// Where packets come from. Each source is one flow.
pub(crate) trait Source {
    /// The time has come that it asked for, or the beginning. Says when next.
    fn wake(&mut self, now: Instant, send: &mut dyn FnMut(u64, usize, u8)) -> Option<Instant>;

    /// A packet arrived, and word of that came back.
    fn acked(&mut self, _now: Instant, _ack: Ack, _send: &mut dyn FnMut(u64, usize, u8)) {}

    /// How long a packet and the word of it are on their way, but for the queue and the link.
    fn round_trip(&self) -> Duration {
        Duration::ZERO
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    LinkIsFree,
    Wake(usize),
    Acked(usize, Ack),
}

/// What arrived of one flow.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) marked: u64,
    next: u64,
    sojourns: Vec<Duration>,
}

impl Arrivals {
    /// The delay in the queue that so many hundredths of the packets did not exceed.
    pub(crate) fn sojourn(&self, percentile: usize) -> Duration {
        let mut sojourns = self.sojourns.clone();
        sojourns.sort_unstable();
        sojourns[(sojourns.len() - 1) * percentile / 100]
    }
}

pub(crate) struct Bottleneck {
    pub(crate) queue: Queue<()>,
    /// Judges what comes out of the link, by how long it waited.
    pub(crate) policer: Option<Policer<Fixed>>,
    /// Octets per second.
    rate: u64,
    now: Instant,
    sending: bool,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    events_made: u64,
    sources: Vec<Box<dyn Source>>,
    arrivals: Vec<Arrivals>,
}

impl Bottleneck {
    pub(crate) fn new(bytes_per_second: u64, config: Config) -> Self {
        Self {
            queue: packets::queue(config),
            policer: None,
            rate: bytes_per_second,
            now: Instant::now(),
            sending: false,
            events: BinaryHeap::new(),
            events_made: 0,
            sources: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    /// What a packet takes on the link.
    pub(crate) fn time_of(&self, len: usize) -> Duration {
        Duration::from_nanos(len as u64 * 1_000_000_000 / self.rate)
    }

    /// Lets a source begin; the number is its flow's.
    pub(crate) fn add(&mut self, source: impl Source + 'static) -> usize {
        self.sources.push(Box::new(source));
        self.arrivals.push(Arrivals::default());
        self.at(self.now, Event::Wake(self.sources.len() - 1));
        self.sources.len() - 1
    }

    /// Lets time pass; what arrived meanwhile is told for each flow.
    pub(crate) fn run(&mut self, span: Duration) -> Vec<Arrivals> {
        for arrivals in &mut self.arrivals {
            *arrivals = Arrivals { next: arrivals.next, ..Arrivals::default() };
        }
        let end = self.now + span;
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            if at > end {
                self.at(at, event);
                break;
            }
            self.now = at;
            self.happen(event);
        }
        self.now = end;
        let fresh =
            self.arrivals.iter().map(|old| Arrivals { next: old.next, ..Arrivals::default() }).collect();
        std::mem::replace(&mut self.arrivals, fresh)
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.events_made += 1;
        self.events.push(Reverse((at, self.events_made, event)));
    }

    fn happen(&mut self, event: Event) {
        let (now, queue) = (self.now, &mut self.queue);
        let send_as = |flow: usize| {
            move |number, len, ecn| {
                queue.enqueue(now, &packets::packet(flow as u16, number, len, ecn), ());
            }
        };
        match event {
            Event::LinkIsFree => self.sending = false,
            Event::Wake(flow) => {
                if let Some(at) = self.sources[flow].wake(now, &mut send_as(flow)) {
                    self.at(at, Event::Wake(flow));
                }
            }
            Event::Acked(flow, ack) => self.sources[flow].acked(now, ack, &mut send_as(flow)),
        }
        if !self.sending {
            self.send_next();
        }
    }

    fn send_next(&mut self) {
        let Some(packet) = self.queue.dequeue(self.now) else { return };
        let flow = usize::from(packets::flow(packet.bytes));
        let mut ack = Ack { number: packets::number(packet.bytes), marked: packets::is_marked(packet.bytes) };
        let (len, sojourn) = (packet.bytes.len(), packet.sojourn);
        let verdict = self.policer.as_mut().map_or(Verdict::Pass, |policer| {
            policer.measured(sojourn);
            policer.judge(self.now, packet.bytes)
        });
        ack.marked |= verdict == Verdict::Mark;
        self.sending = true;
        let sent = self.now + self.time_of(len);
        self.at(sent, Event::LinkIsFree);
        if verdict == Verdict::Drop {
            return;
        }

        let arrivals = &mut self.arrivals[flow];
        arrivals.bytes += len as u64;
        arrivals.lost += ack.number.checked_sub(arrivals.next).expect("packets of a flow keep their order");
        arrivals.marked += u64::from(ack.marked);
        arrivals.next = ack.number + 1;
        arrivals.sojourns.push(sojourn);
        self.at(sent + self.sources[flow].round_trip(), Event::Acked(flow, ack));
    }
}
