//! A kernel that has PPP and netem, which few machines that test have: Debian's user-mode Linux, booted on the machine's
//! own files, read-only, with the calling program itself as its first process.
//!
//! Outside, [`Kernel::boot`] starts it and gives out what it says. Inside, [`is_first_process`] is true,
//! [`first_process`] prepares the machine, does the work and turns it off. [`hosts::Hosts`] is venus and saturn there.
//! Nothing but lines of text comes out of it. /tmp, /run and /etc/ppp are empty directories of its own.

mod boot;
mod guest;
pub mod hosts;

pub use boot::Kernel;
pub use guest::{first_process, is_first_process, mount_empty};
