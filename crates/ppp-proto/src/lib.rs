//! PPP in user space, without I/O.
//!
//! [`Link`] is one end of a PPP link: the framing of RFC 1662, the negotiation of RFC 1661, LCP, IPCP, IPV6CP and CCP, PAP
//! and CHAP in either role, and the link quality reports of RFC 1989.
//! Bytes and the time go in as arguments; packets, frames to send, [`Event`]s and the next timeout come out. The crate
//! never reads a clock, owns a socket, spawns a task or logs through anything but `tracing` (target `ppp`, where level
//! debug shows control packets in pppd's words), and no octet a peer sends makes it panic or grow without bound.
//!
//! The main types: [`LinkConfig`] says what to ask for and what to allow, [`Link`] is the endpoint, [`Event`] is what it
//! tells, [`LinkStatus`] is all there is to know about it, and [`LinkStatus::explain`] says the same in sentences.
//! Below lie [`fsm::transition`], the RFC's table as a function, the views of the [`packet`] module, and the
//! [`frame`] module's encoder and decoder.
//!
//! Two links, joined in memory:
//!
//! ```
//! use bytes::BytesMut;
//! use ppp_proto::{IpcpConfig, Link, LinkConfig, LocalAddress, RemoteAddress};
//!
//! let now = std::time::Instant::now();
//! let server = IpcpConfig {
//!     local: LocalAddress::Fixed([192, 168, 2, 1].into()),
//!     remote: RemoteAddress::Fixed([192, 168, 1, 1].into()),
//!     ..IpcpConfig::default()
//! };
//! let mut ends = [
//!     Link::new(LinkConfig { seed: 1, ..LinkConfig::default() }, now), // takes the address it is given
//!     Link::new(LinkConfig { seed: 2, ipv4: Some(server), ..LinkConfig::default() }, now),
//! ];
//! ends.iter_mut().for_each(|link| { link.open(now); link.lower_up(now) });
//! for turn in 0..20 {
//!     let mut wire = BytesMut::new();
//!     ends[turn % 2].poll_transmit(&mut wire);
//!     let mut chunk = &wire[..];
//!     while let Some(_packet) = ends[1 - turn % 2].receive(now, &mut chunk) {}
//! }
//! assert_eq!(ends[0].status().ipv4.unwrap().local.to_string(), "192.168.1.1");
//!
//! let mut wire = BytesMut::new();
//! ends[0].encode(b"\x45 an IPv4 packet", &mut wire).unwrap();
//! assert_eq!(ends[1].receive(now, &mut &wire[..]).unwrap().payload, b"\x45 an IPv4 packet");
//! ```

#![forbid(unsafe_code)]

pub mod auth;
pub mod ccp;
pub mod express;
pub mod frame;
pub mod fsm;
pub mod ipcp;
pub mod ipv6cp;
pub mod lcp;
pub mod link;
pub mod lqm;
pub mod packet;
pub mod protocol;
mod rng;
mod tcp_header;
pub mod vj;

pub use auth::{AuthConfig, AuthProtocol};
pub use ccp::{CcpConfig, CcpParams, DeflateConfig};
pub use express::Express;
pub use ipcp::{AddressRule, IpcpConfig, Ipv4Params, Ipv4Range, LocalAddress, RemoteAddress};
pub use ipv6cp::{InterfaceId, Ipv6cpConfig};
pub use lcp::LcpConfig;
pub use link::{
    CloseReason, ControlProtocolName, Direction, EchoConfig, Event, Family, Link, LinkConfig, LinkStatus,
    Packet, Phase, SendError, Tap, Timers,
};
pub use lqm::{LqmConfig, QualityPolicy};
pub use vj::VjConfig;
