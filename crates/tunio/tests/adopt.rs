//! Descriptors handed in from elsewhere. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and /dev/net/tun.
#![cfg(target_os = "linux")]

use std::ffi::c_int;
use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

use netlab::{Host, Lab};
use rustix::ioctl::{IntegerSetter, Opcode, Setter, Updater, ioctl, opcode};
use tokio::runtime::Runtime;
use tunio::offload::VirtioHeader;
use tunio::{Offload, PacketBatch, Tun, TunError};

const IFF_TUN: u16 = 0x0001;
const IFF_TAP: u16 = 0x0002;
const IFF_MULTI_QUEUE: u16 = 0x0100;
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

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn adopt(host: &Host, fd: OwnedFd) -> Result<Tun, TunError> {
    adopt_in(&runtime(), host, fd)
}

fn adopt_in(runtime: &Runtime, host: &Host, fd: OwnedFd) -> Result<Tun, TunError> {
    let handle = runtime.handle();
    host.run(|| {
        let _guard = handle.enter();
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
    let virtio = made_elsewhere(&host, IFF_TUN | IFF_VNET_HDR);
    assert!(refusal(&host, virtio).contains("IFF_NO_PI"));
}

/// An adopted device, the runtime that watches it, and a socket of its host.
struct Adopted {
    tun: Tun,
    runtime: Runtime,
    socket: UdpSocket,
}

impl Adopted {
    fn new(host: &Host, fd: OwnedFd) -> Adopted {
        let runtime = runtime();
        let tun = adopt_in(&runtime, host, fd).unwrap();
        let socket = host.run(|| UdpSocket::bind("10.0.0.1:7")).unwrap().unwrap();
        Adopted { tun, runtime, socket }
    }

    /// Has the host send a datagram into the device, and the device send it back; returns what was left to do on it.
    fn echo(&mut self) -> VirtioHeader {
        self.socket.send_to(b"hello", "10.0.0.2:7").unwrap();
        let mut batch = PacketBatch::default();
        let (header, mut packet) = loop {
            self.runtime.block_on(self.tun.recv_batch(&mut batch)).unwrap();
            // The system's own packets come too, such as router solicitations.
            if let Some((header, packet)) =
                batch.with_headers().find(|(_, packet)| packet.ends_with(b"hello"))
            {
                break (*header, packet.to_vec());
            }
        };
        // As from the other to this: no checksum changes.
        let (source, destination) = packet[12..20].split_at_mut(4);
        source.swap_with_slice(destination);
        self.tun.send_offload(&header, &packet).unwrap();
        let mut heard = [0; 100];
        let (length, from) = self.socket.recv_from(&mut heard).unwrap();
        assert_eq!((&heard[..length], from.to_string().as_str()), (&b"hello"[..], "10.0.0.2:7"));
        header
    }
}

/// Has the kernel leave all work to the reader, behind a header of another size, as the device's maker may have.
fn leave_to_the_reader(fd: &OwnedFd) {
    const TUNSETOFFLOAD: Opcode = opcode::write::<std::ffi::c_uint>(b'T', 208);
    const TUNSETVNETHDRSZ: Opcode = opcode::write::<c_int>(b'T', 216);
    // SAFETY: the driver takes an integer, and reads one int.
    unsafe {
        ioctl(fd, IntegerSetter::<TUNSETOFFLOAD>::new_usize(0x0f)).unwrap();
        ioctl(fd, Setter::<TUNSETVNETHDRSZ, c_int>::new(12)).unwrap();
    }
}

#[test]
fn a_virtio_header_in_front_of_packets_is_noticed_and_works() {
    for queues in [0, IFF_MULTI_QUEUE] {
        let host = host();
        let fd = made_elsewhere(&host, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | queues);
        leave_to_the_reader(&fd);
        host.address_to_peer("tun-made", "10.0.0.1", "10.0.0.2").unwrap();
        host.up("tun-made").unwrap();
        let mut adopted = Adopted::new(&host, fd);
        // The maker's offloads are none of this program's until it asks for them.
        assert_eq!(adopted.tun.offload(), Offload::NONE);
        assert_eq!(adopted.echo(), VirtioHeader::NONE);
        assert_eq!(adopted.tun.set_offload(Offload::ALL).unwrap(), Offload::ALL);
        assert!(adopted.echo().needs_csum);
    }
}

#[test]
fn one_queue_of_several_is_adopted_as_any_other() {
    let host = host();
    let fd = made_elsewhere(&host, IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE);
    host.address_to_peer("tun-made", "10.0.0.1", "10.0.0.2").unwrap();
    host.up("tun-made").unwrap();
    let mut adopted = Adopted::new(&host, fd);
    assert_eq!(adopted.echo(), VirtioHeader::NONE);
    assert_eq!(adopted.tun.set_offload(Offload::ALL).unwrap(), Offload::NONE);
}

#[test]
fn what_is_no_tun_is_refused() {
    let host = host();
    assert!(refusal(&host, made_elsewhere(&host, IFF_TAP | IFF_NO_PI)).contains("TAP"));
    let bare = File::options().read(true).write(true).open("/dev/net/tun").unwrap();
    assert!(refusal(&host, bare.into()).contains("no device attached"));
    assert!(refusal(&host, File::open("/dev/null").unwrap().into()).contains("not /dev/net/tun"));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(refusal(&host, socket.into()).contains("not /dev/net/tun"));
}

#[test]
fn a_device_of_another_namespace_is_named() {
    let (here, elsewhere) = (host(), host());
    // A device that is down is looked at no less.
    let error = adopt(&here, made_elsewhere(&elsewhere, IFF_TUN | IFF_NO_PI)).unwrap_err();
    assert!(matches!(&error, TunError::ElsewhereNamed { name } if name == "tun-made"), "{error}");
}
