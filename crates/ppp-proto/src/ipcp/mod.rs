//! The Internet Protocol Control Protocol (RFC 1332, RFC 1877).

mod config;
mod negotiation;
mod options;

pub use config::{IpcpConfig, Ipv4Params, Ipv4Range, LocalAddress, RemoteAddress};
pub(crate) use negotiation::Ipcp;
pub use options::IpcpOption;
pub(crate) use options::{
    IP_ADDRESS, IP_ADDRESSES, IP_COMPRESSION_PROTOCOL, PRIMARY_DNS, PRIMARY_NBNS, SECONDARY_DNS,
    SECONDARY_NBNS,
};
