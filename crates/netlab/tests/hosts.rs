//! Hosts on wires. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and the programs `ping` and `ip`.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;

use netlab::{Credentials, Files, Host, Lab, LabError};

fn lab() -> Lab {
    Lab::new().expect("these tests need root: namespaces, wires between them, device nodes")
}

fn ping(from: &Host, to: &str) -> bool {
    let mut ping = from.command("ping");
    ping.args(["-c", "1", "-W", "5", "-q", to]).stdout(Stdio::null());
    ping.status().expect("these tests need the program `ping`").success()
}

fn two_hosts() -> Result<(Host, Host), LabError> {
    let lab = lab();
    let (venus, saturn) = (lab.host("venus")?, lab.host("saturn")?);
    lab.wire(&venus, "eth0", &saturn, "eth0")?;
    venus.address("eth0", "10.0.0.1/24")?;
    saturn.address("eth0", "10.0.0.2/24")?;
    venus.address("eth0", "fd00::1/64")?;
    saturn.address("eth0", "fd00::2/64")?;
    Ok((venus, saturn))
}

#[test]
fn two_hosts_on_a_wire_ping_each_other_at_once() -> Result<(), LabError> {
    let (venus, saturn) = two_hosts()?;
    assert!(ping(&venus, "10.0.0.2") && ping(&saturn, "10.0.0.1"));
    assert!(ping(&venus, "fd00::2") && ping(&saturn, "fd00::1"));
    Ok(())
}

#[test]
fn a_host_reaches_itself_and_nobody_it_is_not_wired_to() -> Result<(), LabError> {
    let (venus, _saturn) = two_hosts()?;
    let alone = lab().host("alone")?;
    assert!(ping(&alone, "127.0.0.1"));
    assert!(!ping(&alone, "10.0.0.1"));
    assert!(ping(&venus, "10.0.0.1"));
    Ok(())
}

#[test]
fn point_to_point_addresses_reach_each_other_without_a_common_network() -> Result<(), LabError> {
    let lab = lab();
    let (venus, saturn) = (lab.host("venus")?, lab.host("saturn")?);
    lab.wire(&venus, "eth0", &saturn, "eth0")?;
    venus.address_to_peer("eth0", "10.9.9.1", "10.10.10.1")?;
    saturn.address_to_peer("eth0", "10.10.10.1", "10.9.9.1")?;
    assert!(ping(&venus, "10.10.10.1") && ping(&saturn, "10.9.9.1"));
    Ok(())
}

#[test]
fn a_chain_of_four_passes_packets_on_only_when_told_to() -> Result<(), LabError> {
    let lab = lab();
    let (a, b, c, d) = (lab.host("a")?, lab.host("b")?, lab.host("c")?, lab.host("d")?);
    for (left, right, net) in [(&a, &b, 1), (&b, &c, 2), (&c, &d, 3)] {
        lab.wire(left, "right", right, "left")?;
        left.address("right", &format!("10.0.{net}.1/24"))?;
        right.address("left", &format!("10.0.{net}.2/24"))?;
        left.address("right", &format!("fd00:{net}::1/64"))?;
        right.address("left", &format!("fd00:{net}::2/64"))?;
    }
    a.route_via("0.0.0.0/0", "10.0.1.2")?;
    a.route_via("::/0", "fd00:1::2")?;
    b.route_via("10.0.3.0/24", "10.0.2.2")?;
    b.route_via("fd00:3::/64", "fd00:2::2")?;
    c.route_via("10.0.1.0/24", "10.0.2.1")?;
    c.route_via("fd00:1::/64", "fd00:2::1")?;
    d.route_via("10.0.0.0/16", "10.0.3.1")?;
    d.route_via("fd00::/16", "fd00:3::1")?;
    assert!(!ping(&a, "10.0.3.2"));
    for router in [&b, &c] {
        router.forwarding(true)?;
    }
    assert!(ping(&a, "10.0.3.2") && ping(&d, "10.0.1.1"));
    assert!(ping(&a, "fd00:3::2") && ping(&d, "fd00:1::1"));
    Ok(())
}

