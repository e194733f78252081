//! pppd's secrets files, `pap-secrets` and `chap-secrets`: a secret a line, with whose it is and which addresses it gives.
//!
//! ```text
//! # client  server  secret          addresses
//! venus     saturn  "the password"  192.168.1.1
//! *         saturn  @/etc/ppp/key   10.0.0.0/8 !10.0.0.1
//! ```
//!
//! [`parse`] reads the text, [`SecretsFiles::read`] the two files of a directory. Both say what they leave out: a line that
//! is half understood lets nobody in.

mod address;

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use ppp_proto::auth::{Name, Secret, SecretEntry, Secrets};
use zeroize::Zeroizing;

use crate::config::{ConfigError, Trust, open_file};
use crate::pppd::{MAX_WORD, Words};

pub use address::{BadAddressRule, rule};

/// No file of secrets is longer, in octets.
const MAX_FILE: u64 = 1 << 20;
/// No file holds more secrets.
const MAX_SECRETS: usize = 10_000;

/// What a file refers to.
pub trait Surroundings {
    /// The text of the file behind an `@`.
    fn indirect(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String>;

    /// The address of a host.
    fn resolve(&mut self, host: &str) -> Option<Ipv4Addr>;
}

/// A file's secrets, and what is to be said about it.
#[derive(Debug, Default)]
pub struct Parsed {
    /// In the order of the file.
    pub secrets: Secrets,
    /// For the log, in pppd's words where it has some; never with a secret in it.
    pub warnings: Vec<String>,
}

/// Reads the text of `file`.
pub fn parse(text: &[u8], file: &str, around: &mut dyn Surroundings) -> Parsed {
    let mut parsed = Parsed::default();
    let mut words = Words::new(text);
    let mut line: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    let mut number = 0;
    loop {
        let word = words.next_octets();
        if (word.is_none() || words.begins_line()) && !line.is_empty() {
            number += 1;
            if number > MAX_SECRETS {
                parsed
                    .warnings
                    .push(format!("{file}: more than {MAX_SECRETS} secrets: the rest does not count"));
                break;
            }
            parsed.line(&line, &format!("{file}, secret {number}"), around);
            line.clear();
        }
        match word {
            Some(word) => line.push(Zeroizing::new(word)),
            None => break,
        }
    }
    parsed
}

impl Parsed {
    fn line(&mut self, words: &[Zeroizing<Vec<u8>>], place: &str, around: &mut dyn Surroundings) {
        let [client, server, secret, rest @ ..] = words else {
            self.warnings.push(format!("{place}: not counted: write CLIENT SERVER SECRET [ADDRESS …]"));
            return;
        };
        if [client, server, secret].into_iter().any(|word| word.len() >= MAX_WORD) {
            self.warnings.push(format!("{place}: not counted: a word of more than {MAX_WORD} octets"));
            return;
        }
        let secret = match secret.strip_prefix(b"@") {
            Some(path @ [b'/', ..]) => match indirect(path, around) {
                Ok(secret) => secret,
                Err(why) => {
                    self.warnings.push(format!("{place}: not counted: {why}"));
                    return;
                }
            },
            _ => Secret::new(secret.to_vec()),
        };
        let mut addresses = Vec::new();
        // Behind `--` pppd has options for this client; there are none here.
        let (rest, options) = match rest.iter().position(|word| word[..] == *b"--") {
            Some(dashes) => (&rest[..dashes], &rest[dashes..]),
            None => (rest, &[][..]),
        };
        if !options.is_empty() {
            self.warnings.push(format!("{place}: the options behind `--` have no effect"));
        }
        for word in rest {
            if word[..] == *b"-" {
                break;
            }
            match rule(&String::from_utf8_lossy(word), &mut |host| around.resolve(host)) {
                Ok(rule) => addresses.push(rule),
                Err(error) => {
                    // What follows might allow just what this one forbids.
                    self.warnings
                        .push(format!("{place}: {error}; this address and those behind it do not count"));
                    break;
                }
            }
        }
        let name = |word: &[u8]| if word == b"*" { Name::Any } else { Name::Is(word.to_vec()) };
        self.secrets.0.push(SecretEntry { client: name(client), server: name(server), secret, addresses });
    }
}

/// The first word of the file that stands in place of a secret.
fn indirect(path: &[u8], around: &mut dyn Surroundings) -> Result<Secret, String> {
    let path = PathBuf::from(String::from_utf8_lossy(path).into_owned());
    let shown = path.display();
    let text =
        around.indirect(&path).map_err(|why| format!("can't open indirect secret file {shown}: {why}"))?;
    match Words::new(&text).next_octets() {
        Some(word) => Ok(Secret::new(word)),
        None => Err(format!("no secret in indirect secret file {shown}")),
    }
}

/// The files of a directory.
#[derive(Debug, Default)]
pub struct SecretsFiles {
    /// `pap-secrets`.
    pub pap: Secrets,
    /// `chap-secrets`.
    pub chap: Secrets,
    /// For the log.
    pub warnings: Vec<String>,
}

impl SecretsFiles {
    /// Reads both; one that is not there is empty. With `resolve`, hosts may stand for addresses.
    pub fn read(
        trust: &Trust,
        dir: &Path,
        resolve: &dyn Fn(&str) -> Option<Ipv4Addr>,
    ) -> Result<SecretsFiles, ConfigError> {
        let mut files = SecretsFiles::default();
        for name in ["pap-secrets", "chap-secrets"] {
            let path = dir.join(name);
            let Some(file) = open_file(trust, &path)? else { continue };
            let mut around = OnHost { trust, resolve, warnings: Vec::new() };
            let text = around
                .text(&path, file)
                .map_err(|reason| ConfigError::Read { path: path.clone(), reason })?;
            let parsed = parse(&text, &path.display().to_string(), &mut around);
            files.warnings.extend(around.warnings.into_iter().chain(parsed.warnings));
            *(if name == "pap-secrets" { &mut files.pap } else { &mut files.chap }) = parsed.secrets;
        }
        Ok(files)
    }
}

struct OnHost<'a> {
    trust: &'a Trust,
    resolve: &'a dyn Fn(&str) -> Option<Ipv4Addr>,
    warnings: Vec<String>,
}

impl OnHost<'_> {
    fn text(&mut self, path: &Path, file: File) -> io::Result<Zeroizing<Vec<u8>>> {
        let meta = file.metadata()?;
        if meta.mode() & 0o077 != 0 {
            let path = path.display();
            self.warnings.push(format!("Warning - secret file {path} has world and/or group access"));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(meta.len().min(MAX_FILE) as usize + 1));
        if file.take(MAX_FILE + 1).read_to_end(&mut text)? as u64 > MAX_FILE {
            return Err(io::Error::other("longer than 1 MiB"));
        }
        Ok(text)
    }
}

impl Surroundings for OnHost<'_> {
    fn indirect(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        match open_file(self.trust, path) {
            Ok(Some(file)) => self.text(path, file).map_err(|error| error.to_string()),
            Ok(None) => Err("it is not there".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn resolve(&mut self, host: &str) -> Option<Ipv4Addr> {
        (self.resolve)(host)
    }
}

#[cfg(test)]
mod tests;
