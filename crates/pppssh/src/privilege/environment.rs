//! The environment of a privileged process: nothing in it that its caller could steer it or its children by.
#![allow(unsafe_code)]

use std::env;

use rustix::fs::Mode;
use rustix::process::umask;

use super::{PrivilegeError, thread_ids};
use crate::config::Trust;

/// Replaces the environment by [`Trust::environment`], and sees to it that nobody else may write the files that this
/// process or a hook makes. Does nothing for a process that has its caller's rights only.
///
/// Call it first in `main`: it fails when there is more than one thread.
pub fn clean_environment(trust: &Trust) -> Result<(), PrivilegeError> {
    if !trust.is_elevated() {
        return Ok(());
    }
    if thread_ids()?.len() != 1 {
        return Err(PrivilegeError::NotAlone);
    }
    let wanted = trust.environment();
    let before: Vec<_> = env::vars_os().map(|(name, _)| name).collect();
    for name in before {
        // SAFETY: there is one thread, counted above, so nothing else reads or writes the environment meanwhile.
        unsafe { env::remove_var(name) };
    }
    for (name, value) in wanted {
        // SAFETY: as above.
        unsafe { env::set_var(name, value) };
    }
    let callers = umask(Mode::from_raw_mode(0o077));
    umask(callers | Mode::from_raw_mode(0o022));
    Ok(())
}
