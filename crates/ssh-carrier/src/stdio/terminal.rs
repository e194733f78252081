//! A pty between sshd or pppd and us, made transparent.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::pty::ptsname;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr};

/// Keeps a terminal in raw mode: eight bits, no echo, no line editing, no signals, no flow control.
#[derive(Debug)]
pub(super) struct RawMode {
    terminal: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// `None` if `fd` is no terminal, or if whoever has its other side sets it up.
    pub(super) fn enter(fd: impl AsFd) -> io::Result<Option<Self>> {
        let fd = fd.as_fd();
        if !isatty(fd) || is_master(fd) {
            return Ok(None);
        }
        let before = tcgetattr(fd)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(fd, OptionalActions::Now, &raw)?;
        Ok(Some(Self { terminal: fd.try_clone_to_owned()?, before }))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Whether this is the terminal of our session, the one that signals from the keyboard come from. Any other was given to
/// us by a program.
pub(super) fn is_our_own(terminal: impl AsFd) -> bool {
    // Linux answers for no other (tty_ioctl(4), TIOCGPGRP), but for a master it does, in the name of the slave.
    !is_master(&terminal) && tcgetpgrp(&terminal) != Err(Errno::NOTTY)
}

/// Whether this is the side of a pty that a program holds in place of a person: pppd gives it to its `pty` command.
pub(super) fn is_master(terminal: impl AsFd) -> bool {
    ptsname(terminal, Vec::new()).is_ok()
}
