//! Real TUN devices with offload, in pairs, and this program in between. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN),
//! /dev/net/tun and the program `ip`.
#![cfg(target_os = "linux")]

use std::ffi::{c_int, c_void};
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::task::{Context, Poll};

use netlab::{Files, Host, Lab};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::runtime::Runtime;
use tunio::offload::{GsoType, Merger, Refusal, VirtioHeader, validate};
use tunio::{Offload, PacketBatch, Tun, TunConfig, drops_packet};

/// The MTU of a device as the kernel makes it.
const MTU: usize = 1500;

/// A host at one end.
struct End {
    host: Host,
    tun: Tun,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn host() -> Host {
    let lab = Lab::new().expect("these tests need root");
    lab.host_with("host", &Files::new().tun_node(0o666))
        .expect("these tests need namespaces and device nodes")
}

fn config(offload: bool) -> TunConfig {
    TunConfig { name: Some("tun-test".to_owned()), persist: false, offload }
}

/// Opens a device on the host, whatever way `open` does it.
fn open<T: Send>(runtime: &Runtime, host: &Host, open: impl FnOnce() -> T + Send) -> T {
    let handle = runtime.handle();
    host.run(|| {
        let _guard = handle.enter();
        open()
    })
    .unwrap()
}

/// Switches the device on and gives it addresses. In this order: IPv6 loses the route to the peer of a device that
/// comes up later.
fn settle(host: &Host, local: u8, peer: u8) {
    host.up("tun-test").unwrap();
    for network in ["10.0.0.", "fd00::"] {
        host.address_to_peer("tun-test", &format!("{network}{local}"), &format!("{network}{peer}")).unwrap();
    }
}

/// Two hosts with a device each.
fn pair(runtime: &Runtime, offload: [bool; 2]) -> [End; 2] {
    [(1, 2), (2, 1)].map(|(local, peer)| {
        let host = host();
        let config = config(offload[usize::from(local) - 1]);
        let tun = open(runtime, &host, || Tun::create(&config)).expect("these tests need /dev/net/tun");
        settle(&host, local, peer);
        End { host, tun }
    })
}

/// What this program does with what it reads from one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Writes it into the other as it is.
    Whole,
    /// Cuts it into packets of the MTU, and merges these again.
    CutAndMerged,
    /// Cuts it into portions of at most so many octets.
    Portions(usize),
}

/// What was seen on the way, both directions together.
#[derive(Debug, Default)]
struct Seen {
    /// Packets longer than the MTU, from a device, by their type.
    tcp4: usize,
    tcp6: usize,
    udp: usize,
    /// Packets that were complete.
    complete: usize,
    /// Packets merged of several.
    merged: usize,
    longest: usize,
}

impl Seen {
    fn note(&mut self, header: &VirtioHeader, packet: &[u8]) {
        self.longest = self.longest.max(packet.len());
        let longer = usize::from(packet.len() > MTU && header.gso_size > 0);
        match header.gso_type {
            GsoType::None => self.complete += usize::from(!header.needs_csum),
            GsoType::TcpV4 => self.tcp4 += longer,
            GsoType::TcpV6 => self.tcp6 += longer,
            GsoType::UdpL4 => self.udp += longer,
        }
    }
}

/// What passes from one device into another.
struct Way {
    pass: Pass,
    batch: PacketBatch,
    merger: Merger,
}

impl Way {
    fn new(pass: Pass) -> Way {
        let mut merger = Merger::default();
        merger.merge_udp(true);
        Way { pass, batch: PacketBatch::default(), merger }
    }

    /// Until nothing waits.
    fn forward_all(&mut self, cx: &mut Context<'_>, from: &mut Tun, to: &mut Tun, seen: &mut Seen) {
        while let Poll::Ready(received) = from.poll_recv(cx, &mut self.batch) {
            received.unwrap();
            self.forward(to, seen).unwrap();
        }
    }

    fn forward(&mut self, to: &mut Tun, seen: &mut Seen) -> std::io::Result<()> {
        let mut merged = 0;
        let mut buffer = Vec::new();
        for (header, packet) in self.batch.with_headers() {
            seen.note(header, packet);
            let checked = validate(header, packet).expect("the kernel's own headers are true");
            match self.pass {
                Pass::Whole => to.send_offload(header, packet)?,
                Pass::CutAndMerged => {
                    let mut segments = checked.split();
                    while segments.next_into(&mut buffer) {
                        assert!(buffer.len() <= MTU);
                        self.merger.push(&VirtioHeader::NONE, &buffer, |header, packet| {
                            merged += usize::from(header.gso_size > 0);
                            to.send_offload(header, packet)
                        })?;
                    }
                }
                Pass::Portions(most) => {
                    let mut portions = checked.split_at(most);
                    while let Some(header) = portions.next_into(&mut buffer) {
                        assert!(buffer.len() <= most);
                        to.send_offload(&header, &buffer)?;
                    }
                }
            }
        }
        self.merger.flush(|header, packet| {
            merged += usize::from(header.gso_size > 0);
            to.send_offload(header, packet)
        })?;
        seen.merged += merged;
        Ok(())
    }
}

