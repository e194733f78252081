//! TUN devices of macOS (utun) and FreeBSD, by the `tun` crate.
//!
//! FreeBSD: `tun` leaves TUNSIFHEAD off, and the kernel then takes every packet written for IPv4.

#[cfg(not(any(target_os = "macos", target_os = "freebsd")))]
compile_error!("tunio knows the TUN devices of Linux, macOS and FreeBSD only");

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
#[cfg(target_os = "freebsd")]
use std::path::Path;

use tun::AbstractDevice;

use crate::offload::VirtioHeader;
use crate::{Offload, TunConfig, TunError};

/// A device ready for packets.
pub(crate) struct Opened {
    pub(crate) device: Device,
    pub(crate) name: String,
    pub(crate) index: u32,
}

/// A device of the `tun` crate, non-blocking.
pub(crate) struct Device(tun::Device);

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Device").field(&self.as_raw_fd()).finish()
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

pub(crate) fn create(config: &TunConfig) -> Result<Opened, TunError> {
    if config.persist {
        return Err(TunError::Unsupported("a device cannot be made persistent"));
    }
    open(config.name.as_deref().filter(|name| !name.contains('%')))
}

#[cfg(target_os = "freebsd")]
pub(crate) fn attach(name: &str, _with_header: bool) -> Result<Opened, TunError> {
    if name.contains('/') || !Path::new("/dev").join(name).exists() {
        return Err(TunError::NotFound { name: name.to_owned() });
    }
    open(Some(name))
}

#[cfg(target_os = "macos")]
pub(crate) fn attach(_name: &str, _with_header: bool) -> Result<Opened, TunError> {
    Err(TunError::Unsupported("utun devices go with the process that made them, there is none to attach to"))
}

pub(crate) fn adopt(_fd: OwnedFd) -> Result<Opened, TunError> {
    Err(TunError::Unsupported("the `tun` crate cannot tell the name of an adopted device"))
}

fn open(name: Option<&str>) -> Result<Opened, TunError> {
    let wanted = name.unwrap_or("(any name)");
    let mut configuration = tun::configure();
    if let Some(name) = name {
        configuration.tun_name(name);
    }
    let device = tun::create(&configuration).map_err(|error| refused(wanted, error))?;
    device.set_nonblock().map_err(|error| TunError::io("make the TUN device non-blocking", error))?;
    let name = device.tun_name().map_err(|error| TunError::io("ask the TUN device's name", error))?;
    let index =
        device.tun_index().map_err(|error| TunError::io(format!("look up the interface {name}"), error))?;
    Ok(Opened { device: Device(device), name, index: index.cast_unsigned() })
}

fn refused(wanted: &str, error: tun::Error) -> TunError {
    let name = wanted.to_owned();
    match error {
        tun::Error::NameTooLong => TunError::InvalidName { name, why: "it is too long" },
        tun::Error::InvalidName | tun::Error::ParseNum(_) => {
            TunError::InvalidName { name, why: "it must be utun and a number" }
        }
        error => {
            let source = io::Error::from(error);
            match source.kind() {
                ErrorKind::PermissionDenied => TunError::CreateDenied { name },
                ErrorKind::ResourceBusy => TunError::InUse { name },
                _ => TunError::io(format!("open the TUN device {name}"), source),
            }
        }
    }
}

impl Device {
    /// Octets in front of each packet that is read: there are no headers here.
    #[allow(clippy::unused_self)] // the same signature as on Linux
    pub(crate) fn header_len(&self) -> usize {
        0
    }

    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // the same signature as on Linux
    pub(crate) fn set_offload(&self, _wanted: Offload) -> Result<Offload, TunError> {
        Ok(Offload::NONE)
    }

    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self.0.read(room) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(length),
            Err(error) => Err(by_meaning(error)),
        }
    }

    pub(crate) fn write(&mut self, _header: &VirtioHeader, packet: &[u8]) -> io::Result<()> {
        self.0.write(packet).map(drop).map_err(by_meaning)
    }

    #[allow(clippy::unused_self)] // the same signature as on Linux
    pub(crate) fn set_persistent(&self, _persistent: bool) -> Result<(), TunError> {
        Err(TunError::Unsupported("a device cannot be made persistent"))
    }

    #[allow(clippy::unused_self)] // the same signature as on Linux
    pub(crate) fn set_owner(&self, _uid: u32) -> Result<(), TunError> {
        Err(TunError::Unsupported("a device has no owner"))
    }
}

/// The device's MTU.
pub(crate) fn mtu(device: &Device, _name: &str) -> io::Result<u32> {
    Ok(device.0.mtu().map_err(io::Error::from)?.into())
}

/// Errors by what they mean, as documented at [`crate::Tun::send`].
fn by_meaning(error: io::Error) -> io::Error {
    /// ENXIO, EIO, EMSGSIZE and ENOBUFS have the same numbers on both (sys/errno.h).
    const ENXIO: i32 = 6;
    const EIO: i32 = 5;
    const EMSGSIZE: i32 = 40;
    const ENOBUFS: i32 = 55;
    match error.raw_os_error() {
        Some(EIO) => ErrorKind::NetworkDown.into(),
        Some(ENXIO) => ErrorKind::NotConnected.into(),
        Some(EMSGSIZE) => ErrorKind::InvalidInput.into(),
        Some(ENOBUFS) => ErrorKind::OutOfMemory.into(),
        // What `tun` itself says of a packet that is not IP.
        None if error.kind() == ErrorKind::InvalidData => ErrorKind::InvalidInput.into(),
        _ => error,
    }
}
