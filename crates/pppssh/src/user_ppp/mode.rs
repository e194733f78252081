//! How the program runs, by the word behind its name.

use std::fmt;

/// How user-ppp runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Calls when a packet wants to leave.
    Auto,
    /// Calls once, in the background from the moment that the link is up.
    Background,
    /// Keeps the link up for ever.
    Ddial,
    /// Answers on standard input and output.
    Direct,
    /// Calls once, in the foreground.
    Foreground,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Background, Self::Ddial, Self::Direct, Self::Foreground];

    /// Its name, without the hyphen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Background => "background",
            Self::Ddial => "ddial",
            Self::Direct => "direct",
            Self::Foreground => "foreground",
        }
    }

    /// The mode of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(name))
    }

    /// Whether it ends when the link was idle for long enough: a line that is meant to be up for ever does not.
    pub fn idles(self) -> bool {
        self != Self::Ddial
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{}", self.name())
    }
}
