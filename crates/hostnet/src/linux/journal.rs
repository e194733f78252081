//! The journal's file format, and the directory that holds the journals. `docs/journal.md` is its description.

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
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::owner::{NetNamespace, Process, boot_id};
use crate::{Change, Error};

/// The version of the format this code writes, and the only one it reads.
const FORMAT: u32 = 1;
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

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    #[serde(rename = "pppssh-journal")]
    format: u32,
    pub(crate) session: String,
    #[serde(flatten)]
    pub(crate) process: Process,
    pub(crate) boot: String,
    pub(crate) netns: NetNamespace,
}

impl Header {
    pub(crate) fn current(session: &str) -> io::Result<Header> {
        Ok(Header {
            format: FORMAT,
            session: session.to_owned(),
            process: Process::current()?,
            boot: boot_id()?,
            netns: NetNamespace::current()?,
        })
    }

    /// Whether changes of `other` are to the same running kernel's same namespace.
    pub(crate) fn same_place(&self, other: &Header) -> bool {
        self.boot == other.boot && self.netns == other.netns
    }
}

/// What became of an intended change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mark {
    /// It was made.
    Done,
    /// The kernel refused it, nothing was changed.
    Failed,
    /// It was made and undone.
    Undone,
    /// It is nobody's business any more: gone by itself, changed by somebody else, or handed over.
    Released,
}

/// Any line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Intent {
        seq: u64,
        change: Value,
    },
    Mark {
        seq: u64,
        mark: Mark,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

/// A change that was intended and not yet disposed of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) seq: u64,
    /// The change, or the JSON text of a kind this version does not know.
    pub(crate) change: Result<Change, String>,
}

/// A journal's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) header: Header,
    /// Open changes, in the order they were made.
    pub(crate) open: Vec<Open>,
    /// Lines that mean nothing, by number.
    pub(crate) damaged: Vec<String>,
    /// Length up to the last complete line; what follows was torn while being written.
    pub(crate) whole: u64,
}

impl Contents {
    /// Reads a journal. An error says why its header cannot be understood.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Contents, String> {
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..whole].split(|&b| b == b'\n');
        let first = lines.next().unwrap_or_default();
        let value: Value =
            serde_json::from_slice(first).map_err(|e| format!("the first line is not JSON: {e}"))?;
        match value.get("pppssh-journal").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(format!(
                    "format {format}, this version reads {FORMAT}: use the pppssh that wrote it"
                ));
            }
            None => return Err("the first line is not a journal's".to_owned()),
        }
        let header: Header = serde_json::from_value(value).map_err(|e| format!("the first line: {e}"))?;
        let mut open: Vec<Open> = Vec::new();
        let mut damaged = Vec::new();
        for (number, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
            // Line 1 is the header, and people count from 1.
            let number = number + 2;
            match serde_json::from_slice(line) {
                Ok(Line::Intent { seq, change }) => {
                    let text = change.to_string();
                    open.push(Open { seq, change: serde_json::from_value(change).map_err(|_| text) });
                }
                Ok(Line::Mark { seq, mark, .. }) => match mark {
                    Mark::Done => {}
                    Mark::Failed | Mark::Undone | Mark::Released => open.retain(|entry| entry.seq != seq),
                },
                Err(error) => damaged.push(format!("line {number} cannot be read: {error}")),
            }
        }
        Ok(Contents { header, open, damaged, whole: whole as u64 })
    }
}

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
    use proptest::prelude::*;

    use super::*;
    use crate::Device;

    fn header() -> String {
        serde_json::to_string(&Header::current("saturn").unwrap()).unwrap()
    }

    fn up() -> Change {
        Change::LinkUp { device: Device { index: 3, name: "ppp0".into() } }
    }

    fn intent(seq: u64) -> String {
        serde_json::to_string(&Line::Intent { seq, change: serde_json::to_value(up()).unwrap() }).unwrap()
    }

    #[test]
    fn an_intent_without_a_mark_is_open_and_so_is_a_done_one() {
        let text = format!("{}\n{}\n{}\n{{\"seq\":2,\"mark\":\"done\"}}\n", header(), intent(1), intent(2));
        let contents = Contents::parse(text.as_bytes()).unwrap();
        assert_eq!(contents.open.iter().map(|o| o.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(contents.open[0].change, Ok(up()));
        assert!(contents.damaged.is_empty());
    }

    #[test]
    fn failed_undone_and_released_changes_are_closed() {
        for mark in ["failed", "undone", "released"] {
            let text =
                format!("{}\n{}\n{{\"seq\":1,\"mark\":\"{mark}\",\"note\":\"x\"}}\n", header(), intent(1));
            assert!(Contents::parse(text.as_bytes()).unwrap().open.is_empty(), "{mark}");
        }
    }

    #[test]
    fn a_torn_last_line_is_no_damage_since_its_change_was_never_made() {
        let whole = format!("{}\n{}\n", header(), intent(1));
        let text = format!("{whole}{}", &intent(2)[..20]);
        let contents = Contents::parse(text.as_bytes()).unwrap();
        assert_eq!(contents.open.len(), 1);
        assert!(contents.damaged.is_empty());
        assert_eq!(contents.whole, whole.len() as u64);
    }

    #[test]
    fn a_damaged_line_and_an_unknown_kind_are_reported_and_hide_nothing_else() {
        let text = format!(
            "{}\n{}\nrubbish\n{{\"seq\":2,\"change\":{{\"kind\":\"dns\",\"file\":\"x\"}}}}\n{}\n",
            header(),
            intent(1),
            intent(3)
        );
        let contents = Contents::parse(text.as_bytes()).unwrap();
        assert_eq!(contents.open.iter().map(|o| o.seq).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(contents.open[1].change.as_ref().unwrap_err().contains("dns"));
        assert_eq!(contents.damaged.len(), 1);
        assert!(contents.damaged[0].starts_with("line 3 "), "{}", contents.damaged[0]);
    }

    #[test]
    fn a_foreign_first_line_and_a_later_format_are_refused_with_the_reason() {
        assert!(Contents::parse(b"").is_err());
        assert!(Contents::parse(b"{}\n").unwrap_err().contains("not a journal"));
        let later = header().replace("\"pppssh-journal\":1", "\"pppssh-journal\":2") + "\n";
        assert!(Contents::parse(later.as_bytes()).unwrap_err().contains("format 2"));
    }

    #[test]
    fn a_session_name_cannot_leave_the_directory_or_hide_its_file() {
        assert_eq!(file_name("../../etc/x y"), "_._.._etc_x_y");
        assert_eq!(file_name(".hidden"), "_hidden");
        assert_eq!(file_name(""), "session");
        assert_eq!(file_name(&"a".repeat(300)).len(), NAME_MAX);
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Contents::parse(&bytes);
        }

        #[test]
        fn any_octets_after_a_header_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut text = header().into_bytes();
            text.push(b'\n');
            text.extend_from_slice(&bytes);
            prop_assert!(Contents::parse(&text).is_ok());
        }

        #[test]
        fn a_journal_cut_anywhere_loses_only_its_tail(cut in 0..2000_usize) {
            let mut text = header() + "\n";
            let first = text.len();
            for seq in 1..=8 {
                text += &intent(seq);
                text.push('\n');
            }
            let cut = cut.min(text.len());
            match Contents::parse(&text.as_bytes()[..cut]) {
                Ok(contents) => {
                    prop_assert!(cut >= first);
                    prop_assert!(contents.damaged.is_empty());
                }
                Err(_) => prop_assert!(cut < first),
            }
        }
    }
}
