//! One host to log in to, with everything known about how.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::ClientConfig;
use super::account::Account;
use super::tokens::Tokens;
use crate::CarrierError;
use crate::destination::{Said, check_host, check_user};
use crate::program::find_program;
use crate::ssh_config::SshConfig;

/// Where ssh_config sets no limit: long enough for two lost SYNs.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

const PORT_DEFAULT: u16 = 22;

/// The key files that OpenSSH tries by itself and that can be used here.
const IDENTITIES_DEFAULT: [&str; 3] = ["~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa"];

/// What to do about a host whose key is not recorded. A key other than the recorded one is always refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Refuse,
    /// Record it and go on.
    Accept,
}

/// Which addresses to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    V4,
    V6,
}

/// Which of an algorithm's names the user allows; `None` leaves the choice to us.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed(Option<HashSet<String>>);

impl Allowed {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }

    /// OpenSSH's default list names algorithms that it knows and not what the user wants, so it restricts nothing.
    fn new(config: &SshConfig, defaults: &SshConfig, key: &str) -> Self {
        let given = config.get(key).filter(|given| Some(*given) != defaults.get(key));
        Self(given.map(|list| list.split(',').map(str::to_owned).collect()))
    }
}

/// Where and under which names host keys are recorded.
#[derive(Clone, Debug)]
pub(super) struct HostKeyPolicy {
    /// The user's files; a new key goes into the first.
    pub(super) user_files: Vec<PathBuf>,
    pub(super) global_files: Vec<PathBuf>,
    pub(super) revoked: Option<PathBuf>,
    /// The name to look up instead of the host's.
    pub(super) alias: Option<String>,
    pub(super) unknown: Unknown,
    /// Whether a key recorded for the address must agree too.
    pub(super) check_address: bool,
    /// Whether to hide the names of new entries.
    pub(super) hash: bool,
}

/// How to prove who we are.
#[derive(Clone, Debug)]
pub(super) struct AuthPolicy {
    pub(super) identities: Vec<PathBuf>,
    pub(super) certificates: Vec<PathBuf>,
    pub(super) identities_only: bool,
    pub(super) agent: Option<PathBuf>,
    pub(super) publickey: bool,
    pub(super) password: bool,
    pub(super) keyboard_interactive: bool,
    pub(super) batch: bool,
    pub(super) password_prompts: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The name or address to connect to.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) host_keys: HostKeyPolicy,
    pub(super) auth: AuthPolicy,
    pub(super) jump: Option<String>,
    pub(super) proxy_command: Option<String>,
    pub(super) connect_timeout: Duration,
    pub(super) family: Family,
    pub(super) bind_address: Option<String>,
    pub(super) congestion_control: Option<String>,
    pub(super) keepalive: Option<Duration>,
    pub(super) keepalive_max: usize,
    pub(super) ciphers: Allowed,
    pub(super) kex: Allowed,
    pub(super) macs: Allowed,
    pub(super) host_key_algorithms: Allowed,
}

impl Target {
    /// Puts together what the caller, ssh_config and the defaults say.
    pub(super) async fn resolve(config: &ClientConfig) -> Result<Self, CarrierError> {
        check_host(&config.host)?;
        if let Some(user) = &config.user {
            check_user(user)?;
        }
        let program = config.ssh_program.as_deref().and_then(|program| find_program(program).ok());
        let (settings, defaults) = if let Some(program) = program {
            let (args, none) = (ssh_args(config), ["-F".into(), "none".into()]);
            let asked = SshConfig::ask(&program, &args, &config.host);
            futures_util::future::try_join(asked, SshConfig::ask(&program, &none, "localhost")).await?
        } else {
            (SshConfig::from_options(&config.options), SshConfig::default())
        };
        Self::from_settings(config, &settings, &defaults)
    }

