//! The directory that holds the journals, and the journal that is written. `docs/journal.md` is their description.

mod contents;

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use serde::Serialize;

use self::contents::Line;
pub(crate) use self::contents::{Contents, Header, Mark};
use crate::{Change, Error};

/// What a journal's name ends in.
const SUFFIX: &str = ".journal";
/// A journal is a few lines a change; a larger file is not one.
const SIZE_MAX: u64 = 16 << 20;
/// Journals a single process may have under one session name.
const SAME_NAME_MAX: u32 = 10_000;
/// The name of a session within a file name.
const NAME_MAX: usize = 64;
/// How often, and how long apart, the directory's lock is asked for: each change holds it for milliseconds.
const LOCK_TRIES: u32 = 1000;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A journal as found in the directory.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) contents: Result<Contents, String>,
    /// Its lock is held, or its process runs.
    pub(crate) live: bool,
    /// The user it belongs to.
    pub(crate) owner: u32,
}

/// The directory of journals.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    fd: OwnedFd,
}

/// The directory's lock, held until dropped.
#[derive(Debug)]
pub(crate) struct Locked(Arc<Directory>);

impl Drop for Locked {
    fn drop(&mut self) {
        // Cannot fail on a lock that is held; and closing the descriptor would release it too.
        let _ = rustix::fs::flock(&self.0.fd, FlockOperation::Unlock);
    }
}

impl Directory {
    /// Opens the directory; `None` if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Directory>, Error> {
        let bad = |why: String| Error::JournalDir { path: path.to_owned(), why };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                return Err(bad("it must be a directory, not a file or symbolic link".into()));
            }
            Err(error) => return Err(bad(io::Error::from(error).to_string())),
        };
        let stat = rustix::fs::fstat(&fd).map_err(|e| bad(io::Error::from(e).to_string()))?;
        let me = rustix::process::geteuid().as_raw();
        if stat.st_uid != me && stat.st_uid != 0 && me != 0 {
            return Err(bad(format!(
                "it belongs to user {}, but must be this user's ({me}) or root's",
                stat.st_uid
            )));
        }
        if stat.st_mode & 0o022 != 0 {
            return Err(bad(format!(
                "others may write to it (mode {:o}), so its journals cannot be trusted: `chmod go-w` it",
                stat.st_mode & 0o7777
            )));
        }
        Ok(Some(Directory { path: path.to_owned(), fd }))
    }

    /// Opens the directory, made (mode 0700) if there is none.
    pub(crate) fn create(path: &Path) -> Result<Directory, Error> {
        let bad = |why: String| Error::JournalDir { path: path.to_owned(), why };
        if let Some(directory) = Directory::open(path)? {
            return Ok(directory);
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| {
            bad(format!("it cannot be made: {e}; make it beforehand, owned by this user, mode 0700"))
        })?;
        Directory::open(path)?.ok_or_else(|| bad("it vanished while being made".into()))
    }

    /// Waits for the directory's lock. Whoever reads other sessions' journals, or makes or undoes a change on
    /// the strength of them, holds it meanwhile.
    pub(crate) async fn lock(self: &Arc<Self>) -> Result<Locked, Error> {
        for _ in 0..LOCK_TRIES {
            match rustix::fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Locked(Arc::clone(self))),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(error) => {
                    return Err(Error::JournalDir {
                        path: self.path.clone(),
                        why: format!("it cannot be locked: {}", io::Error::from(error)),
                    });
                }
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Err(Error::JournalDir {
            path: self.path.clone(),
            why: "another process holds its lock and does not let go; `fuser` on it names that process"
                .into(),
        })
    }

    /// Every journal in it, by name. Call it with the lock held.
    pub(crate) fn journals(&self, _lock: &Locked) -> io::Result<Vec<Found>> {
        let mut names: Vec<String> = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(SUFFIX) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names.into_iter().filter_map(|name| self.read(name)).collect())
    }

    /// `None` if it went away meanwhile.
    fn read(&self, name: String) -> Option<Found> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.fd, &name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::NOENT) => return None,
            Err(error) => {
                let why = format!("it cannot be opened: {}", io::Error::from(error));
                return Some(Found { name, contents: Err(why), live: false, owner: u32::MAX });
            }
        };
        let stat = match rustix::fs::fstat(&fd) {
            Ok(stat) => stat,
            Err(error) => {
                let why = format!("it cannot be examined: {}", io::Error::from(error));
                return Some(Found { name, contents: Err(why), live: false, owner: u32::MAX });
            }
        };
        let owner = stat.st_uid;
        if stat.st_mode & 0o170_000 != 0o100_000 {
            let contents = Err("it is not an ordinary file".to_owned());
            return Some(Found { name, contents, live: false, owner });
        }
        if stat.st_size as u64 > SIZE_MAX {
            let contents = Err(format!("it is larger than any journal ({} octets)", stat.st_size));
            return Some(Found { name, contents, live: false, owner });
        }
        let locked = lock_is_held(&fd);
        let mut bytes = Vec::new();
        let contents = match File::from(fd).take(SIZE_MAX).read_to_end(&mut bytes) {
            Ok(_) => Contents::parse(&bytes),
            Err(error) => Err(format!("it cannot be read: {error}")),
        };
        let live = locked || contents.as_ref().is_ok_and(|contents| contents.header.process.is_running());
        Some(Found { name, contents, live, owner })
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Opens a dead session's journal to go on writing in it, past the torn line if there is one.
    pub(crate) fn resume(&self, name: &str, whole: u64) -> io::Result<Writer> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?);
        file.set_len(whole)?;
        Ok(Writer { name: name.to_owned(), file })
    }
}

