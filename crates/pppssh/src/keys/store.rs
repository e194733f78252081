//! Adding a line to an authorized_keys file: locked, whole or not at all, and so that sshd will read it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use russh::keys::PublicKey;
use rustix::fs::{FlockOperation, flock};

use super::KeyError;

/// Bits that make sshd's StrictModes ignore a file.
const OTHERS_WRITE: u32 = 0o022;

/// What [`add_line`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// The line is new.
    New,
    /// The very same line was there.
    WasThere,
}

/// Adds `line`, which lets `key` in, to `file`. Other lines stay as they are.
pub(super) fn add_line(file: &Path, key: &PublicKey, line: &str) -> Result<Added, KeyError> {
    // The file itself, if this is a link to it: replacing the link would leave the other name behind.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |what: &'static str, path: &Path| {
        let path = path.to_owned();
        move |reason: io::Error| KeyError::File { what, path, reason }
    };
    if !dir.exists() {
        DirBuilder::new().mode(0o700).create(dir).map_err(failed("make the directory", dir))?;
    }
    // The directory is locked, not the file: the file is about to be replaced by another.
    let lock = File::open(dir).map_err(failed("open", dir))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|errno| failed("lock", dir)(errno.into()))?;
    let dir_meta = lock.metadata().map_err(failed("look at", dir))?;
    if dir_meta.mode() & OTHERS_WRITE != 0 {
        return Err(KeyError::Loose(dir.to_owned()));
    }
    let (mut text, owner) = match fs::metadata(&file) {
        Ok(meta) if meta.mode() & OTHERS_WRITE != 0 => return Err(KeyError::Loose(file)),
        Ok(meta) => (fs::read_to_string(&file).map_err(failed("read", &file))?, (meta.uid(), meta.gid())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (String::new(), (dir_meta.uid(), dir_meta.gid()))
        }
        Err(reason) => return Err(failed("look at", &file)(reason)),
    };
    match lets_in(&text, key) {
        Some((_, there)) if there == line => return Ok(Added::WasThere),
        Some((line, _)) => return Err(KeyError::OtherTerms { path: file, line }),
        None => {}
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    replace(&file, dir, &text, owner).map_err(failed("write", &file))?;
    Ok(Added::New)
}

/// The line, and its number, that lets `key` in already.
fn lets_in<'a>(text: &'a str, key: &PublicKey) -> Option<(usize, &'a str)> {
    // "type base64": wherever it stands in a line, whatever options stand before it.
    let wanted: String = key.to_openssh().ok()?.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let holds = |line: &str| !line.trim_start().starts_with('#') && line.contains(&wanted);
    text.lines().enumerate().find(|(_, line)| holds(line)).map(|(index, line)| (index + 1, line.trim()))
}

fn replace(file: &Path, dir: &Path, text: &str, owner: (u32, u32)) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".pppssh-{}", std::process::id()));
    let new = TemporaryFile(dir.join(name));
    let mut handle = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new.0)?;
    handle.write_all(text.as_bytes())?;
    // Root may add a key for another user, and sshd reads the file as that user.
    let me = handle.metadata()?;
    if owner != (me.uid(), me.gid()) {
        fchown(&handle, Some(owner.0), Some(owner.1))?;
    }
    handle.sync_all()?;
    fs::rename(&new.0, file)?;
    File::open(dir)?.sync_all()
}

/// Removed on the way out, unless it has been renamed.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA other";
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9pBEpdPVT3JVJrBKVUYyeMLdOMbXCtKyHHKDZbDnGu pppssh@venus";

    fn key() -> PublicKey {
        KEY.parse().unwrap()
    }

    #[test]
    fn other_lines_stay_and_a_missing_last_newline_is_supplied() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("authorized_keys");
        fs::write(&file, format!("# mine\n{OTHER}")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(add_line(&file, &key(), KEY).unwrap(), Added::New);
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("# mine\n{OTHER}\n{KEY}\n"));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_key_that_is_let_in_on_other_terms_is_not_let_in_twice() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("authorized_keys");
        fs::write(&file, format!("# {KEY}\n\n{KEY}\n")).unwrap();
        let error = add_line(&file, &key(), &format!("restrict {KEY}")).unwrap_err();
        assert!(matches!(error, KeyError::OtherTerms { line: 3, .. }), "{error}");
    }

    #[test]
    fn what_sshd_would_ignore_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("authorized_keys");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        assert!(
            matches!(add_line(&file, &key(), KEY), Err(KeyError::Loose(path)) if path.ends_with("authorized_keys"))
        );
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(add_line(&file, &key(), KEY), Err(KeyError::Loose(path)) if path == dir.path()));
    }

    #[test]
    fn a_link_stays_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("real"), dir.path().join("authorized_keys"));
        fs::write(&file, "").unwrap();
        symlink(&file, &link).unwrap();
        add_line(&link, &key(), KEY).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{KEY}\n"));
    }

    #[test]
    fn writers_at_the_same_time_lose_no_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("authorized_keys");
        let keys: Vec<PublicKey> = (1..=8u8)
            .map(|n| {
                let data = russh::keys::ssh_key::public::Ed25519PublicKey([n; 32]);
                PublicKey::new(data.into(), format!("key {n}"))
            })
            .collect();
        std::thread::scope(|scope| {
            for key in &keys {
                scope.spawn(|| add_line(&file, key, &key.to_openssh().unwrap()).unwrap());
            }
        });
        assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), keys.len());
    }
}
