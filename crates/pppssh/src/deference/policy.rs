//! The calling thread's scheduling policy (sched(7)). The only unsafe code of this room.
#![allow(unsafe_code)]

use std::io;

/// Between the kernel's two policies for ordinary work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// `SCHED_OTHER`: who wakes up may interrupt who runs.
    Other,
    /// `SCHED_BATCH`: who wakes up waits for the end of the other's slice, some milliseconds at most.
    Batch,
}

impl Policy {
    const fn number(self) -> libc::c_int {
        match self {
            Self::Other => libc::SCHED_OTHER,
            Self::Batch => libc::SCHED_BATCH,
        }
    }
}

/// Changes the policy of the calling thread from one to the other.
///
/// Fails if it has another than `from`: somebody chose that (`CPUSchedulingPolicy=`, chrt(1)), and it stays.
pub(super) fn change(from: Policy, to: Policy) -> io::Result<()> {
    // The system calls themselves: musl's functions of these names only fail.
    // SAFETY: 0 is the calling thread, and nothing is passed that the kernel could write to.
    let now = unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) };
    if now < 0 {
        return Err(io::Error::last_os_error());
    }
    if now != libc::c_long::from(from.number()) {
        return Err(io::Error::other(format!("the scheduling policy is {now}, which is somebody's choice")));
    }
    // struct sched_param: neither policy has priorities.
    let priority: libc::c_int = 0;
    // SAFETY: 0 is the calling thread, and `priority` has the layout of struct sched_param, is only read, and lives
    // until the call has returned.
    let done =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, to.number(), std::ptr::from_ref(&priority)) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
