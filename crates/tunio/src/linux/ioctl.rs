//! The ioctls of /dev/net/tun (linux/if_tun.h), and one of interfaces (linux/sockios.h).
//!
//! The only unsafe code of the crate: each function pairs an opcode with the argument its driver expects.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fmt;
use std::os::fd::AsFd;

use rustix::io::Result;
use rustix::ioctl::{IntegerSetter, Opcode, Setter, Updater, ioctl, opcode};

/// Octets of an interface's name with the NUL that ends it (linux/if.h).
pub(super) const IFNAMSIZ: usize = 16;

const TUNSETIFF: Opcode = opcode::write::<c_int>(b'T', 202);
const TUNSETPERSIST: Opcode = opcode::write::<c_int>(b'T', 203);
const TUNSETOWNER: Opcode = opcode::write::<c_int>(b'T', 204);
const TUNSETOFFLOAD: Opcode = opcode::write::<std::ffi::c_uint>(b'T', 208);
const TUNGETIFF: Opcode = opcode::read::<std::ffi::c_uint>(b'T', 210);
const TUNSETVNETHDRSZ: Opcode = opcode::write::<c_int>(b'T', 216);
const TUNSETVNETLE: Opcode = opcode::write::<c_int>(b'T', 220);
const SIOCGIFMTU: Opcode = 0x8921;

/// A device's flags, as TUNSETIFF takes and TUNGETIFF gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u16);

impl Flags {
    /// IFF_TUN: packets of IP.
    pub(super) const TUN: Flags = Flags(0x0001);
    /// IFF_PERSIST (only read): the device stays when it is closed.
    pub(super) const PERSIST: Flags = Flags(0x0800);
    /// IFF_NO_PI (only written; read, the bit is IFF_NOFILTER): no information header in front of packets.
    pub(super) const NO_PI: Flags = Flags(0x1000);
    /// IFF_VNET_HDR: a virtio header in front of packets.
    pub(super) const VNET_HDR: Flags = Flags(0x4000);
    /// IFF_TUN_EXCL (only written): fail if the interface exists.
    pub(super) const EXCLUSIVE: Flags = Flags(0x8000);

    pub(super) const fn union(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub(super) const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;

    fn bitor(self, other: Flags) -> Flags {
        self.union(other)
    }
}

/// An interface's name as the kernel has it, padded with NULs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InterfaceName([u8; IFNAMSIZ]);

impl InterfaceName {
    /// `None` if it is too long.
    pub(super) fn new(name: &str) -> Option<InterfaceName> {
        let mut octets = [0; IFNAMSIZ];
        octets[..IFNAMSIZ - 1].get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(InterfaceName(octets))
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.iter().position(|octet| *octet == 0).unwrap_or(IFNAMSIZ);
        f.write_str(&String::from_utf8_lossy(&self.0[..length]))
    }
}

/// `struct ifreq` (linux/if.h): a name, and a union of which only two members are used here.
#[repr(C, align(8))]
struct InterfaceRequest {
    name: InterfaceName,
    /// `ifr_flags` (short) or `ifr_mtu` (int) at its beginning; as large as the union is anywhere.
    value: [u8; 24],
}

impl InterfaceRequest {
    fn new(name: InterfaceName) -> InterfaceRequest {
        InterfaceRequest { name, value: [0; 24] }
    }

    fn flags(&self) -> Flags {
        Flags(u16::from_ne_bytes([self.value[0], self.value[1]]))
    }

