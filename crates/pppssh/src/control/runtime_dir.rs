//! Where the control sockets are.
//!
//! The best of: `$XDG_RUNTIME_DIR/pppssh`, `/run/user/UID/pppssh`, `/run/pppssh` (root's, or made for us by systemd's
//! `RuntimeDirectory=pppssh`), `/tmp/pppssh-UID`. Root takes `/run/pppssh` first. A directory is used only if it is ours
//! and nobody else can enter it, so one that somebody else put in /tmp cannot catch us.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};

use super::ControlError;

/// The directories that may hold this user's control sockets, best first.
#[derive(Clone, Debug)]
pub struct RuntimeDirs {
    candidates: Vec<PathBuf>,
    /// Root looks into other users' directories too, to list their sessions; it never makes anything there.
    foreign: Vec<PathBuf>,
}

impl RuntimeDirs {
    /// Those of the calling user. `trust_environment` is false for a process that gained privilege by being executed.
    pub fn of_caller(trust_environment: bool) -> Self {
        let uid = rustix::process::geteuid();
        let mut candidates = Vec::new();
        if uid.is_root() {
            candidates.push(PathBuf::from("/run/pppssh"));
        }
        if trust_environment {
            let xdg = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
            candidates.extend(xdg.filter(|dir| dir.is_absolute()).map(|dir| dir.join("pppssh")));
        }
        candidates.push(PathBuf::from(format!("/run/user/{}/pppssh", uid.as_raw())));
        if !uid.is_root() {
            candidates.push(PathBuf::from("/run/pppssh"));
        }
        candidates.push(PathBuf::from(format!("/tmp/pppssh-{}", uid.as_raw())));
        let foreign = if uid.is_root() { directories_of_others() } else { Vec::new() };
        RuntimeDirs { candidates, foreign }
    }

    /// Exactly `dir`: for the demo, tests and embedders.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        RuntimeDirs { candidates: vec![dir.into()], foreign: Vec::new() }
    }

    /// The first directory that can be used, made if need be.
    pub fn prepare(&self) -> Result<PathBuf, ControlError> {
        let mut refusals = Vec::new();
        for dir in &self.candidates {
            match make_private(dir) {
                Ok(()) => return Ok(dir.clone()),
                Err(error) => refusals.push(format!("{}: {error}", dir.display())),
            }
        }
        Err(ControlError::NoRuntimeDir(refusals.join("; ")))
    }

    /// Every directory that is there and that its owner alone can write, with that owner; for root also those of others.
    pub fn existing(&self) -> Vec<(PathBuf, u32)> {
        let own = rustix::process::geteuid().as_raw();
        let mut found: Vec<(PathBuf, u32)> = Vec::new();
        for dir in self.candidates.iter().chain(&self.foreign) {
            let Ok((_, owner, mode)) = open_directory(dir) else { continue };
            let visible = owner == own || own == 0;
            if visible && mode & 0o022 == 0 && !found.iter().any(|(known, _)| known == dir) {
                found.push((dir.clone(), owner));
            }
        }
        found
    }
}

fn directories_of_others() -> Vec<PathBuf> {
    let entries = |dir: &str| {
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let logins = entries("/run/user").into_iter().map(|dir| dir.join("pppssh"));
    let in_tmp = entries("/tmp").into_iter().filter(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("pppssh-"))
    });
    logins.chain(in_tmp).collect()
}

/// Makes `dir` if it is not there, and sees to it that it is ours alone.
fn make_private(dir: &Path) -> io::Result<()> {
    match rustix::fs::mkdir(dir, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let (fd, owner, mode) = open_directory(dir)?;
    if owner != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to uid {owner}; remove it, or ask that user to"),
        ));
    }
    if mode & 0o7777 != 0o700 {
        rustix::fs::fchmod(&fd, Mode::RWXU)?;
    }
    Ok(())
}

/// Opens a directory, never through a symbolic link in its last step: (descriptor, owner, mode).
fn open_directory(dir: &Path) -> io::Result<(OwnedFd, u32, u32)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(CWD, dir, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd)?;
    debug_assert_eq!(FileType::from_raw_mode(stat.st_mode), FileType::Directory);
    Ok((fd, stat.st_uid, stat.st_mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn the_directory_is_made_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("pppssh");
        assert_eq!(RuntimeDirs::at(&dir).prepare().unwrap(), dir);
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_directory_left_open_to_others_is_closed_to_them() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("pppssh");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        RuntimeDirs::at(&dir).prepare().unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_symbolic_link_in_its_place_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let elsewhere = parent.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let dir = parent.path().join("pppssh");
        symlink(&elsewhere, &dir).unwrap();
        assert!(matches!(RuntimeDirs::at(&dir).prepare(), Err(ControlError::NoRuntimeDir(_))));
    }
}
