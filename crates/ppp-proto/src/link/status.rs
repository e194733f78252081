//! A snapshot of a link.

use std::time::{Duration, Instant};

use super::{CloseReason, ControlProtocolName, Phase};
use crate::{
    CcpParams, InterfaceId, Ipv4Params,
    frame::{FrameStats, Framing},
    fsm::{OptionStatus, State},
    lqm::QualityStatus,
};

/// Everything there is to know about a link at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// The link's name.
    pub name: String,
    /// Its phase.
    pub phase: Phase,
    /// When it entered it.
    pub phase_since: Instant,
    /// Whether the carrier is there.
    pub lower_up: bool,
    /// The link itself.
    pub lcp: ProtocolStatus,
    /// IPv4, if configured.
    pub ipcp: Option<ProtocolStatus>,
    /// IPv6, if configured.
    pub ipv6cp: Option<ProtocolStatus>,
    /// Who the peer proved to be, while LCP is Opened; escaped for a terminal.
    pub peer: Option<String>,
    /// Compression, if configured.
    pub ccp: Option<ProtocolStatus>,
    /// What IPCP settled, while it is Opened.
    pub ipv4: Option<Ipv4Params>,
    /// Our and the peer's interface identifier, while IPV6CP is Opened.
    pub ipv6: Option<(InterfaceId, InterfaceId)>,
    /// What CCP settled, while it is Opened.
    pub compression: Option<CcpParams>,
    /// The largest packet the peer may send us.
    pub mru: u16,
    /// The largest packet we may send.
    pub mtu: u16,
    /// How we frame what we send.
    pub tx_framing: Framing,
    /// How the peer frames what it sends.
    pub rx_framing: Framing,
    /// The last measured Echo round trip.
    pub last_echo_rtt: Option<Duration>,
    /// When the last good frame came in; known only with a keepalive.
    pub last_heard: Option<Instant>,
    /// What link quality reports tell, once one has passed since LCP is Opened.
    pub quality: Option<QualityStatus>,
    /// Packets and octets.
    pub counters: LinkCounters,
    /// What the frame decoder met.
    pub frames: FrameStats,
    /// Why the link is over, or is closing.
    pub close_reason: Option<CloseReason>,
}

impl LinkStatus {
    /// The control protocols that are configured, LCP first.
    pub fn protocols(&self) -> impl Iterator<Item = &ProtocolStatus> {
        [Some(&self.lcp), self.ipcp.as_ref(), self.ipv6cp.as_ref(), self.ccp.as_ref()].into_iter().flatten()
    }
}

/// One control protocol's part of a [`LinkStatus`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolStatus {
    /// Which one.
    pub protocol: ControlProtocolName,
    /// Where its automaton stands.
    pub state: State,
    /// The options we asked for.
    pub ours: Vec<OptionStatus>,
    /// The options the peer asked for.
    pub peers: Vec<OptionStatus>,
    /// Why it gave up, if it did.
    pub failure: Option<String>,
}

/// What passed through a link since it was made; never reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkCounters {
    /// IP packets sent.
    pub tx_packets: u64,
    /// Their octets, without framing.
    pub tx_octets: u64,
    /// IP packets received and given out.
    pub rx_packets: u64,
    /// Their octets, without framing.
    pub rx_octets: u64,
    /// IP packets received while their protocol was not Opened, and compressed ones of either kind that could not be
    /// restored.
    pub rx_dropped: u64,
    /// Control packets sent.
    pub tx_control: u64,
    /// Control packets received.
    pub rx_control: u64,
    /// Control packets received that were malformed, out of place, or answers to nothing we asked.
    pub rx_control_ignored: u64,
    /// Answers not sent because too many were waiting already.
    pub tx_control_dropped: u64,
    /// What Deflate made of the packets sent.
    pub tx_deflate: DeflateCounters,
    /// What Deflate had made of the packets received.
    pub rx_deflate: DeflateCounters,
    /// How often the stream of received packets was lost, and the peer asked to start anew.
    pub rx_deflate_resets: u64,
}

/// Packets that were compressed. Those that would not shrink are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeflateCounters {
    /// How many.
    pub packets: u64,
    /// Their octets before.
    pub octets: u64,
    /// Their octets on the wire, without framing.
    pub compressed: u64,
}

impl DeflateCounters {
    pub(super) fn count(&mut self, octets: usize, compressed: usize) {
        self.packets += 1;
        self.octets += octets as u64;
        self.compressed += compressed as u64;
    }
}

impl LinkCounters {
    pub(super) fn rx_data(&mut self, packet: &[u8]) {
        self.rx_packets += 1;
        self.rx_octets += packet.len() as u64;
    }
}
