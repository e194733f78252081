//! Descriptors handed in from elsewhere. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and /dev/net/tun.
#![cfg(target_os = "linux")]

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::OwnedFd;

use netlab::{Host, Lab};
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use tunio::{Tun, TunError};

const IFF_TUN: u16 = 0x0001;
const IFF_TAP: u16 = 0x0002;
const IFF_NO_PI: u16 = 0x1000;
const IFF_VNET_HDR: u16 = 0x4000;

fn host() -> Host {
    Lab::new().expect("these tests need root").host("host").unwrap()
}

/// A device as another program would make it.
fn made_elsewhere(host: &Host, flags: u16) -> OwnedFd {
    const TUNSETIFF: Opcode = opcode::write::<c_int>(b'T', 202);
    host.run(|| {
        let driver = File::options().read(true).write(true).open("/dev/net/tun");
        let driver = driver.expect("these tests need /dev/net/tun");
        let mut request = [0u8; 40];
        request[..8].copy_from_slice(b"tun-made");
        request[16..18].copy_from_slice(&flags.to_ne_bytes());
        // SAFETY: the driver reads and writes one `struct ifreq`, of 40 octets at most.
        unsafe { ioctl(&driver, Updater::<TUNSETIFF, _>::new(&mut request)) }.unwrap();
        driver.into()
    })
    .unwrap()
}

fn adopt(host: &Host, fd: OwnedFd) -> Result<Tun, TunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    host.run(|| {
        let _guard = runtime.enter();
        Tun::adopt(fd)
    })
    .unwrap()
}

fn refusal(host: &Host, fd: OwnedFd) -> String {
    adopt(host, fd).unwrap_err().to_string()
}

#[test]
fn a_tun_of_bare_packets_is_adopted_with_its_name() {
    let host = host();
    let fd = made_elsewhere(&host, IFF_TUN | IFF_NO_PI);
    host.up("tun-made").unwrap();
    let tun = adopt(&host, fd).unwrap();
    assert_eq!(tun.name(), "tun-made");
    assert!(host.snapshot().unwrap().contains(&format!("{}: tun-made", tun.index())));
}

#[test]
fn packets_with_a_header_in_front_are_refused() {
    let host = host();
    assert!(refusal(&host, made_elsewhere(&host, IFF_TUN)).contains("IFF_NO_PI"));
    let up = made_elsewhere(&host, IFF_TUN);
    host.up("tun-made").unwrap();
    assert!(refusal(&host, up).contains("IFF_NO_PI"));
    let virtio = made_elsewhere(&host, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
    assert!(refusal(&host, virtio).contains("IFF_VNET_HDR"));
}

#[test]
fn what_is_no_tun_is_refused() {
    let host = host();
    assert!(refusal(&host, made_elsewhere(&host, IFF_TAP | IFF_NO_PI)).contains("TAP"));
    let bare = File::options().read(true).write(true).open("/dev/net/tun").unwrap();
    assert!(refusal(&host, bare.into()).contains("no device attached"));
    assert!(refusal(&host, File::open("/dev/null").unwrap().into()).contains("not /dev/net/tun"));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(refusal(&host, socket.into()).contains("not /dev/net/tun"));
}

#[test]
fn a_device_of_another_namespace_is_named() {
    let (here, elsewhere) = (host(), host());
    // A device that is down is looked at no less.
    let error = adopt(&here, made_elsewhere(&elsewhere, IFF_TUN | IFF_NO_PI)).unwrap_err();
    assert!(matches!(&error, TunError::ElsewhereNamed { name } if name == "tun-made"), "{error}");
}
