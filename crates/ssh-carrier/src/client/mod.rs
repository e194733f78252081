//! The SSH client in this process.
//!
//! It follows the user's ssh_config as `ssh -G` resolves it, and its own judgement where a mistake would cost most: a
//! host key that is not recorded, or another than the recorded one, ends the call with the fingerprint and the line
//! to add. `StrictHostKeyChecking accept-new` is honoured; `no` is taken as the same.
//!
//! [`connect`] makes one connection for each hop of the way, each with its host verified by itself: the called host
//! and the jump hosts before it.

use std::path::PathBuf;
use std::sync::Arc;

mod account;
mod algorithms;
mod auth;
mod channel;
mod dial;
mod handler;
mod host_key;
mod keys;
mod known_hosts;
mod lanes;
mod prompt;
mod route;
mod sender;
mod session;
mod target;
mod tokens;

pub use prompt::{NoPrompt, Prompt, Question, Secret};

use self::session::{Hop, Way};
use crate::{CHANNEL_WINDOW, Carrier, CarrierError};

/// Whom to call and how. What is left empty is asked of `ssh -G`, or takes OpenSSH's default.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The host, as one would write it after `ssh`: a name, an address, or a `Host` of ssh_config.
    pub host: String,
    /// The user to log in as.
    pub user: Option<String>,
    /// The TCP port.
    pub port: Option<u16>,
    /// Private key files to offer before those of ssh_config (`-i`).
    pub identities: Vec<PathBuf>,
    /// Jump hosts as `ProxyJump` writes them (`-J`); `none` for no jump.
    pub jump: Option<String>,
    /// The ssh_config to use instead of the user's and the system's (`-F`); `none` for no file.
    pub config_file: Option<PathBuf>,
    /// Further ssh_config options, each as `Key=value` (`-o`).
    pub options: Vec<String>,
    /// The `ssh` that is asked for its configuration with `-G`, looked up in `PATH` if it is a mere name. `None`, or
    /// one that is not there: only the settings given here count, and OpenSSH's defaults.
    pub ssh_program: Option<PathBuf>,
    /// The channel window: how much the server may send ahead, in bytes.
    pub window: u32,
    /// The system's congestion control for the TCP connection, as it calls it: `bbr`. One that it does not give is warned
    /// of. `None` for the system's own choice.
    pub congestion_control: Option<String>,
    /// What to start in further channels, if the way is long and the far command takes its input through several
    /// ([`CarrierTx::widen`](crate::CarrierTx::widen)): what there hands on to that command, as
    /// [`stdio::lanes::hand_on`](crate::stdio::lanes::hand_on) does.
    pub lane_command: Option<String>,
}

impl ClientConfig {
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
            ssh_program: Some("ssh".into()),
            window: CHANNEL_WINDOW,
            congestion_control: None,
            lane_command: None,
        }
    }
}

/// Logs in and starts `command` on the host.
///
/// Returns as soon as the request is sent: a refusal to run the command comes out of the carrier's receiving half.
pub async fn connect(
    config: &ClientConfig,
    command: &str,
    prompt: Arc<dyn Prompt>,
) -> Result<Carrier, CarrierError> {
    let targets = route::plan(config).await?;
    let mut way = Way { hops: Vec::with_capacity(targets.len()) };
    for target in &targets {
        let hop = Hop::open(way.hops.last_mut(), target, config.window, &prompt).await?;
        way.hops.push(hop);
    }
    let called = targets.last().ok_or_else(|| CarrierError::Config("there is no host to call".to_owned()))?;
    channel::exec(way, called, command, config.lane_command.as_deref()).await
}