    fn from_settings(
        config: &ClientConfig,
        settings: &SshConfig,
        defaults: &SshConfig,
    ) -> Result<Self, CarrierError> {
        let account = Account::own();
        let host = settings.get("hostname").unwrap_or(&config.host).to_owned();
        check_host(&host)?;
        let port = config.port.or_else(|| settings.number("port")).unwrap_or(PORT_DEFAULT);
        let user = match config.user.as_deref().or_else(|| settings.get("user")) {
            Some(user) => user.to_owned(),
            None => account.name.clone().ok_or_else(|| {
                CarrierError::Config("whom to log in as is not known; give a user name".to_owned())
            })?,
        };
        check_user(&user)?;
        let tokens =
            Tokens::new(&config.host, &host, port, &user, settings.some("hostkeyalias"), account.home);
        let path = |text: &str| tokens.path(text);
        let paths = |key: &str, default: &str| -> Result<Vec<PathBuf>, CarrierError> {
            let list = settings.get(key).unwrap_or(default);
            list.split_ascii_whitespace().filter(|file| *file != "none").map(path).collect()
        };
        let proxy_command =
            settings.some("proxycommand").map(|command| tokens.expand(command)).transpose()?;
        if settings.some("knownhostscommand").is_some() {
            tracing::warn!(
                host,
                "KnownHostsCommand is not supported and ignored; use the openssh carrier for it"
            );
        }

        Ok(Self {
            host_keys: HostKeyPolicy {
                user_files: paths("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")?,
                global_files: paths(
                    "globalknownhostsfile",
                    "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
                )?,
                revoked: settings.some("revokedhostkeys").map(path).transpose()?,
                alias: settings.some("hostkeyalias").map(str::to_lowercase),
                unknown: unknown(settings.get("stricthostkeychecking"), &host),
                check_address: settings.switch("checkhostip", false),
                hash: settings.switch("hashknownhosts", false),
            },
            auth: auth(config, settings, &tokens)?,
            jump: config
                .jump
                .as_deref()
                .or_else(|| settings.get("proxyjump"))
                .filter(|jump| *jump != "none")
                .map(str::to_owned),
            proxy_command,
            connect_timeout: settings
                .number("connecttimeout")
                .map_or(CONNECT_TIMEOUT_DEFAULT, Duration::from_secs),
            family: match settings.get("addressfamily") {
                Some("inet") => Family::V4,
                Some("inet6") => Family::V6,
                _ => Family::Any,
            },
            bind_address: settings.some("bindaddress").map(str::to_owned),
            congestion_control: config.congestion_control.clone(),
            keepalive: settings.number("serveraliveinterval").filter(|&s| s > 0).map(Duration::from_secs),
            keepalive_max: settings.number("serveralivecountmax").unwrap_or(3),
            ciphers: Allowed::new(settings, defaults, "ciphers"),
            kex: Allowed::new(settings, defaults, "kexalgorithms"),
            macs: Allowed::new(settings, defaults, "macs"),
            host_key_algorithms: Allowed::new(settings, defaults, "hostkeyalgorithms"),
            host,
            port,
            user,
        })
    }

