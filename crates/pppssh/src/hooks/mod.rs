//! The scripts of pppd: `auth-up`, `auth-down`, `ip-pre-up`, `ip-up`, `ip-down`, `ipv6-up`, `ipv6-down`.
//!
//! They get pppd's arguments, an environment of documented variables and nothing else, and nothing on standard
//! input. What they print goes to the log. As in pppd they run beside the link, never in its way, and in order: a script
//! starts when the one before it for the same matter has ended. Only `ip-pre-up` is waited for: no packet passes before
//! it has ended. [`Hooks`] is the session's handle.

mod environment;
mod output;
mod resolv;
mod runner;

use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use environment::{HookFacts, Usage};
pub use runner::Hooks;

/// How long hooks may go on when the session ends, unless configured otherwise.
pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(30);

/// How long `ip-pre-up` may keep the link waiting.
pub const PRE_UP_PATIENCE: Duration = Duration::from_secs(30);

/// Which of the scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// The peer has proved who it is.
    AuthUp,
    /// The link on which it did is over.
    AuthDown,
    /// The addresses are set, and no packet has passed.
    IpPreUp,
    /// IPv4 can be sent and received.
    IpUp,
    /// It no longer can.
    IpDown,
    /// IPv6 can be sent and received.
    Ipv6Up,
    /// It no longer can.
    Ipv6Down,
}

impl Script {
    /// Its file name, pppd's.
    pub fn name(self) -> &'static str {
        match self {
            Script::IpPreUp => "ip-pre-up",
            Script::AuthUp => "auth-up",
            Script::AuthDown => "auth-down",
            Script::IpUp => "ip-up",
            Script::IpDown => "ip-down",
            Script::Ipv6Up => "ipv6-up",
            Script::Ipv6Down => "ipv6-down",
        }
    }
}

/// The two ends of the link, as a hook is told them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// After the peer proved who it is: its name is in the facts.
    Peer,
    /// After IPCP.
    V4 {
        /// Our address.
        local: Ipv4Addr,
        /// The peer's.
        remote: Ipv4Addr,
        /// Name servers that the peer told us.
        dns: Vec<Ipv4Addr>,
    },
    /// After IPV6CP.
    V6 {
        /// Our link-local address.
        local: Ipv6Addr,
        /// The peer's.
        remote: Ipv6Addr,
    },
}

/// Prepares a command before it is started: the privilege module gives a hook the capabilities it may have.
pub type Prepare = Arc<dyn Fn(&mut Command) -> std::io::Result<()> + Send + Sync>;

/// One program of several that stand for a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCommand {
    /// The program, looked up in the hooks' PATH if it is a mere name, and its arguments.
    pub argv: Vec<String>,
    /// Not waited for, neither by the next one nor at the end.
    pub background: bool,
}

/// Says what to run in place of a script.
pub type InPlace = Arc<dyn Fn(Script, &HookFacts, &Ends, Option<Usage>) -> Vec<HookCommand> + Send + Sync>;

/// Which scripts to run and how.
#[derive(Clone)]
pub struct HookConfig {
    /// Run before IPv4 comes up.
    pub ip_pre_up: PathBuf,
    /// Run when the peer has proved who it is.
    pub auth_up: PathBuf,
    /// Run when the link on which it did is over.
    pub auth_down: PathBuf,
    /// Run when IPv4 comes up.
    pub ip_up: PathBuf,
    /// Run when IPv4 goes down.
    pub ip_down: PathBuf,
    /// Run when IPv6 comes up.
    pub ipv6_up: PathBuf,
    /// Run when IPv6 goes down.
    pub ipv6_down: PathBuf,
    /// Run only what root alone can change: for a process that gained privilege by being executed.
    pub trusted_only: bool,
    /// Called on each command just before it is started.
    pub prepare: Option<Prepare>,
    /// The scripts' second argument and `DEVICE`, which is left out if this is empty.
    pub tty: String,
    /// The scripts' third argument and `SPEED`.
    pub speed: String,
    /// Variables besides those of pppd(8), which they do not replace.
    pub environment: Vec<(String, String)>,
    /// The file that gets the name servers the peer told us: pppd's `/etc/ppp/resolv.conf`.
    pub resolv_conf: Option<PathBuf>,
    /// Programs to run instead of the scripts, which are ignored then: user-ppp's `ppp.linkup` and `ppp.linkdown`. Whoever
    /// names them answers for them: `trusted_only` is not about them.
    pub in_place: Option<InPlace>,
    /// While this is set, a family that gets its addresses is not up yet: they are there for packets to wait on, and
    /// nothing is run.
    pub expecting: Arc<AtomicBool>,
}

impl HookConfig {
    /// pppd's names in `dir`.
    pub fn in_dir(dir: &Path, trusted_only: bool) -> Self {
        let file = |script: Script| dir.join(script.name());
        HookConfig {
            ip_pre_up: file(Script::IpPreUp),
            auth_up: file(Script::AuthUp),
            auth_down: file(Script::AuthDown),
            ip_up: file(Script::IpUp),
            ip_down: file(Script::IpDown),
            ipv6_up: file(Script::Ipv6Up),
            ipv6_down: file(Script::Ipv6Down),
            trusted_only,
            prepare: None,
            tty: environment::NO_TTY.to_owned(),
            speed: environment::NO_SPEED.to_owned(),
            environment: Vec::new(),
            resolv_conf: None,
            in_place: None,
            expecting: Arc::default(),
        }
    }

    fn path(&self, script: Script) -> &Path {
        match script {
            Script::IpPreUp => &self.ip_pre_up,
            Script::AuthUp => &self.auth_up,
            Script::AuthDown => &self.auth_down,
            Script::IpUp => &self.ip_up,
            Script::IpDown => &self.ip_down,
            Script::Ipv6Up => &self.ipv6_up,
            Script::Ipv6Down => &self.ipv6_down,
        }
    }
}

impl std::fmt::Debug for HookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookConfig")
            .field("ip_pre_up", &self.ip_pre_up)
            .field("ip_up", &self.ip_up)
            .field("ip_down", &self.ip_down)
            .field("ipv6_up", &self.ipv6_up)
            .field("ipv6_down", &self.ipv6_down)
            .field("trusted_only", &self.trusted_only)
            .finish_non_exhaustive()
    }
}

/// The arguments of a script: `interface-name tty-device speed local remote ipparam`, or for `auth-up` and `auth-down`
/// `interface-name peer-name user-name tty-device speed` (pppd(8), SCRIPTS).
fn arguments(config: &HookConfig, facts: &HookFacts, ends: &Ends) -> Vec<OsString> {
    let (tty, speed) = (config.tty.as_str(), config.speed.as_str());
    let (local, remote) = match ends {
        Ends::Peer => {
            let peer = facts.peer.as_deref().unwrap_or_default();
            return [&facts.interface, peer, &facts.logname, tty, speed].map(OsString::from).to_vec();
        }
        Ends::V4 { local, remote, .. } => (local.to_string(), remote.to_string()),
        Ends::V6 { local, remote } => (link_local(*local), link_local(*remote)),
    };
    [&facts.interface, tty, speed, &local, &remote, &facts.ipparam].map(OsString::from).to_vec()
}

/// A link-local address as pppd writes it, with all digits.
fn link_local(address: Ipv6Addr) -> String {
    let [.., a, b, c, d] = address.segments();
    format!("fe80::{a:04x}:{b:04x}:{c:04x}:{d:04x}")
}

#[cfg(test)]
mod tests;
