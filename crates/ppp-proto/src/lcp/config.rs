//! What to ask of the peer, and what to allow it.

use std::time::Duration;

use crate::{
    Express, LqmConfig,
    frame::{Accm, ExtraEscapes, Fcs},
};

/// What every implementation takes unless something else is negotiated (RFC 1661 §6.1).
pub const MRU_DEFAULT: u16 = 1500;

/// The smallest MRU a peer may ask for: below it an IPv4 header with options hardly fits (pppd's MINMRU).
pub const MRU_MIN: u16 = 128;

/// LCP's side of a [`LinkConfig`](crate::LinkConfig).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LcpConfig {
    /// The largest packet we want to receive; asked for when it is not [`MRU_DEFAULT`].
    pub mru: u16,
    /// An upper bound on the packets we send, whatever the peer could take.
    pub mtu: Option<u16>,
    /// The control characters the peer shall escape; asked for when not [`Accm::DEFAULT`].
    pub accm: Accm,
    /// Octets we escape on sending beyond what the peer asks (pppd's `escape`).
    pub escape: ExtraEscapes,
    /// Ask the peer for a Magic-Number, and so for loop-back detection (RFC 1661 §6.4).
    pub magic: bool,
    /// Ask for, and allow, Protocol-Field-Compression (RFC 1661 §6.5).
    pub pfc: bool,
    /// Ask for, and allow, Address-and-Control-Field-Compression (RFC 1661 §6.6).
    pub acfc: bool,
    /// Ask for this FCS by FCS-Alternatives (RFC 1570 §2.1), and allow the peer just this one.
    pub fcs: Fcs,
    /// Keep waiting for the peer after Max-Configure requests went unanswered (RFC 1661 §4.1, note \[p\]).
    pub passive: bool,
    /// Send nothing before the peer's first Configure-Request.
    pub silent: bool,
    /// How long to wait for the peer's first frame before sending any: a terminal on the way, still to be made raw, would
    /// echo ours (pppd's `connect-delay`). Zero: not at all.
    pub start_delay: Duration,
    /// Sent to the peer in an Identification packet (RFC 1570 §1.1) once LCP is Opened.
    pub identification: Option<String>,
    /// Ask for, and allow, what only this implementation sends and takes; what this end takes of it.
    pub express: Option<Express>,
    /// Link Quality Monitoring (RFC 1661 §6.3, RFC 1989).
    pub lqm: LqmConfig,
}

impl Default for LcpConfig {
    /// What pppd asks for on a clean 8-bit path: `<asyncmap 0x0> <magic> <pcomp> <accomp>`.
    fn default() -> LcpConfig {
        LcpConfig {
            mru: MRU_DEFAULT,
            mtu: None,
            accm: Accm::NONE,
            escape: ExtraEscapes::NONE,
            magic: true,
            pfc: true,
            acfc: true,
            fcs: Fcs::Fcs16,
            passive: false,
            silent: false,
            start_delay: Duration::ZERO,
            identification: None,
            express: None,
            lqm: LqmConfig::default(),
        }
    }
}
