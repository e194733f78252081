//! Whether a program may be run by a process that gained privilege by being executed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Why a program is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It is named from where we happen to be.
    #[error("{0} is not an absolute path")]
    NotAbsolute(PathBuf),
    /// It cannot be looked at.
    #[error("cannot look at {path}: {source}")]
    Io {
        /// What was looked at.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// Somebody other than root can change it, or what lies on the way to it.
    #[error(
        "{path} must belong to root and be writable by nobody else (it belongs to uid {uid}, mode {mode:04o})"
    )]
    Writable {
        /// The file or the directory on its way.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// Not something that can be executed, or a symbolic link.
    #[error("{0} is not an executable file")]
    NotExecutable(PathBuf),
}

/// Checks that only root can change the program at `path`: the file and every directory above it belong to root and are
/// writable by nobody else, and no step is a symbolic link. Then nobody but root can change what the path means between
/// this check and its execution, so the program can be executed by its path (and finds its own name in `$0`).
pub fn check_trusted_executable(path: &Path) -> Result<(), TrustError> {
    /// Write permission for group or others.
    const FOREIGN_WRITE: u32 = 0o022;
    /// Execute permission for anybody.
    const EXECUTE: u32 = 0o111;

    if !path.is_absolute() {
        return Err(TrustError::NotAbsolute(path.to_owned()));
    }
    let mut step = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            return Err(TrustError::NotAbsolute(path.to_owned()));
        }
        step.push(component);
        let metadata =
            fs::symlink_metadata(&step).map_err(|source| TrustError::Io { path: step.clone(), source })?;
        let mode = metadata.mode() & 0o7777;
        if !metadata.is_symlink() && (metadata.uid() != 0 || mode & FOREIGN_WRITE != 0) {
            return Err(TrustError::Writable { path: step, uid: metadata.uid(), mode });
        }
        let last = step == path;
        let right_kind = if last { metadata.is_file() && mode & EXECUTE != 0 } else { metadata.is_dir() };
        if !right_kind {
            return Err(TrustError::NotExecutable(step));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_program_is_trusted() {
        check_trusted_executable(Path::new("/usr/bin/env")).unwrap();
    }

    #[test]
    fn a_program_under_a_directory_that_all_may_write_to_is_not() {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let file = dir.path().join("ip-up");
        fs::write(&file, "#!/bin/sh\n").unwrap();
        match check_trusted_executable(&file) {
            Err(TrustError::Writable { path, .. }) => assert_eq!(path, Path::new("/tmp")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_relative_path_or_a_way_back_up_is_not_followed() {
        assert!(matches!(check_trusted_executable(Path::new("ip-up")), Err(TrustError::NotAbsolute(_))));
        assert!(matches!(
            check_trusted_executable(Path::new("/usr/bin/../bin/env")),
            Err(TrustError::NotAbsolute(_))
        ));
    }

    #[test]
    fn a_directory_is_not_a_program() {
        assert!(matches!(check_trusted_executable(Path::new("/usr/bin")), Err(TrustError::NotExecutable(_))));
    }
}
