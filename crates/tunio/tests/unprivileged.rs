//! What an ordinary user can do, and what it is told otherwise: this program runs itself again as one.
//! Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN), /dev/net/tun and the program `ip`.
#![cfg(target_os = "linux")]

use std::net::UdpSocket;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use netlab::{Credentials, Files, Host, Lab};
use tunio::{PacketBatch, Tun, TunConfig, TunError};

const VPN: u32 = 4711;
const SOMEBODY_ELSE: u32 = 4712;

const RESEND: Duration = Duration::from_millis(20);

/// The ordinary user's part: opens a device as told, uses it, says what came of it.
fn as_ordinary_user(how: &str, which: &str) -> Result<String, TunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let mut tun = match how {
        "create" => Tun::create(&TunConfig { name: Some(which.to_owned()), ..TunConfig::default() })?,
        "attach" => Tun::attach(which)?,
        "adopt" => {
            let number = which.parse().unwrap();
            // SAFETY: the parent left this descriptor open for this program, which uses it only here.
            Tun::adopt(unsafe { OwnedFd::from_raw_fd(number) })?
        }
        how => panic!("{how}?"),
    };
    let socket = UdpSocket::bind("10.0.0.1:0").unwrap();
    let mut batch = PacketBatch::default();
    let hello = runtime.block_on(async {
        loop {
            // The kernel drops packets until it has noticed that an attached device has carrier.
            socket.send_to(b"hello", "10.0.0.2:7").unwrap();
            if let Ok(received) = tokio::time::timeout(RESEND, tun.recv_batch(&mut batch)).await {
                received.unwrap();
            }
            // The system's own packets come too, such as router solicitations.
            if let Some(packet) = batch.iter().find(|packet| packet.ends_with(b"hello")) {
                return packet.to_vec();
            }
        }
    });
    tun.send(&hello).unwrap();
    Ok(format!("{} works", tun.name()))
}

/// This program where any user may run it, for as long as this lives.
struct Program(PathBuf);

impl Program {
    fn new() -> Program {
        let copy = std::env::temp_dir().join(format!("tunio-user-{}", std::process::id()));
        std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
        Program(copy)
    }

    fn as_vpn(&self, host: &Host, how: &str, which: &str) -> String {
        let vpn = Credentials { uid: VPN, gid: VPN, groups: vec![] };
        let output = host.command_as(vpn, &self.0).args([how, which]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn host(files: &Files) -> Host {
    let lab = Lab::new().expect("these tests need root");
    lab.host_with("host", files).expect("these tests need namespaces and device nodes")
}

fn ip(host: &Host, arguments: &str) {
    let status = host.command("ip").args(arguments.split(' ')).status();
    assert!(status.expect("these tests need the program `ip`").success(), "ip {arguments}");
}

/// A device for `user`, made beforehand by root, ready for packets.
fn pre_made(host: &Host, name: &str, user: u32) {
    ip(host, &format!("tuntap add dev {name} mode tun user {user}"));
    host.address_to_peer(name, "10.0.0.1", "10.0.0.2").unwrap();
    host.up(name).unwrap();
}

fn an_owned_device_needs_no_privilege(program: &Program) {
    let host = host(&Files::new().tun_node(0o666));
    pre_made(&host, "tun-vpn", VPN);
    assert_eq!(program.as_vpn(&host, "attach", "tun-vpn"), "tun-vpn works");
    // It is persistent, so it is there for the next time.
    assert_eq!(program.as_vpn(&host, "attach", "tun-vpn"), "tun-vpn works");
}

fn a_device_made_and_given_by_the_library_is_owned(program: &Program) {
    let host = host(&Files::new().tun_node(0o666));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    host.run(|| {
        let _guard = runtime.enter();
        let tun = Tun::create(&TunConfig {
            name: Some("tun-vpn".to_owned()),
            persist: true,
            ..TunConfig::default()
        })
        .unwrap();
        tun.set_owner(VPN).unwrap();
    })
    .unwrap();
    host.address_to_peer("tun-vpn", "10.0.0.1", "10.0.0.2").unwrap();
    host.up("tun-vpn").unwrap();
    assert_eq!(program.as_vpn(&host, "attach", "tun-vpn"), "tun-vpn works");
}

fn somebody_elses_device_is_refused(program: &Program) {
    let host = host(&Files::new().tun_node(0o666));
    pre_made(&host, "tun-other", SOMEBODY_ELSE);
    let said = program.as_vpn(&host, "attach", "tun-other");
    assert!(
        said.contains("belongs to another user") && said.contains("ip tuntap add dev tun-other"),
        "{said}"
    );
}

fn a_new_device_is_refused_with_both_ways_out(program: &Program) {
    let host = host(&Files::new().tun_node(0o666));
    let said = program.as_vpn(&host, "create", "ppp0");
    assert!(said.contains("may not create the TUN device ppp0"), "{said}");
    assert!(said.contains("setcap cap_net_admin+ep") && said.contains("ip tuntap add dev"), "{said}");
    let said = program.as_vpn(&host, "attach", "ppp0");
    assert!(said.contains("there is no TUN device ppp0"), "{said}");
}

fn a_closed_or_missing_node_is_named(program: &Program) {
    let said = program.as_vpn(&host(&Files::new().tun_node(0o600)), "create", "ppp0");
    assert!(said.contains("may not open /dev/net/tun") && said.contains("chmod"), "{said}");
    let said = program.as_vpn(&host(&Files::new().empty("/dev/net")), "create", "ppp0");
    assert!(said.contains("modprobe tun") && said.contains("--device /dev/net/tun"), "{said}");
}

fn a_device_passed_by_the_parent_needs_neither_node_nor_privilege(program: &Program) {
    let host = host(&Files::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tun = host
        .run(|| {
            let _guard = runtime.enter();
            Tun::create(&TunConfig { name: Some("tun-passed".to_owned()), ..TunConfig::default() }).unwrap()
        })
        .unwrap();
    host.address_to_peer("tun-passed", "10.0.0.1", "10.0.0.2").unwrap();
    host.up("tun-passed").unwrap();
    // SAFETY: `tun` owns the descriptor and lives to the end of this function.
    let passed = unsafe { BorrowedFd::borrow_raw(tun.as_raw_fd()) };
    // A duplicate that programs started from here inherit.
    let passed = rustix::io::dup(passed).unwrap();
    let said = program.as_vpn(&host, "adopt", &passed.as_raw_fd().to_string());
    assert_eq!(said, "tun-passed works");
}

/// Without the test harness, since the program has a second part to play.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [how, which] = arguments.as_slice()
        && matches!(how.as_str(), "create" | "attach" | "adopt")
    {
        match as_ordinary_user(how, which) {
            Ok(said) => print!("{said}"),
            Err(error) => print!("{error}"),
        }
        return;
    }
    assert!(Path::new("/dev/net/tun").exists(), "these tests need /dev/net/tun");
    let program = Program::new();
    for (sentence, test) in [
        ("an owned device needs no privilege", an_owned_device_needs_no_privilege as fn(&Program)),
        ("a device made and given by the library is owned", a_device_made_and_given_by_the_library_is_owned),
        ("somebody else's device is refused", somebody_elses_device_is_refused),
        ("a new device is refused with both ways out", a_new_device_is_refused_with_both_ways_out),
        ("a closed or missing node is named", a_closed_or_missing_node_is_named),
        (
            "a device passed by the parent needs neither node nor privilege",
            a_device_passed_by_the_parent_needs_neither_node_nor_privilege,
        ),
    ] {
        test(&program);
        println!("{sentence} ... ok");
    }
}