#[test]
fn a_device_counts_what_it_sends_and_hands_in() -> Result<(), LabError> {
    let (venus, _) = two_hosts()?;
    assert!(ping(&venus, "127.0.0.1"));
    let counters = venus.counters("lo")?.unwrap();
    assert_eq!(counters.len(), 16);
    assert!(counters[1] > 0 && counters[1] == counters[9], "{counters:?}");
    assert_eq!(venus.counters("elsewhere")?, None);
    Ok(())
}

#[test]
fn sockets_made_on_a_host_work_from_any_thread() -> Result<(), LabError> {
    let (venus, saturn) = two_hosts()?;
    let listener = saturn.run(|| TcpListener::bind("10.0.0.2:0"))?.unwrap();
    let address = listener.local_addr().unwrap();
    let mut caller = venus.run(|| TcpStream::connect(address))?.unwrap();
    let (mut called, from) = listener.accept().unwrap();
    assert_eq!(from.ip().to_string(), "10.0.0.1");
    caller.write_all(b"hello").unwrap();
    drop(caller);
    let mut heard = String::new();
    called.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "hello");
    Ok(())
}

#[test]
fn a_snapshot_is_equal_after_a_change_was_undone_and_only_then() -> Result<(), LabError> {
    let (venus, _saturn) = two_hosts()?;
    let before = venus.snapshot()?;
    assert!(before.contains("inet 10.0.0.1/24") && before.contains("inet6 fd00::1/64"), "{before}");
    assert!(before.contains("net/ipv4/ip_forward = 0"), "{before}");

    venus.route_via("10.7.0.0/16", "10.0.0.2")?;
    let routed = venus.snapshot()?;
    assert_ne!(before, routed);
    let undone = venus.command("ip").args(["route", "del", "10.7.0.0/16"]).status().unwrap();
    assert!(undone.success());
    assert_eq!(before, venus.snapshot()?);

    venus.forwarding(true)?;
    assert_ne!(before, venus.snapshot()?);
    venus.forwarding(false)?;
    assert_eq!(before, venus.snapshot()?);
    Ok(())
}

#[test]
fn mtu_and_carrier_follow_the_wire() -> Result<(), LabError> {
    let (venus, saturn) = two_hosts()?;
    venus.mtu("eth0", 9000)?;
    assert!(venus.snapshot()?.contains("mtu 9000"));
    saturn.down("eth0")?;
    assert!(!ping(&venus, "10.0.0.2"));
    saturn.up("eth0")?;
    assert!(ping(&venus, "10.0.0.2"));
    Ok(())
}

/// What of a host with a wire `lab-wire` and files of its own can be seen by this process.
fn seen_of_a_host() -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap();
    let (interfaces, mounts) = (read("/proc/self/net/dev"), read("/proc/self/mountinfo"));
    let seen = interfaces.lines().filter(|line| line.contains("lab-wire"));
    seen.chain(mounts.lines().filter(|line| line.contains("netlab"))).map(str::to_owned).collect()
}

#[test]
fn the_machine_never_sees_a_host_and_nothing_is_left_when_it_is_dropped() -> Result<(), LabError> {
    let (inside, far) = {
        let lab = lab();
        let files = Files::new().private("/etc").empty("/run/pppssh").tun_node(0o666);
        let (venus, saturn) = (lab.host_with("venus", &files)?, lab.host("saturn")?);
        lab.wire(&venus, "lab-wire", &saturn, "lab-wire")?;
        assert_eq!(seen_of_a_host(), Vec::<String>::new());
        let inside = fs::metadata(venus.netns_path()).unwrap();
        let far = saturn.clone();
        assert!(far.snapshot()?.contains("lab-wire"));
        (inside, far)
    };
    assert_eq!(seen_of_a_host(), Vec::<String>::new());
    // Venus is gone, so the wire is gone from saturn, of which a clone is left. The kernel removes a
    // namespace some time after its last descriptor.
    while far.snapshot()?.contains("lab-wire") {
        std::thread::yield_now();
    }
    let held = fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| fs::metadata(fd.unwrap().path()).ok());
    let same = |other: &fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        (other.dev(), other.ino()) == (inside.dev(), inside.ino())
    };
    assert!(!held.into_iter().any(|other| same(&other)), "a descriptor of the host was left open");
    Ok(())
}

