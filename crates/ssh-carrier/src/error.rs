//! What can go wrong with a carrier.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a carrier could not be made, or ended.
///
/// Each text says what was expected, what was there, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarrierError {
    /// Reading or writing failed; the text says of what.
    #[error("{what}: {source}")]
    Io {
        /// What was being read or written.
        what: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The far command ended with an error.
    #[error("{}", exited(*.status, .signal.as_deref(), .stderr))]
    Exited {
        /// The exit status, if it exited.
        status: Option<u32>,
        /// The signal's name, if a signal ended it.
        signal: Option<String>,
        /// The last lines that it wrote to its standard error, at most a few KiB.
        stderr: String,
    },
    /// The settings cannot be used.
    #[error("{0}")]
    Config(String),
    /// Standard input is a terminal where a byte stream from sshd was expected.
    #[error(
        "standard input is a terminal: this is the end that sshd runs on the called host; to call, use `pppssh connect HOST`"
    )]
    Terminal,
    /// A standard stream is something that cannot carry a conversation, such as a regular file.
    #[error("{stream} is {kind}; expected a pipe, a socket or a pty, as sshd gives to a command")]
    NotAStream {
        /// `standard input` or `standard output`.
        stream: &'static str,
        /// What it is instead.
        kind: &'static str,
    },
    /// The host's name has no address.
    #[error("cannot find the address of {host}: {source}; check the name, and the resolver")]
    Resolve {
        /// The name that was looked up.
        host: String,
        /// The resolver's error.
        #[source]
        source: io::Error,
    },
    /// No TCP connection could be made.
    #[error("cannot connect to {address}: {source}{}", connect_hint(.source))]
    Connect {
        /// The host and port.
        address: String,
        /// The system's error for the last address tried.
        #[source]
        source: io::Error,
    },
    /// A step took longer than the connect timeout.
    #[error("{what} took longer than {} s (ConnectTimeout)", .after.as_secs_f32())]
    Timeout {
        /// The step.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// The host key is not one that was promised.
    #[error(transparent)]
    HostKey(Box<HostKeyError>),
    /// The server accepted none of what was offered.
    #[error("{}", auth(.user, .host, .tried, .methods))]
    Auth {
        /// The user who logs in.
        user: String,
        /// The host and port.
        host: String,
        /// What was tried, and what became of it, in order.
        tried: Vec<String>,
        /// The methods that the server would have taken.
        methods: Vec<String>,
    },
    /// The server refused to run the command.
    #[error(
        "{host} refused to run a command on this login; does its key or account forbid commands (ForceCommand internal-sftp, MaxSessions 0)?"
    )]
    ExecRefused {
        /// The host and port.
        host: String,
    },
    /// A jump host refused to connect onward.
    #[error("{via} refused to connect onward to {target}: {reason}; AllowTcpForwarding must permit it there")]
    Jump {
        /// The jump host.
        via: String,
        /// Where it should have connected to.
        target: String,
        /// Its reason.
        reason: String,
    },
    /// The SSH protocol failed.
    #[error("SSH with {host} failed: {reason}")]
    Ssh {
        /// The host and port.
        host: String,
        /// What happened.
        reason: String,
    },
    /// The system's `ssh` failed by itself (exit status 255).
    #[error("{}", ssh_failed(.program, .stderr))]
    SshFailed {
        /// The program.
        program: PathBuf,
        /// The last lines that it wrote to its standard error.
        stderr: String,
    },
    /// A program could not be started.
    #[error("cannot run {}: {source}", .program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl CarrierError {
    /// Names what was being read or written when `source` happened.
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// Whether trying again later, with nothing changed by hand, may succeed.
    ///
    /// A network may come back; a wrong host key, a refused login or an unusable setting does not mend itself.
    pub fn retry_may_help(&self) -> bool {
        match self {
            Self::Io { .. }
            | Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Jump { .. }
            | Self::Ssh { .. } => true,
            // 126 and 127 are the shell's: not executable, not found.
            Self::Exited { status, .. } => !matches!(status, Some(126 | 127)),
            Self::SshFailed { stderr, .. } => {
                !["Host key verification failed", "Permission denied", "Bad configuration option"]
                    .iter()
                    .any(|fatal| stderr.contains(fatal))
            }
            Self::Config(_)
            | Self::Terminal
            | Self::NotAStream { .. }
            | Self::HostKey(_)
            | Self::Auth { .. }
            | Self::ExecRefused { .. }
            | Self::Spawn { .. } => false,
        }
    }
}

/// Why a host key was not accepted. Its text is meant to be shown whole: it holds the fingerprint and what to do.
#[derive(Debug)]
pub struct HostKeyError {
    /// The name under which the host was looked up.
    pub host: String,
    /// What is wrong.
    pub problem: HostKeyProblem,
    /// `SHA256:…` of the key that the host showed.
    pub fingerprint: String,
    /// The known_hosts line that would accept this key.
    pub line: String,
    /// The file into which that line belongs.
    pub file: PathBuf,
    /// Why the host certificate did not count, if the host showed one.
    pub certificate: Option<String>,
}

