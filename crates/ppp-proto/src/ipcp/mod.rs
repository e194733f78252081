//! The Internet Protocol Control Protocol (RFC 1332, RFC 1877).

mod config;
mod negotiation;
mod options;
mod peer_address;

pub use config::{AddressRule, IpcpConfig, Ipv4Params, Ipv4Range, LocalAddress, RemoteAddress};
pub(crate) use negotiation::Ipcp;
pub(crate) use options::{IP_ADDRESS, IP_COMPRESSION_PROTOCOL};
pub use options::{IpcpOption, Place};
