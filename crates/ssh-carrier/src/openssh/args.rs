//! The command line for `ssh`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::try_join;
use tokio::net::lookup_host;

use super::OpensshConfig;
use crate::CarrierError;
use crate::destination::{Said, check_host, check_user};
use crate::ssh_config::SshConfig;

/// Octets that the name of a socket may have, with its end: `sun_path` of Linux, and less elsewhere.
const SOCKET_NAME: usize = 104;

/// Octets that `ssh` adds to that of its socket while it makes it: a dot and 16 letters.
const CONTROL_SUFFIX: usize = 17;

/// Refuses what `ssh`, or a ProxyCommand's shell, would take for something else than a name.
pub(super) fn check(config: &OpensshConfig) -> Result<(), CarrierError> {
    check_host(&config.host)?;
    if let Some(user) = &config.user {
        check_user(user)?;
    }
    Ok(())
}

/// The arguments that say whom to call, with the user's options first, as the first value given counts.
fn destination_args(config: &OpensshConfig) -> Vec<OsString> {
    let mut args = config.args.clone();
    let OpensshConfig { user, port, identities, jump, config_file, options, .. } = config;
    args.extend(Said { user, port: *port, identities, jump, config_file, options }.args());
    args
}

/// All arguments for the call.
pub(super) fn command_line(
    config: &OpensshConfig,
    command: &str,
    ciphers: Option<&str>,
    may_prompt: bool,
    control: Option<&str>,
) -> Vec<OsString> {
    let mut args = destination_args(config);
    // Never a pty, X11 or the agent.
    args.extend(["-T", "-x", "-a"].map(OsString::from));
    let alive = format!("ServerAliveInterval={}", config.server_alive_interval.as_secs());
    // A master shares its connection, and its queues, with whatever else runs over it: so only with lanes of our own.
    let master = format!("ControlMaster={}", if control.is_some() { "yes" } else { "no" });
    let path = control_option(control);
    let mut options = vec![
        &*master,
        &path,
        "ControlPersist=no",
        "Compression=no",
        // The default marks traffic as bulk; what is inside has marks of its own.
        "IPQoS=none",
        // A forwarding set for this host is in use by an interactive login, and would fail here.
        "ClearAllForwardings=yes",
        "Tunnel=no",
        "PermitLocalCommand=no",
        // One set for this host would forbid a command here.
        "RemoteCommand=none",
        &alive,
    ];
    if !may_prompt {
        options.push("BatchMode=yes");
    }
    for option in options {
        args.extend([OsString::from("-o"), option.into()]);
    }
    if let Some(ciphers) = ciphers {
        args.extend([OsString::from("-c"), ciphers.into()]);
    }
    // Options do not go on after `--`, so neither the host nor the command can be taken for one.
    args.extend([OsString::from("--"), OsString::from(&config.host), OsString::from(command)]);
    args
}

/// All arguments to run `command` in another channel of the `ssh` that listens at `control`, and never in another connection.
pub(super) fn lane_line(config: &OpensshConfig, command: &str, control: &str) -> Vec<OsString> {
    let mut args: Vec<OsString> = ["-F", "none", "-q", "-T", "-x", "-a"].map(OsString::from).into();
    for option in ["ControlMaster=no", &control_option(Some(control)), "ProxyCommand=false", "BatchMode=yes"]
    {
        args.extend([OsString::from("-o"), option.into()]);
    }
    args.extend([OsString::from("--"), OsString::from(&config.host), OsString::from(command)]);
    args
}

fn control_option(control: Option<&str>) -> String {
    // ssh_config(5), TOKENS.
    format!("ControlPath={}", control.map_or_else(|| "none".to_owned(), |path| path.replace('%', "%%")))
}

/// A socket for another call's further channels; `None` if there are to be none.
pub(super) fn control_path(config: &OpensshConfig) -> Option<String> {
    /// Another call of this process may not have ended.
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let dir = &config.lanes.as_ref()?.dir;
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let path = dir.join(format!("{}-{call}.ssh", std::process::id())).into_os_string().into_string().ok()?;
    // `ssh` gives up where it cannot have the socket, and has it under a longer name first.
    let fits =
        path.len() + CONTROL_SUFFIX < SOCKET_NAME && path.starts_with('/') && !path.contains(['"', ' ']);
    (fits && !has_control_of_its_own(config)).then_some(path)
}

/// Whether the user has something to say about sockets of `ssh`.
fn has_control_of_its_own(config: &OpensshConfig) -> bool {
    let options = config.options.iter().map(Cow::from);
    let mut words = options.chain(config.args.iter().map(|arg| arg.to_string_lossy()));
    words.any(|word| {
        word.starts_with("-S") || word.starts_with("-M") || word.to_ascii_lowercase().contains("control")
    })
}

/// What `ssh` says of the host and of itself, before it is started for good.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    /// The ciphers to ask for: OpenSSH's own list with AES-GCM moved to its head, several times as fast on most
    /// machines. `None` if the user configured ciphers.
    pub(super) ciphers: Option<String>,
    /// The address that it will connect to, as far as can be foreseen.
    pub(super) address: Option<IpAddr>,
}

