//! A file that is written to in large pieces, and given up at its first error.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Octets gathered before they are written, while the pump never rests.
const BUFFER: usize = 64 * 1024;

/// A capture that cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot write the capture {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// There is something else in the place of the file.
    #[error("{} is not a regular file: name another one for the capture, or remove it first", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
}

/// A handle on the file; all of them write behind each other. It holds what crossed the link, passwords too, so it is
/// made for its owner's eyes only.
#[derive(Debug, Clone)]
pub(super) struct CaptureFile(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// `None` once it was given up.
    file: Option<File>,
    buffer: Vec<u8>,
}

impl CaptureFile {
    /// Goes on behind what is there already.
    pub(super) fn append(path: &Path) -> Result<Self, CaptureError> {
        Self::open(path, OpenOptions::new().append(true).create(true))
    }

    /// Starts anew.
    pub(super) fn replace(path: &Path) -> Result<Self, CaptureError> {
        let file = Self::open(path, OpenOptions::new().write(true).create(true))?;
        let emptied = file.lock().file.as_ref().map_or(Ok(()), |file| file.set_len(0));
        emptied.map_err(|reason| CaptureError::Open { path: path.to_owned(), reason })?;
        Ok(file)
    }

    fn open(path: &Path, options: &mut OpenOptions) -> Result<Self, CaptureError> {
        // Not through a symbolic link, which somebody else may have put there, and without waiting for a pipe's reader.
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
        let flags = i32::try_from(flags).expect("open(2) takes its flags as an int");
        let opened = options.mode(0o600).custom_flags(flags).open(path);
        let file = opened.map_err(|reason| match rustix::io::Errno::from_io_error(&reason) {
            Some(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => {
                CaptureError::NotAFile { path: path.to_owned() }
            }
            _ => CaptureError::Open { path: path.to_owned(), reason },
        })?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(CaptureError::NotAFile { path: path.to_owned() });
        }
        let inner = Inner { path: path.to_owned(), file: Some(file), buffer: Vec::with_capacity(2 * BUFFER) };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// Appends these pieces, as one.
    pub(super) fn write(&self, pieces: &[&[u8]]) {
        let mut inner = self.lock();
        if inner.file.is_none() {
            return;
        }
        for piece in pieces {
            inner.buffer.extend_from_slice(piece);
        }
        if inner.buffer.len() >= BUFFER {
            inner.flush();
        }
    }

    pub(super) fn flush(&self) {
        self.lock().flush();
    }

    /// One that fails at the first write.
    #[cfg(test)]
    pub(super) fn read_only(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        Self(Arc::new(Mutex::new(Inner { path: path.to_owned(), file: Some(file), buffer: Vec::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn flush(&mut self) {
        let Some(file) = self.file.as_mut().filter(|_| !self.buffer.is_empty()) else { return };
        if let Err(error) = file.write_all(&self.buffer) {
            tracing::warn!(%error, "the capture {} ends here", self.path.display());
            self.file = None;
        }
        self.buffer.clear();
    }
}
