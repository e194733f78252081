//! Who runs this process, and how it ends.

use std::path::Path;

use crate::config::Trust;
use crate::control::RuntimeDirs;
use crate::deference::Deference;
use crate::exit::ExitCode;
use crate::privilege::Privileges;

/// An error and the exit code that goes with it.
#[derive(Debug)]
pub(super) struct Failure {
    /// pppd's code for it.
    pub(super) code: ExitCode,
    /// What to tell the user.
    pub(super) error: anyhow::Error,
}

impl Failure {
    /// `error`, to be ended with `code`.
    pub(super) fn new(code: ExitCode, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }
}

/// Lets `?` attach an exit code.
pub(super) trait OrExit<T> {
    /// The value, or a failure that ends the process with `code`.
    fn or_exit(self, code: ExitCode) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, code: ExitCode) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(code, error))
    }
}

/// Who runs this process, and what it may do.
#[derive(Debug)]
pub(super) struct Context {
    /// Whose word counts.
    pub(super) trust: Trust,
    /// The capabilities that are held.
    pub(super) privileges: Privileges,
    /// Who goes first where the processors are busy.
    pub(super) deference: Deference,
}

impl Context {
    /// The directories for control sockets and journals: `dir` if it is given.
    pub(super) fn runtime_dirs(&self, dir: Option<&Path>) -> RuntimeDirs {
        runtime_dirs(&self.trust, dir)
    }
}

/// The directories for control sockets and journals: `dir` if it is given, else the caller's usual ones.
pub(super) fn runtime_dirs(trust: &Trust, dir: Option<&Path>) -> RuntimeDirs {
    match dir {
        Some(dir) => RuntimeDirs::at(dir),
        None => RuntimeDirs::of_caller(!trust.is_elevated()),
    }
}
