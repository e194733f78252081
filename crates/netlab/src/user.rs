//! A user namespace, for those who are not root.
#![allow(unsafe_code)]

use std::fs;
use std::io;

use rustix::process::{getgid, getuid};
use rustix::thread::{CapabilitySet, UnshareFlags, capabilities, unshare_unsafe};

use crate::LabError;

/// Gives this process the capabilities a [`Lab`](crate::Lab) needs, by a user namespace in which it is
/// root. Does nothing if it has them. Must be called at the very start of `main`: the kernel does it only
/// for a process of one thread.
pub fn enter_user_namespace() -> Result<(), LabError> {
    if capable() {
        return Ok(());
    }
    let threads = fs::read_dir("/proc/self/task").map_err(LabError::NoUserNamespace)?.count();
    if threads != 1 {
        return Err(LabError::Threads(threads));
    }
    enter().map_err(LabError::NoUserNamespace)
}

/// Whether this process is in a user namespace other than the first: one whose identity map is not whole.
pub fn in_user_namespace() -> bool {
    let whole = ["0", "0", "4294967295"];
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.split_whitespace().ne(whole))
}

pub(crate) fn capable() -> bool {
    let needed = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

fn enter() -> io::Result<()> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    // SAFETY: a new user namespace leaves memory, descriptors and file system state shared as they are.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }?;
    // user_namespaces(7): without privilege outside, groups must be given up before the group map is set.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}