/// What is wrong with a host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeyProblem {
    /// No key of this host is recorded.
    Unknown,
    /// Only keys of other types are recorded, or a certificate authority.
    OtherRecorded {
        /// Where one of them is recorded: `file:line`.
        at: String,
    },
    /// Another key of the same type is recorded.
    Changed {
        /// Where it is recorded: `file:line`.
        at: String,
    },
    /// The key is marked `@revoked`.
    Revoked {
        /// Where it is marked: `file:line`.
        at: String,
    },
}

impl std::error::Error for HostKeyError {}

impl fmt::Display for HostKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, problem, fingerprint, line, file, certificate } = self;
        let file = file.display();
        match problem {
            HostKeyProblem::Unknown => write!(
                f,
                "the host key of {host} is not known. It showed {fingerprint}; if that is right (compare with \
                 `ssh-keygen -lf` on the host itself), add this line to {file}:\n{line}"
            ),
            HostKeyProblem::OtherRecorded { at } => write!(
                f,
                "{host} showed a host key {fingerprint}, but {at} records another kind of key for it. If the host \
                 did get this key (compare with `ssh-keygen -lf` on the host itself), add this line to {file}:\n{line}"
            ),
            HostKeyProblem::Changed { at } => write!(
                f,
                "THE HOST KEY OF {host} HAS CHANGED: it showed {fingerprint}, and {at} records another. Somebody may be \
                 in between, or the host was set up anew. Only if the latter is certain, remove {at} and add this line \
                 to {file}:\n{line}"
            ),
            HostKeyProblem::Revoked { at } => write!(
                f,
                "the host key {fingerprint} of {host} is marked as revoked at {at}: do not trust this host until it \
                 has a new key"
            ),
        }?;
        match certificate {
            Some(why) => write!(f, "\nIts host certificate does not count: {why}"),
            None => Ok(()),
        }
    }
}

impl From<Box<HostKeyError>> for CarrierError {
    fn from(error: Box<HostKeyError>) -> Self {
        Self::HostKey(error)
    }
}

fn with_stderr(how: String, stderr: &str) -> String {
    let stderr = stderr.trim();
    if stderr.is_empty() { how } else { format!("{how}: {stderr}") }
}

fn exited(status: Option<u32>, signal: Option<&str>, stderr: &str) -> String {
    let how = match (status, signal) {
        (Some(127), _) => {
            "the far host did not find the command (status 127); install it there, or give its full \
                           path: sshd's shell may have a short PATH"
                .to_owned()
        }
        (Some(126), _) => {
            "the far host could not execute the command (status 126); check its permissions and that \
                           it was built for that machine"
                .to_owned()
        }
        (Some(status), _) => format!("the far command exited with status {status}"),
        (None, Some(signal)) => format!("the far command was ended by signal {signal}"),
        (None, None) => "the connection closed before the far command said how it ended".to_owned(),
    };
    with_stderr(how, stderr)
}

fn ssh_failed(program: &std::path::Path, stderr: &str) -> String {
    with_stderr(format!("{} failed (status 255)", program.display()), stderr)
}

fn connect_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => "; is sshd running there, and on this port?",
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => "; is the network up?",
        _ => "",
    }
}

fn auth(user: &str, host: &str, tried: &[String], methods: &[String]) -> String {
    use fmt::Write;
    let mut text = format!("{host} did not let {user} log in; tried: ");
    if tried.is_empty() {
        text.push_str("nothing, as there is no key: make one, or load one with ssh-add");
    } else {
        text.push_str(&tried.join("; "));
    }
    if !methods.is_empty() {
        let _ = write!(text, "; the server takes: {}", methods.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_far_command_is_explained_and_not_retried() {
        let error = CarrierError::Exited {
            status: Some(127),
            signal: None,
            stderr: "sh: pppssh: not found\n".into(),
        };
        assert!(error.to_string().contains("did not find the command"), "{error}");
        assert!(error.to_string().ends_with("sh: pppssh: not found"), "{error}");
        assert!(!error.retry_may_help());
    }

    #[test]
    fn an_unknown_host_key_names_the_fingerprint_and_the_line_to_add() {
        let text = HostKeyError {
            host: "saturn".into(),
            problem: HostKeyProblem::Unknown,
            fingerprint: "SHA256:abc".into(),
            line: "saturn ssh-ed25519 AAAA".into(),
            file: "/home/x/.ssh/known_hosts".into(),
            certificate: None,
        }
        .to_string();
        assert!(
            text.contains("SHA256:abc") && text.ends_with("known_hosts:\nsaturn ssh-ed25519 AAAA"),
            "{text}"
        );
    }
}
