//! CoDel where the queue is somebody else's: at the far end of a path, in front of it, where nobody manages it.
//!
//! Whoever receives cannot hold those packets back, but their senders listen to losses and marks, wherever these are made.
//! What a packet waited for is not known, only how much longer than an empty path a round trip takes: that stands in for
//! the sojourn time of RFC 8289. Flows are told apart only to find the one that fills the queue: those of small packets or
//! few are let pass always.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use crate::{
    codel::{Codel, Head, INTERVAL, Queue, TARGET, Terms},
    ecn::{self, Codepoint},
    flow_key::FlowKey,
};

/// Flows are spread over so many counters.
const COUNTERS: usize = 256;
/// Packets of up to so many octets pass always: acknowledgements, names, pings, a voice.
const SMALL: usize = 256;

/// What is to become of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passes.
    Pass,
    /// It passes with a mark that there is congestion ([`mark`]).
    Mark,
    /// It is dropped.
    Drop,
}

/// Sets Congestion Experienced in an IP packet (RFC 3168 §5); what is no IP packet stays as it is.
pub fn mark(packet: &mut [u8]) {
    ecn::set_congestion_experienced(packet);
}

/// Judges packets behind a queue that it cannot see.
#[derive(Debug)]
pub struct Policer<S = RandomState> {
    terms: Terms,
    codel: Codel,
    standing: Duration,
    hash: S,
    /// Octets of late, by flow: halved with each interval.
    octets: Vec<u64>,
    /// The most of them.
    most: u64,
    /// When a packet of theirs was last marked or dropped.
    told: Vec<Option<Instant>>,
    /// How long senders take to slow down so that it is seen.
    patience: Duration,
    halved_at: Option<Instant>,
}

impl Policer {
    /// One that has no reason yet to be severe.
    pub fn new() -> Policer {
        Policer::with_hasher(RandomState::new())
    }
}

impl Default for Policer {
    fn default() -> Policer {
        Policer::new()
    }
}

impl<S: BuildHasher> Policer<S> {
    /// The same, with a hash of one's own.
    pub fn with_hasher(hash: S) -> Policer<S> {
        Policer {
            terms: Terms { target: TARGET, interval: INTERVAL, mtu: 0 },
            codel: Codel::default(),
            standing: Duration::ZERO,
            hash,
            octets: vec![0; COUNTERS],
            most: 0,
            told: vec![None; COUNTERS],
            patience: Duration::ZERO,
            halved_at: None,
        }
    }

    /// Sets the delay that is acceptable, and how long it must stand and senders are given to react: TARGET and INTERVAL of
    /// RFC 8289 §4.
    pub fn set_codel(&mut self, target: Duration, interval: Duration) {
        self.terms = Terms { target, interval, mtu: 0 };
    }

    /// Sets how long senders take to slow down so that it is seen: so long after one packet no other of the same flow is marked or
    /// dropped.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// The queue was measured: so long do packets wait in it.
    pub fn measured(&mut self, standing: Duration) {
        self.standing = standing;
    }

    /// What is to become of a packet that came in.
    pub fn judge(&mut self, now: Instant, packet: &[u8]) -> Verdict {
        self.forget(now);
        let counter = (self.hash.hash_one(FlowKey::of(packet)) % COUNTERS as u64) as usize;
        self.octets[counter] += packet.len() as u64;
        self.most = self.most.max(self.octets[counter]);
        if packet.len() <= SMALL || self.octets[counter] < self.most / 2 {
            return Verdict::Pass;
        }
        let is_told =
            self.told[counter].is_some_and(|told| now.saturating_duration_since(told) < self.patience);
        // A delay below the target is CoDel's to know always: it ends the drop state.
        if is_told && self.standing >= self.terms.target {
            return Verdict::Pass;
        }
        let mut arrival = Arrival { packet, standing: self.standing, verdict: Verdict::Pass };
        self.codel.dequeue(&self.terms, now, &mut arrival);
        if arrival.verdict != Verdict::Pass {
            self.told[counter] = Some(now);
        }
        arrival.verdict
    }

    fn forget(&mut self, now: Instant) {
        let since = *self.halved_at.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.terms.interval {
            self.halved_at = Some(now);
            self.octets.iter_mut().for_each(|octets| *octets /= 2);
            self.most = self.octets.iter().copied().max().unwrap_or_default();
        }
    }
}

/// A packet as the head of the queue that it came out of, where others like it follow.
struct Arrival<'p> {
    packet: &'p [u8],
    standing: Duration,
    verdict: Verdict,
}

