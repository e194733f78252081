//! The queues, and the two lists of those that are active (RFC 8290 §5.1).

use crate::{backlog::Fifo, codel::Codel};

/// Where a queue stands (RFC 8290 §4.2, figure 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// In no list.
    #[default]
    Empty,
    /// Has built no queue recently, and goes first.
    New,
    Old,
}

/// One queue.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) fifo: Fifo,
    pub(crate) codel: Codel,
    /// Octets that it may yet send in this round; below zero, what it owes.
    pub(crate) credits: i64,
    /// CoDel has decided that the first packet is to be sent: that is done once for a packet, when it is first offered.
    pub(crate) offered: bool,
    /// Since it was last empty, flows without a bucket came, too: they may not leave it before it is, so that their packets stay in
    /// order.
    is_shared: bool,
    state: State,
    /// The one behind it in its list.
    next: Option<u32>,
}

/// First and last queue of a list.
#[derive(Debug, Clone, Copy, Default)]
struct List(Option<(u32, u32)>);

impl List {
    fn first(self) -> Option<u32> {
        self.0.map(|(first, _)| first)
    }

    fn push(&mut self, flows: &mut [Flow], flow: u32) {
        flows[flow as usize].next = None;
        let first = self.0.map_or(flow, |(first, last)| {
            flows[last as usize].next = Some(flow);
            first
        });
        self.0 = Some((first, flow));
    }

    fn pop(&mut self, flows: &[Flow]) -> Option<u32> {
        let (first, last) = self.0?;
        self.0 = flows[first as usize].next.map(|next| (next, last));
        Some(first)
    }
}

/// So many buckets side by side are a set, in which a flow takes one that no other uses, as in CAKE: else one flow in a hundred
/// shares its queue where ten others are active (RFC 8290 §5.3), and if that is a ping, it waits with a transfer.
const WAYS: usize = 8;

/// A place for a queue.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The hash of the flow that has it.
    hash: u64,
    queue: u32,
}

/// All queues. One comes into being when a flow first takes its bucket, and stays: what CoDel has learned of a flow outlasts
/// its pauses, until another flow needs the bucket.
#[derive(Debug)]
pub(crate) struct Flows {
    buckets: Vec<Option<Bucket>>,
    queues: Vec<Flow>,
    new: List,
    old: List,
}

impl Flows {
    pub(crate) fn new(buckets: usize) -> Self {
        Self { buckets: vec![None; buckets], queues: Vec::new(), new: List::default(), old: List::default() }
    }

    /// The queue of those packets that hash to this (RFC 8290 §4.1): the one that the flow has, else one of its set that is free,
    /// else one that it shares.
    pub(crate) fn of_hash(&mut self, hash: u64) -> u32 {
        let own = (hash % self.buckets.len() as u64) as usize;
        let first = own - own % WAYS;
        let set = first..(first + WAYS).min(self.buckets.len());
        if let Some(bucket) = self.buckets[set.clone()].iter().flatten().find(|bucket| bucket.hash == hash) {
            return bucket.queue;
        }
        let is_shared = self.buckets[own].is_some_and(|bucket| self.get(bucket.queue).is_shared);
        let is_free =
            |at: &usize| self.buckets[*at].is_none_or(|bucket| self.get(bucket.queue).state == State::Empty);
        let at = if is_shared || is_free(&own) { own } else { set.into_iter().find(is_free).unwrap_or(own) };
        let Some(bucket) = &mut self.buckets[at] else {
            let queue = self.queues.len() as u32;
            self.queues.push(Flow::default());
            self.buckets[at] = Some(Bucket { hash, queue });
            return queue;
        };
        let flow = &mut self.queues[bucket.queue as usize];
        if flow.state == State::Empty {
            bucket.hash = hash;
            // It was learned of another flow.
            flow.codel = Codel::default();
        } else {
            flow.is_shared = true;
        }
        bucket.queue
    }

    pub(crate) fn get(&self, flow: u32) -> &Flow {
        &self.queues[flow as usize]
    }

    pub(crate) fn get_mut(&mut self, flow: u32) -> &mut Flow {
        &mut self.queues[flow as usize]
    }

    /// A packet came for the queue: one that is in no list becomes new (RFC 8290 §4.1). True if it did.
    pub(crate) fn arrived(&mut self, flow: u32, quantum: u32) -> bool {
        let it = self.get_mut(flow);
        if it.state != State::Empty {
            return false;
        }
        it.state = State::New;
        it.is_shared = false;
        it.credits = quantum.into();
        self.new.push(&mut self.queues, flow);
        true
    }

    /// The queue whose turn it is: new ones first (RFC 8290 §4.2).
    pub(crate) fn turn(&self) -> Option<u32> {
        self.new.first().or(self.old.first())
    }

    /// The queue whose turn it is has used up its credits: it gets more, and goes behind all others.
    pub(crate) fn exhausted(&mut self, quantum: u32) {
        if let Some(flow) = self.pop() {
            let it = self.get_mut(flow);
            it.credits += i64::from(quantum);
            it.state = State::Old;
            self.old.push(&mut self.queues, flow);
        }
    }

    /// The queue whose turn it is has nothing to send. A new one waits for a round of the old ones before it may be new
    /// again; else it could starve them by sending at just the right rate (RFC 8290 §4.2).
    pub(crate) fn emptied(&mut self) {
        if let Some(flow) = self.pop() {
            let it = self.get_mut(flow);
            if it.state == State::New {
                it.state = State::Old;
                self.old.push(&mut self.queues, flow);
            } else {
                it.state = State::Empty;
            }
        }
    }

    /// No queue has anything to send, so no round of the old ones is to be waited for.
    pub(crate) fn all_emptied(&mut self) {
        while let Some(flow) = self.pop() {
            let it = self.get_mut(flow);
            it.state = State::Empty;
            it.codel.emptied();
        }
    }

    fn pop(&mut self) -> Option<u32> {
        self.new.pop(&self.queues).or_else(|| self.old.pop(&self.queues))
    }

    /// The queue with most octets (RFC 8290 §4.1).
    pub(crate) fn fattest(&mut self) -> Option<&mut Flow> {
        self.queues.iter_mut().max_by_key(|flow| flow.fifo.bytes())
    }

    /// Forgets all queues.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.buckets.len());
    }

    /// The queues in the order of their turns, if nothing else came.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = &Flow> {
        [self.new, self.old].into_iter().flat_map(|list| {
            std::iter::successors(list.first(), |&flow| self.get(flow).next).map(|flow| self.get(flow))
        })
    }
}
