//! Capabilities: held as long as they are needed, given up for good after that.
//!
//! In `main`, before any thread is made, and in this order: [`crate::config::Trust::detect`], [`clean_environment`],
//! [`Privileges::reduce`] (or [`renounce_gained`], for a verb that needs no rights but its caller's).
//!
//! A capability set belongs to a thread, not to the process. So give a runtime's helper threads [`renounce_thread`] as
//! their first act (`on_thread_start`), or [`Privileges::give_up`] will find that one of them holds something still.

pub(crate) mod at_secure;
mod environment;
mod hook;

use std::path::PathBuf;
use std::{env, fs, io};

use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, no_new_privs,
    set_capabilities, set_no_new_privs,
};

use crate::config::Trust;

pub use environment::clean_environment;

/// What a link needs: to make and set up its device, its routes, and the forwarding switch.
const NEEDED: CapabilitySet = CapabilitySet::NET_ADMIN;

/// What root keeps besides: to read keys and write logs in a user's directory (`sudo pppssh connect -i ~/.ssh/id`), and
/// to listen on port 22.
const ROOT_KEEPS: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::NET_BIND_SERVICE);

/// Why rights could not be reduced.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// capset(2) or prctl(2) failed.
    #[error("cannot {what}: {reason}")]
    Kernel {
        /// What was to be done.
        what: &'static str,
        /// The system's reason.
        reason: io::Error,
    },
    /// Another thread still has capabilities, which no other thread can take from it.
    #[error("thread {0} of this process still holds capabilities: it was started without `renounce_thread`")]
    OtherThread(String),
    /// Something was started too early.
    #[error("the environment can only be cleaned while there is one thread")]
    NotAlone,
}

fn kernel(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> PrivilegeError {
    move |errno| PrivilegeError::Kernel { what, reason: errno.into() }
}

/// What this process may do to the network, and how it gets rid of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privileges {
    /// Whether there was anything to give up.
    at_start: bool,
}

impl Privileges {
    /// Reduces this thread to what a link needs, and empties the inheritable and ambient sets, so that children get
    /// nothing. A child of root is root all the same, as hooks expect.
    ///
    /// A process that holds capabilities and is not root is also made undumpable: no debugger of the same user may
    /// attach, and its files in /proc belong to root.
    pub fn reduce() -> Result<Self, PrivilegeError> {
        let root = geteuid().is_root();
        let keeps = if root { NEEDED | ROOT_KEEPS } else { NEEDED };
        let kept = held()? & keeps;
        hold_exactly(kept)?;
        if !root && !kept.is_empty() {
            set_dumpable_behavior(DumpableBehavior::NotDumpable)
                .map_err(kernel("make the process undumpable"))?;
        }
        Ok(Self { at_start: kept.contains(NEEDED) })
    }

    /// Whether the network may be set up: this thread holds `cap_net_admin`.
    pub fn net_admin(&self) -> bool {
        self.at_start && held().is_ok_and(|held| held.contains(NEEDED))
    }

    /// Gives everything up for good: empties every set of this thread and sets `no_new_privs`, so that no program run
    /// from now on can gain anything either, not even a child of root.
    ///
    /// Fails if another thread of this process still holds capabilities.
    pub fn give_up(&self) -> Result<(), PrivilegeError> {
        renounce_thread()?;
        set_no_new_privs(true).map_err(kernel("set no_new_privs"))?;
        other_holder()?.map_or(Ok(()), |thread| Err(PrivilegeError::OtherThread(thread)))
    }

    /// What is held, or how to get it: for the error that says an operation is not permitted.
    pub fn describe(&self) -> String {
        if self.net_admin() {
            return "this process has cap_net_admin".to_owned();
        }
        if self.at_start {
            return "this process has given cap_net_admin up (`drop-privileges`)".to_owned();
        }
        let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("pppssh"));
        let no_gain = match no_new_privs() {
            Ok(true) => " (no_new_privs is set, so capabilities of the file do not count)",
            _ => "",
        };
        format!(
            "this process has no cap_net_admin{no_gain}: run `setcap cap_net_admin+ep {}` as root, or let systemd give \
             it (AmbientCapabilities=CAP_NET_ADMIN), or adopt a device that root made (`ip tuntap add vpn0 mode tun \
             user {}`, with tun = \"vpn0\" and configure = false)",
            program.display(),
            env::var("USER").unwrap_or_else(|_| "NAME".to_owned()),
        )
    }
}

