use std::time::Duration;

use crate::{
    codel::{INTERVAL, TARGET, Terms},
    pool::MAX_PACKET_LEN,
};

/// What a [`FairQueue`](crate::FairQueue) is like: the parameters of RFC 8290 §5.2. The defaults suit links of 4 Mbit/s
/// and more; see [`set_rate_hint`](crate::FairQueue::set_rate_hint) for slower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Standing delay that is acceptable (RFC 8290 §5.2.2). 5 ms.
    pub target: Duration,
    /// About the longest round trip through the link: how long a delay must stand before anything is done about it, and
    /// the time given to senders to slow down (RFC 8290 §5.2.1). 100 ms; 1 ms to one hour.
    pub interval: Duration,
    /// Octets of a full packet: with no more than one behind it, no packet is dropped (RFC 8289 §4.1). 1500.
    pub mtu: usize,
    /// Octets that each flow may send before it is the others' turn (RFC 8290 §5.2.4). 1500; below 256 counts as 256.
    pub quantum: u32,
    /// Queues that flows are spread over (RFC 8290 §5.2.5). 1024, at most 65536; each that is in use takes about 100
    /// octets, which do not count towards `memory_limit`.
    pub flows: usize,
    /// Packets that may wait (RFC 8290 §5.2.3). 10240.
    pub packet_limit: usize,
    /// Octets of memory for packets, counted as what is really allocated: a packet of 1500 octets takes about 2100.
    /// 4 MiB; below 256 KiB counts as 256 KiB.
    pub memory_limit: usize,
    /// Octets of that memory that are kept while nothing waits. 512 KiB.
    pub idle_memory: usize,
    /// Whether to mark packets of senders that understand it (RFC 3168), instead of dropping them (RFC 8290 §5.2.6). On.
    pub ecn: bool,
    /// Delay from which each packet of such a sender is marked, whatever CoDel thinks, for DCTCP and its like (RFC 8290
    /// §5.2.7). Off.
    pub ce_threshold: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            target: TARGET,
            interval: INTERVAL,
            mtu: 1500,
            quantum: 1500,
            flows: 1024,
            packet_limit: 10240,
            memory_limit: 4 << 20,
            idle_memory: 512 << 10,
            ecn: true,
            ce_threshold: None,
        }
    }
}

impl Config {
    /// The same, within the bounds that the fields tell.
    pub(crate) fn bounded(self) -> Self {
        Self {
            interval: self.interval.clamp(Duration::from_millis(1), Duration::from_secs(3600)),
            quantum: self.quantum.max(256),
            flows: self.flows.clamp(1, 1 << 16),
            packet_limit: self.packet_limit.clamp(1, u32::MAX as usize),
            memory_limit: self.memory_limit.max(256 << 10),
            ..self
        }
    }

    /// What CoDel aims at on a link of this rate; zero if that is not known.
    pub(crate) fn terms(&self, bytes_per_second: u64) -> Terms {
        let mtu = self.mtu.min(MAX_PACKET_LEN);
        // One and a half times what a full packet takes: with less, each would be late (RFC 8290 §5.2.2).
        let nanos = (mtu as u64 * 1_500_000_000).checked_div(bytes_per_second).unwrap_or(0);
        let target = self.target.max(Duration::from_nanos(nanos));
        // By as much more the round trip takes.
        Terms { target, interval: self.interval + target.saturating_sub(self.target), mtu }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_link_has_a_target_of_one_and_a_half_packets() {
        // The example of RFC 8290 §5.2.2: 12 ms for 1500 octets at 1 Mbit/s (it says about 15).
        let terms = Config::default().terms(125_000);
        assert_eq!(terms.target, Duration::from_millis(18));
        assert_eq!(terms.interval, Duration::from_millis(113));
    }

    #[test]
    fn a_fast_link_has_the_target_that_was_set() {
        let config = Config { target: Duration::from_millis(7), ..Config::default() };
        let terms = Terms { target: config.target, interval: config.interval, mtu: 1500 };
        assert_eq!(config.terms(125_000_000), terms);
        assert_eq!(config.terms(0), terms, "nor is one slow whose rate is not known");
    }

    #[test]
    fn no_rate_is_too_slow_and_no_mtu_too_large() {
        let terms = Config { mtu: usize::MAX, ..Config::default() }.terms(1);
        assert_eq!(terms.target, Duration::from_millis(MAX_PACKET_LEN as u64 * 1500));
    }
}
