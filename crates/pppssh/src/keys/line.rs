//! One line of authorized_keys (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use ipnet::IpNet;
use russh::keys::PublicKey;

use super::KeyError;
use crate::config::ProfileName;

/// One pattern of `from="…"`: an address, a network, or a host name, with `*` and `?`, and `!` in front to refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromPattern(String);

/// Why a text is no [`FromPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrom {
    /// It has a character that no host or address has.
    #[error(
        "`{0}` is not a host, an address or a network: use for example 10.9.9.1, 10.9.9.0/24 or *.example.net"
    )]
    NotAPattern(String),
    /// sshd refuses a network with host bits set.
    #[error("{0} has bits set beyond its prefix, which sshd does not match: did you mean {1}?")]
    HostBits(IpNet, IpNet),
}

impl FromStr for FromPattern {
    type Err = BadFrom;

    fn from_str(text: &str) -> Result<Self, BadFrom> {
        let bad = || BadFrom::NotAPattern(text.to_owned());
        let plain = text.strip_prefix('!').unwrap_or(text);
        let letters = |c: u8| c.is_ascii_alphanumeric() || b".:*?_-%/".contains(&c);
        if plain.is_empty() || !plain.bytes().all(letters) {
            return Err(bad());
        }
        let digits_only = plain.bytes().all(|c| c.is_ascii_digit() || c == b'.');
        if plain.contains('/') {
            let net: IpNet = plain.parse().map_err(|_| bad())?;
            if net != net.trunc() {
                return Err(BadFrom::HostBits(net, net.trunc()));
            }
        } else if digits_only && plain.parse::<IpAddr>().is_err() {
            return Err(bad());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FromPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The line that lets `key` in, for `program serve` and nothing else.
pub fn authorized_line(
    key: &PublicKey,
    program: &Path,
    profile: Option<&ProfileName>,
    from: &[FromPattern],
) -> Result<String, KeyError> {
    let program = program.to_str().filter(|path| !path.chars().any(char::is_control));
    let mut command =
        format!("{} serve", shell_word(program.ok_or(KeyError::Control("the path of pppssh"))?));
    if let Some(profile) = profile {
        command.push_str(" --profile ");
        command.push_str(profile.as_str());
    }
    let mut line = format!("restrict,command={}", quoted(&command));
    if !from.is_empty() {
        let patterns: Vec<_> = from.iter().map(ToString::to_string).collect();
        line.push_str(",from=");
        line.push_str(&quoted(&patterns.join(",")));
    }
    let key = key.to_openssh().map_err(|error| KeyError::Make(error.to_string()))?;
    if key.chars().any(char::is_control) {
        return Err(KeyError::Control("the comment of the key"));
    }
    Ok(format!("{line} {}", key.trim_end()))
}

/// A value in double quotes. sshd knows one escape there, `\"`; a backslash elsewhere stands for itself.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\\\""))
}

/// A word as the login shell that runs the command must see it.
fn shell_word(word: &str) -> String {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&c);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9pBEpdPVT3JVJrBKVUYyeMLdOMbXCtKyHHKDZbDnGu pppssh@venus";

    fn line(program: &str, profile: Option<&str>, from: &[&str]) -> String {
        let from: Vec<_> = from.iter().map(|text| text.parse().unwrap()).collect();
        let profile = profile.map(|name| name.parse().unwrap());
        authorized_line(&KEY.parse().unwrap(), Path::new(program), profile.as_ref(), &from).unwrap()
    }

    #[test]
    fn the_line_ties_the_key_to_serve() {
        assert_eq!(
            line("/usr/bin/pppssh", None, &[]),
            format!("restrict,command=\"/usr/bin/pppssh serve\" {KEY}")
        );
        assert_eq!(
            line("/usr/bin/pppssh", Some("venus"), &["10.9.9.1", "!10.9.9.2"]),
            format!(
                "restrict,command=\"/usr/bin/pppssh serve --profile venus\",from=\"10.9.9.1,!10.9.9.2\" {KEY}"
            )
        );
    }

    #[test]
    fn odd_paths_are_quoted_for_the_shell_and_for_sshd() {
        assert_eq!(
            line("/opt/my tools/p\"p\\q's", None, &[]),
            format!(r#"restrict,command="'/opt/my tools/p\"p\q'\''s' serve" {KEY}"#)
        );
        let newline = authorized_line(&KEY.parse().unwrap(), Path::new("/a\nb"), None, &[]);
        assert!(matches!(newline, Err(KeyError::Control(_))));
    }

    #[test]
    fn patterns_that_would_end_the_quotes_or_match_nothing_are_refused() {
        for bad in ["", "!", "a b", "a\"", "a,b", "10.9.9", "10.9.9.300", "10.0.0.0/40", "x/24", "a\nb"] {
            assert!(bad.parse::<FromPattern>().is_err(), "{bad:?}");
        }
        for good in
            ["10.9.9.1", "fd00::/8", "*.example.net", "!10.9.9.0/24", "10.9.9.*", "venus", "fe80::1%eth0"]
        {
            assert!(good.parse::<FromPattern>().is_ok(), "{good:?}");
        }
        assert!(
            "10.9.9.1/24"
                .parse::<FromPattern>()
                .unwrap_err()
                .to_string()
                .ends_with("did you mean 10.9.9.0/24?")
        );
    }
}
