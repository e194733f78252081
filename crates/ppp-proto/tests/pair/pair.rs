//! Two links on a wire that delays, loses, duplicates and cuts, with a clock of its own.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use ppp_proto::{
    CloseReason, Event, Family, InterfaceId, IpcpConfig, Ipv4Params, Link, LinkConfig, LocalAddress, Phase,
    RemoteAddress, frame::FLAG,
};

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// One direction of the wire.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) delay: Duration,
    /// Of each 1000 frames.
    pub(crate) lost: u64,
    /// Of each 1000 frames.
    pub(crate) duplicated: u64,
    /// Octets per second, if limited; the queue before it is not.
    pub(crate) rate: Option<u64>,
    /// Cut into chunks of random sizes, in place of whole sends.
    pub(crate) cut: bool,
    /// Nothing arrives.
    pub(crate) dead: bool,
    busy_until: Option<Instant>,
    in_flight: VecDeque<(Instant, Vec<u8>)>,
}

/// One link and what it said.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) link: Link,
    pub(crate) events: Vec<Event>,
    pub(crate) received: Vec<(Family, Vec<u8>)>,
}

#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) now: Instant,
    pub(crate) start: Instant,
    pub(crate) ends: [End; 2],
    /// From each end to the other.
    pub(crate) wires: [Wire; 2],
    random: u64,
}

pub(crate) const A: usize = 0;
pub(crate) const B: usize = 1;

impl End {
    fn new(config: LinkConfig, now: Instant) -> End {
        End { link: Link::new(config, now), events: Vec::new(), received: Vec::new() }
    }

    pub(crate) fn ipv4(&self) -> Option<Ipv4Params> {
        self.link.status().ipv4
    }

    pub(crate) fn ipv6(&self) -> Option<(InterfaceId, InterfaceId)> {
        self.link.status().ipv6
    }

    pub(crate) fn closed(&self) -> Option<&CloseReason> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }
}

impl Pair {
    /// Two links on a perfect wire of 10 ms; not yet opened.
    pub(crate) fn new(a: LinkConfig, b: LinkConfig) -> Pair {
        let now = Instant::now();
        let wire = || Wire { delay: 10 * MILLISECOND, ..Wire::default() };
        Pair {
            now,
            start: now,
            ends: [End::new(a, now), End::new(b, now)],
            wires: [wire(), wire()],
            random: 1,
        }
    }

    /// Two links that have come up.
    pub(crate) fn up(a: LinkConfig, b: LinkConfig) -> Pair {
        let mut pair = Pair::new(a, b);
        pair.connect();
        pair.drive(20 * SECOND, Pair::is_up);
        pair
    }

    pub(crate) fn seed(mut self, seed: u64) -> Pair {
        self.random = seed;
        self
    }

    pub(crate) fn wire(mut self, change: impl Fn(&mut Wire)) -> Pair {
        self.wires.iter_mut().for_each(change);
        self
    }

    pub(crate) fn connect(&mut self) {
        for end in [A, B] {
            self.ends[end].link.open(self.now);
            self.ends[end].link.lower_up(self.now);
            self.drain(end);
        }
    }

    pub(crate) fn disconnect(&mut self) {
        for end in [A, B] {
            self.ends[end].link.lower_down(self.now);
            self.drain(end);
            self.wires[end].in_flight.clear();
        }
    }

    /// Every protocol that is configured is up, at both ends.
    pub(crate) fn is_up(&self) -> bool {
        self.ends.iter().all(|end| {
            let status = end.link.status();
            status.phase == Phase::Network
                && (status.ipcp.is_none() || status.ipv4.is_some())
                && (status.ipv6cp.is_none() || status.ipv6.is_some())
        })
    }

    pub(crate) fn both_closed(&self) -> bool {
        self.ends.iter().all(|end| end.closed().is_some())
    }

    /// Frames a packet of this family and size, all of the same octet.
    pub(crate) fn send(&mut self, from: usize, family: Family, len: usize) {
        let mut packet = vec![0x55; len];
        packet[0] = if family == Family::Ipv4 { 0x45 } else { 0x60 };
        let mut out = BytesMut::new();
        self.ends[from].link.encode(&packet, &mut out).unwrap();
        self.transmit(from, &out);
    }

    /// What the end's link has to send and to say.
    pub(crate) fn drain(&mut self, end: usize) {
        let mut out = BytesMut::new();
        if self.ends[end].link.poll_transmit(&mut out) {
            assert!(!out.is_empty());
            self.transmit(end, &out);
        }
        let End { link, events, .. } = &mut self.ends[end];
        events.extend(std::iter::from_fn(|| link.poll_event()));
    }

