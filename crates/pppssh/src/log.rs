//! Logs: to standard error or a file, never to standard output, which carries the link.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Mutex;

use clap::{ArgAction, Args, ValueEnum};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::{ConfigError, Trust};

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// Who reads what goes to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Somebody on this host.
    Here,
    /// The caller at the other end of the SSH login: sshd passes it on to him.
    Caller,
}

/// What is logged, how and where to.
#[derive(Debug, Clone, Default, Args)]
pub struct LogArgs {
    /// Log more; -vv logs each PPP packet.
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = "Logging")]
    pub verbose: u8,

    /// Log errors only.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Logging")]
    pub quiet: bool,

    /// Shape of a log line.
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true, help_heading = "Logging")]
    pub log_format: LogFormat,

    /// Append the log to FILE instead of standard error.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, global = true, help_heading = "Logging")]
    pub log_file: Option<PathBuf>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file is not allowed here.
    #[error(transparent)]
    Refused(#[from] ConfigError),
    /// The file cannot be opened.
    #[error("cannot append to the log {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG is not a filter: {0}")]
    Filter(tracing_subscriber::filter::ParseError),
}

impl LogArgs {
    /// The filter for this many `-v`.
    ///
    /// Our own crates say at `info` what an operator wants to know, at `debug` why, at `trace` each packet; libraries
    /// are a step quieter. Where standard error is the caller's, who has a log of the same events himself, only what he
    /// cannot know is said.
    fn filter(&self, reader: Reader) -> &'static str {
        match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) if reader == Reader::Caller && self.log_file.is_none() => "warn",
            (false, 0) => "warn,pppssh=info,ppp_proto=info,ssh_carrier=info,tunio=info,hostnet=info",
            (false, 1) => "info,pppssh=debug,ppp_proto=debug,ssh_carrier=debug,tunio=debug,hostnet=debug",
            (false, _) => "debug,pppssh=trace,ppp_proto=trace,ssh_carrier=trace,tunio=trace,hostnet=trace",
        }
    }

    #[deny(unused_variables)]
    fn check(&self, trust: &Trust) -> Result<(), ConfigError> {
        // Without `..`: a new flag must be thought through here. The others change only what is said.
        let Self { verbose: _, quiet: _, log_format: _, log_file } = self;
        match (trust, log_file) {
            (Trust::Elevated(_), Some(_)) => Err(ConfigError::RefusedOption {
                flag: "--log-file",
                why: "redirect standard error instead (2>>FILE)",
            }),
            _ => Ok(()),
        }
    }

    /// Sets logging up for the whole process; once. `RUST_LOG` overrides `-v`, unless the process is privileged.
    pub fn init(&self, trust: &Trust, reader: Reader) -> Result<(), LogError> {
        self.check(trust)?;
        let from_env = match trust {
            Trust::Own => std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty()),
            Trust::Elevated(_) => None,
        };
        let filter = EnvFilter::try_new(from_env.as_deref().unwrap_or(self.filter(reader)))
            .map_err(LogError::Filter)?;
        let writer = match &self.log_file {
            Some(path) => BoxMakeWriter::new(Mutex::new(append(path.clone())?)),
            None => BoxMakeWriter::new(io::stderr),
        };
        let terminal = self.log_file.is_none() && io::stderr().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        // systemd sets JOURNAL_STREAM, and its journal has the time of each line already.
        let journal = self.log_file.is_none() && std::env::var_os("JOURNAL_STREAM").is_some();
        let clock = Clock { shown: !(journal || terminal && self.verbose == 0) };
        // Where nobody reads standard error any more (the caller of `serve` is gone), the undoing must go on: by default a
        // line that cannot be written is reported with `eprintln!`, which panics then.
        let lines = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(writer)
            .with_ansi(colour)
            .log_internal_errors(false);
        // An error here means that logging is set up already, as in tests: then that set-up stands.
        let _ = match self.log_format {
            LogFormat::Text => lines.with_timer(clock).with_target(self.verbose > 0).try_init(),
            LogFormat::Json => lines.json().flatten_event(true).try_init(),
        };
        Ok(())
    }
}

/// The time at the start of a text line, where it is of use: not before a person who has just typed the command.
struct Clock {
    shown: bool,
}

impl FormatTime for Clock {
    fn format_time(&self, line: &mut Writer<'_>) -> std::fmt::Result {
        if self.shown { SystemTime.format_time(line) } else { Ok(()) }
    }
}

fn append(path: PathBuf) -> Result<File, LogError> {
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    opened.map_err(|reason| LogError::Open { path, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Caller;

    #[test]
    fn every_filter_is_one() {
        for verbose in 0..=3 {
            for quiet in [false, true] {
                let args = LogArgs { verbose, quiet, ..LogArgs::default() };
                for reader in [Reader::Here, Reader::Caller] {
                    assert!(EnvFilter::try_new(args.filter(reader)).is_ok(), "{}", args.filter(reader));
                }
            }
        }
    }

    #[test]
    fn a_caller_is_told_warnings_only_unless_more_is_asked_for() {
        let filter = |verbose, log_file: Option<&str>| {
            LogArgs { verbose, log_file: log_file.map(Into::into), ..LogArgs::default() }
                .filter(Reader::Caller)
        };
        assert_eq!(filter(0, None), "warn");
        assert!(filter(1, None).contains("pppssh=debug"));
        assert!(filter(0, Some("/var/log/pppssh")).contains("pppssh=info"), "a file here is read here");
    }

    #[test]
    fn a_privileged_process_writes_no_file_that_its_caller_names() {
        let caller = Caller { uid: 990, gid: 990, groups: vec![], name: None, home: None };
        let args = LogArgs { log_file: Some("/tmp/log".into()), ..LogArgs::default() };
        let error = args.check(&Trust::Elevated(caller.clone())).unwrap_err().to_string();
        assert!(error.starts_with("--log-file is refused"), "{error}");
        assert!(args.check(&Trust::Own).is_ok());
        assert!(LogArgs { verbose: 2, ..LogArgs::default() }.check(&Trust::Elevated(caller)).is_ok());
    }
}
