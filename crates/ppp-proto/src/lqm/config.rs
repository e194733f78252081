//! Whether to report, and what to think of what is reported.

use std::time::Duration;

/// Link Quality Monitoring's part of an [`LcpConfig`](crate::LcpConfig).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LqmConfig {
    /// Ask the peer for a report at least this often, and send ours as often unless it asks for another period. `None`,
    /// or zero: do not ask.
    pub period: Option<Duration>,
    /// Report to a peer that asks for it.
    pub answer: bool,
    /// When to tell the owner that the link is bad; without one, losses are measured and nobody is told.
    pub policy: Option<QualityPolicy>,
}

impl Default for LqmConfig {
    fn default() -> LqmConfig {
        LqmConfig { period: None, answer: true, policy: None }
    }
}

/// K out of N (RFC 1989 §2.10): the link is good if so many of the last reporting periods were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityPolicy {
    /// Of 100 packets, those that may be lost in either direction in a good period.
    pub max_loss_percent: u8,
    /// K: good periods that make a good link.
    pub good: u32,
    /// N: the periods that are looked at; at most 32 are.
    pub of: u32,
}

impl Default for QualityPolicy {
    fn default() -> QualityPolicy {
        QualityPolicy { max_loss_percent: 10, good: 3, of: 5 }
    }
}
