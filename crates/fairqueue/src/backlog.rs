//! The packets of all queues, in one table.

use std::time::Instant;

use crate::pool::{self, Pool};

/// By how many entries the table grows at a time, and to how many it shrinks.
const TABLE_STEP: usize = 256;

/// One packet that waits.
#[derive(Debug)]
struct Entry<T> {
    packet: Vec<u8>,
    tag: T,
    enqueued: Instant,
    /// The next one of its queue; for a free entry, the next free one.
    next: Option<u32>,
}

/// One queue's part of the table: first in, first out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fifo {
    ends: Option<(u32, u32)>,
    len: usize,
    bytes: usize,
}

impl Fifo {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A packet, wherever it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a, T> {
    pub(crate) packet: &'a [u8],
    pub(crate) tag: T,
    pub(crate) enqueued: Instant,
}

/// The table, and the memory of its packets.
#[derive(Debug)]
pub(crate) struct Backlog<T> {
    table: Vec<Entry<T>>,
    free: Option<u32>,
    pool: Pool,
    /// The packet that was last taken out: its reader may still look at it, until the backlog is changed again.
    lent: Vec<u8>,
    len: usize,
    bytes: usize,
    /// Octets of the buffers of packets that wait.
    held: usize,
    memory_limit: usize,
    /// Octets of memory that are kept while nothing waits.
    idle_memory: usize,
}

impl<T: Copy> Backlog<T> {
    pub(crate) fn new(memory_limit: usize, idle_memory: usize) -> Self {
        Self {
            table: Vec::new(),
            free: None,
            pool: Pool::default(),
            lent: Vec::new(),
            len: 0,
            bytes: 0,
            held: 0,
            memory_limit,
            idle_memory,
        }
    }

    /// Packets that wait.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Octets of packets that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Octets of memory, used or kept for use: buffers and table.
    pub(crate) fn memory(&self) -> usize {
        self.pool.allocated() + table_memory::<T>(self.table.capacity())
    }

    /// Whether a packet of `len` octets can be held within the limit.
    pub(crate) fn has_room(&self, len: usize) -> bool {
        self.held + pool::size(len) + table_memory::<T>(self.capacity_with_one_more()) <= self.memory_limit
    }

    fn capacity_with_one_more(&self) -> usize {
        let full = self.free.is_none() && self.table.len() == self.table.capacity();
        self.table.capacity() + if full { TABLE_STEP } else { 0 }
    }

    /// Copies the packet to the end of the queue. There must be room.
    pub(crate) fn push(&mut self, fifo: &mut Fifo, now: Instant, packet: &[u8], tag: T) {
        self.take_back();
        let capacity = self.capacity_with_one_more();
        self.table.reserve_exact(capacity - self.table.len());
        let packet = self.pool.copy(packet, self.memory_limit.saturating_sub(table_memory::<T>(capacity)));
        let len = packet.len();
        let entry = Entry { packet, tag, enqueued: now, next: None };
        let at = if let Some(at) = self.free {
            self.free = std::mem::replace(&mut self.table[at as usize], entry).next;
            at
        } else {
            self.table.push(entry);
            (self.table.len() - 1) as u32
        };
        let first = match fifo.ends {
            None => at,
            Some((first, last)) => {
                self.table[last as usize].next = Some(at);
                first
            }
        };
        fifo.ends = Some((first, at));
        fifo.len += 1;
        fifo.bytes += len;
        self.len += 1;
        self.bytes += len;
        self.held += pool::size(len);
    }

    /// The first packet of the queue.
    pub(crate) fn first(&self, fifo: &Fifo) -> Option<View<'_, T>> {
        let Entry { packet, tag, enqueued, .. } = &self.table[fifo.ends?.0 as usize];
        Some(View { packet, tag: *tag, enqueued: *enqueued })
    }

    /// The octets of the first packet of the queue.
    pub(crate) fn first_mut(&mut self, fifo: &Fifo) -> Option<&mut [u8]> {
        Some(&mut self.table[fifo.ends?.0 as usize].packet)
    }

