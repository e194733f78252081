//! What a link tells its owner.

use std::{fmt, time::Duration};

use crate::{AuthProtocol, CcpParams, InterfaceId, Ipv4Params, protocol};

/// The phase of a link (RFC 1661 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The lower layer is down, or the link is over.
    Dead,
    /// LCP negotiates.
    Establish,
    /// The ends prove who they are (RFC 1661 §3.5); passed at once if neither must.
    Authenticate,
    /// The network protocols negotiate or carry traffic.
    Network,
    /// LCP takes leave.
    Terminate,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Dead => "Dead",
            Phase::Establish => "Establish",
            Phase::Authenticate => "Authenticate",
            Phase::Network => "Network",
            Phase::Terminate => "Terminate",
        })
    }
}

/// A control protocol this crate speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlProtocolName {
    /// RFC 1661.
    Lcp,
    /// RFC 1332.
    Ipcp,
    /// RFC 5072.
    Ipv6cp,
    /// RFC 1962.
    Ccp,
}

impl ControlProtocolName {
    /// Whether it is the Link Control Protocol.
    pub(super) const fn is_lcp(self) -> bool {
        matches!(self, ControlProtocolName::Lcp)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        match self {
            ControlProtocolName::Lcp => protocol::LCP,
            ControlProtocolName::Ipcp => protocol::IPCP,
            ControlProtocolName::Ipv6cp => protocol::IPV6CP,
            ControlProtocolName::Ccp => protocol::CCP,
        }
    }
}

impl fmt::Display for ControlProtocolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ControlProtocolName::Lcp => "LCP",
            ControlProtocolName::Ipcp => "IPCP",
            ControlProtocolName::Ipv6cp => "IPV6CP",
            ControlProtocolName::Ccp => "CCP",
        })
    }
}

/// What happened, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The link entered this phase.
    Phase(Phase),
    /// LCP is Opened.
    LcpUp {
        /// The largest packet the peer may send us.
        mru: u16,
        /// The largest packet we may send: the peer's MRU or the configured bound, whichever is smaller.
        mtu: u16,
    },
    /// The peer proved who it is, escaped for a terminal.
    PeerAuthenticated {
        /// How.
        by: AuthProtocol,
        /// Its name.
        name: String,
    },
    /// The peer believes who we are.
    AuthenticatedToPeer {
        /// How.
        by: AuthProtocol,
        /// The peer's words, escaped for a terminal; often empty.
        message: String,
    },
    /// IPv4 packets may pass.
    Ipv4Up(Ipv4Params),
    /// IPv4 packets may no longer pass.
    Ipv4Down,
    /// IPv6 packets may pass.
    Ipv6Up {
        /// Our interface identifier.
        local: InterfaceId,
        /// The peer's; never equal to `local`.
        remote: InterfaceId,
    },
    /// IPv6 packets may no longer pass.
    Ipv6Down,
    /// CCP is Opened, and at least one direction is compressed.
    CompressionUp(CcpParams),
    /// IPCP, IPV6CP or CCP gave up; the link goes on as long as one of the first two may carry it.
    ProtocolFailed {
        /// Which one.
        protocol: ControlProtocolName,
        /// Why, in words.
        why: String,
        /// The peer answered with a Protocol-Reject: it does not speak this protocol at all.
        unknown_to_peer: bool,
    },
    /// The peer is silent for longer than the keepalive allows; the link is closing.
    PeerDead,
    /// What we send comes back to us; the link is closing.
    LoopDetected,
    /// The peer answered an Echo-Request.
    EchoReply {
        /// From the time the Echo-Request was made to the time its answer was received.
        rtt: Duration,
    },
    /// By its reports the link has become good or bad, as the configured policy has it (RFC 1989 §2.10). It goes on: what
    /// to do is the owner's to say.
    LinkQuality {
        /// Whether it is good now; it begins as good.
        good: bool,
    },
    /// The peer says what it is (RFC 1570 §1.1), escaped for a terminal.
    PeerIdentification(String),
    /// The peer says how long the link may last (RFC 1570 §1.2).
    TimeRemaining {
        /// Seconds left; 0xffff_ffff is forever.
        seconds: u32,
        /// The peer's words, escaped for a terminal.
        message: String,
    },
    /// The link is over; it comes back by `lower_down` and `lower_up`.
    Closed(CloseReason),
}

/// Why a link is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// `close` was called.
    Local {
        /// The words that were given and sent.
        message: String,
    },
    /// The peer sent a Terminate-Request.
    PeerTerminated {
        /// The peer's words, escaped for a terminal; often empty.
        message: String,
    },
    /// The two ends cannot agree.
    NegotiationFailed {
        /// Where.
        protocol: ControlProtocolName,
        /// About what.
        why: String,
    },
    /// The line is looped back.
    LoopDetected,
    /// The peer did not answer any more.
    PeerDead,
    /// The peer insisted on authentication, which is not configured here.
    AuthRequired {
        /// What it asked for, e.g. "CHAP MD5".
        protocol: String,
    },
    /// The peer should prove who it is, and agreed to no way to do so.
    PeerRefusedAuth,
    /// The peer should prove who it is, and did not.
    PeerAuthFailed {
        /// How it should have.
        by: AuthProtocol,
        /// The name it gave, if it came to that, escaped for a terminal.
        name: Option<String>,
        /// What is wrong.
        why: String,
    },
    /// We should prove who we are, and did not.
    AuthToPeerFailed {
        /// How we should have.
        by: AuthProtocol,
        /// What is wrong; the peer's words if there are any, escaped for a terminal.
        why: String,
    },
    /// The carrier went away.
    LowerDown,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Local { message } if message.is_empty() => f.write_str("closed by this end"),
            CloseReason::Local { message } => write!(f, "closed by this end: {message}"),
            CloseReason::PeerTerminated { message } if message.is_empty() => f.write_str("the peer closed the link"),
            CloseReason::PeerTerminated { message } => write!(f, "the peer closed the link: {message}"),
            CloseReason::NegotiationFailed { protocol, why } => write!(f, "{protocol} negotiation failed: {why}"),
            CloseReason::LoopDetected => f.write_str(
                "the line is looped back: what this end sends returns to it, so no PPP program runs at the far end",
            ),
            CloseReason::PeerDead => f.write_str("the peer no longer answers Echo-Requests"),
            CloseReason::AuthRequired { protocol } => write!(
                f,
                "the peer demands authentication by {protocol}, for which there is no secret here; \
                 add one, or switch it off at the far end (pppd: noauth)"
            ),
            CloseReason::PeerRefusedAuth => f.write_str(
                "peer refused to authenticate: terminating link; give it a secret for this end, \
                 or do not require authentication",
            ),
            CloseReason::PeerAuthFailed { by, name: Some(name), why } => {
                write!(f, "the peer, \"{name}\", failed to authenticate itself by {by}: {why}")
            }
            CloseReason::PeerAuthFailed { by, name: None, why } => {
                write!(f, "the peer failed to authenticate itself by {by}: {why}")
            }
            CloseReason::AuthToPeerFailed { by, why } => {
                write!(f, "this end failed to authenticate itself to the peer by {by}: {why}")
            }
            CloseReason::LowerDown => f.write_str("the carrier went away"),
        }
    }
}
