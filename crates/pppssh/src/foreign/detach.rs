//! Leaving the terminal. fork(2) is the only unsafe code here.
#![allow(unsafe_code)]

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};

/// When to go on without the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Detach {
    /// Never.
    No,
    /// At once.
    #[default]
    Now,
    /// Once the link is up: who started us waits until then.
    WhenUp,
}

/// The process that goes on. If it ends without [`up`](Self::up), who started it ends with the same code.
#[derive(Debug)]
pub struct Detached {
    waiting: Option<OwnedFd>,
}

/// Goes on in a child of this process, in a session of its own, as `when` says; the parent never returns from here.
///
/// Must be called while there is one thread: only the thread that forks lives on in the child.
pub fn detach(when: Detach) -> io::Result<Detached> {
    if when == Detach::No {
        return Ok(Detached { waiting: None });
    }
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads != 1 {
        return Err(io::Error::other("there are threads already, which would not live on in a child"));
    }
    let (told, tell) = io::pipe()?;
    // SAFETY: this process has one thread (checked above), so the child finds no lock held by a thread it lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(told);
            rustix::process::setsid()?;
            rustix::process::chdir("/")?;
            let mut detached = Detached { waiting: Some(tell.into()) };
            if when == Detach::Now {
                detached.up()?;
            }
            Ok(detached)
        }
        child => {
            drop(tell);
            wait(child, told)
        }
    }
}

/// The parent: ends with what the child tells, or as the child ends.
fn wait(child: libc::pid_t, mut told: io::PipeReader) -> ! {
    let mut code = [0];
    let code = match told.read(&mut code) {
        Ok(1) => code[0].into(),
        _ => reap(child).unwrap_or(1),
    };
    std::process::exit(code)
}

/// The exit code of a child that is to end.
fn reap(child: libc::pid_t) -> Option<i32> {
    let child = rustix::process::Pid::from_raw(child)?;
    let (_, status) = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty()).ok()??;
    status.exit_status()
}

impl Detached {
    /// The link is up: the parent ends well, and what this process says on the standard streams is not heard any more.
    /// Only the first time counts.
    pub fn up(&mut self) -> io::Result<()> {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        rustix::stdio::dup2_stdin(&null)?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stderr(&null)?;
        std::fs::File::from(waiting).write_all(&[0])
    }

    /// Whether somebody still waits for the link.
    pub fn is_awaited(&self) -> bool {
        self.waiting.is_some()
    }
}
