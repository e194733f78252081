//! Capabilities: held as long as they are needed, given up for good after that.
//!
//! A capability set belongs to a thread, not to the process. Call [`Privileges::reduce`] first thing in `main`, before
//! any thread is made, so that every later thread inherits what is left; and give a runtime's helper threads
//! [`renounce_thread`] as their first act, so that [`Privileges::give_up`] leaves nothing behind in one of them.

pub(crate) mod at_secure;

use std::collections::HashSet;
use std::path::PathBuf;
use std::{env, fs, io};

use caps::{CapSet, Capability, CapsHashSet};
use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};
use rustix::thread::{no_new_privs, set_no_new_privs};

use crate::config::Trust;

/// What a link needs: to make and set up its device, its routes, and the forwarding switch.
const NEEDED: [Capability; 1] = [Capability::CAP_NET_ADMIN];

/// What root keeps besides: to read keys and write logs in a user's directory (`sudo pppssh connect -i ~/.ssh/id`), and
/// to listen on port 22.
const ROOT_KEEPS: [Capability; 2] = [Capability::CAP_DAC_OVERRIDE, Capability::CAP_NET_BIND_SERVICE];

/// Why capabilities could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// capset(2) or prctl(2) failed.
    #[error("cannot {what}: {source}")]
    Caps {
        /// What was to be done.
        what: &'static str,
        /// The system's reason.
        source: caps::errors::CapsError,
    },
    /// prctl(2) failed.
    #[error("cannot {what}: {source}")]
    Prctl {
        /// What was to be done.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// Another thread still has capabilities, which no other thread can take from it.
    #[error("thread {0} of this process still holds capabilities: it was started without `renounce_thread`")]
    OtherThread(String),
}

fn caps_error(what: &'static str) -> impl FnOnce(caps::errors::CapsError) -> PrivilegeError {
    move |source| PrivilegeError::Caps { what, source }
}