/// Leaves the calling thread without any capability: for helper threads of a runtime (`on_thread_start`).
pub fn renounce_thread() -> Result<(), PrivilegeError> {
    hold_exactly(CapabilitySet::empty())
}

/// For verbs that need no rights but their caller's: forgets what the file gave, as if it had given nothing.
///
/// The process is dumpable again, so that it can, for example, make a user namespace of its own. Nothing that the
/// caller may not see must have been read before.
pub fn renounce_gained(trust: &Trust) -> Result<(), PrivilegeError> {
    if !trust.is_elevated() {
        return Ok(());
    }
    renounce_thread()?;
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(kernel("make the process dumpable"))
}

fn held() -> Result<CapabilitySet, PrivilegeError> {
    capabilities(None).map(|sets| sets.permitted).map_err(kernel("read the capabilities"))
}

/// Makes the permitted and the effective set of this thread `kept`, and the others empty.
fn hold_exactly(kept: CapabilitySet) -> Result<(), PrivilegeError> {
    clear_ambient_capability_set().map_err(kernel("empty the ambient set"))?;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(kernel("reduce the capabilities"))
}

/// The id of a thread of this process that holds a capability.
fn other_holder() -> Result<Option<String>, PrivilegeError> {
    let holds = |id: &String| {
        // A thread that has ended meanwhile holds nothing.
        let status = fs::read_to_string(format!("/proc/self/task/{id}/status")).unwrap_or_default();
        let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
        permitted.is_some_and(|mask| mask.trim().bytes().any(|digit| digit != b'0'))
    };
    Ok(thread_ids()?.into_iter().find(holds))
}

/// The threads of this process.
fn thread_ids() -> Result<Vec<String>, PrivilegeError> {
    let failed = |reason| PrivilegeError::Kernel { what: "list the threads in /proc/self/task", reason };
    let tasks = fs::read_dir("/proc/self/task").map_err(failed)?;
    Ok(tasks.flatten().filter_map(|task| task.file_name().into_string().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Capability sets are the thread's own, so a test may spoil those of a thread made for it.
    fn on_own_thread<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(test).join().unwrap()
    }

    #[test]
    fn a_thread_that_renounced_holds_nothing_and_cannot_get_it_back() {
        on_own_thread(|| {
            renounce_thread().unwrap();
            let empty = CapabilitySet::empty();
            let nothing = CapabilitySets { effective: empty, permitted: empty, inheritable: empty };
            assert_eq!(capabilities(None).unwrap(), nothing);
            let again = CapabilitySets { permitted: CapabilitySet::NET_ADMIN, ..nothing };
            assert!(set_capabilities(None, again).is_err());
        });
    }

    #[test]
    fn reducing_keeps_no_more_than_was_there_and_no_more_than_is_needed() {
        on_own_thread(|| {
            let before = held().unwrap();
            let privileges = Privileges::reduce().unwrap();
            let after = capabilities(None).unwrap();
            assert!(before.contains(after.permitted));
            assert!((NEEDED | ROOT_KEEPS).contains(after.permitted), "{:?}", after.permitted);
            assert_eq!(after.effective, after.permitted);
            assert!(after.inheritable.is_empty());
            assert_eq!(privileges.net_admin(), after.permitted.contains(NEEDED));
        });
    }

    #[test]
    fn the_description_says_how_to_get_what_is_missing() {
        on_own_thread(|| {
            renounce_thread().unwrap();
            let text = Privileges { at_start: false }.describe();
            assert!(text.contains("setcap cap_net_admin+ep /"), "{text}");
            assert!(text.contains("AmbientCapabilities=CAP_NET_ADMIN"), "{text}");
            assert!(Privileges { at_start: true }.describe().contains("drop-privileges"));
        });
    }
}