    /// `host:port`, for people.
    pub(super) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// What the caller said, as arguments for `ssh -G`.
fn ssh_args(config: &ClientConfig) -> Vec<OsString> {
    let ClientConfig { user, port, identities, jump, config_file, options, .. } = config;
    Said { user, port: *port, identities, jump, config_file, options }.args()
}

fn unknown(strict: Option<&str>, host: &str) -> Unknown {
    match strict {
        Some("accept-new") => Unknown::Accept,
        Some("no" | "false" | "off") => {
            // OpenSSH would go on even with a changed key; that is not offered here.
            tracing::warn!(
                host,
                "StrictHostKeyChecking=no is taken as accept-new: a changed host key is still refused"
            );
            Unknown::Accept
        }
        // `ask` too: the fingerprint and the line to add are in the error.
        _ => Unknown::Refuse,
    }
}

fn auth(
    config: &ClientConfig,
    settings: &SshConfig,
    tokens: &Tokens<'_>,
) -> Result<AuthPolicy, CarrierError> {
    let mut identities = config.identities.clone();
    let configured: Vec<&str> = settings.all("identityfile").collect();
    let configured = if configured.is_empty() { IDENTITIES_DEFAULT.to_vec() } else { configured };
    for file in configured.into_iter().filter(|file| *file != "none") {
        let file = tokens.path(file)?;
        if !identities.contains(&file) {
            identities.push(file);
        }
    }
    let agent = match settings.get("identityagent") {
        None | Some("SSH_AUTH_SOCK") => {
            std::env::var_os("SSH_AUTH_SOCK").filter(|s| !s.is_empty()).map(Into::into)
        }
        Some("none") => None,
        Some(variable) if variable.starts_with('$') && !variable.starts_with("${") => {
            std::env::var_os(&variable[1..]).map(Into::into)
        }
        Some(socket) => Some(tokens.path(socket)?),
    };
    Ok(AuthPolicy {
        identities,
        certificates: settings
            .all("certificatefile")
            .map(|file| tokens.path(file))
            .collect::<Result<_, _>>()?,
        identities_only: settings.switch("identitiesonly", false),
        agent,
        publickey: !matches!(settings.get("pubkeyauthentication"), Some("no" | "false")),
        password: settings.switch("passwordauthentication", true),
        keyboard_interactive: settings.switch("kbdinteractiveauthentication", true),
        batch: settings.switch("batchmode", false),
        password_prompts: settings.number("numberofpasswordprompts").unwrap_or(3),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(settings: &[&str]) -> Target {
        let mut config = ClientConfig::new("saturn");
        config.options = settings.iter().map(|&s| s.to_owned()).collect();
        let settings = SshConfig::from_options(&config.options);
        Target::from_settings(&config, &settings, &SshConfig::default()).unwrap()
    }

    #[test]
    fn without_any_configuration_the_defaults_of_openssh_hold() {
        let target = target(&["User=vpn"]);
        assert_eq!((target.host.as_str(), target.port, target.user.as_str()), ("saturn", 22, "vpn"));
        assert_eq!(target.host_keys.unknown, Unknown::Refuse);
        assert!(target.auth.identities.iter().any(|file| file.ends_with(".ssh/id_ed25519")));
        assert!(target.jump.is_none() && target.proxy_command.is_none());
    }

    #[test]
    fn tokens_and_switches_are_understood() {
        let target = target(&[
            "User=vpn",
            "HostName=10.10.10.1",
            "Port=2222",
            "ProxyCommand=nc -X connect %h %p # %n %r",
            "StrictHostKeyChecking=no",
            "IdentityAgent=none",
            "ConnectTimeout=7",
            "ProxyJump=none",
        ]);
        assert_eq!(target.proxy_command.as_deref(), Some("nc -X connect 10.10.10.1 2222 # saturn vpn"));
        assert_eq!(target.host_keys.unknown, Unknown::Accept);
        assert_eq!(target.auth.agent, None);
        assert_eq!(target.connect_timeout, Duration::from_secs(7));
        assert_eq!(target.jump, None);
    }

    #[test]
    fn a_host_name_out_of_the_configuration_is_checked_too() {
        let mut config = ClientConfig::new("saturn");
        config.user = Some("vpn".into());
        let settings = SshConfig::from_options(&["HostName=$(reboot)".into()]);
        assert!(Target::from_settings(&config, &settings, &SshConfig::default()).is_err());
    }

    #[test]
    fn a_list_of_algorithms_restricts_only_where_the_user_changed_it() {
        let given = SshConfig::from_options(&["Ciphers=aes256-ctr".into()]);
        assert!(!Allowed::new(&given, &SshConfig::default(), "ciphers").contains("aes128-gcm@openssh.com"));
        assert!(Allowed::new(&given, &given, "ciphers").contains("aes128-gcm@openssh.com"));
    }
}