/// Carries packets between the two ends until `work` is done.
fn carry<T>(runtime: &Runtime, ends: &mut [End; 2], pass: Pass, work: impl Future<Output = T>) -> (T, Seen) {
    let mut seen = Seen::default();
    let mut ways = [Way::new(pass), Way::new(pass)];
    let mut work = pin!(work);
    let done = runtime.block_on(poll_fn(|cx| {
        let [a, b] = &mut *ends;
        let [there, back] = &mut ways;
        there.forward_all(cx, &mut a.tun, &mut b.tun, &mut seen);
        back.forward_all(cx, &mut b.tun, &mut a.tun, &mut seen);
        work.as_mut().poll(cx)
    }));
    (done, seen)
}

/// Octets that no two segments have alike.
fn octets(length: usize) -> Vec<u8> {
    (0..length as u64).map(|number| (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// Sends 4 MiB by TCP from the first host to this address of the second, where they must arrive as they were.
fn transfer(runtime: &Runtime, ends: &mut [End; 2], pass: Pass, address: &str) -> Seen {
    let to = SocketAddr::new(address.parse().unwrap(), 0);
    let socket = || if to.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() };
    let [client, server] = ends.each_ref().map(|end| end.host.run(socket).unwrap().unwrap());
    let (arrived, seen) = carry(runtime, ends, pass, async move {
        server.bind(to).unwrap();
        let listener = server.listen(1).unwrap();
        let to = listener.local_addr().unwrap();
        let send = async {
            let mut stream = client.connect(to).await.unwrap();
            stream.write_all(&octets(4 << 20)).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let receive = async {
            let mut heard = Vec::new();
            listener.accept().await.unwrap().0.read_to_end(&mut heard).await.unwrap();
            heard
        };
        tokio::join!(send, receive).1
    });
    assert!(arrived == octets(4 << 20), "{} octets arrived, not those that were sent", arrived.len());
    seen
}

/// As many octets in a datagram.
const DATAGRAM: usize = 1000;
/// As many datagrams in a packet to be cut.
const DATAGRAMS: usize = 40;

/// Has the first host's kernel send datagrams to this address of the second by one call, ten times.
fn send_datagrams(runtime: &Runtime, ends: &mut [End; 2], pass: Pass, from: &str, to: &str) -> Seen {
    let [sender, receiver] = [(&ends[0], from), (&ends[1], to)].map(|(end, address)| {
        let socket = end.host.run(|| std::net::UdpSocket::bind((address, 0))).unwrap().unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    });
    let to = receiver.local_addr().unwrap();
    cut_datagrams(&sender);
    let ((), seen) = carry(runtime, ends, pass, async move {
        let [sender, receiver] = [sender, receiver].map(|socket| UdpSocket::from_std(socket).unwrap());
        for _ in 0..10 {
            let sent = octets(DATAGRAM * DATAGRAMS);
            sender.send_to(&sent, to).await.unwrap();
            let mut heard = [0; 2 * DATAGRAM];
            for datagram in sent.chunks(DATAGRAM) {
                let length = receiver.recv(&mut heard).await.unwrap();
                assert_eq!(heard[..length], *datagram);
            }
        }
    });
    seen
}

/// How many packets the host has had from its device.
fn arrived(host: &Host) -> u64 {
    host.counters("tun-test").unwrap().unwrap()[1]
}

/// UDP_SEGMENT (udp(7)): what is sent by one call leaves as datagrams of [`DATAGRAM`] octets.
fn cut_datagrams(socket: &std::net::UdpSocket) {
    let size = c_int::try_from(DATAGRAM).unwrap();
    // SAFETY: the kernel reads one int at the address.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_SEGMENT,
            (&raw const size).cast::<c_void>(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn packets_longer_than_the_mtu_cross_whole() {
    let runtime = runtime();
    let mut ends = pair(&runtime, [true, true]);
    assert_eq!(ends[0].tun.offload(), Offload::ALL, "these tests need Linux 6.2");
    let seen = transfer(&runtime, &mut ends, Pass::Whole, "10.0.0.2");
    assert!(seen.tcp4 > 0, "{seen:?}");
    let seen = transfer(&runtime, &mut ends, Pass::Whole, "fd00::2");
    assert!(seen.tcp6 > 0, "{seen:?}");
}

#[test]
fn packets_longer_than_the_mtu_are_cut_and_merged_again() {
    let runtime = runtime();
    let mut ends = pair(&runtime, [true, true]);
    let seen = transfer(&runtime, &mut ends, Pass::CutAndMerged, "10.0.0.2");
    assert!(seen.tcp4 > 0 && seen.merged > 0, "{seen:?}");
    let seen = transfer(&runtime, &mut ends, Pass::CutAndMerged, "fd00::2");
    assert!(seen.tcp6 > 0 && seen.merged > 0, "{seen:?}");
}

#[test]
fn packets_longer_than_the_mtu_are_cut_into_portions() {
    let runtime = runtime();
    let mut ends = pair(&runtime, [true, true]);
    let seen = transfer(&runtime, &mut ends, Pass::Portions(8000), "10.0.0.2");
    assert!(seen.tcp4 > 0 && seen.longest > 8000, "{seen:?}");
}

#[test]
fn datagrams_that_one_call_sent_cross_whole_or_cut() {
    let runtime = runtime();
    let mut ends = pair(&runtime, [true, true]);
    for (from, to) in [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2")] {
        let whole = send_datagrams(&runtime, &mut ends, Pass::Whole, from, to);
        assert_eq!(whole.udp, 10, "{whole:?}");
        let cut = send_datagrams(&runtime, &mut ends, Pass::CutAndMerged, from, to);
        assert_eq!((cut.udp, cut.merged), (10, 10), "{cut:?}");
    }
}

#[test]
fn a_kernel_without_segmentation_of_udp_cuts_datagrams_itself_and_gets_them_cut() {
    let runtime = runtime();
    let mut ends = pair(&runtime, [true, true]);
    let older = Offload { udp: false, ..Offload::ALL };
    assert_eq!(ends[1].tun.set_offload(older).unwrap(), older);
    let (from, to) = ("10.0.0.1", "10.0.0.2");
    let before = arrived(&ends[1].host);
    let into_older = send_datagrams(&runtime, &mut ends, Pass::Whole, from, to);
    assert_eq!(into_older.udp, 10, "{into_older:?}");
    assert!(arrived(&ends[1].host) - before >= 10 * DATAGRAMS as u64);

    ends[0].tun.set_offload(older).unwrap();
    let from_older = send_datagrams(&runtime, &mut ends, Pass::Whole, from, to);
    assert!(from_older.udp == 0 && from_older.longest <= MTU, "{from_older:?}");
}

#[test]
fn a_device_without_offload_carries_what_the_other_end_leaves_undone() {
    let runtime = runtime();
    let mut ends = pair(&runtime, [true, false]);
    assert_eq!(ends[1].tun.offload(), Offload::NONE);
    assert_eq!(ends[1].tun.set_offload(Offload::ALL).unwrap(), Offload::NONE);
    let seen = transfer(&runtime, &mut ends, Pass::Whole, "10.0.0.2");
    assert!(seen.tcp4 > 0, "{seen:?}");

    ends.reverse();
    let seen = transfer(&runtime, &mut ends, Pass::Whole, "10.0.0.1");
    assert_eq!((seen.tcp4, seen.longest <= MTU), (0, true), "{seen:?}");
}

#[test]
fn with_its_offloads_off_a_device_hands_over_complete_packets() {
    let runtime = runtime();
    let mut ends = pair(&runtime, [true, true]);
    for end in &mut ends {
        assert_eq!(end.tun.set_offload(Offload::NONE).unwrap(), Offload::NONE);
    }
    let seen = transfer(&runtime, &mut ends, Pass::CutAndMerged, "10.0.0.2");
    assert_eq!((seen.tcp4, seen.longest <= MTU), (0, true), "{seen:?}");
    assert!(seen.complete > 0 && seen.merged > 0, "{seen:?}");
}

#[test]
fn a_persistent_device_is_what_it_is_attached_as() {
    let runtime = runtime();
    let [near, far] = pair(&runtime, [true, true]);
    near.tun.set_persistent(true).unwrap();
    let host = near.host;
    drop(near.tun);

    // It had all offloads on, and a reader that knows no headers must not get what they leave undone.
    let plain = open(&runtime, &host, || Tun::attach("tun-test")).unwrap();
    let mut ends = [End { host: host.clone(), tun: plain }, far];
    assert_eq!(ends[0].tun.offload(), Offload::NONE);
    let seen = transfer(&runtime, &mut ends, Pass::Whole, "10.0.0.2");
    assert_eq!((seen.tcp4, seen.longest <= MTU), (0, true), "{seen:?}");

    let [End { tun: plain, .. }, far] = ends;
    drop(plain);
    let offload = open(&runtime, &host, || Tun::attach_offload("tun-test")).unwrap();
    assert_eq!(offload.offload(), Offload::ALL);
    let mut ends = [End { host, tun: offload }, far];
    let seen = transfer(&runtime, &mut ends, Pass::Whole, "10.0.0.2");
    assert!(seen.tcp4 > 0, "{seen:?}");
}

#[test]
fn what_a_peer_may_not_ask_of_the_kernel_is_refused_and_loses_one_packet() {
    let runtime = runtime();
    let [mut end, _] = pair(&runtime, [true, true]);
    let astray = VirtioHeader { needs_csum: true, csum_start: 60_000, ..VirtioHeader::NONE };
    let mut packet = [0; 40];
    packet[..4].copy_from_slice(&[0x45, 0, 0, 40]);
    let error = end.tun.send_offload(&astray, &packet).unwrap_err();
    assert_eq!((error.kind(), drops_packet(&error)), (ErrorKind::InvalidInput, true));
    let refusal = error.get_ref().and_then(|source| source.downcast_ref());
    assert_eq!(refusal, Some(&Refusal::ChecksumPlace { start: 60_000, offset: 0 }));
}
