//! PPP in user space, without I/O.
//!
//! [`Link`] is one end of a PPP link: bytes and the time go in as arguments; packets, frames to send, events and the
//! next timeout come out. It never reads a clock, owns a socket or spawns a task.

#![forbid(unsafe_code)]

pub mod frame;
pub mod fsm;
pub mod ipcp;
pub mod ipv6cp;
pub mod lcp;
pub mod link;
pub mod packet;
pub mod protocol;
mod rng;

pub use ipcp::{IpcpConfig, Ipv4Params, Ipv4Range, LocalAddress, RemoteAddress};
pub use ipv6cp::{InterfaceId, Ipv6cpConfig};
pub use lcp::LcpConfig;
pub use link::{
    CloseReason, ControlProtocolName, EchoConfig, Event, Family, Link, LinkConfig, LinkStatus, Packet, Phase,
    SendError, Timers,
};
