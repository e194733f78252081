//! What can go wrong when a lab is built.

use std::io;

/// Why a lab, or a part of it, could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// No right to make namespaces.
    #[error(
        "making network namespaces needs root, or a user namespace entered at the start of the program: {0}"
    )]
    NotPermitted(io::Error),

    /// User namespaces are off, or do not give capabilities.
    #[error(
        "this user cannot make a user namespace ({0}): run as root, or allow it \
         (`sysctl user.max_user_namespaces=10000`; on Ubuntu also \
         `sysctl kernel.apparmor_restrict_unprivileged_userns=0`)"
    )]
    NoUserNamespace(io::Error),

    /// A user namespace can be entered only before threads are started.
    #[error("a user namespace must be entered while the process has one thread, it has {0}")]
    Threads(usize),

    /// Something written in the story of the lab does not parse.
    #[error("{text:?} is not {what}")]
    Parse {
        /// What stands there.
        text: String,
        /// What should.
        what: &'static str,
    },

    /// A system call or a file operation failed.
    #[error("{host}: cannot {doing}: {source}")]
    Io {
        /// On which host, or "lab".
        host: String,
        /// What was being done.
        doing: String,
        /// What came of it.
        source: io::Error,
    },

    /// The kernel refused a netlink request.
    #[error("{host}: cannot {doing}: {source}")]
    Netlink {
        /// On which host.
        host: String,
        /// What was being done.
        doing: String,
        /// What came of it.
        source: rtnetlink::Error,
    },

    /// A program that the lab itself needs failed.
    #[error("{host}: `{program}` failed: {stderr}")]
    Program {
        /// On which host.
        host: String,
        /// What was run.
        program: String,
        /// What it said.
        stderr: String,
    },
}

impl LabError {
    pub(crate) fn io(host: &str, doing: impl Into<String>, source: impl Into<io::Error>) -> LabError {
        LabError::Io { host: host.to_owned(), doing: doing.into(), source: source.into() }
    }

    pub(crate) fn netlink(host: &str, doing: impl Into<String>, source: rtnetlink::Error) -> LabError {
        LabError::Netlink { host: host.to_owned(), doing: doing.into(), source }
    }
}