fn prctl_error(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> PrivilegeError {
    move |errno| PrivilegeError::Prctl { what, source: errno.into() }
}

/// What this process may still do.
#[derive(Debug)]
pub struct Privileges {
    net_admin: bool,
    given_up: bool,
}

impl Privileges {
    /// Reduces this thread to what a link needs, and empties the inheritable and ambient sets, so that children get
    /// nothing. A child of root is root all the same, as hooks expect.
    ///
    /// A process that holds capabilities and is not root is also made undumpable: no debugger of the same user may
    /// attach, and its files in /proc belong to root.
    pub fn reduce() -> Result<Self, PrivilegeError> {
        let root = geteuid().is_root();
        let keeps: CapsHashSet = NEEDED.into_iter().chain(ROOT_KEEPS.into_iter().filter(|_| root)).collect();
        let permitted = caps::read(None, CapSet::Permitted).map_err(caps_error("read the capabilities"))?;
        let kept: CapsHashSet = permitted.intersection(&keeps).copied().collect();
        hold_exactly(&kept)?;
        let net_admin = NEEDED.iter().all(|cap| kept.contains(cap));
        if !root && !kept.is_empty() {
            set_dumpable_behavior(DumpableBehavior::NotDumpable)
                .map_err(prctl_error("make the process undumpable"))?;
        }
        Ok(Self { net_admin, given_up: false })
    }

    /// Whether the network may be set up: `cap_net_admin` is held.
    pub fn net_admin(&self) -> bool {
        self.net_admin
    }

    /// Whether [`Privileges::give_up`] was called.
    pub fn given_up(&self) -> bool {
        self.given_up
    }

    /// Runs `spawn` with `cap_net_admin` in the ambient set of this thread, so that a child spawned by it has it:
    /// thus a hook can add routes without being root. Only for programs that [`crate::config::open_trusted`] accepts.
    pub fn with_ambient<T>(&self, spawn: impl FnOnce() -> T) -> Result<T, PrivilegeError> {
        struct Lowered;
        impl Drop for Lowered {
            fn drop(&mut self) {
                // Emptying the inheritable set empties the ambient one too; both calls only ever take away.
                let _ = caps::clear(None, CapSet::Ambient);
                let _ = caps::clear(None, CapSet::Inheritable);
            }
        }
        if !self.net_admin || geteuid().is_root() {
            return Ok(spawn());
        }
        let _lowered = Lowered;
        for cap in NEEDED {
            caps::raise(None, CapSet::Inheritable, cap)
                .map_err(caps_error("make a capability inheritable"))?;
            caps::raise(None, CapSet::Ambient, cap).map_err(caps_error("pass a capability on"))?;
        }
        Ok(spawn())
    }

    /// Gives everything up for good: empties every set of this thread and sets `no_new_privs`, so that no program run
    /// from now on can gain anything either, not even root's children.
    ///
    /// It fails if another thread of this process still holds capabilities.
    pub fn give_up(&mut self) -> Result<(), PrivilegeError> {
        renounce_thread()?;
        set_no_new_privs(true).map_err(prctl_error("set no_new_privs"))?;
        self.net_admin = false;
        self.given_up = true;
        other_holder().map_or(Ok(()), |thread| Err(PrivilegeError::OtherThread(thread)))
    }

    /// What is held, or how to get it: for the error that says an operation is not permitted.
    pub fn describe(&self) -> String {
        if self.net_admin {
            return "this process has cap_net_admin".to_owned();
        }
        if self.given_up {
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
    hold_exactly(&CapsHashSet::new())
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
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(prctl_error("make the process dumpable"))
}

/// Makes the permitted and the effective set of this thread `kept`, and the others empty.
fn hold_exactly(kept: &CapsHashSet) -> Result<(), PrivilegeError> {
    caps::clear(None, CapSet::Ambient).map_err(caps_error("empty the ambient set"))?;
    caps::clear(None, CapSet::Inheritable).map_err(caps_error("empty the inheritable set"))?;
    // First the effective set, since it must stay within the permitted one.
    caps::set(None, CapSet::Effective, kept).map_err(caps_error("reduce the effective set"))?;
    caps::set(None, CapSet::Permitted, kept).map_err(caps_error("reduce the permitted set"))
}

/// The id of a thread of this process that holds a capability.
fn other_holder() -> Option<String> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let holds = |id: &String| {
        let status = fs::read_to_string(format!("/proc/self/task/{id}/status")).unwrap_or_default();
        let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
        permitted.is_some_and(|mask| mask.trim().bytes().any(|digit| digit != b'0'))
    };
    let ids: HashSet<String> =
        tasks.flatten().filter_map(|task| task.file_name().into_string().ok()).collect();
    ids.into_iter().find(holds)
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
            for set in [CapSet::Permitted, CapSet::Effective, CapSet::Inheritable, CapSet::Ambient] {
                assert!(caps::read(None, set).unwrap().is_empty(), "{set:?}");
            }
            assert!(caps::raise(None, CapSet::Permitted, Capability::CAP_NET_ADMIN).is_err());
        });
    }

    #[test]
    fn reducing_keeps_no_more_than_was_there_and_no_more_than_is_needed() {
        on_own_thread(|| {
            let before = caps::read(None, CapSet::Permitted).unwrap();
            let privileges = Privileges::reduce().unwrap();
            let after = caps::read(None, CapSet::Permitted).unwrap();
            assert!(after.is_subset(&before));
            assert!(after.iter().all(|cap| NEEDED.contains(cap) || ROOT_KEEPS.contains(cap)), "{after:?}");
            assert_eq!(privileges.net_admin(), after.contains(&Capability::CAP_NET_ADMIN));
            assert!(caps::read(None, CapSet::Inheritable).unwrap().is_empty());
        });
    }

    #[test]
    fn the_description_says_how_to_get_what_is_missing() {
        let without = Privileges { net_admin: false, given_up: false };
        let text = without.describe();
        assert!(text.contains("setcap cap_net_admin+ep /"), "{text}");
        assert!(text.contains("AmbientCapabilities=CAP_NET_ADMIN"), "{text}");
        let given_up = Privileges { net_admin: false, given_up: true };
        assert!(given_up.describe().contains("drop-privileges"));
    }
}
