//! The host's network: addresses, MTU, routes, forwarding and proxy ARP, with a journal of every change and its undo.
//!
//! [`HostNet`] makes the changes of one session and takes them back; [`cleanup`] does so for sessions that died
//! first; [`routes`] reads which way a packet would go. It knows neither PPP nor SSH, and never writes a file that
//! outlives the kernel's own state but the journal.
//!
//! Three rules hold for every change, whatever its kind:
//!
//! 1. **Ensure.** What is there as wanted is left alone and not journalled, so a prepared device takes no privilege.
//! 2. **Journal first.** The intent is on disk before the kernel is asked, so a kill at any instant loses nothing.
//! 3. **Compare, then undo.** What somebody else changed since, or another session needs, stays.
//!
//! ```no_run
//! # async fn example() -> Result<(), hostnet::Error> {
//! use hostnet::{Family, Forwarding, HostNet, Route};
//!
//! let mut host = HostNet::open("/run/pppssh".as_ref(), "saturn").await?;
//! let ppp0 = host.index_of("ppp0").await?;
//! host.link_up(ppp0, Some(1500)).await?;
//! host.add_address_p2p(ppp0, "192.168.1.1".parse().unwrap(), "192.168.2.1".parse().unwrap()).await?;
//! host.protect_carrier("10.9.9.2".parse().unwrap()).await?; // where the SSH connection goes
//! host.add_route(Route::new("10.0.0.0/8".parse().unwrap(), ppp0)).await?;
//! host.enable_forwarding(Family::Ipv4, Forwarding::Everywhere).await?;
//! // … the session …
//! for change in host.undo().await.changes {
//!     println!("{change}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Meanwhile `/run/pppssh/saturn.4711.journal` holds (shortened, and broken into more lines than there are):
//!
//! ```text
//! {"pppssh-journal":1,"session":"saturn","pid":4711,"started":81544,"boot":"ce57e109-…",
//!  "netns":{"dev":4,"ino":4026531833}}
//! {"seq":1,"change":{"kind":"link-up","device":{"index":7,"name":"ppp0"}}}
//! {"seq":1,"mark":"done"}
//! {"seq":2,"change":{"kind":"address","device":{"index":7,"name":"ppp0"},
//!  "local":"192.168.1.1","peer":"192.168.2.1","prefix":32}}
//! {"seq":2,"mark":"done"}
//! {"seq":3,"change":{"kind":"route","dst":"10.9.9.2/32","device":{"index":2,"name":"eth0"},
//!  "via":"192.0.2.1","metric":0,"table":254}}
//! {"seq":3,"mark":"done"}
//! {"seq":4,"change":{"kind":"sysctl","name":"net/ipv4/ip_forward","before":"0","after":"1",
//!  "along":{"net/ipv4/conf/all/accept_redirects":"1", …}}}
//! ```
//!
//! Killed at this point, it leaves four changes to undo, the last of which may or may not have been made;
//! `pppssh cleanup` finds that the process is gone, compares each with the kernel, and undoes what is still there.
//! The format and its rules are in `docs/journal.md`.
//!
//! Linux only: elsewhere every change is [`Error::Unsupported`].
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
