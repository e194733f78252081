//! The Link Control Protocol (RFC 1661 §5, §6; RFC 1662 §7; RFC 1570).

mod config;

pub use config::{LcpConfig, MRU_DEFAULT, MRU_MIN};
