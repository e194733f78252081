//! What a session can say about itself: a snapshot, and three ways to print it.
//!
//! The session publishes a [`SessionStatus`] through the control server; `pppssh status` prints it as a table
//! ([`render`]), as JSON (the field names below are stable, see `docs/control.md`) or as sentences ([`explain`]).

mod explain;
mod negotiation;
mod text;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ppp_proto::link::DeflateCounters;
use ppp_proto::{LinkStatus, lqm::QualityStatus};
use serde::{Deserialize, Serialize};

pub use explain::explain;
pub use negotiation::{OptionOutcome, OptionStatus, ProtocolStatus, Requester};
pub use text::render;

/// Everything a session knows about itself, at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct SessionStatus {
    /// The session's name: the profile, or the host it was called with.
    pub name: String,
    /// Which end of the login this is.
    pub role: Role,
    /// The process that holds the session.
    pub pid: u32,
    /// How far the link has come.
    pub phase: Phase,
    /// When this phase began, in seconds since 1970.
    pub since: u64,
    /// The SSH login that carries the frames, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<CarrierStatus>,
    /// The TUN device, once made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tun: Option<TunStatus>,
    /// Who the peer proved to be, if it had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// IPv4 on the link, while IPCP is Opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Status>,
    /// IPv6 on the link, while IPV6CP is Opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Status>,
    /// The routes this session made, as `ip route` would print their destinations.
    #[serde(default)]
    pub routes: Vec<String>,
    /// The device on which this host answers ARP for the peer, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_arp: Option<String>,
    /// What went through since the session began.
    #[serde(default)]
    pub counters: Counters,
    /// What was negotiated, protocol by protocol.
    #[serde(default)]
    pub protocols: Vec<ProtocolStatus>,
    /// What the echo requests tell.
    #[serde(default)]
    pub keepalive: Keepalive,
    /// What link quality reports tell, once one has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// How long and how wide the path to the peer is, while it tells what has arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
    /// How often the link had to be made anew.
    #[serde(default)]
    pub redial: Redial,
    /// The last thing that went wrong, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl SessionStatus {
    /// A session of which only its name and role are known: [`Phase::Dead`], since now.
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        SessionStatus {
            name: name.into(),
            role,
            pid: std::process::id(),
            phase: Phase::Dead,
            since: unix_now(),
            carrier: None,
            tun: None,
            peer: None,
            ipv4: None,
            ipv6: None,
            routes: Vec::new(),
            proxy_arp: None,
            counters: Counters::default(),
            protocols: Vec::new(),
            keepalive: Keepalive::default(),
            quality: None,
            path: None,
            redial: Redial::default(),
            last_error: None,
        }
    }

    /// Takes over what the link knows: options, addresses, frames, the last echo. Packets are counted by the session.
    pub fn set_link(&mut self, link: &LinkStatus) {
        self.protocols = negotiation::protocols(link);
        self.peer.clone_from(&link.peer);
        self.ipv4 = link.ipv4.as_ref().map(|ipv4| Ipv4Status {
            local: ipv4.local,
            remote: ipv4.remote,
            dns: ipv4.dns.into_iter().flatten().collect(),
        });
        self.ipv6 = link
            .ipv6
            .map(|(local, remote)| Ipv6Status { local: local.link_local(), remote: remote.link_local() });
        self.keepalive.last_rtt_ms = link.last_echo_rtt.map(|rtt| rtt.as_secs_f64() * 1e3);
        self.keepalive.last_heard =
            link.last_heard.map(|heard| unix_now().saturating_sub(heard.elapsed().as_secs()));
        self.quality = link.quality.map(Quality::from);
        let (counters, frames) = (&mut self.counters, &link.frames);
        counters.dropped_received_not_up = link.counters.rx_dropped;
        counters.frames_received = frames.frames;
        counters.frames_bad_fcs = frames.bad_fcs;
        counters.frames_aborted = frames.aborts;
        counters.frames_runt = frames.runts;
        counters.frames_oversize = frames.oversize;
        counters.frames_malformed = frames.bad_address + frames.bad_protocol;
        counters.bytes_before_first_flag = frames.skipped_octets;
        counters.deflate_sent = link.counters.tx_deflate.into();
        counters.deflate_received = link.counters.rx_deflate.into();
        counters.deflate_resets = link.counters.rx_deflate_resets;
    }

    /// Enters `phase`; the clock of the phase starts again only if it is another one.
    pub fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            self.since = unix_now();
        }
    }
}

