//! The system's `ssh` as a child process.
//!
//! It reads the user's configuration, agent and known_hosts by itself, asks for passphrases on the terminal by
//! itself, and knows hardware keys, GSSAPI and whatever else OpenSSH was built with.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use self::args::Outlook;
use self::lanes::Further;
use crate::program::find_program;
use crate::{Carrier, CarrierError, CarrierInfo, CarrierKind, child};

pub(crate) mod args;
pub(crate) mod lanes;

/// Whom to call and with which `ssh`.
#[derive(Clone, Debug)]
pub struct OpensshConfig {
    /// The host, as one would write it after `ssh`.
    pub host: String,
    /// The user to log in as (`-l`).
    pub user: Option<String>,
    /// The TCP port (`-p`).
    pub port: Option<u16>,
    /// Private key files (`-i`).
    pub identities: Vec<PathBuf>,
    /// Jump hosts (`-J`).
    pub jump: Option<String>,
    /// The ssh_config to use instead of the user's and the system's (`-F`).
    pub config_file: Option<PathBuf>,
    /// Further ssh_config options, each as `Key=value` (`-o`). They win over those that this module sets.
    pub options: Vec<String>,
    /// The program, looked up in `PATH` if it is a mere name.
    pub program: PathBuf,
    /// Further arguments for the program, put before all others.
    pub args: Vec<OsString>,
    /// Whether `ssh` may ask for passphrases on the terminal; `None`: if there is one.
    pub may_prompt: Option<bool>,
    /// How often `ssh` asks a silent server whether it is there.
    pub server_alive_interval: Duration,
    /// Further channels for the stream; `None`: only one is used.
    pub lanes: Option<LanesConfig>,
}

/// How further channels are opened for a stream that was allowed to [widen](crate::CarrierTx::widen).
#[derive(Clone, Debug)]
pub struct LanesConfig {
    /// What is started in each of them: it hands on to the first one's command, as [`hand_on`](crate::stdio::lanes::hand_on) does.
    pub command: String,
    /// A directory that nobody else can enter: `ssh` listens at a socket there for those that ask it for another channel.
    pub dir: PathBuf,
}

/// Slow enough to cost nothing, fast enough to end a dead child within two minutes (ServerAliveCountMax is 3).
pub const SERVER_ALIVE_INTERVAL_DEFAULT: Duration = Duration::from_secs(30);

impl OpensshConfig {
    /// A configuration with everything but the host left to ssh_config and the defaults.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            user: None,
            port: None,
            identities: Vec::new(),
            jump: None,
            config_file: None,
            options: Vec::new(),
            program: "ssh".into(),
            args: Vec::new(),
            may_prompt: None,
            server_alive_interval: SERVER_ALIVE_INTERVAL_DEFAULT,
            lanes: None,
        }
    }
}

/// Starts `ssh`, which logs in and runs `command` on the host.
///
/// Returns as soon as the child runs: a failure to log in comes out of the carrier's halves as
/// [`CarrierError::SshFailed`]. Dropping both halves ends the child.
pub async fn connect(config: &OpensshConfig, command: &str) -> Result<Carrier, CarrierError> {
    args::check(config)?;
    let program = find_program(&config.program)?;
    let outlook = Outlook::ask(config, &program).await;
    let may_prompt = config.may_prompt.unwrap_or_else(has_terminal);
    let control = args::control_path(config);
    let args =
        args::command_line(config, command, outlook.ciphers.as_deref(), may_prompt, control.as_deref());
    let further = config.lanes.as_ref().zip(control).map(|(LanesConfig { command, .. }, control)| Further {
        program: program.clone(),
        args: args::lane_line(config, command, &control),
    });
    let info = CarrierInfo {
        kind: CarrierKind::Openssh,
        peer: peer(config),
        address: outlook.address,
        cipher: None,
    };
    child::start(program, args, further, info)
}

fn peer(config: &OpensshConfig) -> String {
    match (&config.user, config.port) {
        (Some(user), Some(port)) => format!("{user}@{}:{port}", config.host),
        (Some(user), None) => format!("{user}@{}", config.host),
        (None, Some(port)) => format!("{}:{port}", config.host),
        (None, None) => config.host.clone(),
    }
}

/// Whether `ssh` could ask for a passphrase: it opens `/dev/tty` for that.
fn has_terminal() -> bool {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open("/dev/tty", OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).is_ok()
}
