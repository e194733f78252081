//! Elsewhere than on Linux a socket cannot be told, nor asked.

use std::io;
use std::os::fd::AsFd;

use super::Sent;

pub(super) fn acknowledge_now(_: impl AsFd) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn set_window_clamp(_: impl AsFd, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn sent(_: impl AsFd) -> io::Result<Sent> {
    Err(io::ErrorKind::Unsupported.into())
}