impl Outlook {
    /// Nothing is known if it does not say: it may be a wrapper that has no `-G`, and what is wrong with a
    /// configuration it will report when it is started.
    pub(super) async fn ask(config: &OpensshConfig, program: &Path) -> Self {
        let (args, none) = (destination_args(config), ["-F".into(), "none".into()]);
        let configured = SshConfig::ask(program, &args, &config.host);
        let default = SshConfig::ask(program, &none, "localhost");
        let (configured, default) = match try_join(configured, default).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::debug!(%error, "ssh does not tell its configuration");
                return Self::default();
            }
        };
        let ciphers = default.get("ciphers").filter(|default| configured.get("ciphers") == Some(default));
        Self { ciphers: ciphers.map(reorder), address: address(&configured).await }
    }
}

/// The first address of the host, unless the way there leads over something else.
pub(crate) async fn address(configured: &SshConfig) -> Option<IpAddr> {
    if configured.some("proxycommand").is_some() || configured.some("proxyjump").is_some() {
        return None;
    }
    let mut addresses = lookup_host((configured.get("hostname")?, configured.number("port")?)).await.ok()?;
    addresses.next().map(|address| address.ip())
}

fn reorder(ciphers: &str) -> String {
    let (first, rest): (Vec<_>, Vec<_>) = ciphers.split(',').partition(|cipher| cipher.contains("-gcm"));
    [first, rest].concat().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openssh::LanesConfig;

    fn line(config: &OpensshConfig) -> Vec<String> {
        let control = control_path(config);
        words(command_line(config, "pppssh serve", Some("aes128-gcm@openssh.com"), false, control.as_deref()))
    }

    fn words(args: Vec<OsString>) -> Vec<String> {
        args.into_iter().map(|arg| arg.into_string().unwrap()).collect()
    }

    fn with_lanes(dir: &str) -> OpensshConfig {
        let lanes = LanesConfig { command: "pppssh serve --lane".into(), dir: dir.into() };
        OpensshConfig { lanes: Some(lanes), ..OpensshConfig::new("saturn") }
    }

    #[test]
    fn a_socket_for_further_channels_is_made_where_they_are_wanted_and_can_be() {
        let has = |config: &OpensshConfig| line(config).contains(&"ControlMaster=yes".to_owned());
        let config = with_lanes("/run/pp%ssh");
        assert!(has(&config));
        let control = control_path(&config).unwrap();
        assert_ne!(control_path(&config).unwrap(), control, "each call has its own");
        let lane = words(lane_line(&config, "pppssh serve --lane", &control));
        assert_eq!(lane[lane.len() - 3..], ["--", "saturn", "pppssh serve --lane"]);
        assert!(lane.contains(&format!("ControlPath={}", control.replace('%', "%%"))), "{lane:?}");

        let none = line(&OpensshConfig::new("saturn"));
        assert!(none.contains(&"ControlMaster=no".into()) && none.contains(&"ControlPath=none".into()));
        assert!(!has(&with_lanes(&format!("/{}", "long/".repeat(20)))));
        for own in ["-S/tmp/x", "-oControlPath=/tmp/x", "-M"] {
            assert!(!has(&OpensshConfig { args: vec![own.into()], ..with_lanes("/run/pppssh") }), "{own}");
        }
        let options = vec!["controlmaster=auto".to_owned()];
        assert!(!has(&OpensshConfig { options, ..with_lanes("/run/pppssh") }));
    }

    #[test]
    fn the_users_options_come_first_and_the_host_last() {
        let mut config = OpensshConfig::new("saturn");
        config.user = Some("vpn".into());
        config.port = Some(2222);
        config.options = vec!["Compression=yes".into()];
        config.args = vec!["-v".into()];
        let line = line(&config);
        assert_eq!(line[..7], ["-v", "-o", "Compression=yes", "-l", "vpn", "-p", "2222"]);
        assert_eq!(line[line.len() - 3..], ["--", "saturn", "pppssh serve"]);
        let at = |what: &str| line.iter().position(|arg| arg == what).unwrap();
        assert!(at("Compression=yes") < at("Compression=no"));
        assert!(line.contains(&"BatchMode=yes".into()));
    }

    #[test]
    fn a_host_that_looks_like_an_option_or_a_shell_command_is_refused() {
        for host in ["-oProxyCommand=evil", "", "a b", "a;b", "$(x)", "a\nb", "`x`", "a'b"] {
            assert!(check(&OpensshConfig::new(host)).is_err(), "{host:?}");
        }
        for host in ["saturn", "10.10.10.1", "2001:db8::1", "fe80::1%eth0", "host_with.under-score"] {
            assert!(check(&OpensshConfig::new(host)).is_ok(), "{host:?}");
        }
        let mut config = OpensshConfig::new("saturn");
        config.user = Some("-oProxyCommand=evil".into());
        assert!(check(&config).is_err());
    }

    #[test]
    fn aes_gcm_moves_to_the_head_of_the_list() {
        assert_eq!(
            reorder("chacha20-poly1305@openssh.com,aes128-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com"),
            "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr"
        );
    }
}
