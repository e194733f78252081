//! TUN devices of Linux (Documentation/networking/tuntap.rst).

mod ioctl;
mod name;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice::name_to_index, socket_with};

use crate::{TunConfig, TunError};
use ioctl::{Flags, InterfaceName};

const DRIVER: &str = "/dev/net/tun";

/// What a device of ours is made with: packets of IP, nothing in front of them.
const FLAGS: Flags = Flags::TUN.union(Flags::NO_PI);

/// A device ready for packets.
pub(crate) struct Opened {
    pub(crate) device: Device,
    pub(crate) name: String,
    pub(crate) index: u32,
}

/// The descriptor of an attached device, non-blocking.
#[derive(Debug)]
pub(crate) struct Device(OwnedFd);

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

pub(crate) fn create(config: &TunConfig) -> Result<Opened, TunError> {
    let wanted = config.name.as_deref().unwrap_or("tun%d");
    let pattern = name::check(wanted)?;
    let fd = open_driver()?;
    let name =
        ioctl::set_interface(&fd, &pattern, FLAGS | Flags::EXCLUSIVE).map_err(|errno| match errno {
            Errno::PERM => TunError::CreateDenied { name: wanted.to_owned() },
            // ENFILE: no number is left for the pattern.
            Errno::BUSY | Errno::EXIST | Errno::NFILE => TunError::Exists { name: wanted.to_owned() },
            Errno::INVAL => TunError::InvalidName { name: wanted.to_owned(), why: "the kernel refuses it" },
            errno => TunError::io(format!("create the TUN device {wanted}"), errno),
        })?;
    let device = Device(fd);
    if config.persist {
        device.set_persistent(true)?;
    }
    opened(device, &name)
}

pub(crate) fn attach(wanted: &str) -> Result<Opened, TunError> {
    let not_found = || TunError::NotFound { name: wanted.to_owned() };
    let name = name::check(wanted)?;
    if wanted.contains('%') {
        return Err(TunError::InvalidName {
            name: wanted.to_owned(),
            why: "a pattern cannot be attached to, name the device itself",
        });
    }
    let fd = open_driver()?;
    // TUNSETIFF would make a device that is not there.
    interface_index(wanted).map_err(|_| not_found())?;
    ioctl::set_interface(&fd, &name, FLAGS).map_err(|errno| match errno {
        Errno::PERM => TunError::AttachDenied { name: wanted.to_owned() },
        Errno::BUSY => TunError::InUse { name: wanted.to_owned() },
        Errno::INVAL => TunError::NotTun { name: wanted.to_owned() },
        errno => TunError::io(format!("attach to the TUN device {wanted}"), errno),
    })?;
    let (_, flags) =
        ioctl::get_interface(&fd).map_err(|errno| TunError::io("ask what the device is", errno))?;
    if !flags.contains(Flags::PERSIST) {
        // It vanished in between and TUNSETIFF made a new one, which goes again with the descriptor.
        return Err(not_found());
    }
    opened(Device(fd), &name)
}

pub(crate) fn adopt(fd: OwnedFd) -> Result<Opened, TunError> {
    let (name, flags) = ioctl::get_interface(&fd).map_err(|errno| match errno {
        Errno::BADFD => TunError::BadDescriptor(
            "it is /dev/net/tun with no device attached: attach one (TUNSETIFF) before passing it",
        ),
        Errno::NOTTY | Errno::INVAL | Errno::OPNOTSUPP => {
            TunError::BadDescriptor("it is not /dev/net/tun: pass the descriptor the device was made with")
        }
        errno => TunError::io("ask the descriptor passed in what it is", errno),
    })?;
    if !flags.contains(Flags::TUN) {
        return Err(TunError::BadDescriptor("it is a TAP (Ethernet frames): make it with IFF_TUN"));
    }
    if flags.contains(Flags::VNET_HDR) {
        return Err(TunError::BadDescriptor(
            "its packets carry a virtio header: make it without IFF_VNET_HDR",
        ));
    }
    let ready = |fd: &OwnedFd| {
        fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        fcntl_setfd(fd, fcntl_getfd(fd)? | FdFlags::CLOEXEC)
    };
    ready(&fd).map_err(|errno| TunError::io("make the descriptor passed in non-blocking", errno))?;
    if has_packet_information(&fd).map_err(|errno| TunError::io("try the descriptor passed in", errno))? {
        return Err(TunError::BadDescriptor(
            "its packets carry the 4-octet information header: make it with IFF_NO_PI",
        ));
    }
    opened(Device(fd), &name)
}

