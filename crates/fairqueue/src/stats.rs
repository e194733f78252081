/// Packets and their octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many.
    pub packets: u64,
    /// Their octets.
    pub bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// What a [`FairQueue`](crate::FairQueue) has done so far. What was enqueued is what was dequeued, dropped by CoDel,
/// dropped over the limit, cleared, or still waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Taken in.
    pub enqueued: Count,
    /// Given out.
    pub dequeued: Count,
    /// Not taken in: empty, longer than [`MAX_PACKET_LEN`](crate::MAX_PACKET_LEN), or no room even in an empty queue.
    pub refused: u64,
    /// Dropped to tell their senders to slow down.
    pub dropped_by_codel: Count,
    /// Dropped to make room for others.
    pub dropped_over_limit: Count,
    /// Forgotten by [`clear`](crate::FairQueue::clear).
    pub cleared: Count,
    /// Marked to tell their receivers that their senders should slow down.
    pub marked_by_codel: u64,
    /// Marked because of [`Config::ce_threshold`](crate::Config::ce_threshold).
    pub marked_above_threshold: u64,
    /// How often a flow that had nothing waiting became a new one, which goes first.
    pub new_flows: u64,
    /// Most octets that ever waited in one flow.
    pub peak_flow_bytes: usize,
    /// Most octets that ever waited in all.
    pub peak_bytes: usize,
}