/// Which end of the login a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `pppssh connect`: the calling host.
    Connect,
    /// `pppssh serve`: the forced command on the called host.
    Serve,
    /// `pppssh listen`: a client of the embedded server.
    Listen,
}

/// How far a link has come. The phases of RFC 1661 §3.2, with the login before them and the pause between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No login and none wanted.
    Dead,
    /// The SSH login is being made.
    Connecting,
    /// LCP is being negotiated.
    Establish,
    /// One end has to prove who it is.
    Authenticate,
    /// IPCP and IPV6CP are being negotiated.
    Network,
    /// At least one of IPv4 and IPv6 is up.
    Running,
    /// The link is being closed.
    Terminate,
    /// Waiting before the next call.
    Holdoff,
}

impl Phase {
    /// The word used in JSON and in the table.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Dead => "dead",
            Phase::Connecting => "connecting",
            Phase::Establish => "establish",
            Phase::Authenticate => "authenticate",
            Phase::Network => "network",
            Phase::Running => "running",
            Phase::Terminate => "terminate",
            Phase::Holdoff => "holdoff",
        }
    }
}

/// The SSH login underneath.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct CarrierStatus {
    /// `native`, `openssh`, `command`, `stdio` or `server`.
    pub kind: String,
    /// Who is at the other end, as far as the carrier knows.
    pub peer: String,
    /// The cipher, if the carrier knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    /// How many channels of the SSH connection it sends through, where it may open more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
}

/// The TUN device of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct TunStatus {
    /// Its name, such as `ppp0`.
    pub name: String,
    /// Its interface index.
    pub index: u32,
    /// Its MTU in octets.
    pub mtu: u32,
}

/// What IPCP agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Ipv4Status {
    /// Our address.
    pub local: Ipv4Addr,
    /// The peer's address.
    pub remote: Ipv4Addr,
    /// Name servers that the peer told us.
    #[serde(default)]
    pub dns: Vec<Ipv4Addr>,
}

/// What IPV6CP agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Ipv6Status {
    /// Our link-local address.
    pub local: Ipv6Addr,
    /// The peer's link-local address.
    pub remote: Ipv6Addr,
}

/// What went through. Packets are counted since the session began, frames since the last call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Counters {
    /// IP packets from this host to the peer.
    pub packets_sent: u64,
    /// Their octets, without framing.
    pub bytes_sent: u64,
    /// IP packets from the peer to this host.
    pub packets_received: u64,
    /// Their octets, without framing.
    pub bytes_received: u64,
    /// Packets to the peer, dropped because their family was not up.
    pub dropped_not_up: u64,
    /// Packets to the peer, dropped because its MRU is smaller.
    pub dropped_too_big: u64,
    /// Packets to the peer, dropped by the queue in front of the carrier: to keep delays short, or for want of room.
    pub dropped_by_queue: u64,
    /// Packets to the peer that it marked instead (ECN).
    pub marked: u64,
    /// Packets from the peer, dropped to slow down their senders where a queue at its end stands.
    pub dropped_by_governor: u64,
    /// Packets from the peer that were marked instead (ECN).
    pub marked_by_governor: u64,
    /// Packets from the peer that the TUN device would not take.
    pub dropped_by_device: u64,
    /// Packets from the peer, dropped because their family was not up.
    pub dropped_received_not_up: u64,
    /// Good frames received.
    pub frames_received: u64,
    /// Frames with a wrong FCS.
    pub frames_bad_fcs: u64,
    /// Frames that the peer aborted (RFC 1662 §4.3).
    pub frames_aborted: u64,
    /// Frames too short to mean anything.
    pub frames_runt: u64,
    /// Frames longer than we ever asked for.
    pub frames_oversize: u64,
    /// Frames with a header that is none.
    pub frames_malformed: u64,
    /// Octets before the first flag: banners, login noise.
    pub bytes_before_first_flag: u64,
    /// What Deflate made of packets to the peer.
    pub deflate_sent: Deflated,
    /// What it had made of packets from the peer.
    pub deflate_received: Deflated,
    /// How often the peer was asked to begin anew, as what it compressed could not be unpacked.
    pub deflate_resets: u64,
}

/// Packets that Deflate made smaller, since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Deflated {
    /// How many.
    pub packets: u64,
    /// Their octets as they were.
    pub bytes: u64,
    /// Their octets as they went, without framing.
    pub compressed_bytes: u64,
}

