//! How a link is set up.

use std::time::Duration;

use crate::{AuthConfig, CcpConfig, IpcpConfig, Ipv6cpConfig, LcpConfig};

/// Everything a [`Link`](crate::Link) needs to know; `Default` is an IPv4 and IPv6 link that takes what the peer assigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// Stands in the status.
    pub name: String,
    /// The link itself.
    pub lcp: LcpConfig,
    /// What the peer must prove, and what we can; without it neither is of any interest.
    pub auth: Option<AuthConfig>,
    /// IPv4, unless it is not wanted.
    pub ipv4: Option<IpcpConfig>,
    /// IPv6, unless it is not wanted.
    pub ipv6: Option<Ipv6cpConfig>,
    /// Compression of packets, if it is wanted.
    pub ccp: Option<CcpConfig>,
    /// The automaton's timer and counters: LCP's, and those of every protocol that has none of its own.
    pub timers: Timers,
    /// IPCP's own.
    pub ipcp_timers: Option<Timers>,
    /// IPV6CP's own.
    pub ipv6cp_timers: Option<Timers>,
    /// The keepalive, unless it is not wanted.
    pub echo: Option<EchoConfig>,
    /// Whether to measure the path by further Echo-Requests while packets pass, towards a peer that does not report by itself
    /// ([`Express::reports`](crate::Express::reports)); see [`Link::poll_report`](crate::Link::poll_report).
    pub sample: bool,
    /// Where magic numbers and interface identifiers come from: random, and different at both ends. Nothing secret does.
    pub seed: u64,
}

impl Default for LinkConfig {
    fn default() -> LinkConfig {
        LinkConfig {
            name: String::from("ppp"),
            lcp: LcpConfig::default(),
            auth: None,
            ipv4: Some(IpcpConfig::default()),
            ipv6: Some(Ipv6cpConfig::default()),
            ccp: None,
            timers: Timers::default(),
            ipcp_timers: None,
            ipv6cp_timers: None,
            echo: Some(EchoConfig::default()),
            sample: false,
            seed: 0,
        }
    }
}

/// The restart timer and the counters (RFC 1661 §4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Between retransmissions of Configure-Request and Terminate-Request.
    pub restart: Duration,
    /// Configure-Requests sent without an answer before giving up.
    pub max_configure: u32,
    /// Terminate-Requests sent without an answer before giving up.
    pub max_terminate: u32,
    /// Configure-Naks sent without an agreement before options are rejected instead.
    pub max_failure: u32,
    /// Signs of a looped-back line before it is taken for one; LCP's alone.
    pub max_loopback: u32,
}

impl Default for Timers {
    /// The RFC's values; `max_loopback` is pppd's.
    fn default() -> Timers {
        Timers {
            restart: Duration::from_secs(3),
            max_configure: 10,
            max_terminate: 2,
            max_failure: 5,
            max_loopback: 10,
        }
    }
}

/// When to ask whether the peer is alive, and when to stop believing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EchoConfig {
    /// Between Echo-Requests (pppd's `lcp-echo-interval`); zero is as good as no keepalive.
    pub interval: Duration,
    /// The peer is dead when it is silent for this many intervals after an Echo-Request (pppd's `lcp-echo-failure`), and
    /// for as long on top as our own bytes before that request need on their way. Zero: never, just measure.
    pub failure: u32,
    /// Ask only where nothing but link control came in since the last interval (pppd's `lcp-echo-adaptive`). A path that
    /// is not measured meanwhile is the price: what was sent since the last Echo-Reply counts as still on its way.
    pub adaptive: bool,
}

impl Default for EchoConfig {
    fn default() -> EchoConfig {
        EchoConfig { interval: Duration::from_secs(15), failure: 4, adaptive: false }
    }
}
