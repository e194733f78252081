//! The name of a profile, which is also the name of its file.

use std::fmt;
use std::str::FromStr;

use super::text::text_serde;

/// 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot or a dash: safe as a file name, a socket name and a word on
/// a command line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileName(String);

/// Why a word is not the name of a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a profile: use 1 to {max} of the characters A-Z a-z 0-9 . _ - and do not start with `.` or `-`",
    max = ProfileName::MAX_LEN
)]
pub struct BadName(String);

impl ProfileName {
    /// Longest name, in octets. Leaves room for a directory and a suffix within a Unix socket's 108.
    pub const MAX_LEN: usize = 64;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its file: `NAME.toml`.
    pub fn file_name(&self) -> String {
        format!("{}.toml", self.0)
    }
}

impl FromStr for ProfileName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let letters = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        let good = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(letters)
            && !text.starts_with(['.', '-']);
        if good { Ok(Self(text.to_owned())) } else { Err(BadName(text.escape_debug().to_string())) }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_serde!(ProfileName, "the name of a profile");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_directory_are_refused() {
        for bad in ["", ".", "..", "../x", "a/b", ".hidden", "-v", "a b", "a\0b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<ProfileName>().is_err(), "{bad:?}");
        }
        for good in ["saturn", "10.9.9.1", "saturn.example.net", "a_b-c", &"x".repeat(64)] {
            assert_eq!(good.parse::<ProfileName>().unwrap().as_str(), good);
        }
    }
}