impl Queue for Arrival<'_> {
    fn head(&self) -> Option<Head> {
        Some(Head { sojourn: self.standing, behind: usize::MAX })
    }

    fn mark_head(&mut self) -> bool {
        let is_capable = ecn::codepoint(self.packet) != Codepoint::NotCapable;
        if is_capable {
            self.verdict = Verdict::Mark;
        }
        is_capable
    }

    fn drop_head(&mut self) {
        self.verdict = Verdict::Drop;
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, DefaultHasher};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    type Fixed = Policer<BuildHasherDefault<DefaultHasher>>;

    fn packet(port: u8, len: usize, ecn: u8) -> Vec<u8> {
        let mut packet = vec![0; len];
        packet[..2].copy_from_slice(&[0x45, ecn]);
        packet[9] = 17;
        packet[12..24].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2, 0, port, 0, port]);
        packet
    }

    /// Judges these packets each millisecond, and says in which which were not let pass.
    fn run(
        policer: &mut Fixed,
        start: Instant,
        millis: u32,
        packets: &[Vec<u8>],
    ) -> Vec<(u32, usize, Verdict)> {
        let mut signals = Vec::new();
        for millis in 0..millis {
            for (place, packet) in packets.iter().enumerate() {
                match policer.judge(start + millis * MS, packet) {
                    Verdict::Pass => {}
                    verdict => signals.push((millis, place, verdict)),
                }
            }
        }
        signals
    }

    #[test]
    fn a_queue_that_stands_costs_packets_at_codels_pace_and_a_short_one_none() {
        let start = Instant::now();
        let mut policer = Fixed::with_hasher(BuildHasherDefault::default());
        policer.set_codel(20 * MS, 100 * MS);
        policer.measured(19 * MS);
        assert_eq!(run(&mut policer, start, 1000, &[packet(1, 1500, 0)]), []);
        policer.measured(60 * MS);
        let signals = run(&mut policer, start + 1000 * MS, 300, &[packet(1, 1500, 0)]);
        assert_eq!(signals, [100, 200, 271].map(|millis| (millis, 0, Verdict::Drop)));
        policer.measured(5 * MS);
        assert_eq!(run(&mut policer, start + 1300 * MS, 1000, &[packet(1, 1500, 0)]), []);
    }

    #[test]
    fn who_was_told_is_spared_for_a_while_and_others_are_not() {
        let start = Instant::now();
        let mut policer = Fixed::with_hasher(BuildHasherDefault::default());
        policer.set_codel(20 * MS, 100 * MS);
        policer.set_patience(250 * MS);
        policer.measured(60 * MS);
        let both = [packet(1, 1500, 0), packet(2, 1500, 0)];
        let signals = run(&mut policer, start, 800, &both);
        let of = |flow| signals.iter().filter(move |(_, place, _)| *place == flow).map(|(at, ..)| *at);
        for flow in [0, 1] {
            let at: Vec<u32> = of(flow).collect();
            assert!(at.len() == 3 && at.windows(2).all(|two| two[1] - two[0] >= 250), "{signals:?}");
        }
        // What it had to wait for is over, and comes anew.
        policer.measured(5 * MS);
        assert_eq!(run(&mut policer, start + 800 * MS, 10, &both), []);
        policer.measured(60 * MS);
        assert_eq!(run(&mut policer, start + 810 * MS, 99, &both), []);
    }

    #[test]
    fn who_can_be_told_by_a_mark_is_not_robbed() {
        let mut policer = Fixed::with_hasher(BuildHasherDefault::default());
        policer.measured(60 * MS);
        let signals = run(&mut policer, Instant::now(), 300, &[packet(1, 1500, 2)]);
        assert_eq!(signals, [100, 200, 271].map(|millis| (millis, 0, Verdict::Mark)));
        let mut marked = packet(1, 1500, 2);
        mark(&mut marked);
        assert_eq!(marked[1], 3);
    }

    #[test]
    fn only_the_flow_that_fills_the_queue_pays() {
        let mut policer = Fixed::with_hasher(BuildHasherDefault::default());
        policer.measured(60 * MS);
        // A lean one of large packets, a ping, and a fat one in two packets. Who comes first would pay first.
        let packets = [packet(2, 1200, 0), packet(3, 84, 0), packet(1, 1500, 0), packet(1, 1500, 0)];
        // It takes a moment to know them.
        let start = Instant::now();
        run(&mut policer, start, 10, &packets);
        let signals = run(&mut policer, start + 10 * MS, 2000, &packets);
        assert!(signals.len() > 10, "{signals:?}");
        assert!(signals.iter().all(|(_, place, _)| [2, 3].contains(place)), "{signals:?}");
    }

    #[test]
    fn who_brings_half_as_much_as_the_fattest_or_more_pays_too() {
        let mut policer = Fixed::with_hasher(BuildHasherDefault::default());
        policer.measured(60 * MS);
        let packets = [packet(2, 900, 0), packet(1, 1500, 0)];
        let signals = run(&mut policer, Instant::now(), 2000, &packets);
        assert!(signals.iter().any(|(_, place, _)| *place == 0), "{signals:?}");
    }

    #[test]
    fn small_packets_pass_even_where_there_is_nothing_else() {
        let mut policer = Fixed::with_hasher(BuildHasherDefault::default());
        policer.measured(60 * MS);
        assert_eq!(run(&mut policer, Instant::now(), 2000, &[packet(1, SMALL, 0)]), []);
    }

    #[test]
    fn a_flow_that_ended_is_not_the_fattest_for_ever() {
        let start = Instant::now();
        let mut policer = Fixed::with_hasher(BuildHasherDefault::default());
        run(&mut policer, start, 1000, &[packet(1, 1500, 0), packet(1, 1500, 0), packet(1, 1500, 0)]);
        policer.measured(60 * MS);
        assert_ne!(run(&mut policer, start + 1000 * MS, 1000, &[packet(2, 300, 0)]), []);
    }
}
