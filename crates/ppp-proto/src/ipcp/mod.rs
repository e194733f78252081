//! The Internet Protocol Control Protocol (RFC 1332, RFC 1877).

mod config;

pub use config::{IpcpConfig, Ipv4Params, Ipv4Range, LocalAddress, RemoteAddress};
