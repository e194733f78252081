//! Keys: `keygen` makes one for a link, `authorize` lets it in and ties it to `pppssh serve`.

mod authorize;
mod keygen;
mod line;
mod store;

use std::io;
use std::path::PathBuf;

pub use authorize::{AuthorizeArgs, authorize};
pub use keygen::{KeygenArgs, keygen};
pub use line::{FromPattern, authorized_line};

/// Why a key could not be made or let in.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file is there already.
    #[error("{} is there already: name another file, or remove it if no link uses it", .0.display())]
    Exists(PathBuf),
    /// A file or directory could not be read or written.
    #[error("cannot {what} {}: {reason}", path.display())]
    File {
        /// What was to be done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// There is no home directory to look in.
    #[error("the home directory is not known: name the file")]
    NoHome,
    /// Not a public key.
    #[error("{from} does not hold an OpenSSH public key ({why}): give the .pub file, not the private key")]
    NotPublic {
        /// Where it came from.
        from: String,
        /// What the parser says.
        why: String,
    },
    /// The key could not be made.
    #[error("cannot make a key: {0}")]
    Make(String),
    /// sshd would ignore the file.
    #[error("sshd ignores keys in {} while others than its owner may write it: `chmod go-w` it", .0.display())]
    Loose(PathBuf),
    /// The key is let in already, on other terms.
    #[error("line {line} of {} lets this key in with other options: remove that line first", path.display())]
    OtherTerms {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A word that would break the line.
    #[error("{0} holds a control character, which has no place in authorized_keys")]
    Control(&'static str),
}
