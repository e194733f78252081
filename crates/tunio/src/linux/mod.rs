//! TUN devices of Linux (Documentation/networking/tuntap.rst).

mod ioctl;
mod name;
mod offload;

use std::ffi::c_int;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice::name_to_index, socket_with};

use crate::offload::VirtioHeader;
use crate::{Offload, TunConfig, TunError};
use ioctl::{Flags, InterfaceName};

const DRIVER: &str = "/dev/net/tun";

/// What a device of ours is made with: packets of IP, nothing in front of them.
const FLAGS: Flags = Flags::TUN.union(Flags::NO_PI);
/// The same with a virtio header in front of each.
const FLAGS_WITH_HEADER: Flags = FLAGS.union(Flags::VNET_HDR);

/// A device ready for packets.
pub(crate) struct Opened {
    pub(crate) device: Device,
    pub(crate) name: String,
    pub(crate) index: u32,
}

/// The descriptor of an attached device, non-blocking.
#[derive(Debug)]
pub(crate) struct Device {
    fd: OwnedFd,
    /// Whether a virtio header stands in front of each packet.
    has_header: bool,
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

pub(crate) fn create(config: &TunConfig) -> Result<Opened, TunError> {
    let wanted = config.name.as_deref().unwrap_or("tun%d");
    let pattern = name::check(wanted)?;
    let fd = open_driver()?;
    let flags = if config.offload { FLAGS_WITH_HEADER } else { FLAGS };
    let name =
        ioctl::set_interface(&fd, &pattern, flags | Flags::EXCLUSIVE).map_err(|errno| match errno {
            Errno::PERM => TunError::CreateDenied { name: wanted.to_owned() },
            // ENFILE: no number is left for the pattern.
            Errno::BUSY | Errno::EXIST | Errno::NFILE => TunError::Exists { name: wanted.to_owned() },
            Errno::INVAL => TunError::InvalidName { name: wanted.to_owned(), why: "the kernel refuses it" },
            errno => TunError::io(format!("create the TUN device {wanted}"), errno),
        })?;
    let device = Device::new(fd, config.offload)?;
    if config.persist {
        device.set_persistent(true)?;
    }
    opened(device, &name)
}

pub(crate) fn attach(wanted: &str, with_header: bool) -> Result<Opened, TunError> {
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
    // An attached device is what it is attached as, whatever it was made as; its offloads it keeps.
    let flags = if with_header { FLAGS_WITH_HEADER } else { FLAGS };
    ioctl::set_interface(&fd, &name, flags).map_err(|errno| match errno {
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
    let device = Device::new(fd, with_header)?;
    device.set_offload(Offload::NONE)?;
    opened(device, &name)
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
    let ready = |fd: &OwnedFd| {
        fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        fcntl_setfd(fd, fcntl_getfd(fd)? | FdFlags::CLOEXEC)
    };
    ready(&fd).map_err(|errno| TunError::io("make the descriptor passed in non-blocking", errno))?;
    let device = Device::new(fd, flags.contains(Flags::VNET_HDR))?;
    if device.has_packet_information().map_err(|errno| TunError::io("try the descriptor passed in", errno))? {
        return Err(TunError::BadDescriptor(
            "its packets carry the 4-octet information header: make it with IFF_NO_PI",
        ));
    }
    if device.has_header {
        device.set_offload(Offload::NONE)?;
    }
    opened(device, &name)
}

impl Device {
    /// Of the two sizes that a header can have, this is the smaller: the two octets that it is short of
    /// (num_buffers) say nothing at a TUN.
    fn new(fd: OwnedFd, has_header: bool) -> Result<Device, TunError> {
        if has_header {
            const OCTETS: c_int = 10;
            const { assert!(VirtioHeader::LEN == OCTETS as usize) };
            ioctl::set_header_size(&fd, OCTETS).and_then(|()| ioctl::set_header_little_endian(&fd)).map_err(
                |errno| TunError::io("settle the header in front of the TUN device's packets", errno),
            )?;
        }
        Ok(Device { fd, has_header })
    }

    /// Octets in front of each packet that is read.
    pub(crate) fn header_len(&self) -> usize {
        if self.has_header { VirtioHeader::LEN } else { 0 }
    }

    /// Whether packets of the device have `struct tun_pi` in front, as they do without IFF_NO_PI.
    ///
    /// TUNGETIFF cannot tell: it sets the bit of IFF_NO_PI, under the name IFF_NOFILTER, for every TUN. So a
    /// packet of one octet is written. A device with the header finds that cut short (EINVAL), at its end if a
    /// virtio header is there too; one without sees version 4, and drops the packet, as down (EIO) or later as
    /// an IPv4 header cut short.
    fn has_packet_information(&self) -> rustix::io::Result<bool> {
        const VERSION_4_AND_NO_MORE: [u8; 1] = [0x40];
        match self.write_with_header(&VirtioHeader::NONE, &VERSION_4_AND_NO_MORE) {
            Ok(_) | Err(Errno::IO) => Ok(false),
            Err(Errno::INVAL) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    /// Reads one packet, with its header in front if the device has it.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match rustix::io::read(&self.fd, room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(length),
            Err(errno) => Err(by_meaning(errno)),
        }
    }

    /// Writes one packet; the header is for a device that has it.
    pub(crate) fn write(&mut self, header: &VirtioHeader, packet: &[u8]) -> io::Result<()> {
        self.write_with_header(header, packet).map(drop).map_err(by_meaning)
    }

    fn write_with_header(&self, header: &VirtioHeader, packet: &[u8]) -> rustix::io::Result<usize> {
        if self.has_header {
            rustix::io::writev(&self.fd, &[IoSlice::new(&header.emit()), IoSlice::new(packet)])
        } else {
            rustix::io::write(&self.fd, packet)
        }
    }

    /// Leaves to the reader as much of `wanted` as the kernel knows, which without a header is nothing.
    pub(crate) fn set_offload(&self, wanted: Offload) -> Result<Offload, TunError> {
        let wanted = if self.has_header { wanted } else { Offload::NONE };
        offload::grant(wanted, |bits| ioctl::set_offload(&self.fd, bits))
            .map_err(|errno| TunError::io("set what the kernel leaves to the TUN device's reader", errno))
    }

    pub(crate) fn set_persistent(&self, persistent: bool) -> Result<(), TunError> {
        ioctl::set_persistent(self.fd.as_fd(), persistent)
            .map_err(|errno| TunError::io("change whether the TUN device is persistent", errno))
    }

    pub(crate) fn set_owner(&self, uid: u32) -> Result<(), TunError> {
        ioctl::set_owner(self.fd.as_fd(), uid)
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
