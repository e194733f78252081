//! The Link Control Protocol (RFC 1661 §5, §6; RFC 1662 §7; RFC 1570).

mod authentication;
mod config;
mod negotiation;
mod options;

pub(crate) use authentication::Demands;
pub use config::{LcpConfig, MRU_DEFAULT, MRU_MIN};
pub(crate) use negotiation::Lcp;
pub use options::LcpOption;
pub(crate) use options::{AUTHENTICATION_PROTOCOL, auth_name};
