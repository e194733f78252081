//! Addresses, routes and forwarding with a journal of every change.
#![forbid(unsafe_code)]

mod change;
mod error;
#[cfg(target_os = "linux")]
mod linux;
mod report;
pub mod routes;
#[cfg(not(target_os = "linux"))]
mod unsupported;

use std::net::Ipv6Addr;

pub use change::{Change, Device, TABLE_MAIN};
pub use error::Error;
#[cfg(target_os = "linux")]
pub use linux::{HostNet, cleanup::cleanup};
pub use report::{CleanupOptions, CleanupReport, JournalReport, Outcome, UndoReport, Undone, Verdict};
pub use routes::{Route, RouteTo};
#[cfg(not(target_os = "linux"))]
pub use unsupported::{HostNet, cleanup};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Between which devices packets are to be forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Between all of them: `net.ipv4.ip_forward`, `net.ipv6.conf.all.forwarding`.
    Everywhere,
    /// Only packets that come in by these devices (by name): name both the tunnel and the inner network's.
    Devices(Vec<String>),
}

/// The 64 bits that IPV6CP negotiates (RFC 5072 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceId(pub [u8; 8]);

impl InterfaceId {
    /// The link-local address it makes (RFC 5072 §5): `fe80::/64` and the identifier.
    pub fn link_local(self) -> Ipv6Addr {
        let mut octets = [0; 16];
        octets[..2].copy_from_slice(&[0xfe, 0x80]);
        octets[8..].copy_from_slice(&self.0);
        Ipv6Addr::from(octets)
    }
}
