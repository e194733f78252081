//! Programs started on a host.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Gid, Signal, Uid, getppid, set_parent_process_death_signal};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::namespace::Namespaces;

/// Who a program runs as, with no other groups than these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// A command whose process moves into `namespaces`, then becomes `credentials`, then runs `program`.
///
/// `Command::uid` cannot be used for the latter: it takes effect before the move, which needs privilege.
pub(crate) fn command(
    program: &Path,
    namespaces: Arc<Namespaces>,
    credentials: Option<Credentials>,
) -> Command {
    let mut command = Command::new(program);
    // Entering a mount namespace resets the working directory to its root.
    let directory: Option<PathBuf> = namespaces.has_files().then(|| std::env::current_dir().ok()).flatten();
    let credentials = credentials.map(|Credentials { uid, gid, groups }| {
        let groups: Vec<Gid> = groups.into_iter().map(Gid::from_raw).collect();
        (Uid::from_raw(uid), Gid::from_raw(gid), groups)
    });
    let prepare = move || {
        namespaces.enter()?;
        if let Some(directory) = &directory {
            // The host may not have it.
            let _ = rustix::process::chdir(directory);
        }
        if let Some((uid, gid, groups)) = &credentials {
            set_thread_groups(groups)?;
            set_thread_res_gid(*gid, *gid, *gid)?;
            set_thread_res_uid(*uid, *uid, *uid)?;
        }
        Ok(())
    };
    // SAFETY: in the new process `prepare` makes system calls only; what it uses was allocated before.
    // (rustix copies short paths to the stack; a working directory longer than that allocates, which the
    // C library allows in a child of a threaded process.)
    unsafe { command.pre_exec(prepare) };
    command
}

/// Has the kernel kill the process with SIGKILL when the thread that starts it ends.
///
/// For programs started from a thread that lives as long as they should, such as `main`'s. The order
/// cannot outlive a change of user, a set-user-ID program or one with file capabilities.
pub fn die_with_parent(command: &mut Command) -> &mut Command {
    let parent = rustix::process::getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have gone before the order was given.
        if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: in the new process `prepare` makes system calls only.
    unsafe { command.pre_exec(prepare) }
}
