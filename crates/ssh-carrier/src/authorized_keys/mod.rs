//! The file that says which keys may log in, in sshd's format (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
//!
//! [`AuthorizedKeys::parse`] reads any bytes and never fails as a whole: a line that cannot be used is left out and
//! named in [`AuthorizedKeys::warnings`], so that one bad line does not lock everybody out, and an option that is not
//! understood does not let anybody in. [`AuthorizedKeys::authorize`] asks for one key, one address and one moment.

mod expiry;
mod file;
mod from;
mod options;

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, PublicKey};

pub use expiry::ExpiryError;
pub use from::{FromError, FromPatterns};
pub use options::{KeyOptions, OptionError};

/// A longer line is refused unread. An RSA key of 16384 bits takes 2.8 KiB; the rest is for options.
pub const MAX_LINE: usize = 16 * 1024;

/// Smaller RSA keys are refused (NIST SP 800-131A).
const SMALLEST_RSA_BITS: u32 = 2048;

/// A parsed authorized_keys file.
#[derive(Clone, Debug, Default)]
pub struct AuthorizedKeys {
    /// The usable lines, in their order.
    pub entries: Vec<Entry>,
    /// The lines that were left out, and those of which a part is ignored.
    pub warnings: Vec<Warning>,
}

/// One usable line.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line's number, from 1.
    pub line: usize,
    /// The key.
    pub key: PublicKey,
    /// What stands before the key.
    pub options: KeyOptions,
    /// What stands after the key.
    pub comment: String,
}

/// Something about a line that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: LineProblem,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// Why a line, or a part of it, does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// The line is longer than [`MAX_LINE`].
    #[error("expected at most {MAX_LINE} octets, found {0}; the key is refused")]
    TooLong(usize),
    /// An option is unknown or malformed.
    #[error("{0}; the key is refused")]
    Options(#[from] OptionError),
    /// There is no key, or none that can be read.
    #[error("expected a public key (such as `ssh-ed25519 AAAA… comment`): {0}; the line is ignored")]
    Key(String),
    /// The key is a certificate, which belongs in no authorized_keys file.
    #[error(
        "expected a plain key, found a certificate ({0}); certificates are not supported and the line is ignored"
    )]
    Certificate(String),
    /// The RSA key is too small.
    #[error("expected an RSA key of at least {SMALLEST_RSA_BITS} bits, found {0}; the key is refused")]
    SmallRsa(u32),
    /// `command=` is there, which this server does not run.
    #[error("command=\"{0}\" is ignored: the embedded server runs nothing but its own session")]
    CommandIgnored(String),
}

/// Why a key may not log in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No line holds the key.
    #[error("the key is in no authorized_keys line")]
    Unknown,
    /// The address does not match `from=`.
    #[error(
        "line {line} allows the key only from=\"{from}\" (compared with addresses, never with host names)"
    )]
    From {
        /// The line's number.
        line: usize,
        /// The list as written.
        from: String,
    },
    /// `expiry-time=` is over.
    #[error("the key expired by expiry-time= on line {line}")]
    Expired {
        /// The line's number.
        line: usize,
    },
    /// The key lives in a security token, and its line demands what cannot be checked here.
    #[error(
        "line {line} holds a security token's key, and whether the token was touched cannot be checked here; add \
         no-touch-required (and no verify-required) to accept it all the same"
    )]
    TokenPresence {
        /// The line's number.
        line: usize,
    },
}

impl AuthorizedKeys {
    /// Reads a file's octets.
    pub fn parse(octets: &[u8]) -> Self {
        let mut keys = Self::default();
        for (line, octets) in (1..).zip(octets.split(|&octet| octet == b'\n')) {
            let octets = octets.trim_ascii();
            if octets.is_empty() || octets[0] == b'#' {
                continue;
            }
            match parse_line(line, octets) {
                Ok(entry) => {
                    if let Some(command) = &entry.options.command {
                        let problem = LineProblem::CommandIgnored(command.clone());
                        keys.warnings.push(Warning { line, problem });
                    }
                    keys.entries.push(entry);
                }
                Err(problem) => keys.warnings.push(Warning { line, problem }),
            }
        }
        keys
    }

    /// The warnings, each with the file's name.
    pub(crate) fn warnings_of(&self, path: &Path) -> impl Iterator<Item = String> {
        self.warnings.iter().map(move |warning| format!("{}: {warning}", path.display()))
    }

    /// The first line that lets `key` in from `address` at `now`; else why the last line that holds it does not.
    pub fn authorize(&self, key: &PublicKey, address: IpAddr, now: SystemTime) -> Result<&Entry, Refusal> {
        let mut refusal = Refusal::Unknown;
        for entry in self.entries.iter().filter(|entry| entry.key.key_data() == key.key_data()) {
            match entry.admits(address, now) {
                Ok(()) => return Ok(entry),
                Err(reason) => refusal = reason,
            }
        }
        Err(refusal)
    }
}

impl Entry {
    fn admits(&self, address: IpAddr, now: SystemTime) -> Result<(), Refusal> {
        let line = self.line;
        if let Some(from) = &self.options.from
            && !from.matches(address)
        {
            return Err(Refusal::From { line, from: from.to_string() });
        }
        if self.options.expiry.is_some_and(|expiry| now >= expiry) {
            return Err(Refusal::Expired { line });
        }
        // Russh verifies a token's signature, but not the flags in it that say whether somebody touched the token.
        let token = matches!(self.key.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256);
        if token && (!self.options.no_touch_required || self.options.verify_required) {
            return Err(Refusal::TokenPresence { line });
        }
        Ok(())
    }
}

fn parse_line(line: usize, octets: &[u8]) -> Result<Entry, LineProblem> {
    if octets.len() > MAX_LINE {
        return Err(LineProblem::TooLong(octets.len()));
    }
    // Comments may be in any character set; all that matters is ASCII.
    let text = String::from_utf8_lossy(octets);
    let (options, key) = if is_key_type(first_word(&text).0) {
        (KeyOptions::default(), &*text)
    } else {
        options::parse(&text)?
    };
    let (kind, rest) = first_word(key);
    let (base64, comment) = first_word(rest);
    if kind.is_empty() {
        return Err(LineProblem::Key("there is none".to_owned()));
    }
    if kind.contains("-cert-v0") {
        return Err(LineProblem::Certificate(kind.to_owned()));
    }
    let key = PublicKey::from_openssh(&format!("{kind} {base64}")).map_err(|error| match error {
        _ if !is_key_type(kind) => LineProblem::Key(format!("`{kind}` is no key type")),
        error => LineProblem::Key(error.to_string()),
    })?;
    if let KeyData::Rsa(rsa) = key.key_data()
        && rsa.key_size() < SMALLEST_RSA_BITS
    {
        return Err(LineProblem::SmallRsa(rsa.key_size()));
    }
    Ok(Entry { line, key, options, comment: comment.to_owned() })
}

fn is_key_type(word: &str) -> bool {
    matches!(
        word,
        "ssh-ed25519"
            | "ssh-rsa"
            | "ssh-dss"
            | "ecdsa-sha2-nistp256"
            | "ecdsa-sha2-nistp384"
            | "ecdsa-sha2-nistp521"
            | "sk-ssh-ed25519@openssh.com"
            | "sk-ecdsa-sha2-nistp256@openssh.com"
    ) || word.ends_with("-cert-v01@openssh.com")
}

/// The first word, and what follows it without the blanks between.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    match text.find([' ', '\t']) {
        Some(end) => (&text[..end], text[end..].trim_matches([' ', '\t'])),
        None => (text, ""),
    }
}
