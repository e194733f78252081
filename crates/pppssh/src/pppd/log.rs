//! pppd's log: bare lines to where the options say, and to the system's log.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::{Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, registry};

use super::options::{LogTo, Options};

/// The system's log: syslog(3), facility LOG_DAEMON, which is pppd's LOG_PPP.
const DEV_LOG: &str = "/dev/log";
const LOG_DAEMON: u8 = 3 << 3;

/// The target of what pppd tells the system's log alone.
pub const SYSTEM: &str = "pppd::system";

/// Writes what happens as pppd does.
#[derive(Debug)]
pub struct Log {
    output: Output,
    system: Option<UnixDatagram>,
}

#[derive(Debug)]
enum Output {
    Stdout,
    Stderr,
    File(Mutex<File>),
    None,
}

impl Log {
    /// The log that the options ask for. `take` gives a descriptor that was inherited.
    pub fn open(options: &Options, take: impl FnOnce(i32) -> io::Result<OwnedFd>) -> io::Result<Self> {
        let output = match &options.log {
            // Standard output is the link then.
            LogTo::Default | LogTo::Fd(0 | 1) if options.notty => Output::None,
            LogTo::Default | LogTo::Fd(1) => Output::Stdout,
            LogTo::Fd(2) => Output::Stderr,
            LogTo::Fd(fd) => Output::File(Mutex::new(File::from(take(*fd)?))),
            LogTo::File(path) => {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
                Output::File(Mutex::new(file))
            }
            LogTo::None => Output::None,
        };
        let system = UnixDatagram::unbound().ok().filter(|socket| socket.connect(DEV_LOG).is_ok());
        if let Some(socket) = &system {
            socket.set_nonblocking(true)?;
        }
        Ok(Self { output, system })
    }

    /// What is heard: pppd's own lines and warnings; with `debug` each control packet.
    fn filter(debug: u32) -> &'static str {
        match debug {
            0 => "warn,pppd=info,pppssh::session::network=info,ssh_carrier::stderr=info,pppssh::hooks=info",
            1 => "warn,pppd=debug,ppp=debug,pppssh=info,ssh_carrier::stderr=debug,pppssh::hooks=debug",
            _ => {
                "info,pppd=trace,ppp=trace,pppssh=debug,ppp_proto=debug,ssh_carrier=debug,hostnet=debug,tunio=debug"
            }
        }
    }

    /// Makes it the process's log.
    pub fn install(self, debug: u32) {
        let filter = EnvFilter::new(Self::filter(debug));
        // An error here means that there is a log already, as in tests.
        let _ = registry().with(filter).with(self).try_init();
    }

    fn line(&self, text: &str) {
        let line = format!("{text}\n");
        // Whoever read it may be gone; the link goes on.
        let _ = match &self.output {
            Output::Stdout => io::stdout().lock().write_all(line.as_bytes()),
            Output::Stderr => io::stderr().lock().write_all(line.as_bytes()),
            Output::File(file) => {
                file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
            }
            Output::None => Ok(()),
        };
    }

    fn system(&self, level: Level, text: &str) {
        if let Some(system) = &self.system {
            let severity = match level {
                Level::ERROR => 3,
                Level::WARN => 4,
                Level::INFO => 5,
                _ => 7,
            };
            let pid = std::process::id();
            let _ = system.send(format!("<{}>pppd[{pid}]: {text}", LOG_DAEMON | severity).as_bytes());
        }
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let text = format!("{}{}", text.message, text.fields);
        if event.metadata().target() != SYSTEM {
            self.line(&text);
        }
        self.system(*event.metadata().level(), &text);
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            // The command's own words are as bare as pppd's.
            "peer" => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_one() {
        for debug in 0..3 {
            assert!(EnvFilter::try_new(Log::filter(debug)).is_ok());
        }
    }

    #[test]
    fn with_notty_nothing_goes_where_the_link_is() {
        let open = |log: LogTo, notty| {
            let options = Options { notty, log, ..Options::default() };
            Log::open(&options, |_| Err(io::ErrorKind::NotFound.into()))
                .map(|log| format!("{:?}", log.output))
        };
        assert_eq!(open(LogTo::Default, true).unwrap(), "None");
        assert_eq!(open(LogTo::Fd(1), true).unwrap(), "None");
        assert_eq!(open(LogTo::Fd(2), true).unwrap(), "Stderr");
        assert_eq!(open(LogTo::Default, false).unwrap(), "Stdout");
        assert!(open(LogTo::Fd(77), false).is_err());
    }
}
