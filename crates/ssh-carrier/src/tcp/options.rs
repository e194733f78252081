//! Options of a TCP socket for which nobody has a safe call (tcp(7)): the only unsafe code of this crate.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use super::Sent;

/// Acknowledges what has come, if that is held back (`TCP_QUICKACK`).
pub(super) fn acknowledge_now(socket: impl AsFd) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_tcp_quickack(socket, true)?)
}

/// The receive window that is advertised grows to so many octets at most (`TCP_WINDOW_CLAMP`); what was advertised already is not taken
/// back. The system raises it by itself where it gives the socket a larger buffer.
pub(super) fn set_window_clamp(socket: impl AsFd, octets: u32) -> io::Result<()> {
    let value = libc::c_int::try_from(octets).unwrap_or(libc::c_int::MAX);
    // SAFETY: the descriptor is open while it is borrowed; `value` has the size that is given, is only read, and lives until the call
    // has returned.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_WINDOW_CLAMP,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What the socket sends (`TCP_INFO`).
pub(super) fn sent(socket: impl AsFd) -> io::Result<Sent> {
    // SAFETY: all fields are integers, for which zero is a value.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    get(socket, libc::TCP_INFO, &mut info)?;
    let round_trip = Duration::from_micros(info.tcpi_rtt.into());
    Ok(Sent { round_trip, unacknowledged: info.tcpi_unacked })
}

#[cfg(test)]
pub(super) fn window_clamp(socket: impl AsFd) -> io::Result<libc::c_int> {
    let mut value = 0;
    get(socket, libc::TCP_WINDOW_CLAMP, &mut value)?;
    Ok(value)
}

/// Reads an option; an older system may know less of it than there is room for.
fn get<T: Copy>(socket: impl AsFd, option: libc::c_int, value: &mut T) -> io::Result<()> {
    let mut size = size_of::<T>() as libc::socklen_t;
    // SAFETY: the descriptor is open while it is borrowed; the system writes no more than `size` octets to `value`, which are integers, and
    // how many to `size`, and both live until the call has returned.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            option,
            std::ptr::from_mut(value).cast(),
            &raw mut size,
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
