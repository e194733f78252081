//! Counters of what crossed a link.

use crate::status::Counters;

/// Packets and octets, as the device sees them (whole IP packets, without framing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets from this host to the peer.
    pub packets_sent: u64,
    /// Octets from this host to the peer.
    pub bytes_sent: u64,
    /// Packets from the peer to this host.
    pub packets_received: u64,
    /// Octets from the peer to this host.
    pub bytes_received: u64,
    /// Packets of a family that was not up.
    pub dropped_not_up: u64,
    /// Packets larger than the peer's MRU.
    pub dropped_too_big: u64,
    /// Packets dropped by the queue in front of the carrier, to keep delays short or for want of room.
    pub dropped_by_queue: u64,
    /// Packets that it marked instead, since their senders understand it (ECN).
    pub marked: u64,
    /// Packets from the peer dropped to slow down their senders, where the far queue stands and nobody manages it.
    pub dropped_by_governor: u64,
    /// Packets from the peer that were marked instead (ECN).
    pub marked_by_governor: u64,
    /// Packets that this host's device refused.
    pub dropped_by_device: u64,
}

impl Traffic {
    pub(super) fn sent(&mut self, len: usize) {
        self.packets_sent += 1;
        self.bytes_sent += len as u64;
    }

    pub(super) fn received(&mut self, len: usize) {
        self.packets_received += 1;
        self.bytes_received += len as u64;
    }

    pub(super) fn publish(&self, counters: &mut Counters) {
        counters.packets_sent = self.packets_sent;
        counters.bytes_sent = self.bytes_sent;
        counters.packets_received = self.packets_received;
        counters.bytes_received = self.bytes_received;
        counters.dropped_not_up = self.dropped_not_up;
        counters.dropped_too_big = self.dropped_too_big;
        counters.dropped_by_queue = self.dropped_by_queue;
        counters.marked = self.marked;
        counters.dropped_by_governor = self.dropped_by_governor;
        counters.marked_by_governor = self.marked_by_governor;
        counters.dropped_by_device = self.dropped_by_device;
    }
}
