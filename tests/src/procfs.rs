//! What the kernel says about the processes of a host.

use std::fs;
use std::path::PathBuf;

use netlab::Host;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::process::NEVER;

/// A process, as /proc shows it.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    directory: PathBuf,
}

/// The processes on a host whose program has a name that begins like this.
pub fn processes(host: &Host, name: &str) -> Vec<Process> {
    let here = host.run(|| fs::read_link("/proc/thread-self/ns/net").ok()).unwrap();
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    entries
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
            let directory = entry.path();
            let its_name = fs::read_to_string(directory.join("comm")).ok()?;
            let on_host = fs::read_link(directory.join("ns/net")).ok() == here;
            (on_host && its_name.starts_with(name)).then_some(Process { pid, directory })
        })
        .collect()
}

impl Process {
    /// A field of /proc/PID/status, without its name.
    pub fn status(&self, field: &str) -> String {
        let status = fs::read_to_string(self.directory.join("status")).expect("the process is alive");
        let prefix = format!("{field}:");
        let line = status.lines().find(|line| line.starts_with(&prefix));
        line.unwrap_or_else(|| panic!("{field} is not in {status}"))[prefix.len()..].trim().to_owned()
    }

    /// /proc/PID/stat.
    pub fn stat(&self) -> String {
        fs::read_to_string(self.directory.join("stat")).expect("the process is alive")
    }

    /// Its scheduling policy: 0 is `SCHED_OTHER`, 3 `SCHED_BATCH` (sched(7)).
    pub fn policy(&self) -> u32 {
        let stat = self.stat();
        // Field 41 (proc(5)), counted from behind the name, which is the second and may hold anything.
        let policy = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(38));
        policy.and_then(|policy| policy.parse().ok()).expect("a policy")
    }

    /// Real, effective, saved and file system user id.
    pub fn uids(&self) -> Vec<u32> {
        self.status("Uid").split_whitespace().map(|id| id.parse().expect("a user id")).collect()
    }

    /// The capabilities in one of its sets: `CapEff`, `CapPrm` …
    pub fn capabilities(&self, set: &str) -> u64 {
        u64::from_str_radix(&self.status(set), 16).expect("a capability set")
    }

    /// Memory of one kind, in KiB: `VmRSS`, `RssAnon` …
    pub fn memory_kib(&self, kind: &str) -> u64 {
        self.status(kind).split_whitespace().next().and_then(|kib| kib.parse().ok()).expect("a size")
    }

    /// Waits for its end. Does not take its exit status from its parent.
    pub fn until_gone(&self) {
        let Ok(process) = pidfd_open(self.pid, PidfdFlags::empty()) else { return };
        let mut end = [PollFd::new(&process, PollFlags::IN)];
        let patience = Timespec { tv_sec: NEVER.as_secs().cast_signed(), tv_nsec: 0 };
        let ended = poll(&mut end, Some(&patience)).expect("a process can be waited for");
        assert_eq!(ended, 1, "process {:?} does not end", self.pid);
    }

    /// Kills it at once, without a word.
    pub fn kill(&self) {
        // It may have ended since it was listed.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}
