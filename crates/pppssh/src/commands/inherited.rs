//! Taking over a descriptor that the parent process left open. The only unsafe code of the verbs.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The descriptor with this number, owned from now on.
///
/// Refused: the standard streams, and numbers that nothing is open as.
pub(super) fn take(number: RawFd) -> io::Result<OwnedFd> {
    const FIRST_FREE: RawFd = 3;
    if number < FIRST_FREE {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "0 to 2 are the standard streams"));
    }
    // Linux lists what is open; nothing else in this process opens or closes descriptors at this point.
    if !std::path::Path::new(&format!("/dev/fd/{number}")).exists() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("nothing is open as descriptor {number}"),
        ));
    }
    // SAFETY: the descriptor is open (checked above) and was named by the user as one that this process got from its
    // parent for this purpose, so nothing else in this process owns it. It is taken once, when the session is opened.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
