//! Control packets that wait for the carrier.

use std::collections::VecDeque;

use zeroize::Zeroizing;

/// Packets that may wait; a peer's flood of requests is answered up to here.
const CAPACITY: usize = 64;
/// Places that answers to the peer leave free for what our own automata have to say.
const RESERVED: usize = 16;

/// A bounded queue of control packets with their protocol numbers. They are wiped when they have left: a password may be
/// among them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<(u16, Zeroizing<Vec<u8>>)>,
    pushed: u64,
    dropped: u64,
}

impl Outbox {
    /// Queues a packet our own automata want sent; false if there was no room.
    pub(crate) fn push(&mut self, protocol: u16, packet: Vec<u8>) -> bool {
        self.push_below(CAPACITY, protocol, packet)
    }

    /// Queues an answer to the peer; false if there was no room.
    pub(crate) fn push_answer(&mut self, protocol: u16, packet: Vec<u8>) -> bool {
        self.push_below(CAPACITY - RESERVED, protocol, packet)
    }

    fn push_below(&mut self, limit: usize, protocol: u16, packet: Vec<u8>) -> bool {
        let room = self.queue.len() < limit;
        if room {
            self.pushed += 1;
            self.queue.push_back((protocol, Zeroizing::new(packet)));
        } else {
            self.dropped += 1;
        }
        room
    }

    pub(crate) fn pop(&mut self) -> Option<(u16, Zeroizing<Vec<u8>>)> {
        self.queue.pop_front()
    }

    /// Forgets what waits, as its carrier is gone.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    /// How many packets were ever queued.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// How many packets found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_answers_leaves_room_for_our_own_packets() {
        let mut outbox = Outbox::default();
        let answered = (0..1000).filter(|_| outbox.push_answer(0xc021, vec![10])).count();
        assert_eq!(answered, CAPACITY - RESERVED);
        assert!(outbox.push(0xc021, vec![5]));
        assert_eq!(outbox.dropped(), 1000 - answered as u64);
        let own = (0..1000).filter(|_| outbox.push(0xc021, vec![5])).count();
        assert_eq!(own, RESERVED - 1);
    }
}
