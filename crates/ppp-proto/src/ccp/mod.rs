//! The Compression Control Protocol (RFC 1962), with Deflate (RFC 1979) as the only method.
//!
//! Each end asks for what it wants to receive. What both agree on packs whole packets of the network protocols, their
//! protocol numbers included, into datagrams of the protocol 00fd; see [`deflate`].

mod config;
pub mod deflate;
mod negotiation;
mod options;

pub use config::{CcpConfig, CcpParams, DeflateConfig};
pub(crate) use negotiation::Ccp;
pub(crate) use options::{BSD_COMPRESS, PREDICTOR_1, PREDICTOR_2};
pub use options::{CcpOption, DeflateNumber};
