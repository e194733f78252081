//! What pppd's options say about authentication.

use ppp_proto::AddressRule;
use ppp_proto::auth::{AuthConfig, AuthProtocol, AuthTimers, Entropy, Secret, SecretEntry};

use zeroize::Zeroizing;

use crate::config::AuthMethod;
use crate::secrets::SecretsFiles;

/// The options about authentication.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AuthOptions {
    /// `auth`, a `require-…`, or `noauth`; the last one counts.
    pub wanted: Option<bool>,
    /// The methods of `require-…`; without any, all will do.
    pub require: Vec<AuthMethod>,
    /// The methods of `refuse-…`.
    pub refuse: Vec<AuthMethod>,
    /// `name`.
    pub name: Option<String>,
    /// `usehostname`: `name` has no effect.
    pub use_host_name: bool,
    /// `domain`.
    pub domain: Option<String>,
    /// `user`.
    pub user: Option<String>,
    /// `remotename`.
    pub remote_name: Option<String>,
    /// `password`.
    pub password: Option<Secret>,
    /// `allow-ip`.
    pub allow_ip: Vec<AddressRule>,
    /// `pap-…` and `chap-…`.
    pub timers: AuthTimers,
}

/// What the host knows.
#[derive(Debug)]
pub struct Host<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether the user is root.
    pub is_root: bool,
    /// Whether there is a default route.
    pub has_default_route: bool,
}

impl AuthOptions {
    /// `require-…`.
    pub(super) fn require(&mut self, method: AuthMethod) {
        self.wanted = Some(true);
        if !self.require.contains(&method) {
            self.require.push(method);
        }
    }

    /// `+ua FILE`: the user's name and password, a line each.
    pub(super) fn user_file(&mut self, path: &str) -> Result<(), String> {
        let text = std::fs::read_to_string(path).map(Zeroizing::new);
        let text = text.map_err(|_| format!("unable to open user login data file {path}"))?;
        let mut lines = text.lines();
        let (Some(user), Some(password)) = (lines.next(), lines.next()) else {
            return Err(format!("unable to read user login data file {path}"));
        };
        self.user = Some(user.to_owned());
        self.password = Some(Secret::from(password));
        Ok(())
    }

    /// Whether the peer must prove who it is, and whether that is so only because nothing was said: a caller who is not
    /// root does not let just anybody into the network.
    fn is_required(&self, host: &Host<'_>) -> (bool, bool) {
        let by_default = self.wanted.is_none() && !host.is_root && host.has_default_route;
        (self.wanted == Some(true) || by_default, by_default)
    }

    /// This end's name.
    fn own_name(&self, host: &str) -> String {
        let host = match &self.domain {
            Some(domain) => format!("{host}.{}", domain.trim_start_matches('.')),
            None => host.to_owned(),
        };
        self.name.clone().filter(|_| !self.use_host_name).unwrap_or(host)
    }

    /// What a link is told, with IPv4 or without. An error is in pppd's words: a peer should prove who it is, and could not.
    pub fn config(
        &self,
        with_ipv4: bool,
        host: &Host<'_>,
        files: SecretsFiles,
        entropy: Entropy,
    ) -> Result<AuthConfig, String> {
        let (required, by_default) = self.is_required(host);
        let methods = |chosen: &dyn Fn(AuthMethod) -> bool| {
            let order = [AuthMethod::Chap, AuthMethod::MschapV2, AuthMethod::Pap];
            order
                .into_iter()
                .filter(|method| chosen(*method))
                .filter_map(AuthMethod::protocol)
                .collect::<Vec<_>>()
        };
        let require: Vec<AuthProtocol> = if required {
            methods(&|method| self.require.is_empty() || self.require.contains(&method))
        } else {
            Vec::new()
        };
        if required && require.is_empty() {
            return Err("this program was built without MS-CHAPv2: say require-chap".to_owned());
        }
        let name = self.own_name(host.name);
        let config = AuthConfig {
            require,
            answer: methods(&|method| !self.refuse.contains(&method)),
            user: self.user.clone().unwrap_or_else(|| name.clone()),
            remote_name: self.remote_name.clone(),
            password: self.password.clone(),
            pap: files.pap,
            chap: files.chap,
            unauthenticated: (!self.allow_ip.is_empty()).then(|| self.allow_ip.clone()),
            timers: self.timers,
            ..AuthConfig::new(&name, entropy)
        };
        if required && config.unauthenticated.is_none() {
            could_anybody(&config, by_default, with_ipv4)?;
        }
        Ok(config)
    }
}

