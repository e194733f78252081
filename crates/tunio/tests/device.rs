//! Real TUN devices, each in a network namespace of its own.
//! Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN), /dev/net/tun and the program `ip`.
#![cfg(target_os = "linux")]

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::{Mutex, MutexGuard, PoisonError};

use netlab::{Files, Host, Lab};
use tokio::runtime::Runtime;
use tunio::{PacketBatch, Tun, TunConfig, TunError, drops_packet};

/// A host with a TUN of this name, up, 10.0.0.1 to 10.0.0.2.
struct Bench {
    runtime: Runtime,
    host: Host,
    tun: Tun,
}

/// For tests that start programs, and those in which a device goes with its last descriptor: until it runs its program, a
/// child has copies of all descriptors of this process, those of other tests, too.
fn apart() -> MutexGuard<'static, ()> {
    static APART: Mutex<()> = Mutex::new(());
    APART.lock().unwrap_or_else(PoisonError::into_inner)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn host() -> Host {
    let lab = Lab::new().expect("these tests need root");
    lab.host_with("host", &Files::new().tun_node(0o666))
        .expect("these tests need namespaces and device nodes")
}

fn named(name: &str) -> TunConfig {
    TunConfig { name: Some(name.to_owned()), ..TunConfig::default() }
}

/// Opens a device on the host, whatever way `open` does it.
fn open(
    runtime: &Runtime,
    host: &Host,
    open: impl FnOnce() -> Result<Tun, TunError> + Send,
) -> Result<Tun, TunError> {
    let handle = runtime.handle();
    host.run(|| {
        let _guard = handle.enter();
        open()
    })
    .unwrap()
}

fn bench() -> Bench {
    let (runtime, host) = (runtime(), host());
    let tun =
        open(&runtime, &host, || Tun::create(&named("tun-test"))).expect("these tests need /dev/net/tun");
    host.address_to_peer("tun-test", "10.0.0.1", "10.0.0.2").unwrap();
    // Nothing but what the tests send: no router solicitations.
    host.sysctl("net/ipv6/conf/tun-test/disable_ipv6", "1").unwrap();
    host.up("tun-test").unwrap();
    Bench { runtime, host, tun }
}

impl Bench {
    fn socket(&self) -> UdpSocket {
        self.host.run(|| UdpSocket::bind("10.0.0.1:0")).unwrap().unwrap()
    }

    fn recv(&mut self, batch: &mut PacketBatch) -> usize {
        self.runtime.block_on(self.tun.recv_batch(batch)).unwrap()
    }
}

/// IPv4 and UDP headers are 20 and 8 octets (RFC 791, RFC 768).
const HEADERS: usize = 28;

/// A UDP packet from 10.0.0.2 to 10.0.0.1.
fn packet(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(HEADERS + payload.len()).unwrap();
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    let sum: u32 = packet.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[10..12].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    packet.extend_from_slice(&9u16.to_be_bytes());
    packet.extend_from_slice(&port.to_be_bytes());
    packet.extend_from_slice(&(length - 20).to_be_bytes());
    // A checksum of 0 says that there is none.
    packet.extend_from_slice(&[0, 0]);
    packet.extend_from_slice(payload);
    packet
}

#[test]
fn a_device_gets_the_name_it_was_asked_to_have() {
    let Bench { tun, host, .. } = bench();
    assert_eq!(tun.name(), "tun-test");
    assert!(host.snapshot().unwrap().contains(&format!("{}: tun-test", tun.index())));
    assert_eq!(host.run(|| tun.mtu()).unwrap().unwrap(), 1500);
    host.mtu("tun-test", 9000).unwrap();
    assert_eq!(host.run(|| tun.mtu()).unwrap().unwrap(), 9000);
}

#[test]
fn the_kernel_fills_in_the_first_free_number() {
    let (runtime, host) = (runtime(), host());
    let create = |config: TunConfig| open(&runtime, &host, move || Tun::create(&config)).unwrap();
    let tuns = [create(named("ppp%d")), create(named("ppp%d")), create(TunConfig::default())];
    assert_eq!(tuns.each_ref().map(Tun::name), ["ppp0", "ppp1", "tun0"]);
}

