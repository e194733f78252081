//! What can be wrong with a configuration, said so that the user knows what to change.

use std::io;
use std::path::PathBuf;

use super::sources::Source;
use super::trust::TrustError;
use super::{Class, ProfileName};

/// Why there is no effective profile.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// A file is not good TOML, has an unknown key, or a key has a bad value.
    #[error("{}:{line}: {message}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong, naming the key.
        message: String,
    },
    /// Values that are each good do not go together.
    #[error("{origin}: `{key}` {message}")]
    Value {
        /// Where the value came from.
        origin: Source,
        /// The key.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// A profile was asked for by name and is nowhere.
    #[error("there is no profile `{name}`: {files} {verb} not there", files = list(looked), verb = if looked.len() == 1 { "is" } else { "are" })]
    NoProfile {
        /// The name.
        name: ProfileName,
        /// The files that were looked for.
        looked: Vec<PathBuf>,
    },
    /// A user's own file that others may write.
    #[error("{} is not used: {why}", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// Who could have written it, and the remedy.
        why: String,
    },
    /// The binary has rights its caller has not, and there is no profile for him to use.
    #[error(
        "pppssh has capabilities from its file and does only what a profile in {} allows: {reason}",
        dir.display()
    )]
    Untrusted {
        /// The directory of the profiles.
        dir: PathBuf,
        /// What is wrong with the file.
        reason: TrustError,
    },
    /// The profile does not name the caller.
    #[error(
        "the profile `{name}` does not allow user {user}: root may add \"{user}\" or one of the user's @groups to \
         `allow` in {}", path.display()
    )]
    NotAllowed {
        /// The profile.
        name: ProfileName,
        /// The caller.
        user: String,
        /// Its file.
        path: PathBuf,
    },
    /// A flag would change what root laid down.
    #[error(
        "{flag} is refused: pppssh has capabilities from its file, and the caller may {permission}; root may set \
         `{key}` in {file}", permission = class.permission_on(key), file = path.display()
    )]
    Refused {
        /// The flag.
        flag: String,
        /// The key it would set.
        key: String,
        /// What the caller may do to that key.
        class: Class,
        /// The profile's file.
        path: PathBuf,
    },
    /// An option that has no place in a profile, and none in a privileged process.
    #[error("{flag} is refused: pppssh has capabilities from its file; {why}")]
    RefusedOption {
        /// The flag.
        flag: &'static str,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// A profile that leaves open to a privileged process what root must decide.
    #[error("{}: {message}", path.display())]
    TooOpen {
        /// The profile's file.
        path: PathBuf,
        /// Which key to set.
        message: &'static str,
    },
    /// The caller of `serve` asked for a profile that it may not pick.
    #[error(
        "the caller asked for the profile `{wanted}`, which `selectable` of the profile `{name}` does not list"
    )]
    NotSelectable {
        /// What was asked for.
        wanted: ProfileName,
        /// The profile of the forced command.
        name: ProfileName,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
}
