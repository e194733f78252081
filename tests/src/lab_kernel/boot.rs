//! Outside: boots the kernel and listens to what it says.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The kernel.
const KERNEL: &str = "linux.uml";

/// Memory of the kernel.
const MEMORY_MIB: u64 = 768;

/// How the kernel is booted.
#[derive(Debug, Default)]
pub struct Kernel {
    /// It is given up after this long.
    pub patience: Duration,
    /// The first process's environment. The kernel's command line is made of words: none of these may hold a space.
    pub environment: Vec<(&'static str, String)>,
    /// The first process's arguments, under the same condition; the kernel takes no more than 32.
    pub arguments: Vec<String>,
    /// It measures time, and so comes before everything else on the machine.
    pub first: bool,
    /// Which of the kernels that this program runs at once it is, from 0 on: each has a processor of its own, while there
    /// is one.
    pub number: usize,
}

/// The kernel at a real-time priority, which everything that it starts inherits, or as others where that is not permitted.
/// (Not nice(1): between sessions it says nothing where the kernel groups processes by session, sched(7).)
fn before_others() -> Command {
    let chrt = |program: &str| {
        let mut chrt = Command::new("chrt");
        chrt.args(["--rr", "1", program]);
        chrt
    };
    let permitted = chrt("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if permitted {
        chrt(KERNEL)
    } else {
        println!("the lab kernel gets no real-time priority (`chrt --rr 1 true` fails): expect it to stall");
        Command::new(KERNEL)
    }
}

/// Starts something that stays on one of the processors that this thread may use. The kernel has only one itself, and
/// its processes are traced: each system call hands over from one process of the machine's to another and back, which
/// takes a tenth of the time when they do not wake each other on different processors.
fn on_one_processor<T>(number: usize, start: impl FnOnce() -> T) -> T {
    let all = sched_getaffinity(None).expect("a thread may ask for its processors");
    let usable: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu)).collect();
    // Nor are kernels of two programs that run at once on the same one, probably.
    let chosen = usable[(std::process::id() as usize + number) % usable.len()];
    let mut one = CpuSet::new();
    one.set(chosen);
    // What is started inherits it; this thread goes back.
    sched_setaffinity(None, &one).expect("a thread may restrict itself");
    let started = start();
    sched_setaffinity(None, &all).expect("a thread may use what it used before");
    started
}

/// The directory for the file that is the kernel's memory: in memory itself if there is room for it, and if it may be
/// executed, as in most containers it may not.
fn memory() -> &'static str {
    const SHARED: &str = "/dev/shm";
    let fits = statvfs(SHARED).is_ok_and(|files| {
        files.f_bavail * files.f_frsize > MEMORY_MIB << 20
            && !files.f_flag.contains(StatVfsMountFlags::NOEXEC)
    });
    if fits { SHARED } else { "/tmp" }
}

impl Kernel {
    /// Boots it with this program as its first process, and hands `line` each line that it says, until it is off.
    pub fn boot(self, mut line: impl FnMut(String)) {
        let this = std::env::current_exe().expect("this program has a path");
        let directory = tempfile::tempdir().expect("a directory for the kernel's files");
        let mut kernel = if self.first { before_others() } else { Command::new(KERNEL) };
        kernel
            .arg(format!("mem={MEMORY_MIB}M"))
            .args(["rootfstype=hostfs", "rootflags=/", "ro", "quiet"])
            // What it would say itself if we did not, behind the first process's arguments.
            .args(["root=98:0", "console=tty0"])
            .args(["con=null", "con0=fd:0,fd:1"])
            .arg(format!("uml_dir={}", directory.path().display()))
            .arg("RUST_BACKTRACE=0")
            .arg(format!("init={}", this.display()))
            .arg(format!("PPPSSH_BIN={}", crate::program().display()))
            .args(self.environment.iter().map(|(name, value)| format!("{name}={value}")))
            .arg("--")
            .args(&self.arguments)
            .env("TMPDIR", memory())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut kernel = on_one_processor(self.number, || kernel.spawn())
            .unwrap_or_else(|error| panic!("cannot start {KERNEL} (package user-mode-linux): {error}"));
        let (sender, receiver) = mpsc::channel();
        let console = kernel.stdout.take().expect("piped");
        std::thread::spawn(move || {
            for line in BufReader::new(console).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let deadline = Instant::now() + self.patience;
        loop {
            match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(said) => line(said),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    line(format!("the kernel did not end within {:?}: killed", self.patience));
                    break;
                }
            }
        }
        let _ = kernel.kill();
        let _ = kernel.wait();
    }
}