    fn set_flags(&mut self, flags: Flags) {
        self.value[..2].copy_from_slice(&flags.0.to_ne_bytes());
    }
}

/// TUNSETIFF: makes `fd` the device `name`, which is made if it does not exist; returns the name it got.
pub(super) fn set_interface(fd: impl AsFd, name: &InterfaceName, flags: Flags) -> Result<InterfaceName> {
    let mut request = InterfaceRequest::new(*name);
    request.set_flags(flags);
    // SAFETY: the driver reads and writes one `struct ifreq`, which `InterfaceRequest` is.
    unsafe { ioctl(fd, Updater::<TUNSETIFF, _>::new(&mut request)) }?;
    Ok(request.name)
}

/// TUNGETIFF: which device `fd` is, and its flags.
pub(super) fn get_interface(fd: impl AsFd) -> Result<(InterfaceName, Flags)> {
    let mut request = InterfaceRequest::new(InterfaceName([0; IFNAMSIZ]));
    // SAFETY: the driver writes one `struct ifreq`, which `InterfaceRequest` is; the opcode is the driver's
    // alone ('T' 210), so another driver refuses it.
    unsafe { ioctl(fd, Updater::<TUNGETIFF, _>::new(&mut request)) }?;
    Ok((request.name, request.flags()))
}

/// TUNSETPERSIST: whether the device stays when it is closed.
pub(super) fn set_persistent(fd: impl AsFd, persistent: bool) -> Result<()> {
    // SAFETY: the driver takes the argument as an integer and touches no memory.
    unsafe { ioctl(fd, IntegerSetter::<TUNSETPERSIST>::new_usize(persistent.into())) }
}

/// TUNSETOWNER: who may attach to the device without privilege.
pub(super) fn set_owner(fd: impl AsFd, uid: u32) -> Result<()> {
    // SAFETY: the driver takes the argument as an integer and touches no memory.
    unsafe { ioctl(fd, IntegerSetter::<TUNSETOWNER>::new_usize(uid as usize)) }
}

/// TUNSETOFFLOAD: what the kernel may leave to whoever reads the device, as TUN_F_ bits.
pub(super) fn set_offload(fd: impl AsFd, features: u32) -> Result<()> {
    // SAFETY: the driver takes the argument as an integer and touches no memory.
    unsafe { ioctl(fd, IntegerSetter::<TUNSETOFFLOAD>::new_usize(features as usize)) }
}

/// TUNSETVNETHDRSZ: how many octets stand in front of each packet of a device with IFF_VNET_HDR.
pub(super) fn set_header_size(fd: impl AsFd, octets: c_int) -> Result<()> {
    // SAFETY: the driver reads one int.
    unsafe { ioctl(fd, Setter::<TUNSETVNETHDRSZ, c_int>::new(octets)) }
}

/// TUNSETVNETLE: the header is little endian whatever the machine is.
pub(super) fn set_header_little_endian(fd: impl AsFd) -> Result<()> {
    // SAFETY: the driver reads one int.
    unsafe { ioctl(fd, Setter::<TUNSETVNETLE, c_int>::new(1)) }
}

/// SIOCGIFMTU, on a socket of the interface's network namespace.
pub(super) fn get_mtu(socket: impl AsFd, name: &InterfaceName) -> Result<u32> {
    let mut request = InterfaceRequest::new(*name);
    // SAFETY: the kernel reads and writes one `struct ifreq`, which `InterfaceRequest` is.
    unsafe { ioctl(socket, Updater::<SIOCGIFMTU, _>::new(&mut request)) }?;
    let [a, b, c, d, ..] = request.value;
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opcodes_are_those_of_the_header() {
        // linux/if_tun.h expanded for x86 and ARM; MIPS, PowerPC and SPARC encode directions otherwise.
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert_eq!(TUNSETIFF, 0x4004_54ca);
            assert_eq!(TUNSETPERSIST, 0x4004_54cb);
            assert_eq!(TUNSETOWNER, 0x4004_54cc);
            assert_eq!(TUNSETOFFLOAD, 0x4004_54d0);
            assert_eq!(TUNGETIFF, 0x8004_54d2);
            assert_eq!(TUNSETVNETHDRSZ, 0x4004_54d8);
            assert_eq!(TUNSETVNETLE, 0x4004_54dc);
        }
    }

    #[test]
    fn a_request_is_as_large_as_the_kernels() {
        assert_eq!(size_of::<InterfaceRequest>(), 40);
    }
}
