//! Opening a file that root alone can have written.
//!
//! Each component of the path is opened below the one before it, without following links, and checked on the open
//! descriptor; so nothing can be exchanged between the check and the use.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat};

use super::trust::TrustError;

/// Bits that let others than the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// Opens `path` for reading if it and every directory above it belong to root and can be written by root alone.
pub fn open_trusted(path: &Path) -> Result<File, TrustError> {
    let open = |reason: rustix::io::Errno| TrustError::Open { path: "/".into(), reason: reason.into() };
    let root = openat(CWD, "/", DIRECTORY, Mode::empty()).map_err(open)?;
    let relative = path.strip_prefix("/").map_err(|_| TrustError::NotPlain(path.to_owned()))?;
    Walk { owner: 0, base: PathBuf::from("/") }.open(root, relative)
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
// NONBLOCK: a FIFO must not make us wait before it is found not to be a file.
const REGULAR: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// A walk from a trusted directory downwards.
struct Walk {
    /// Who must own everything on the way.
    owner: u32,
    /// Where the walk starts, for messages.
    base: PathBuf,
}

impl Walk {
    fn open(&self, start: OwnedFd, relative: &Path) -> Result<File, TrustError> {
        self.check(&start, &self.base, FileType::Directory)?;
        let mut names = Vec::new();
        for component in relative.components() {
            match component {
                Component::Normal(name) => names.push(name),
                _ => return Err(TrustError::NotPlain(self.base.join(relative))),
            }
        }
        let (last, directories) =
            names.split_last().ok_or_else(|| TrustError::NotPlain(self.base.join(relative)))?;
        let mut here = self.base.clone();
        let mut dir = start;
        for name in directories {
            here.push(name);
            dir = step(&dir, Path::new(name), DIRECTORY, &here)?;
            self.check(&dir, &here, FileType::Directory)?;
        }
        here.push(last);
        // First as a bare path, so that a link or a device is named as such and never opened.
        let found = step(&dir, Path::new(last), DIRECTORY, &here)?;
        self.check(&found, &here, FileType::RegularFile)?;
        let file = step(&dir, Path::new(last), REGULAR, &here)?;
        self.check(&file, &here, FileType::RegularFile)?;
        Ok(file.into())
    }

    fn check(&self, fd: impl AsFd, path: &Path, kind: FileType) -> Result<(), TrustError> {
        let stat =
            fstat(fd).map_err(|errno| TrustError::Open { path: path.to_owned(), reason: errno.into() })?;
        let mode = stat.st_mode;
        match FileType::from_raw_mode(mode) {
            FileType::Symlink => return Err(TrustError::Symlink(path.to_owned())),
            found if found == kind => {}
            _ => {
                let wanted = if kind == FileType::Directory { "directory" } else { "regular file" };
                return Err(TrustError::WrongKind { path: path.to_owned(), wanted });
            }
        }
        if stat.st_uid != self.owner {
            return Err(TrustError::Owner { path: path.to_owned(), uid: stat.st_uid });
        }
        if mode & OTHERS_WRITE != 0 {
            return Err(TrustError::Writable { path: path.to_owned(), mode: mode & 0o7777 });
        }
        Ok(())
    }
}

fn step(dir: &OwnedFd, name: &Path, flags: OFlags, path: &Path) -> Result<OwnedFd, TrustError> {
    openat(dir, name, flags, Mode::empty())
        .map_err(|errno| TrustError::Open { path: path.to_owned(), reason: io::Error::from(errno) })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        /// `etc/pppssh/saturn.toml`, as it should be, but for the owner: whoever runs the test.
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("etc/pppssh")).unwrap();
            fs::write(dir.path().join("etc/pppssh/saturn.toml"), "mtu = 1500").unwrap();
            let tree = Self(dir);
            for (path, mode) in
                [("", 0o755), ("etc", 0o755), ("etc/pppssh", 0o755), ("etc/pppssh/saturn.toml", 0o644)]
            {
                tree.mode(path, mode);
            }
            tree
        }

        fn mode(&self, path: &str, mode: u32) {
            fs::set_permissions(self.0.path().join(path), Permissions::from_mode(mode)).unwrap();
        }

        fn open_as(&self, owner: u32, path: &str) -> Result<File, TrustError> {
            let start = openat(CWD, self.0.path(), DIRECTORY, Mode::empty()).unwrap();
            Walk { owner, base: self.0.path().to_owned() }.open(start, Path::new(path))
        }

        fn open(&self, path: &str) -> Result<File, TrustError> {
            self.open_as(rustix::process::getuid().as_raw(), path)
        }
    }

    #[test]
    fn a_file_that_only_its_owner_can_write_is_opened() {
        let mut text = String::new();
        io::Read::read_to_string(&mut Tree::new().open("etc/pppssh/saturn.toml").unwrap(), &mut text)
            .unwrap();
        assert_eq!(text, "mtu = 1500");
    }

    #[test]
    fn a_component_that_others_may_write_spoils_the_whole_path() {
        for path in ["", "etc", "etc/pppssh", "etc/pppssh/saturn.toml"] {
            for bits in [0o020, 0o002] {
                let tree = Tree::new();
                tree.mode(path, 0o755 | bits);
                let error = tree.open("etc/pppssh/saturn.toml").unwrap_err();
                assert!(matches!(error, TrustError::Writable { .. }), "{path}: {error}");
            }
        }
    }

    #[test]
    fn a_sticky_directory_that_all_may_write_is_no_better() {
        let tree = Tree::new();
        tree.mode("etc", 0o1777);
        assert!(matches!(tree.open("etc/pppssh/saturn.toml"), Err(TrustError::Writable { .. })));
    }

    #[test]
    fn a_file_of_another_owner_is_refused() {
        let stranger = rustix::process::getuid().as_raw() + 1;
        let error = Tree::new().open_as(stranger, "etc/pppssh/saturn.toml").unwrap_err();
        assert!(matches!(error, TrustError::Owner { .. }), "{error}");
    }

    #[test]
    fn links_are_refused_wherever_they_stand() {
        let tree = Tree::new();
        symlink("saturn.toml", tree.0.path().join("etc/pppssh/link.toml")).unwrap();
        symlink("pppssh", tree.0.path().join("etc/linked")).unwrap();
        for path in ["etc/pppssh/link.toml", "etc/linked/saturn.toml"] {
            let error = tree.open(path).unwrap_err();
            assert!(matches!(error, TrustError::Symlink(_)), "{path}: {error}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let tree = Tree::new();
        let fifo = tree.0.path().join("etc/pppssh/fifo.toml");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        for path in ["etc/pppssh/fifo.toml", "etc/pppssh"] {
            assert!(matches!(tree.open(path), Err(TrustError::WrongKind { .. })), "{path}");
        }
        for path in ["etc/pppssh/../pppssh/saturn.toml", ""] {
            assert!(matches!(tree.open(path), Err(TrustError::NotPlain(_))), "{path}");
        }
        assert!(matches!(tree.open("etc/pppssh/none.toml"), Err(TrustError::Open { .. })));
    }
}
