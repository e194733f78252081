//! Reading the file, and refusing one that others could have written.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::AuthorizedKeys;
use crate::CarrierError;

/// A larger file is refused: it is read anew at each login.
const MAX_FILE: u64 = 1024 * 1024;

/// Write permission of group and others.
const WRITABLE_BY_OTHERS: u32 = 0o022;

impl AuthorizedKeys {
    /// Reads a file, which must belong to root or to this process's user and be writable by nobody else (sshd's
    /// `StrictModes`).
    pub fn load(path: &Path) -> Result<Self, CarrierError> {
        let failed =
            |source| CarrierError::io(format!("cannot read authorized keys from {}", path.display()), source);
        let refuse = |what: String| CarrierError::Config(format!("{}: {what}", path.display()));
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(refuse("expected a regular file of authorized keys".to_owned()));
        }
        let us = rustix::process::geteuid().as_raw();
        if about.uid() != 0 && about.uid() != us {
            return Err(refuse(format!(
                "belongs to user {}, so that user could let anybody in; chown it to root or to user {us}",
                about.uid()
            )));
        }
        if about.mode() & WRITABLE_BY_OTHERS != 0 {
            return Err(refuse(format!(
                "is writable by others (mode {:04o}), who could let anybody in; chmod it to 0600",
                about.mode() & 0o7777
            )));
        }
        let mut octets = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut octets).map_err(failed)?;
        if octets.len() as u64 > MAX_FILE {
            return Err(failed(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it is larger than {MAX_FILE}"),
            )));
        }
        Ok(Self::parse(&octets))
    }
}
