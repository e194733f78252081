//! Whose journal it is: process, boot, network namespace.

use std::{fmt, fs, io, os::linux::fs::MetadataExt};

use serde::{Deserialize, Serialize};

/// A process, told from a later one with the same number by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Clock ticks after boot (proc_pid_stat(5), field 22).
    pub(crate) started: u64,
}

impl Process {
    pub(crate) fn current() -> io::Result<Process> {
        let pid = std::process::id();
        let (_, started) = stat(pid)?;
        Ok(Process { pid, started })
    }

    /// Whether it still runs. A zombie has nothing left to undo anything with.
    pub(crate) fn is_running(self) -> bool {
        stat(self.pid)
            .is_ok_and(|(state, started)| started == self.started && !matches!(state, 'Z' | 'X' | 'x'))
    }
}

fn stat(pid: u32) -> io::Result<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat is not as proc(5) says"))
}

/// State (field 3) and start time (field 22). Field 2 is the program's name, which may hold anything.
fn parse_stat(text: &str) -> Option<(char, u64)> {
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let started = fields.nth(22 - 3 - 1)?.parse().ok()?;
    Some((state, started))
}

/// The kernel's name for this boot.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// A network namespace, as its file in nsfs identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetNamespace {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

impl NetNamespace {
    /// The calling thread's: it need not be the process's.
    pub(crate) fn current() -> io::Result<NetNamespace> {
        let meta = fs::metadata("/proc/thread-self/ns/net")?;
        Ok(NetNamespace { dev: meta.st_dev(), ino: meta.st_ino() })
    }
}

impl fmt::Display for NetNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "net:[{}]", self.ino)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_and_spaces_hides_no_field() {
        let text = "42 (a) S (b) c) Z 1 42 42 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(parse_stat(text), Some(('Z', 987_654)));
        assert_eq!(parse_stat(""), None);
        assert_eq!(parse_stat("42 (x) S 1 2"), None);
    }

    #[test]
    fn this_process_runs_and_one_that_started_earlier_under_its_number_does_not() {
        let me = Process::current().unwrap();
        assert!(me.is_running());
        assert!(!Process { started: me.started - 1, ..me }.is_running());
    }
}
