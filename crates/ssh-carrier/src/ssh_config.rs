//! What ssh_config says about a host, as `ssh -G` resolves it.
//!
//! Only `ssh` itself evaluates `Host`, `Match`, `Include` and canonicalization the way the user's file means them, so
//! it is asked rather than imitated.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::CarrierError;

/// Options and their values, in lower case as `ssh -G` prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SshConfig(Vec<(String, String)>);

impl SshConfig {
    /// Asks `ssh -G` with these arguments about this host. The host must have been checked.
    pub(crate) async fn ask(program: &Path, args: &[OsString], host: &str) -> Result<Self, CarrierError> {
        let output = Command::new(program)
            .args(args)
            .args(["-T", "-G", "--", host])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| CarrierError::Spawn { program: program.to_owned(), source })?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(CarrierError::Config(format!(
                "`{} -G {host}` could not read the configuration: {}",
                program.display(),
                stderr.trim()
            )));
        }
        Ok(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Asks `ssh -G` what it would do with a whole command line; `None` if it does not say.
    pub(crate) async fn ask_about(program: &Path, args: &[OsString]) -> Option<Self> {
        let asked =
            Command::new(program).arg("-G").args(args).stdin(Stdio::null()).kill_on_drop(true).output();
        let output = asked.await.ok().filter(|output| output.status.success())?;
        Some(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Options given as `Key=value` or `Key value`, as after `-o`, where no `ssh` can be asked.
    pub(crate) fn from_options(options: &[String]) -> Self {
        let split = |option: &String| {
            let (key, value) = option.split_once(['=', ' '])?;
            Some((key.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        Self(options.iter().filter_map(split).collect())
    }

    fn parse(text: &str) -> Self {
        let split = |line: &str| {
            let (key, value) = line.split_once(' ')?;
            Some((key.to_ascii_lowercase(), value.to_owned()))
        };
        Self(text.lines().filter_map(split).collect())
    }

    /// The value of an option. As in ssh_config, the first one counts.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// All values of an option that may be given more than once.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The value of an option, unless it is `none`, which stands for no value.
    pub(crate) fn some(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.is_empty() && !value.eq_ignore_ascii_case("none"))
    }

    /// A number; one that does not parse counts as not given.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.parse().ok()
    }

    /// A switch. `ssh -G` prints some as yes and no, others as true and false.
    pub(crate) fn switch(&self, key: &str, default: bool) -> bool {
        match self.get(key) {
            Some("yes" | "true") => true,
            Some("no" | "false") => false,
            _ => default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_ssh_g_is_read_as_printed() {
        let config = SshConfig::parse(
            "host saturn\nuser vpn\nhostname 10.10.10.1\nport 2222\nidentityfile ~/.ssh/a\nidentityfile ~/.ssh/b c\n\
             pubkeyauthentication true\nproxycommand none\nuserknownhostsfile /a /b\n",
        );
        assert_eq!(config.get("hostname"), Some("10.10.10.1"));
        assert_eq!(config.number::<u16>("port"), Some(2222));
        assert_eq!(config.all("identityfile").collect::<Vec<_>>(), ["~/.ssh/a", "~/.ssh/b c"]);
        assert!(config.switch("pubkeyauthentication", false));
        assert_eq!(config.some("proxycommand"), None);
    }

    #[test]
    fn options_can_stand_without_an_ssh_to_ask() {
        let config = SshConfig::from_options(&["HostName=saturn.example".into(), "Port 2222".into()]);
        assert_eq!(config.get("hostname"), Some("saturn.example"));
        assert_eq!(config.get("port"), Some("2222"));
    }

    #[tokio::test]
    async fn a_broken_configuration_is_reported_with_ssh_s_words() {
        let error =
            SshConfig::ask(Path::new("ssh"), &["-o".into(), "NoSuchOption=1".into()], "localhost").await;
        assert!(error.unwrap_err().to_string().contains("nosuchoption"));
    }
}
