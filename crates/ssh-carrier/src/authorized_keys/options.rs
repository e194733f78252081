//! The option list before a key: `restrict,command="…",from="10.0.0.0/8"`.

use std::time::SystemTime;

use super::expiry::{self, ExpiryError};
use super::from::{FromError, FromPatterns};

/// What an authorized_keys line says about its key. Options that only concern what this server never does
/// (forwarding, terminals, the user's rc file) are accepted and leave no trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// The text of `command=`. Nothing here runs it.
    pub command: Option<String>,
    /// The addresses of `from=`.
    pub from: Option<FromPatterns>,
    /// The moment of `expiry-time=`, the earliest if there are several.
    pub expiry: Option<SystemTime>,
    /// Whether `restrict` is there.
    pub restrict: bool,
    /// Whether `no-touch-required` is there.
    pub no_touch_required: bool,
    /// Whether `verify-required` is there.
    pub verify_required: bool,
}

/// What is wrong with an option list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// The option is not one of sshd's.
    #[error("unknown option `{0}`")]
    Unknown(String),
    /// The option stands without `="value"`, or the value without quotes.
    #[error("option `{0}` needs a value in double quotes")]
    Value(&'static str),
    /// The quote is not closed.
    #[error("the value of option `{0}` has no closing quote")]
    Unclosed(&'static str),
    /// The option may be given once.
    #[error("option `{0}` is given twice")]
    Twice(&'static str),
    /// Something other than a comma follows an option.
    #[error("expected a comma or a blank after an option, found `{0}`")]
    Separator(char),
    /// The list ends with a comma.
    #[error("expected an option after the last comma")]
    Empty,
    /// The line names a certificate authority.
    #[error("option `cert-authority` is not supported: certificates cannot log in here")]
    CertAuthority,
    /// The list of `from=` is malformed.
    #[error("option `from`: {0}")]
    From(#[from] FromError),
    /// The time of `expiry-time=` is malformed.
    #[error("option `expiry-time`: {0}")]
    Expiry(#[from] ExpiryError),
}

/// Flags that change nothing here, each also with `no-` before it.
const IRRELEVANT_FLAGS: [&str; 5] =
    ["agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding"];

/// Options with a value that change nothing here.
const IRRELEVANT_VALUES: [&str; 5] = ["environment", "permitlisten", "permitopen", "principals", "tunnel"];

/// Reads the option list at the start of a line; returns it with what follows.
pub(super) fn parse(line: &str) -> Result<(KeyOptions, &str), OptionError> {
    let mut options = KeyOptions::default();
    let mut rest = line;
    loop {
        rest = one(rest, &mut options)?;
        match rest.chars().next() {
            None | Some(' ' | '\t') => return Ok((options, rest)),
            Some(',') => rest = &rest[1..],
            Some(other) => return Err(OptionError::Separator(other)),
        }
    }
}

fn one<'a>(text: &'a str, options: &mut KeyOptions) -> Result<&'a str, OptionError> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let name = name.to_ascii_lowercase();
    if name.is_empty() {
        return match text.chars().next() {
            None | Some(' ' | '\t') => Err(OptionError::Empty),
            Some(other) => Err(OptionError::Separator(other)),
        };
    }
    match &*name {
        "cert-authority" => return Err(OptionError::CertAuthority),
        "restrict" => options.restrict = true,
        "touch-required" => options.no_touch_required = false,
        "no-touch-required" => options.no_touch_required = true,
        "verify-required" => options.verify_required = true,
        "no-verify-required" => options.verify_required = false,
        "command" => return value("command", rest, |text| once("command", &mut options.command, text)),
        "from" => {
            return value("from", rest, |text| once("from", &mut options.from, FromPatterns::parse(&text)?));
        }
        "expiry-time" => {
            return value("expiry-time", rest, |text| {
                let moment = expiry::parse(&text)?;
                options.expiry = Some(options.expiry.map_or(moment, |earlier| earlier.min(moment)));
                Ok(())
            });
        }
        other => {
            if let Some(name) = IRRELEVANT_VALUES.into_iter().find(|&known| known == other) {
                return value(name, rest, |_| Ok(()));
            }
            if !IRRELEVANT_FLAGS.contains(&other.strip_prefix("no-").unwrap_or(other)) {
                return Err(OptionError::Unknown(name));
            }
        }
    }
    Ok(rest)
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), OptionError> {
    if place.is_some() {
        return Err(OptionError::Twice(name));
    }
    *place = Some(value);
    Ok(())
}

/// Reads `="…"`, in which `\"` stands for a quote and every other backslash for itself; hands the text to `take`.
fn value<'a>(
    name: &'static str,
    text: &'a str,
    take: impl FnOnce(String) -> Result<(), OptionError>,
) -> Result<&'a str, OptionError> {
    let quoted = text.strip_prefix("=\"").ok_or(OptionError::Value(name))?;
    let mut plain = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                take(plain)?;
                return Ok(&quoted[at + 1..]);
            }
            '\\' if chars.peek().is_some_and(|&(_, next)| next == '"') => {
                plain.push('"');
                chars.next();
            }
            other => plain.push(other),
        }
    }
    Err(OptionError::Unclosed(name))
}