/// Whether there is a secret that some peer could use, and that gives it an address if it needs one.
fn could_anybody(config: &AuthConfig, by_default: bool, with_ipv4: bool) -> Result<(), String> {
    let client = config.remote_name.as_deref().map(str::as_bytes);
    let tables = config.require.iter().map(|method| match method {
        AuthProtocol::Pap => &config.pap,
        _ => &config.chap,
    });
    let entries: Vec<&SecretEntry> =
        tables.flat_map(|table| table.of(client, config.name.as_bytes())).collect();
    let has_address = |entry: &&SecretEntry| entry.addresses.iter().any(|rule| rule.allow);
    let lacks_address = with_ipv4 && !entries.iter().any(has_address);
    if !entries.is_empty() && !lacks_address {
        return Ok(());
    }
    let who = match (&config.remote_name, by_default) {
        (_, true) => "By default the remote system is required to authenticate itself\n\
                 pppd: (because this system has a default route to the internet)"
            .to_owned(),
        (Some(name), false) => format!("The remote system ({name}) is required to authenticate itself"),
        (None, false) => "The remote system is required to authenticate itself".to_owned(),
    };
    let mut words =
        format!("{who}\npppd: but I couldn't find any suitable secret (password) for it to use to do so.");
    if !entries.is_empty() {
        words += "\npppd: (None of the available passwords would let it use an IP address.)";
    }
    Err(words)
}

#[cfg(test)]
mod tests {
    use ppp_proto::auth::{Name, Secrets};

    use super::*;
    use crate::pppd::{Options, Places, Reader, Words};

