//! Hosts and links made of network namespaces, for demos and tests. Linux only; empty elsewhere.
//!
//! A [`Lab`] makes [`Host`]s and wires them together. A host is an anonymous network namespace and, if
//! asked for with [`Files`], a mount namespace with files of its own. Descriptors held by this process are
//! all that keeps a host alive: when they and the host's processes are gone, however they went, the kernel
//! removes the host with everything in it.
//!
//! ```no_run
//! # fn main() -> Result<(), netlab::LabError> {
//! let lab = netlab::Lab::new()?;
//! let (venus, saturn) = (lab.host("venus")?, lab.host("saturn")?);
//! lab.wire(&venus, "eth0", &saturn, "eth0")?;
//! venus.address("eth0", "10.0.0.1/24")?;
//! saturn.address("eth0", "10.0.0.2/24")?;
//! assert!(venus.command("ping").args(["-c", "1", "10.0.0.2"]).status().is_ok_and(|status| status.success()));
//! # Ok(())
//! # }
//! ```
//!
//! It needs root, or rather CAP_SYS_ADMIN and CAP_NET_ADMIN; anybody else calls [`enter_user_namespace`]
//! first thing in `main`, and has both there.
#![cfg(target_os = "linux")]
#![deny(unsafe_code)]

mod error;
mod files;
mod host;
mod lab;
mod link;
mod namespace;
mod process;
mod snapshot;
mod user;

pub use error::LabError;
pub use files::Files;
pub use host::Host;
pub use lab::Lab;
pub use process::{Credentials, die_with_parent};
pub use user::{enter_user_namespace, in_user_namespace};