#[test]
fn a_device_goes_with_the_last_descriptor() {
    let _apart = apart();
    let Bench { tun, host, runtime, .. } = bench();
    drop(tun);
    assert!(!host.snapshot().unwrap().contains("tun-test"));
    // And its name is free again.
    open(&runtime, &host, || Tun::create(&named("tun-test"))).unwrap();
}

#[test]
fn what_is_sent_to_the_far_address_is_received() {
    let mut bench = bench();
    bench.socket().send_to(b"hello", "10.0.0.2:7").unwrap();
    let mut batch = PacketBatch::default();
    assert_eq!(bench.recv(&mut batch), 1);
    let packet = batch.iter().next().unwrap();
    assert_eq!((packet[0], packet.len(), &packet[HEADERS..]), (0x45, HEADERS + 5, &b"hello"[..]));
}

#[test]
fn what_is_sent_into_the_device_arrives_from_it() {
    let mut bench = bench();
    let socket = bench.socket();
    bench.tun.send(&packet(socket.local_addr().unwrap().port(), b"hello")).unwrap();
    let mut heard = [0; 100];
    let (length, from) = socket.recv_from(&mut heard).unwrap();
    assert_eq!((&heard[..length], from.to_string().as_str()), (&b"hello"[..], "10.0.0.2:9"));
}

#[test]
fn a_batch_takes_all_that_wait_up_to_its_bounds_and_the_next_takes_the_rest() {
    let mut bench = bench();
    let socket = bench.socket();
    for number in 0..10u8 {
        socket.send_to(&[number; 100], "10.0.0.2:7").unwrap();
    }
    let numbers = |batch: &PacketBatch| batch.iter().map(|packet| packet[HEADERS]).collect::<Vec<_>>();

    let mut by_packets = PacketBatch::new(3, 100_000);
    assert_eq!(bench.recv(&mut by_packets), 3);
    assert_eq!(numbers(&by_packets), [0, 1, 2]);

    // 128 octets each: the third crosses the mark.
    let mut by_bytes = PacketBatch::new(64, 300);
    assert_eq!(bench.recv(&mut by_bytes), 3);
    assert_eq!(numbers(&by_bytes), [3, 4, 5]);

    let mut rest = PacketBatch::default();
    assert_eq!(bench.recv(&mut rest), 4);
    assert_eq!(numbers(&rest), [6, 7, 8, 9]);
}

#[test]
fn a_reader_sleeps_until_a_packet_comes() {
    let bench = bench();
    let socket = bench.socket();
    let Bench { runtime, mut tun, .. } = bench;
    let mut batch = PacketBatch::default();
    for round in 0..3u8 {
        let received = runtime.block_on(async {
            let (received, ()) = tokio::join!(tun.recv_batch(&mut batch), async {
                // The reader has been polled, and found nothing, before this runs.
                socket.send_to(&[round], "10.0.0.2:7").unwrap();
            });
            received.unwrap()
        });
        assert_eq!(received, 1);
        assert_eq!(batch.iter().next().unwrap()[HEADERS], round);
    }
}

#[test]
fn a_reader_that_is_dropped_loses_nothing() {
    let mut bench = bench();
    let socket = bench.socket();
    let mut batch = PacketBatch::default();
    bench.runtime.block_on(async {
        tokio::select! {
            biased;
            _ = bench.tun.recv_batch(&mut batch) => panic!("there is no packet yet"),
            () = std::future::ready(()) => {}
        }
    });
    socket.send_to(b"later", "10.0.0.2:7").unwrap();
    assert_eq!(bench.recv(&mut batch), 1);
}

#[test]
fn the_largest_packet_comes_whole() {
    let mut bench = bench();
    bench.host.mtu("tun-test", 65535).unwrap();
    let payload = vec![7; 65535 - HEADERS];
    bench.socket().send_to(&payload, "10.0.0.2:7").unwrap();
    let mut batch = PacketBatch::new(1, 1);
    assert_eq!(bench.recv(&mut batch), 1);
    assert_eq!(batch.iter().next().map(<[u8]>::len), Some(65535));
}