    fn options(line: &str) -> Options {
        let mut reader = Reader::new(Places { system: "/nonexistent".into(), home: None });
        let words: Vec<String> = Words::new(line.as_bytes()).collect();
        reader.read(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
        reader.options
    }

    /// Secrets of venus for saturn, of saturn for venus, and of mars who may have no address.
    fn files() -> SecretsFiles {
        let entry = |client: &str, server: &str, addresses: &[AddressRule]| SecretEntry {
            client: Name::from(client),
            server: Name::from(server),
            secret: Secret::from("secret"),
            addresses: addresses.to_vec(),
        };
        let chap = vec![
            entry("venus", "saturn", &[AddressRule::ANY]),
            entry("saturn", "venus", &[AddressRule::ANY]),
            entry("mars", "pluto", &[]),
        ];
        SecretsFiles { chap: Secrets(chap), ..SecretsFiles::default() }
    }

    fn on(host: &Host<'_>, line: &str) -> Result<AuthConfig, String> {
        let options = options(line);
        options.auth.config(options.profile.ipv4, host, files(), Entropy::new([7; 32]))
    }

    fn on_saturn(line: &str) -> Result<AuthConfig, String> {
        on(&Host { name: "saturn", is_root: true, has_default_route: true }, line)
    }

    #[test]
    fn nothing_is_demanded_unless_it_is_said_and_everything_is_answered() {
        let config = on_saturn("").unwrap();
        assert!(config.require.is_empty());
        assert_eq!(config.answer, AuthProtocol::ALL);
        assert_eq!((config.name.as_str(), config.user.as_str()), ("saturn", "saturn"));
        assert!(on_saturn("require-chap noauth").unwrap().require.is_empty());
    }

    #[test]
    fn what_is_required_is_demanded_in_pppds_order() {
        assert_eq!(on_saturn("auth").unwrap().require, AuthProtocol::ALL);
        assert_eq!(
            on_saturn("require-pap require-chap").unwrap().require,
            [AuthProtocol::ChapMd5, AuthProtocol::Pap]
        );
        assert_eq!(on_saturn("noauth require-chap").unwrap().require, [AuthProtocol::ChapMd5]);
    }

    #[test]
    fn what_is_refused_is_not_answered() {
        let config = on_saturn("refuse-pap refuse-mschap-v2").unwrap();
        assert_eq!(config.answer, [AuthProtocol::ChapMd5]);
    }

    #[test]
    fn names_are_pppds() {
        let names = |line: &str| {
            let config = on_saturn(line).unwrap();
            (config.name.clone(), config.user.clone())
        };
        let both = |name: &str| (name.to_owned(), name.to_owned());
        assert_eq!(names("name venus"), both("venus"));
        assert_eq!(names("name venus usehostname"), both("saturn"));
        assert_eq!(names("domain example.net"), both("saturn.example.net"));
        assert_eq!(names("domain .example.net name x"), both("x"));
        assert_eq!(names("user me"), ("saturn".to_owned(), "me".to_owned()));
        assert_eq!(on_saturn("remotename venus").unwrap().remote_name.as_deref(), Some("venus"));
    }

    #[test]
    fn without_a_secret_for_the_peer_pppd_does_not_even_begin() {
        let words = on_saturn("require-pap").unwrap_err();
        assert_eq!(
            words,
            "The remote system is required to authenticate itself\n\
             pppd: but I couldn't find any suitable secret (password) for it to use to do so."
        );
        let words = on_saturn("auth remotename mars").unwrap_err();
        assert!(
            words.starts_with("The remote system (mars) is required to authenticate itself\n"),
            "{words}"
        );
        let words = on_saturn("auth name pluto").unwrap_err();
        assert!(
            words.ends_with("\npppd: (None of the available passwords would let it use an IP address.)"),
            "{words}"
        );
        assert!(on_saturn("auth name pluto noip +ipv6").is_ok(), "it needs none");
        assert!(on_saturn("auth name pluto allow-ip 10.0.0.1").is_ok());
        let user = Host { name: "earth", is_root: false, has_default_route: true };
        assert!(on(&user, "").unwrap_err().contains("default route to the internet"));
        assert!(on(&user, "noauth").is_ok());
        assert!(on(&Host { has_default_route: false, ..user }, "").is_ok());
    }

    #[test]
    fn a_password_is_this_ends_own() {
        let config = on_saturn("password hidden user me").unwrap();
        assert_eq!(config.password, Some(Secret::from("hidden")));
        assert!(!format!("{config:?}").contains("hidden\""));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "me\npass word\n").unwrap();
        let config = on_saturn(&format!("+ua {}", file.path().display())).unwrap();
        assert_eq!((config.user.as_str(), config.password), ("me", Some(Secret::from("pass word"))));
        std::fs::write(file.path(), "me").unwrap();
        let mut auth = AuthOptions::default();
        let path = file.path().display().to_string();
        assert_eq!(auth.user_file(&path), Err(format!("unable to read user login data file {path}")));
        assert_eq!(
            auth.user_file("/nonexistent"),
            Err("unable to open user login data file /nonexistent".to_owned())
        );
    }

    #[test]
    fn timers_are_pppds() {
        let seconds = std::time::Duration::from_secs;
        let line = "pap-restart 1 pap-max-authreq 2 pap-timeout 3 chap-restart 4 chap-max-challenge 5 chap-interval 6 \
                    chap-timeout 7";
        let timers = AuthTimers {
            pap_restart: seconds(1),
            pap_max_requests: 2,
            pap_timeout: Some(seconds(3)),
            chap_restart: seconds(4),
            chap_max_challenges: 5,
            chap_interval: Some(seconds(6)),
            chap_timeout: Some(seconds(7)),
        };
        assert_eq!(on_saturn(line).unwrap().timers, timers);
        let timers = on_saturn("pap-timeout 0 chap-timeout 0 chap-interval 0").unwrap().timers;
        assert_eq!((timers.pap_timeout, timers.chap_timeout, timers.chap_interval), (None, None, None));
    }
}
