//! The vocabulary that the end-to-end tests are told in.
//!
//! [`World`] is the classic example: venus and saturn, a wire between them, a LAN behind each. Both have a user `vpn`
//! without any rights, an sshd of the system's OpenSSH runs on saturn ([`Sshd`]), and pppssh is installed with a file
//! capability ([`World::install`]). [`traffic`] moves packets. Everything lives in namespaces that go with the test.
//!
//! The tests need root, for the namespaces alone; what they test never is root.

mod binary;
mod distance;
pub mod lab_kernel;
mod pppssh;
mod process;
mod procfs;
mod sshd;
pub mod traffic;
mod world;

pub use binary::{is_optimised, path as program};
pub use distance::far_away;
pub use pppssh::Session;
pub use process::{Finished, NEVER, Running, finish};
pub use procfs::{Process, processes};
pub use sshd::Sshd;
pub use world::{Carrier, PPPSSH, SATURN, VENUS, VPN, World};
