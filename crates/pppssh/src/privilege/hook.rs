//! Handing `cap_net_admin` on to a hook, so that it can add routes without being root.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities};

use super::{NEEDED, Privileges};

impl Privileges {
    /// Lets the program of `command` have `cap_net_admin` by the ambient set, if this process has it. The process
    /// itself, and every other child, stays as it is.
    ///
    /// A privileged process does this only for programs that [`crate::config::open_trusted`] accepts. Root's children
    /// are root anyway.
    pub fn hand_on(&self, command: &mut Command) {
        if geteuid().is_root() || !self.net_admin() {
            return;
        }
        // SAFETY: between fork and exec the closure makes two system calls, without allocating and without touching
        // anything shared with the parent.
        unsafe { command.pre_exec(raise) };
    }
}

fn raise() -> io::Result<()> {
    set_capabilities(None, CapabilitySets { effective: NEEDED, permitted: NEEDED, inheritable: NEEDED })?;
    configure_capability_in_ambient_set(CapabilitySet::NET_ADMIN, true)?;
    Ok(())
}
