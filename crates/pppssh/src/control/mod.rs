//! The control socket of a session: ask it how it is, tell it to hang up or to call again.
//!
//! One Unix socket a session, in a directory that only its owner can enter ([`RuntimeDirs`]). A client sends one line of
//! JSON ([`Request`]) and gets lines of JSON back; `docs/control.md` is the reference. [`ControlServer`] is the
//! session's end, [`client`] the end of `pppssh status` and `pppssh disconnect`.

pub mod client;
mod runtime_dir;
mod server;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use runtime_dir::RuntimeDirs;
pub use server::{Control, ControlServer, StatusHandle};

use crate::status::{Phase, SessionStatus};

/// The longest request line a session reads, in octets: far above any request there is.
pub const REQUEST_MAX: usize = 4096;

/// What a client asks of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Request {
    /// One [`SessionStatus`], and the end.
    Status,
    /// A [`SessionStatus`] now and after every change.
    Watch,
    /// One [`SessionStatus`], as soon as the condition holds.
    Wait {
        /// What to wait for.
        #[serde(rename = "for")]
        condition: Condition,
    },
    /// Hang up and end.
    Disconnect,
    /// Hang up and call again.
    Redial,
    /// End at once, without taking leave of the peer.
    GiveWay,
}

/// What a client can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// At least one of IPv4 and IPv6 is up.
    Up,
    /// Neither is.
    Down,
    /// IPv4 is up.
    Ipv4Up,
    /// IPv6 is up.
    Ipv6Up,
}

impl Condition {
    /// Whether `status` fulfils it.
    pub fn holds(self, status: &SessionStatus) -> bool {
        let up = status.phase == Phase::Running;
        match self {
            Condition::Up => up,
            Condition::Down => !up,
            Condition::Ipv4Up => up && status.ipv4.is_some(),
            Condition::Ipv6Up => up && status.ipv6.is_some(),
        }
    }
}

impl std::str::FromStr for Condition {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "up" => Ok(Condition::Up),
            "down" => Ok(Condition::Down),
            "ipv4-up" => Ok(Condition::Ipv4Up),
            "ipv6-up" => Ok(Condition::Ipv6Up),
            _ => Err(format!("expected up, down, ipv4-up or ipv6-up, not {word:?}")),
        }
    }
}

/// One line from the session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// The status that was asked for.
    Status(Box<SessionStatus>),
    /// The command was taken. The session closes the socket when it ends.
    Accepted {},
    /// The request was refused, with the reason.
    Error(String),
}

/// What the control socket wants of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Close the link politely and end.
    Disconnect,
    /// Close the link and make it anew.
    Redial,
    /// End at once: a newer link to the same peer takes this one's place.
    GiveWay,
    /// Bring the published status up to date: somebody is about to read its counters.
    Publish,
}

/// Why a control socket could not be opened, reached or understood.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A name that could leave the directory or break a line.
    #[error(
        "a session name is 1 to 64 letters, digits, dots, dashes or underscores and starts with none of the \
         signs; {0:?} is not"
    )]
    BadName(String),
    /// Another live session holds the name.
    #[error(
        "a session named {name} is already running (pid {pid}); `pppssh disconnect {name}` ends it, `--name` \
         starts another"
    )]
    AlreadyRunning {
        /// The name both want.
        name: String,
        /// Who has it.
        pid: String,
    },
    /// No directory for control sockets.
    #[error("no directory for control sockets: {0}")]
    NoRuntimeDir(String),
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// No session of that name.
    #[error("no session named {name} is running{}", others(.running))]
    NoSuchSession {
        /// The name asked for.
        name: String,
        /// Those that are running.
        running: Vec<String>,
    },
    /// Nothing runs at all.
    #[error("no session is running")]
    NoSession,
    /// A name is needed to choose.
    #[error("more than one session is running; say which one: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// The socket belongs to someone else.
    #[error("{path} is answered by uid {uid}, not by the owner of its directory; refusing to talk to it")]
    ForeignPeer {
        /// The socket.
        path: PathBuf,
        /// Who answered.
        uid: u32,
    },
    /// The session refused, or answered nonsense.
    #[error("the session answered: {0}")]
    Refused(String),
    /// The session ended while we were waiting for something else.
    #[error("the session ended before that{}", .last_error.as_ref().map(|e| format!(": {e}")).unwrap_or_default())]
    Ended {
        /// What it said last went wrong.
        last_error: Option<String>,
    },
}

fn others(running: &[String]) -> String {
    if running.is_empty() { String::new() } else { format!("; running: {}", running.join(", ")) }
}

/// Checks that a session's name can be a file name and a word in a log line.
fn check_name(name: &str) -> Result<(), ControlError> {
    /// `sun_path` is 108 octets (unix(7)); this leaves room for the longest of our directories.
    const NAME_MAX: usize = 64;
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty()
        || name.len() > NAME_MAX
        || !name.chars().all(good)
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Err(ControlError::BadName(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod wire_tests {
    use super::*;

    #[test]
    fn requests_are_the_lines_the_reference_shows() {
        let parse = |line: &str| serde_json::from_str::<Request>(line).unwrap();
        assert_eq!(parse(r#"{"verb":"status"}"#), Request::Status);
        assert_eq!(parse(r#"{"verb":"disconnect"}"#), Request::Disconnect);
        assert_eq!(parse(r#"{"verb":"redial"}"#), Request::Redial);
        assert_eq!(parse(r#"{"verb":"give_way"}"#), Request::GiveWay);
        assert_eq!(parse(r#"{"verb":"watch"}"#), Request::Watch);
        assert_eq!(
            parse(r#"{"verb":"wait","for":"ipv4-up"}"#),
            Request::Wait { condition: Condition::Ipv4Up }
        );
    }

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        for bad in ["", "..", ".hidden", "a/b", "-rf", "a b", "a\n", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for good in ["saturn", "vpn.example.org", "serve-1234", "10.10.10.1"] {
            assert!(check_name(good).is_ok(), "{good:?}");
        }
    }
}