#[test]
fn errors_of_send_say_whether_the_device_is_still_good() {
    let _apart = apart();
    let mut bench = bench();
    let not_ip = bench.tun.send(&[0xff; 40]).unwrap_err();
    assert_eq!((not_ip.kind(), drops_packet(&not_ip)), (ErrorKind::InvalidInput, true));

    let good = packet(7, b"hello");
    bench.host.down("tun-test").unwrap();
    let down = bench.tun.send(&good).unwrap_err();
    assert_eq!((down.kind(), drops_packet(&down)), (ErrorKind::NetworkDown, true));
    bench.host.up("tun-test").unwrap();
    bench.tun.send(&good).unwrap();

    let deleted = bench.host.command("ip").args(["link", "del", "tun-test"]).status().unwrap();
    assert!(deleted.success());
    let gone = bench.tun.send(&good).unwrap_err();
    assert_eq!((gone.kind(), drops_packet(&gone)), (ErrorKind::NotConnected, false));
}

#[test]
fn a_reader_is_told_when_the_device_is_deleted() {
    let _apart = apart();
    let Bench { runtime, host, mut tun } = bench();
    let mut batch = PacketBatch::default();
    let error = runtime.block_on(async {
        let (received, ()) = tokio::join!(tun.recv_batch(&mut batch), async {
            let deleted = host.command("ip").args(["link", "del", "tun-test"]).status().unwrap();
            assert!(deleted.success());
        });
        received.unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[test]
fn a_name_that_is_taken_is_not_taken_over() {
    let (runtime, host) = (runtime(), host());
    let text = |name: &str| open(&runtime, &host, || Tun::create(&named(name))).unwrap_err().to_string();
    assert!(text("lo").contains("lo exists already"));
    let _held = open(&runtime, &host, || Tun::create(&named("tun-test"))).unwrap();
    assert!(text("tun-test").contains("attach to it"));
    assert!(text("much-too-long-a-name").contains("15 octets"));
}

#[test]
fn a_persistent_device_can_be_left_attached_to_and_let_go() {
    let _apart = apart();
    let (runtime, host) = (runtime(), host());
    let config = TunConfig { persist: true, ..named("tun-kept") };
    let attach = |name: &str| open(&runtime, &host, || Tun::attach(name));

    let index = open(&runtime, &host, || Tun::create(&config)).unwrap().index();
    let tun = attach("tun-kept").unwrap();
    assert_eq!((tun.name(), tun.index()), ("tun-kept", index));
    assert!(matches!(attach("tun-kept").unwrap_err(), TunError::InUse { .. }));
    tun.set_persistent(false).unwrap();
    drop(tun);
    assert!(matches!(attach("tun-kept").unwrap_err(), TunError::NotFound { .. }));
    assert!(!host.snapshot().unwrap().contains("tun-kept"));
}

#[test]
fn attaching_to_what_is_no_tun_is_refused() {
    let _apart = apart();
    let (runtime, host) = (runtime(), host());
    for arguments in [
        ["tuntap", "add", "dev", "tap-test", "mode", "tap"].as_slice(),
        &["tuntap", "add", "dev", "tun-queues", "mode", "tun", "multi_queue"],
    ] {
        assert!(host.command("ip").args(arguments).status().unwrap().success());
    }
    for name in ["lo", "tap-test", "tun-queues"] {
        let error = open(&runtime, &host, || Tun::attach(name)).unwrap_err();
        assert!(matches!(error, TunError::NotTun { .. }), "{name}: {error}");
    }
    let error = open(&runtime, &host, || Tun::attach("ppp%d")).unwrap_err();
    assert!(matches!(error, TunError::InvalidName { .. }), "{error}");
}

#[test]
fn outside_a_runtime_there_is_no_device() {
    let error = host().run(|| Tun::create(&named("tun-test"))).unwrap().unwrap_err();
    assert!(matches!(error, TunError::NoRuntime), "{error}");
}
