//! Anonymous namespaces: made by a thread that ends at once, held open by descriptors.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;

use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

/// A network namespace, and a mount namespace if the host has files of its own.
#[derive(Debug)]
pub(crate) struct Namespaces {
    net: OwnedFd,
    mount: Option<OwnedFd>,
}

impl Namespaces {
    /// New ones. With `files`, that function runs in the new mount namespace, whose mounts nobody else sees.
    pub(crate) fn new(files: Option<&(dyn Fn() -> io::Result<()> + Sync)>) -> io::Result<Namespaces> {
        on_thread(|| {
            let flags = UnshareFlags::NEWNET
                | if files.is_some() { UnshareFlags::NEWNS } else { UnshareFlags::empty() };
            // SAFETY: affects this thread alone, which shares no namespace state by memory; descriptors
            // stay shared (no CLONE_FILES).
            unsafe { unshare_unsafe(flags) }?;
            let mount = match files {
                None => None,
                Some(files) => {
                    files()?;
                    Some(File::open("/proc/thread-self/ns/mnt")?.into())
                }
            };
            Ok(Namespaces { net: File::open("/proc/thread-self/ns/net")?.into(), mount })
        })
    }

    pub(crate) fn net(&self) -> BorrowedFd<'_> {
        self.net.as_fd()
    }

    pub(crate) fn has_files(&self) -> bool {
        self.mount.is_some()
    }

    /// Moves the calling thread in. It must not share its root and working directory with another, which
    /// is so in a new process, and for a thread after `unshare`. Allocates nothing.
    pub(crate) fn enter(&self) -> io::Result<()> {
        if let Some(mount) = &self.mount {
            move_into_link_name_space(mount.as_fd(), Some(LinkNameSpaceType::Mount))?;
        }
        move_into_link_name_space(self.net.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }

    /// Runs `work` on a new thread inside.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_thread(|| {
            if self.has_files() {
                // SAFETY: gives this new thread its own root and working directory, no more.
                unsafe { unshare_unsafe(UnshareFlags::FS) }?;
            }
            self.enter()?;
            Ok(work())
        })
    }
}

/// Runs `work` on a thread of its own, whose namespaces go with it; a panic goes on in the caller.
fn on_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|panic| resume_unwind(panic)))
}
