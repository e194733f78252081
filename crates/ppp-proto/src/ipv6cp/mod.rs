//! The IPv6 Control Protocol (RFC 5072).

mod config;

pub use config::{InterfaceId, Ipv6cpConfig};
