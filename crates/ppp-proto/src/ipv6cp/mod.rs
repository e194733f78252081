//! The IPv6 Control Protocol (RFC 5072).

mod config;
mod negotiation;

pub use config::{InterfaceId, Ipv6cpConfig};
pub(crate) use negotiation::{Ipv6cp, identifier};
