//! What reports tell (`express`).

use crate::express::{HeaderCompressor, Report, Reporter};

/// What both ends sent and told since LCP is Opened.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Octets of packets sent: whole records, and what a Link-Quality-Report would count of frames (RFC 1989 §2.3), since the
    /// receiver does not know how many were escaped.
    pub(super) sent: u64,
    pub(super) reporter: Reporter,
    /// The headers that the peer remembers.
    pub(super) headers: HeaderCompressor,
    /// Waits to be sent.
    pub(super) report: Option<Report>,
    /// Was received, and not asked for yet.
    pub(super) heard: Option<Report>,
}
