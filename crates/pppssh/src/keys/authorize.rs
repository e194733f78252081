//! `pppssh authorize`: lets a key in, for `pppssh serve` and nothing else.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::Args;
use russh::keys::PublicKey;

use super::KeyError;
use super::line::{FromPattern, authorized_line};
use super::store::{Added, add_line};
use crate::config::ProfileName;

/// Arguments of `authorize`.
#[derive(Debug, Clone, Args)]
pub struct AuthorizeArgs {
    /// Public key: a .pub file, the key itself in quotes, or - to read it from standard input.
    #[arg(value_name = "KEY", value_hint = clap::ValueHint::FilePath)]
    pub key: String,

    /// Serve the profile NAME to this key, instead of the profile `serve`.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<ProfileName>,

    /// Let the key in only from PATTERN: an address, a network or a host name; repeatable.
    #[arg(long, value_name = "PATTERN")]
    pub from: Vec<FromPattern>,

    /// Path of pppssh in the forced command; this program's own by default.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::ExecutablePath)]
    pub program: Option<PathBuf>,

    /// Append the line to authorized_keys instead of printing it.
    #[arg(long)]
    pub append: bool,

    /// The file to append to; ~/.ssh/authorized_keys by default.
    #[arg(long, value_name = "FILE", requires = "append", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// Prints the line for authorized_keys on `out`, or appends it. `home` is the user's home directory.
pub fn authorize(args: &AuthorizeArgs, home: Option<&Path>, out: &mut impl Write) -> Result<(), KeyError> {
    let key = read_key(&args.key)?;
    let program = match &args.program {
        Some(program) => program.clone(),
        None => env::current_exe().map_err(|reason| KeyError::File {
            what: "find the path of",
            path: "pppssh".into(),
            reason,
        })?,
    };
    let line = authorized_line(&key, &program, args.profile.as_ref(), &args.from)?;
    let said = if args.append {
        let file = match &args.file {
            Some(file) => file.clone(),
            None => home.ok_or(KeyError::NoHome)?.join(".ssh/authorized_keys"),
        };
        match add_line(&file, &key, &line)? {
            Added::New => writeln!(out, "Added to {}:\n{line}", file.display()),
            Added::WasThere => writeln!(out, "{} lets this key in already.", file.display()),
        }
    } else {
        writeln!(out, "{line}")
    };
    said.map_err(|reason| KeyError::File { what: "write to", path: "standard output".into(), reason })
}

fn read_key(key: &str) -> Result<PublicKey, KeyError> {
    let (text, from) = if key == "-" {
        (read_stdin(), "standard input".to_owned())
    } else if key.contains(' ') && !Path::new(key).exists() {
        (Ok(key.to_owned()), "the argument".to_owned())
    } else {
        (fs::read_to_string(key), key.to_owned())
    };
    let text = text.map_err(|reason| KeyError::File { what: "read", path: from.clone().into(), reason })?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let line =
        line.ok_or_else(|| KeyError::NotPublic { from: from.clone(), why: "it is empty".to_owned() })?;
    line.parse()
        .map_err(|error: russh::keys::ssh_key::Error| KeyError::NotPublic { from, why: error.to_string() })
}

fn read_stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9pBEpdPVT3JVJrBKVUYyeMLdOMbXCtKyHHKDZbDnGu pppssh@venus";

    fn args(key: &str, append: bool) -> AuthorizeArgs {
        AuthorizeArgs {
            key: key.to_owned(),
            profile: None,
            from: vec![],
            program: Some("/usr/bin/pppssh".into()),
            append,
            file: None,
        }
    }

    #[test]
    fn the_key_comes_from_a_file_or_from_the_command_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id.pub");
        fs::write(&file, format!("# mine\n{KEY}\n")).unwrap();
        for key in [KEY, file.to_str().unwrap()] {
            let mut out = Vec::new();
            authorize(&args(key, false), None, &mut out).unwrap();
            let line = format!("restrict,command=\"/usr/bin/pppssh serve\" {KEY}\n");
            assert_eq!(String::from_utf8(out).unwrap(), line);
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id");
        fs::write(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").unwrap();
        for key in [file.to_str().unwrap(), "ssh-ed25519 nonsense", "command=\"sh\" ssh-ed25519 AAAA"] {
            let error = authorize(&args(key, false), None, &mut Vec::new()).unwrap_err();
            assert!(matches!(error, KeyError::NotPublic { .. }), "{error}");
        }
    }

    #[test]
    fn appending_twice_adds_one_line() {
        let home = tempfile::tempdir().unwrap();
        let said = |home: &Path| {
            let mut out = Vec::new();
            authorize(&args(KEY, true), Some(home), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(said(home.path()).starts_with("Added to "));
        assert!(said(home.path()).ends_with("lets this key in already.\n"));
        let text = fs::read_to_string(home.path().join(".ssh/authorized_keys")).unwrap();
        assert_eq!(text, format!("restrict,command=\"/usr/bin/pppssh serve\" {KEY}\n"));
    }
}