#[test]
fn hosts_have_files_of_their_own_and_the_machine_keeps_its() -> Result<(), LabError> {
    let lab = lab();
    let files = Files::new().private("/etc").empty("/etc/pppssh").empty("/run");
    let (venus, saturn) = (lab.host_with("venus", &files)?, lab.host_with("saturn", &files)?);
    let mark = Path::new("/etc/pppssh/mark");
    let machines = fs::read("/etc/passwd").unwrap();

    venus.run(|| fs::write(mark, "venus"))?.unwrap();
    venus.run(|| fs::write("/etc/passwd", "venus:x:0:0::/:/bin/sh\n"))?.unwrap();
    venus.run(|| fs::write("/run/mark", ""))?.unwrap();
    let seen = venus.command("cat").arg(mark).output().unwrap();
    assert_eq!(seen.stdout, b"venus");
    let seen = venus.command("cat").arg("/etc/passwd").output().unwrap();
    assert_eq!(seen.stdout, b"venus:x:0:0::/:/bin/sh\n");

    assert!(!saturn.run(|| mark.exists())? && !mark.exists());
    assert!(!saturn.run(|| Path::new("/run/mark").exists())? && !Path::new("/run/mark").exists());
    assert_eq!(saturn.run(|| fs::read("/etc/passwd"))?.unwrap(), machines);
    assert_eq!(fs::read("/etc/passwd").unwrap(), machines);
    Ok(())
}

#[test]
fn a_host_has_a_tun_node_with_its_own_permissions() -> Result<(), LabError> {
    let lab = lab();
    let open = lab.host_with("open", &Files::new().tun_node(0o666))?;
    let closed = lab.host_with("closed", &Files::new().tun_node(0o600))?;
    let nobody = Credentials { uid: 65534, gid: 65534, groups: vec![] };
    let opens = |host: &Host| {
        let mut shell = host.command_as(nobody.clone(), "sh");
        shell.args(["-c", "exec 3<>/dev/net/tun"]).stderr(Stdio::null());
        shell.status().unwrap().success()
    };
    assert!(opens(&open));
    assert!(!opens(&closed));
    Ok(())
}

#[test]
fn a_program_runs_as_whom_it_should_where_it_should() -> Result<(), LabError> {
    let host = lab().host_with("venus", &Files::new().empty("/run"))?;
    let somebody = Credentials { uid: 12345, gid: 54321, groups: vec![7, 8] };
    let script =
        "id -u; id -g; id -G; pwd; ls -A /run | wc -l; ls /proc/self/net/dev_snmp6 2>/dev/null | wc -l";
    let said = host.command_as(somebody, "sh").args(["-c", script]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let here = std::env::current_dir().unwrap();
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said[..4], ["12345", "54321", "54321 7 8", here.to_str().unwrap()]);
    assert_eq!(said[4], "0");
    assert!(matches!(said[5], "0" | "1"), "only the loopback interface: {said:?}");
    Ok(())
}

#[test]
fn mistakes_in_the_story_are_named() -> Result<(), LabError> {
    let host = lab().host("venus")?;
    let text = |result: Result<(), LabError>| result.unwrap_err().to_string();
    assert!(text(host.address("lo", "10.0.0.1")).contains("not an address with its prefix length"));
    assert!(text(host.address("eth7", "10.0.0.1/24")).contains("find the interface eth7"));
    assert!(text(host.route_via("10.0.0.0/24", "10.9.9.9")).contains("venus: cannot add the route"));
    let missing = lab().host_with("venus", &Files::new().private("/no/such/place"));
    assert!(missing.unwrap_err().to_string().contains("make private /no/such/place"));
    Ok(())
}