/// Whether packets of the device have `struct tun_pi` in front, as they do without IFF_NO_PI.
///
/// TUNGETIFF cannot tell: it sets the bit of IFF_NO_PI, under the name IFF_NOFILTER, for every TUN. So a
/// packet of one octet is written. A device with the header finds that cut short (EINVAL); one without sees
/// version 4, and drops the packet, as down (EIO) or later as an IPv4 header cut short.
fn has_packet_information(fd: &OwnedFd) -> rustix::io::Result<bool> {
    const VERSION_4_AND_NO_MORE: [u8; 1] = [0x40];
    match rustix::io::write(fd, &VERSION_4_AND_NO_MORE) {
        Ok(_) | Err(Errno::IO) => Ok(false),
        Err(Errno::INVAL) => Ok(true),
        Err(errno) => Err(errno),
    }
}

impl Device {
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.0, room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(length),
            Err(errno) => Err(by_meaning(errno)),
        }
    }

    pub(crate) fn write(&mut self, packet: &[u8]) -> io::Result<()> {
        rustix::io::write(&self.0, packet).map(drop).map_err(by_meaning)
    }

    pub(crate) fn set_persistent(&self, persistent: bool) -> Result<(), TunError> {
        ioctl::set_persistent(self.0.as_fd(), persistent)
            .map_err(|errno| TunError::io("change whether the TUN device is persistent", errno))
    }

    pub(crate) fn set_owner(&self, uid: u32) -> Result<(), TunError> {
        ioctl::set_owner(self.0.as_fd(), uid)
            .map_err(|errno| TunError::io(format!("give the TUN device to user {uid}"), errno))
    }
}

/// The MTU of the interface `name`.
pub(crate) fn mtu(_device: &Device, name: &str) -> io::Result<u32> {
    let name = InterfaceName::new(name).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(ioctl::get_mtu(control_socket()?, &name)?)
}

fn open_driver() -> Result<OwnedFd, TunError> {
    rustix::fs::open(DRIVER, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).map_err(
        |errno| match errno {
            // ENODEV, ENXIO: the node is there, the driver is not.
            Errno::NOENT | Errno::NODEV | Errno::NXIO => TunError::NoDriver,
            // EPERM: the container's device policy; EACCES: the node's mode.
            Errno::ACCESS | Errno::PERM => TunError::DriverDenied(errno.into()),
            errno => TunError::io(format!("open {DRIVER}"), errno),
        },
    )
}

fn opened(device: Device, name: &InterfaceName) -> Result<Opened, TunError> {
    let name = name.to_string();
    let index = interface_index(&name).map_err(|errno| match errno {
        Errno::NODEV => TunError::ElsewhereNamed { name: name.clone() },
        errno => TunError::io(format!("look up the interface {name}"), errno),
    })?;
    Ok(Opened { device, name, index })
}

fn interface_index(name: &str) -> rustix::io::Result<u32> {
    name_to_index(control_socket()?, name)
}

/// A socket of the network namespace this thread is in, for questions about its interfaces.
fn control_socket() -> rustix::io::Result<OwnedFd> {
    socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
}

/// drivers/net/tun.c's errors by what they mean, as documented at [`crate::Tun::send`]; no allocation.
fn by_meaning(errno: Errno) -> io::Error {
    match errno {
        Errno::IO => io::ErrorKind::NetworkDown.into(),
        Errno::MSGSIZE => io::ErrorKind::InvalidInput.into(),
        Errno::NOBUFS => io::ErrorKind::OutOfMemory.into(),
        Errno::BADFD | Errno::NODEV => io::ErrorKind::NotConnected.into(),
        // EAGAIN, EINTR, EINVAL and ENOMEM have kinds of their own.
        errno => errno.into(),
    }
}