fn lock_is_held(fd: impl AsFd) -> bool {
    match rustix::fs::flock(&fd, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = rustix::fs::flock(&fd, FlockOperation::Unlock);
            false
        }
        Err(error) => error == rustix::io::Errno::WOULDBLOCK,
    }
}

/// A journal being written.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) name: String,
    file: File,
}

impl Writer {
    /// Makes a new journal and holds its lock until dropped. Call it with the directory's lock held, so that
    /// nobody sees the file before it is locked and has its first line.
    pub(crate) fn create(directory: &Directory, _lock: &Locked, header: &Header) -> io::Result<Writer> {
        let flags = OFlags::WRONLY
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::EXCL
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        let stem = format!("{}.{}", file_name(&header.session), header.process.pid);
        for n in 1..=SAME_NAME_MAX {
            let name = if n == 1 { format!("{stem}{SUFFIX}") } else { format!("{stem}.{n}{SUFFIX}") };
            match rustix::fs::openat(&directory.fd, &name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(fd) => {
                    let mut writer = Writer { name, file: File::from(fd) };
                    rustix::fs::flock(&writer.file, FlockOperation::NonBlockingLockExclusive)?;
                    writer.line(header)?;
                    // The name has to survive too.
                    rustix::fs::fsync(&directory.fd)?;
                    return Ok(writer);
                }
                Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{stem}*{SUFFIX} are all taken: clean up")))
    }

    /// Records that `change` is about to be made. Nothing may be changed before this returns.
    pub(crate) fn intent(&mut self, seq: u64, change: &Change) -> io::Result<()> {
        let change = serde_json::to_value(change)?;
        self.line(&Line::Intent { seq, change })
    }

    /// Records what became of it.
    pub(crate) fn mark(&mut self, seq: u64, mark: Mark, note: Option<String>) -> io::Result<()> {
        self.line(&Line::Mark { seq, mark, note })
    }

    fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let before = self.file.metadata()?.len();
        // One write, so that a kill leaves all of the line or none.
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).inspect_err(|_| {
            // A full disk may leave half a line, and the next one must not continue it.
            let _ = self.file.set_len(before);
        })
    }
}

/// The session's name as it can stand in a file name.
fn file_name(session: &str) -> String {
    let name: String = session
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .take(NAME_MAX)
        .collect();
    match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "session".to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_name_cannot_leave_the_directory_or_hide_its_file() {
        assert_eq!(file_name("../../etc/x y"), "_._.._etc_x_y");
        assert_eq!(file_name(".hidden"), "_hidden");
        assert_eq!(file_name(""), "session");
        assert_eq!(file_name(&"a".repeat(300)).len(), NAME_MAX);
    }
}
