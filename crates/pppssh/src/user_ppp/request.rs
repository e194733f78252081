//! What the command line asks for: `-MODE [-quiet] [-unitN] LABEL…`.

use std::path::PathBuf;

use super::Mode;
use super::vocabulary::NO_NAT;

/// The words behind `pppssh user-ppp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// How to run.
    pub mode: Mode,
    /// The sections to load after `default`, in order.
    pub labels: Vec<String>,
    /// `-unitN`: the device is `tunN` and no other.
    pub unit: Option<u32>,
    /// Where `ppp.conf` is, instead of /etc/ppp.
    pub config_dir: Option<PathBuf>,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// None, or one that pppssh has not.
    #[error(
        "say how to run: -ddial, -background, -foreground, -auto or -direct, and then a label of ppp.conf"
    )]
    NoMode,
    /// Two of them.
    #[error("{0} and {1} exclude each other: name one mode")]
    TwoModes(Mode, Mode),
    /// A mode that exists in ppp.
    #[error("{0} is not supported: {1}")]
    Unsupported(String, &'static str),
    /// Something else.
    #[error("there is no option {0}")]
    Unknown(String),
    /// A calling mode without a label.
    #[error("{0} needs a label of ppp.conf behind it")]
    NoLabel(Mode),
    /// An option without its value.
    #[error("{0} needs a value behind it")]
    NoValue(&'static str),
}

impl Request {
    /// Reads the words. ppp allows its options in any order before the labels.
    pub fn parse(words: &[String]) -> Result<Self, BadRequest> {
        let mut mode: Option<Mode> = None;
        let mut request = Self { mode: Mode::Direct, labels: Vec::new(), unit: None, config_dir: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix('-') else {
                request.labels.push(word.clone());
                continue;
            };
            if let Some(wanted) = Mode::named(option) {
                if let Some(first) = mode.replace(wanted).filter(|first| *first != wanted) {
                    return Err(BadRequest::TwoModes(first, wanted));
                }
                continue;
            }
            match option {
                "quiet" => {}
                "nat" | "alias" => return Err(unsupported(word, NO_NAT)),
                "interactive" => return Err(unsupported(word, "there is no prompt; use -foreground")),
                "dedicated" => return Err(unsupported(word, "there is no serial line; use -ddial")),
                "-config-dir" => {
                    let dir = words.next().ok_or(BadRequest::NoValue("--config-dir"))?;
                    request.config_dir = Some(dir.into());
                }
                other => {
                    if let Some(dir) = other.strip_prefix("-config-dir=") {
                        request.config_dir = Some(dir.into());
                        continue;
                    }
                    let number =
                        other.strip_prefix("unit").ok_or_else(|| BadRequest::Unknown(word.clone()))?;
                    let number = if number.is_empty() {
                        words.next().ok_or(BadRequest::NoValue("-unit"))?
                    } else {
                        number
                    };
                    request.unit =
                        Some(number.parse().map_err(|_| BadRequest::Unknown(format!("-unit{number}")))?);
                }
            }
        }
        request.mode = mode.ok_or(BadRequest::NoMode)?;
        if request.labels.is_empty() && request.mode != Mode::Direct {
            return Err(BadRequest::NoLabel(request.mode));
        }
        Ok(request)
    }
}

fn unsupported(word: &str, why: &'static str) -> BadRequest {
    BadRequest::Unsupported(word.to_owned(), why)
}
