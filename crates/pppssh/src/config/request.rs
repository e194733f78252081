//! Which profile each verb reads.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;

use super::flags::{CallFlags, LinkFlags, ListenFlags};
use super::given::Given;
use super::load::{Effective, Places, Wanted, load};
use super::trust::Trust;
use super::{ConfigError, ProfileName};

/// The HOST of `connect`: the name of a profile or of a host, with an optional login name: `[USER@]HOST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Before the last `@`.
    pub user: Option<String>,
    /// After it.
    pub host: String,
}

impl FromStr for Target {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.rsplit_once('@') {
            Some((user, host)) => Self { user: Some(user.to_owned()), host: host.to_owned() },
            None => Self { user: None, host: text.to_owned() },
        })
    }
}

impl Target {
    /// The profile that goes with the host: its name, with what cannot stand in a file name replaced.
    fn profile(&self) -> Result<ProfileName, ConfigError> {
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let text: String = self.host.chars().map(|c| if letters(c) { c } else { '_' }).collect();
        text.parse().map_err(|error: super::name::BadName| ConfigError::Value {
            origin: super::Source::Flag("HOST".to_owned()),
            key: "host".to_owned(),
            message: error.to_string(),
        })
    }
}

fn read(
    trust: &Trust,
    link: &LinkFlags,
    usual: ProfileName,
    given: &[Given],
) -> Result<Effective, ConfigError> {
    let places = Places::detect(trust, link.config_dir.as_deref())?;
    let wanted = link.profile.clone().map_or(Wanted::Usual(usual), Wanted::Named);
    load(trust, &places, &wanted, given)
}

fn usual(name: &str) -> ProfileName {
    name.parse().expect("a verb is a good name")
}

/// The profile for `connect TARGET`: the one named like the host. `host` is set in the result.
pub fn for_connect(
    trust: &Trust,
    target: &Target,
    call: &CallFlags,
    link: &LinkFlags,
) -> Result<Effective, ConfigError> {
    let mut given = link.given();
    if let Some(user) = &target.user {
        given.push(Given::new("USER@", "user", user));
    }
    given.extend(call.given());
    let mut effective = read(trust, link, target.profile()?, &given)?;
    if trust.is_elevated() && effective.profile.host.is_none() {
        let message = "with file capabilities, `connect` needs `host`: it says who is at the other end";
        return Err(too_open(&effective, message));
    }
    effective.profile.host.get_or_insert_with(|| target.host.clone());
    Ok(effective)
}

/// The profile for `serve`: the one named `serve`, unless the forced command says `--profile`, unless the caller's own
/// command (`SSH_ORIGINAL_COMMAND`) names one that `selectable` lists.
pub fn for_serve(trust: &Trust, link: &LinkFlags, original: Option<&str>) -> Result<Effective, ConfigError> {
    let base = answering(trust, read(trust, link, usual("serve"), &link.given())?)?;
    match original {
        Some(original) => for_client(trust, &base, link, original),
        None => Ok(base),
    }
}

/// The profile NAME, for whoever wants to read it; `config_dir` as for `--config-dir`.
pub fn for_show(
    trust: &Trust,
    name: ProfileName,
    config_dir: Option<&Path>,
) -> Result<Effective, ConfigError> {
    load(trust, &Places::detect(trust, config_dir)?, &Wanted::Named(name), &[])
}

/// The profile for a caller who said `command`: `base`, unless that command names one that `selectable` lists.
pub fn for_client(
    trust: &Trust,
    base: &Effective,
    link: &LinkFlags,
    command: &str,
) -> Result<Effective, ConfigError> {
    let Some(wanted) = requested(command).filter(|wanted| *wanted != base.name) else {
        return Ok(base.clone());
    };
    if !base.profile.selectable.contains(&wanted) {
        return Err(ConfigError::NotSelectable { wanted, name: base.name.clone() });
    }
    let places = Places::detect(trust, link.config_dir.as_deref())?;
    answering(trust, load(trust, &places, &Wanted::Named(wanted), &link.given())?)
}

/// The profile for `listen`: the one named `listen`.
pub fn for_listen(trust: &Trust, listen: &ListenFlags, link: &LinkFlags) -> Result<Effective, ConfigError> {
    let mut given = link.given();
    given.extend(listen.given());
    answering(trust, read(trust, link, usual("listen"), &given)?)
}

/// A privileged process answers with no profile that is meant for calling: the user who starts `serve` can be its other
/// end himself, and `host` says that somebody else shall be.
fn answering(trust: &Trust, effective: Effective) -> Result<Effective, ConfigError> {
    if trust.is_elevated() && effective.profile.host.is_some() {
        return Err(too_open(&effective, "names `host`, so with file capabilities it is for `connect` only"));
    }
    Ok(effective)
}

fn too_open(effective: &Effective, message: &'static str) -> ConfigError {
    ConfigError::TooOpen { path: effective.files.first().cloned().unwrap_or_default(), message }
}

/// The profile that a caller's command asks for. Of that command only this form means anything:
/// `[DIR/]pppssh serve --profile NAME`, with `=` or a space; whatever else it is, it is not run and not read.
pub fn requested(original: &str) -> Option<ProfileName> {
    let words: Vec<&str> = original.split_ascii_whitespace().collect();
    let [program, "serve", rest @ ..] = words.as_slice() else { return None };
    if Path::new(program).file_name()? != "pppssh" {
        return None;
    }
    match rest {
        ["--profile", name] => name.parse().ok(),
        [word] => word.strip_prefix("--profile=")?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_command_can_name_a_profile_and_nothing_else() {
        let name = |text| requested(text).map(|name| name.to_string());
        assert_eq!(name("pppssh serve --profile branch-a"), Some("branch-a".into()));
        assert_eq!(name("/usr/bin/pppssh serve --profile=branch-a"), Some("branch-a".into()));
        for other in [
            "",
            "pppssh serve",
            "pppssh serve --profile ../../tmp/evil",
            "pppssh serve --profile a --route 0.0.0.0/0",
            "pppssh serve --config-dir /tmp",
            "pppssh connect --profile a",
            "sh -c 'pppssh serve --profile a'",
            "pppd notty noauth",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn a_target_is_a_host_with_an_optional_login_name() {
        let target: Target = "vpn@saturn".parse().unwrap();
        assert_eq!((target.user.as_deref(), target.host.as_str()), (Some("vpn"), "saturn"));
        assert_eq!("fd00::1".parse::<Target>().unwrap().profile().unwrap().as_str(), "fd00__1");
        assert!("".parse::<Target>().unwrap().profile().is_err());
        assert!("-oProxyCommand=x".parse::<Target>().unwrap().profile().is_err());
    }
}
