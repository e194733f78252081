//! The command line for `ssh`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;

use futures_util::future::try_join;
use tokio::net::lookup_host;

use super::OpensshConfig;
use crate::CarrierError;
use crate::destination::{Said, check_host, check_user};
use crate::ssh_config::SshConfig;

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
) -> Vec<OsString> {
    let mut args = destination_args(config);
    // Never a pty, X11 or the agent.
    args.extend(["-T", "-x", "-a"].map(OsString::from));
    let alive = format!("ServerAliveInterval={}", config.server_alive_interval.as_secs());
    let mut options = vec![
        // A master shares its connection, and its queues, with whatever else runs over it.
        "ControlMaster=no",
        "ControlPath=none",
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

    fn line(config: &OpensshConfig) -> Vec<String> {
        command_line(config, "pppssh serve", Some("aes128-gcm@openssh.com"), false)
            .into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect()
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
