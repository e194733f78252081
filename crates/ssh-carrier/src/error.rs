//! What can go wrong with a carrier.

use std::io;

/// Why a carrier could not be made, or ended.
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
    /// The far command, or the `ssh` that ran it, ended with an error.
    #[error("{}", exited(*.status, .signal.as_deref(), .stderr))]
    Exited {
        /// The exit status, if it exited.
        status: Option<u32>,
        /// The signal's name, if a signal ended it.
        signal: Option<String>,
        /// The last lines that it wrote to its standard error, at most a few KiB.
        stderr: String,
    },
}

fn exited(status: Option<u32>, signal: Option<&str>, stderr: &str) -> String {
    let how = match (status, signal) {
        (Some(status), _) => format!("the far command exited with status {status}"),
        (None, Some(signal)) => format!("the far command was ended by signal {signal}"),
        (None, None) => "the connection closed before the far command said how it ended".to_owned(),
    };
    let stderr = stderr.trim();
    if stderr.is_empty() { how } else { format!("{how}: {stderr}") }
}