    /// Takes the first packet out of the queue. It can be read until the next call that changes something.
    pub(crate) fn pop(&mut self, fifo: &mut Fifo) -> Option<View<'_, T>> {
        self.take_back();
        let (first, last) = fifo.ends?;
        let entry = &mut self.table[first as usize];
        let (tag, enqueued) = (entry.tag, entry.enqueued);
        self.lent = std::mem::take(&mut entry.packet);
        fifo.ends = std::mem::replace(&mut entry.next, self.free).map(|next| (next, last));
        self.free = Some(first);
        fifo.len -= 1;
        fifo.bytes -= self.lent.len();
        self.len -= 1;
        self.bytes -= self.lent.len();
        self.held -= pool::size(self.lent.len());
        if self.len == 0 {
            self.shrink();
        }
        Some(View { packet: &self.lent, tag, enqueued })
    }

    /// Forgets all packets; every [`Fifo`] is void after it.
    pub(crate) fn clear(&mut self) {
        self.take_back();
        for entry in &mut self.table {
            self.pool.give_back(std::mem::take(&mut entry.packet));
        }
        (self.len, self.bytes, self.held) = (0, 0, 0);
        self.shrink();
    }

    fn take_back(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.lent));
    }

    /// Nothing waits: gives back what is kept for no reason.
    fn shrink(&mut self) {
        self.table.clear();
        self.free = None;
        self.table.shrink_to(TABLE_STEP);
        self.pool.shrink_to(self.idle_memory.saturating_sub(table_memory::<T>(self.table.capacity())));
    }
}

fn table_memory<T>(entries: usize) -> usize {
    entries * size_of::<Entry<T>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pop<T: Copy>(backlog: &mut Backlog<T>, fifo: &mut Fifo) -> Option<(Vec<u8>, T)> {
        backlog.pop(fifo).map(|view| (view.packet.to_vec(), view.tag))
    }

    #[test]
    fn queues_share_the_table_and_keep_their_order() {
        let mut backlog = Backlog::new(1 << 20, 1 << 20);
        let now = Instant::now();
        let (mut a, mut b) = (Fifo::default(), Fifo::default());
        for at in 0..6_u8 {
            backlog.push(
                if at % 2 == 0 { &mut a } else { &mut b },
                now,
                &vec![at; 100 + usize::from(at)],
                at,
            );
        }
        assert_eq!((backlog.len(), backlog.bytes(), a.bytes(), b.len()), (6, 615, 306, 3));
        for at in [0, 2] {
            assert_eq!(pop(&mut backlog, &mut a), Some((vec![at; 100 + usize::from(at)], at)));
        }
        // The entries that are free now are used again, and nothing is confused.
        for at in 6..9_u8 {
            backlog.push(&mut b, now, &[at; 100], at);
        }
        let rest: Vec<u8> =
            std::iter::from_fn(|| pop(&mut backlog, &mut b)).map(|(packet, _)| packet[0]).collect();
        assert_eq!(rest, [1, 3, 5, 6, 7, 8]);
        assert_eq!(pop(&mut backlog, &mut a), Some((vec![4; 104], 4)));
        assert_eq!((pop(&mut backlog, &mut a), backlog.len(), backlog.bytes()), (None, 0, 0));
    }

    #[test]
    fn nothing_is_allocated_for_packets_like_those_before() {
        let mut backlog = Backlog::new(1 << 20, 1 << 20);
        let mut fifo = Fifo::default();
        let mut turn = || {
            for _ in 0..100 {
                backlog.push(&mut fifo, Instant::now(), &[0; 1500], ());
            }
            while backlog.pop(&mut fifo).is_some() {}
            backlog.memory()
        };
        let memory = turn();
        assert!((0..10).all(|_| turn() == memory));
    }

    #[test]
    fn an_empty_backlog_gives_memory_back_and_its_last_packet_can_still_be_read() {
        let mut backlog = Backlog::new(4 << 20, 100 << 10);
        let mut fifo = Fifo::default();
        for _ in 0..1000 {
            backlog.push(&mut fifo, Instant::now(), &[7; 1500], ());
        }
        assert!(backlog.memory() > 2_000_000);
        while backlog.len() > 1 {
            backlog.pop(&mut fifo);
        }
        assert_eq!(backlog.pop(&mut fifo).unwrap().packet, [7; 1500]);
        assert!(backlog.memory() <= 100 << 10);
    }
}