impl From<DeflateCounters> for Deflated {
    fn from(link: DeflateCounters) -> Self {
        Deflated { packets: link.packets, bytes: link.octets, compressed_bytes: link.compressed }
    }
}

/// What the echo requests (RFC 1661 §5.8) tell about the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Keepalive {
    /// Round trip of the last answered echo, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rtt_ms: Option<f64>,
    /// When the last good frame of any kind arrived, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<u64>,
}

/// What link quality reports (RFC 1989) tell, since LCP is Opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Quality {
    /// Reports sent.
    pub reports_sent: u32,
    /// Reports received.
    pub reports_received: u32,
    /// Frames that we sent, as far as reports cover them.
    pub packets_out: u64,
    /// Those that did not reach the peer.
    pub packets_out_lost: u64,
    /// Frames that the peer sent, as far as reports cover them.
    pub packets_in: u64,
    /// Those that did not reach us.
    pub packets_in_lost: u64,
    /// Whether three of the last five periods lost at most one packet of ten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good: Option<bool>,
}

impl From<QualityStatus> for Quality {
    fn from(status: QualityStatus) -> Quality {
        Quality {
            reports_sent: status.reports_sent,
            reports_received: status.reports_received,
            packets_out: status.outbound.packets,
            packets_out_lost: status.outbound.packets_lost,
            packets_in: status.inbound.packets,
            packets_in_lost: status.inbound.packets_lost,
            good: status.good,
        }
    }
}

/// The path to the peer, as what the peer says has arrived shows it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Path {
    /// What says so.
    pub told_by: ToldBy,
    /// The shortest round trip of late, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// Octets that it passes in a second, with their framing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// Octets on it, with their framing: sent, and not yet said to have arrived.
    #[serde(default)]
    pub bytes_under_way: u64,
    /// Packets that wait on this host until there is room for them.
    #[serde(default)]
    pub packets_waiting: u64,
    /// Their octets.
    #[serde(default)]
    pub bytes_waiting: u64,
}

/// What tells what has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldBy {
    /// Another pppssh's reports.
    Reports,
    /// Anybody's answers to Echo-Requests that go among the packets.
    EchoReplies,
}

/// How often the link had to be made anew, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Redial {
    /// Calls after the first one.
    pub count: u64,
    /// Why the last link ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reason: Option<String>,
    /// When the next call is due, in seconds since 1970, while waiting for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<u64>,
}

/// Now, in the unit of every time in a status.
pub fn unix_now() -> u64 {
    unix_seconds(SystemTime::now())
}

/// A moment in the unit of every time in a status.
pub fn unix_seconds(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// `text` with control characters shown instead of obeyed: parts of a status come from the peer.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown: Vec<char> = if c.is_control() { c.escape_default().collect() } else { vec![c] };
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_json_and_keeps_its_field_names() {
        let mut status = SessionStatus::new("saturn", Role::Connect);
        status.enter(Phase::Running);
        status.ipv4 = Some(Ipv4Status {
            local: Ipv4Addr::new(192, 168, 1, 1),
            remote: Ipv4Addr::new(192, 168, 2, 1),
            dns: vec![],
        });
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["name"], "saturn");
        assert_eq!(json["role"], "connect");
        assert_eq!(json["phase"], "running");
        assert_eq!(json["ipv4"]["local"], "192.168.1.1");
        assert_eq!(json["counters"]["bytes_sent"], 0);
        assert_eq!(json["redial"]["count"], 0);
        assert!(json.get("tun").is_none(), "what is not there is left out");
        assert_eq!(serde_json::from_value::<SessionStatus>(json).unwrap(), status);
    }

    #[test]
    fn a_status_from_an_older_session_that_lacks_fields_is_still_read() {
        let old = r#"{"name":"saturn","role":"serve","pid":7,"phase":"establish","since":1}"#;
        let status: SessionStatus = serde_json::from_str(old).unwrap();
        assert_eq!(status.phase, Phase::Establish);
        assert_eq!(status.counters, Counters::default());
    }

    #[test]
    fn entering_the_same_phase_again_does_not_restart_its_clock() {
        let mut status = SessionStatus::new("saturn", Role::Connect);
        status.since = 5;
        status.enter(Phase::Dead);
        assert_eq!(status.since, 5);
        status.enter(Phase::Connecting);
        assert!(status.since > 5);
    }

    #[test]
    fn control_characters_from_the_peer_are_shown_not_obeyed() {
        assert_eq!(printable("bye\u{1b}[2J\n"), "bye\\u{1b}[2J\\n");
    }
}
