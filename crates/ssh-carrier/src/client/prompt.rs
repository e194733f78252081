//! Questions to the user.

use std::fmt;

use zeroize::Zeroizing;

/// A passphrase or password; wiped from memory when dropped and never printed.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the user is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The text to show.
    pub text: String,
    /// Whether the answer may be shown while it is typed.
    pub echo: bool,
}

/// How the caller lets questions reach the user. Called on a thread where blocking is allowed.
pub trait Prompt: Send + Sync {
    /// The user's answer, or `None` if nobody can be asked or wants to answer.
    fn ask(&self, question: &Question) -> Option<Secret>;

    /// Shows a banner that the server sends before login.
    fn banner(&self, text: &str) {
        tracing::info!(target: "ssh_carrier", banner = text.trim_end(), "the server says");
    }
}

/// Nobody is there to be asked, as in a service.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPrompt;

impl Prompt for NoPrompt {
    fn ask(&self, _: &Question) -> Option<Secret> {
        None
    }
}
