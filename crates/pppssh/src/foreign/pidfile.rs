//! Files in which scripts find the process that holds a link: pppd(8), FILES.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io, process};

/// Where pppd and user-ppp put them.
pub const RUN: &str = "/run";

/// One such file; it is removed when this is dropped.
#[derive(Debug)]
pub struct Pidfile {
    path: PathBuf,
}

impl Pidfile {
    /// `INTERFACE.pid` in `dir`, with this process's number.
    pub fn of_interface(dir: &Path, interface: &str) -> io::Result<Self> {
        Self::write(dir, &format!("{interface}.pid"), &format!("{}\n", process::id()))
    }

    /// `ppp-LINKNAME.pid` in `dir`, with this process's number and the interface.
    pub fn of_link(dir: &Path, linkname: &str, interface: &str) -> io::Result<Self> {
        Self::write(dir, &format!("ppp-{linkname}.pid"), &format!("{}\n{interface}\n", process::id()))
    }

    /// A file of this name; one that is left over is replaced, a link is not followed.
    pub fn write(dir: &Path, name: &str, text: &str) -> io::Result<Self> {
        if name.contains('/') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name with a slash in it"));
        }
        let path = dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(Self { path })
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("unable to delete pid file {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_pppds_and_go_with_the_link() {
        let dir = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(dir.path().join(name));
        fs::write(dir.path().join("ppp7.pid"), "1 left over").unwrap();
        let interface = Pidfile::of_interface(dir.path(), "ppp7").unwrap();
        let link = Pidfile::of_link(dir.path(), "office", "ppp7").unwrap();
        assert_eq!(read("ppp7.pid").unwrap(), format!("{}\n", process::id()));
        assert_eq!(read("ppp-office.pid").unwrap(), format!("{}\nppp7\n", process::id()));
        drop((interface, link));
        assert!(read("ppp7.pid").is_err() && read("ppp-office.pid").is_err());
    }

    #[test]
    fn a_link_is_not_followed_and_a_name_stays_in_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("ppp0.pid")).unwrap();
        let _file = Pidfile::of_interface(dir.path(), "ppp0").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(Pidfile::of_link(dir.path(), "../x", "ppp0").is_err());
    }
}