    pub(crate) fn transmit(&mut self, from: usize, octets: &[u8]) {
        let mut kept = Vec::new();
        for frame in octets.split(|octet| *octet == FLAG).filter(|frame| !frame.is_empty()) {
            let copies = match (self.chance(self.wires[from].lost), self.chance(self.wires[from].duplicated))
            {
                (true, _) => 0,
                (false, true) => 2,
                (false, false) => 1,
            };
            for _ in 0..copies {
                kept.push(FLAG);
                kept.extend(frame);
                kept.push(FLAG);
            }
        }
        let wire = &mut self.wires[from];
        if kept.is_empty() || wire.dead {
            return;
        }
        let begin = wire.busy_until.map_or(self.now, |busy| busy.max(self.now));
        let end = begin + wire.rate.map_or(Duration::ZERO, |rate| SECOND * kept.len() as u32 / rate as u32);
        wire.busy_until = Some(end);
        let arrival = end + wire.delay;
        while !kept.is_empty() {
            let size = if self.wires[from].cut { 1 + self.next_random() as usize % 40 } else { usize::MAX };
            let rest = kept.split_off(size.min(kept.len()));
            self.wires[from].in_flight.push_back((arrival, kept));
            kept = rest;
        }
    }

    /// Goes to the next moment at which something happens; false if nothing ever will.
    pub(crate) fn step(&mut self) -> bool {
        let timeouts = self.ends.iter().filter_map(|end| end.link.poll_timeout());
        let arrivals =
            self.wires.iter().filter_map(|wire| wire.in_flight.front()).map(|(arrival, _)| *arrival);
        let Some(next) = timeouts.chain(arrivals).min() else { return false };
        self.now = self.now.max(next);
        for from in [A, B] {
            while self.wires[from].in_flight.front().is_some_and(|(arrival, _)| *arrival <= self.now) {
                let (_, chunk) = self.wires[from].in_flight.pop_front().unwrap();
                self.deliver(1 - from, &chunk);
            }
        }
        for end in [A, B] {
            self.ends[end].link.handle_timeout(self.now);
            self.drain(end);
        }
        true
    }

    fn deliver(&mut self, to: usize, mut chunk: &[u8]) {
        let End { link, received, .. } = &mut self.ends[to];
        while let Some(packet) = link.receive(self.now, &mut chunk) {
            received.push((packet.family, packet.payload.to_vec()));
        }
        assert!(chunk.is_empty());
        self.drain(to);
    }

    /// Steps until it is so; panics if that takes longer.
    pub(crate) fn drive(&mut self, limit: Duration, until: impl Fn(&Pair) -> bool) {
        let end = self.now + limit;
        while !until(self) {
            assert!(
                self.step() && self.now <= end,
                "not so after {limit:?}\nA: {}\n{:?}\nB: {}\n{:?}",
                self.ends[A].link.status().explain(),
                self.ends[A].events,
                self.ends[B].link.status().explain(),
                self.ends[B].events,
            );
        }
    }

    /// Steps through this much time.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timeouts = self.ends.iter().filter_map(|end| end.link.poll_timeout());
            let arrivals =
                self.wires.iter().filter_map(|wire| wire.in_flight.front()).map(|(arrival, _)| *arrival);
            if timeouts.chain(arrivals).min().is_none_or(|next| next > end) {
                self.now = end;
                return;
            }
            self.step();
        }
    }

    fn chance(&mut self, of_1000: u64) -> bool {
        of_1000 > 0 && self.next_random() % 1000 < of_1000
    }

    /// xorshift64 (Marsaglia 2003).
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

/// The calling end of the classic example: it is told its address.
pub(crate) fn client() -> LinkConfig {
    LinkConfig { seed: 1, ..LinkConfig::default() }
}

/// The called end of the classic example: 192.168.2.1, and the caller is 192.168.1.1.
pub(crate) fn server() -> LinkConfig {
    LinkConfig { seed: 2, ipv4: Some(addresses("192.168.2.1", "192.168.1.1")), ..LinkConfig::default() }
}

pub(crate) fn addresses(local: &str, remote: &str) -> IpcpConfig {
    IpcpConfig {
        local: LocalAddress::Fixed(local.parse().unwrap()),
        remote: RemoteAddress::Fixed(remote.parse().unwrap()),
        ..IpcpConfig::default()
    }
}
