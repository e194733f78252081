//! pppssh in pppd's place: its command line, messages, exit codes, files and scripts.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;
use std::time::Duration;

use netlab::Host;
use pppssh_tests::{PPPSSH, Running, Sshd, World, finish};
use rustix::process::Signal;

/// Another name for pppssh.
const PPPD: &str = "/usr/local/bin/pppd";
/// `pppssh serve` at the other end of the pty, on the same host.
const SERVE: &str = "/usr/local/bin/pppssh -q serve --addresses 192.168.2.1:192.168.1.1 --no-hooks --dns-offer 10.0.0.53 \
     -o configure=false \
     --runtime-dir /run/other";

/// A script that tells what it was told.
const TELL: &str = "#!/bin/sh\n{ echo \"ARGUMENTS $*\"; env; } > /tmp/${0##*/}\n";

/// Venus and saturn with pppssh as pppd, and without options of the system's.
fn world() -> World {
    let world = World::new();
    world.install_on(&world.venus, Some("cap_net_admin+ep"));
    // Saturn's vpn gets its rights otherwise.
    world.install_on(&world.saturn, None);
    for host in [&world.venus, &world.saturn] {
        let mut link = host.command("/bin/ln");
        link.args(["-s", PPPSSH, PPPD]);
        finish("ln", link).well();
        world.write_as_root(host, "/etc/ppp/options", "lock\ncrtscts # serial lines\n", 0o644);
        for script in ["ip-pre-up", "ip-up", "ip-down", "ipv6-up", "ipv6-down"] {
            world.write_as_root(host, &format!("/etc/ppp/{script}"), "#!/bin/sh\n", 0o755);
        }
    }
    world
}

/// `pppd …` by root.
fn pppd(host: &Host, words: &str, more: &[&str]) -> Command {
    let mut command = host.command(PPPD);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root");
    command.args(words.split(' ').filter(|word| !word.is_empty())).args(more).current_dir("/");
    command
}

fn terminate(pppd: &mut Running) -> pppssh_tests::Finished {
    pppd.signal(Signal::TERM);
    pppd.end()
}

#[test]
fn openwrts_call_works_with_ours_at_both_ends() {
    let world = world();
    let sshd = Sshd::start(&world, "");
    let wrapper = world.ambient_wrapper(&world.saturn);
    world.authorize(&sshd, &format!("{wrapper} {PPPD} nodetach notty noauth"));
    let ssh = "ssh -i /home/vpn/.ssh/id_ed25519 -o UserKnownHostsFile=/home/vpn/.ssh/known_hosts \
               -o BatchMode=yes vpn@10.10.10.1 anything";
    let before = world.snapshot();
    let words = "debug nodetach noauth ifname vpn-saturn 192.168.1.1:192.168.2.1 ipcp-accept-remote pty";
    let mut ours = Running::start("pppd", pppd(&world.venus, words, &[ssh]));
    ours.says("remote IP address 192.168.2.1");
    let mut ping = world.venus.command("/usr/bin/ping");
    ping.args(["-c", "1", "192.168.2.1"]);
    finish("ping", ping).well();
    let end = terminate(&mut ours);
    end.with_code(5);
    for line in [
        "Using interface vpn-saturn",
        "Connect: vpn-saturn <--> ",
        "sent [LCP ConfReq ",
        "local  IP address 192.168.1.1",
        "Terminating on signal 15",
        "Connect time 0.",
        "Sent ",
        " bytes, received ",
        "Connection terminated.",
    ] {
        end.saying(line);
    }
    assert!(!end.said.contains("Sent 0 bytes"), "{}", end.said);
    world.is_as(&before);
}

#[test]
fn a_word_that_is_no_option_ends_it_with_pppds_words() {
    let world = world();
    let end = finish("pppd", pppd(&world.venus, "nodetach foo", &[]));
    end.with_code(2).saying("pppd: unrecognized option 'foo'").saying("Usage: pppd [ options ]");
    let end = finish("pppd", pppd(&world.venus, "notty mru 1", &[]));
    end.with_code(2).saying("pppd: mru value must be between 128 and 16384");
    let end = finish("pppd", pppd(&world.venus, "noauth nodetach", &[]));
    end.with_code(2).saying("no device specified");
}

#[test]
fn a_peer_that_should_prove_who_it_is_and_cannot_is_not_let_in() {
    let world = world();
    let end = finish("pppd", pppd(&world.venus, "nodetach auth pty", &["exit 1"]));
    end.with_code(1).saying("The remote system is required to authenticate itself");
    assert!(!end.said.contains("Using interface"), "{}", end.said);
}

#[test]
fn with_file_capabilities_nobody_but_root_may_say_pppds_options() {
    let world = world();
    let mut command = world.as_vpn(&world.venus, PPPD);
    command.args(["nodetach", "noauth", "10.0.0.1:10.0.0.2", "pty", "cat"]);
    finish("pppd", command).with_code(3).saying("file capabilities");
}

#[test]
fn a_dry_run_prints_what_it_was_told_and_where() {
    let world = world();
    let end = finish("pppd", pppd(&world.venus, "dryrun nodetach noauth mtu 1400 pty", &["cat file"]));
    end.with_code(0).saying("pppd options in effect:");
    end.saying("mtu 1400\t\t# (from command line)").saying("pty cat file\t\t# (from command line)");
    end.saying("crtscts\t\t# (from /etc/ppp/options)");
    assert!(!end.said.contains("Using interface"), "{}", end.said);
}

#[test]
fn with_updetach_whoever_waits_hears_of_the_link_and_pidfiles_name_it() {
    let world = world();
    let words = "updetach noauth linkname office unit 7 192.168.1.1:192.168.2.1 pty";
    finish("pppd updetach", pppd(&world.venus, words, &[SERVE])).with_code(0).saying("local  IP address");
    let told = world.read(&world.venus, "/run/ppp-office.pid");
    let (pid, interface) = told.trim_end().split_once('\n').expect("a pid and an interface");
    assert_eq!(interface, "ppp7");
    assert_eq!(world.read(&world.venus, "/run/ppp7.pid").trim_end(), pid);
    let mut kill = world.venus.command("/bin/kill");
    kill.arg(pid);
    finish("kill", kill).well();
    world.until_gone(&world.venus, "pppd");
    let mut list = world.venus.command("/bin/ls");
    list.arg("/run");
    let files = finish("ls", list);
    assert!(!files.said.contains(".pid"), "{}", files.said);
}

#[test]
fn with_updetach_a_link_that_fails_ends_who_waits_with_its_code() {
    let world = world();
    let end = finish("pppd updetach", pppd(&world.venus, "updetach noauth pty", &["exit 3"]));
    end.with_code(16).saying("Modem hangup").saying("Connection terminated.");
}

#[test]
fn persist_calls_again_until_maxfail() {
    let world = world();
    let words = "nodetach noauth persist maxfail 3 holdoff 0 pty";
    let end = finish("pppd persist", pppd(&world.venus, words, &["echo call >> /tmp/calls; exit 1"]));
    end.with_code(16);
    assert_eq!(world.read(&world.venus, "/tmp/calls").lines().count(), 3, "{}", end.said);
    finish("pppd", pppd(&world.venus, "nodetach noauth pty", &["echo call >> /tmp/once; exit 1"]))
        .with_code(16);
    assert_eq!(world.read(&world.venus, "/tmp/once").lines().count(), 1);
}

#[test]
fn on_demand_a_packet_starts_the_link_and_an_idle_one_makes_place_for_the_next() {
    let world = world();
    let words = "nodetach noauth noipv6 demand idle 1 unit 7 192.168.1.1:192.168.2.1 pty";
    let call = format!("echo call >> /tmp/calls; exec {SERVE}");
    let mut ours = Running::start("pppd demand", pppd(&world.venus, words, &[&call]));
    ours.says("remote IP address 192.168.2.1");
    for calls in 1..=2 {
        // The other end has no device, and no answer. What makes the call waits for the link, and passes.
        let mut ping = world.venus.command("/usr/bin/ping");
        ping.args(["-c", "1", "-W", "1", "192.168.2.1"]);
        finish("ping", ping).badly();
        ours.says_times("Connection terminated.", calls);
        assert_eq!(world.read(&world.venus, "/tmp/calls").lines().count(), calls, "{}", ours.log());
    }
    let end = terminate(&mut ours);
    end.with_code(5).saying("Starting link").saying("lack of activity").saying("Sent 84 bytes");
}

#[test]
fn a_link_ends_for_lack_of_traffic_and_when_its_time_is_up() {
    let world = world();
    let end = finish("pppd idle", pppd(&world.venus, "nodetach noauth noipdefault idle 1 pty", &[SERVE]));
    end.with_code(12).saying("Terminating connection due to lack of activity.");
    let end = finish(
        "pppd maxconnect",
        pppd(&world.venus, "nodetach noauth noipdefault maxconnect 1 pty", &[SERVE]),
    );
    end.with_code(13).saying("Connect time expired").saying("Connect time 0.");
}

#[test]
fn scripts_get_pppds_arguments_and_environment() {
    let world = world();
    for script in ["ip-up", "ip-down"] {
        world.write_as_root(&world.venus, &format!("/etc/ppp/{script}"), TELL, 0o755);
    }
    let peer = format!(
        "# the office\nnoauth nodetach\n192.168.1.1:192.168.2.1\nusepeerdns\nlinkname office\nunit 7\n\
         ipparam 'to the office'\nset COLOUR=blue\npty \"{SERVE}\"\n"
    );
    world.write_as_root(&world.venus, "/etc/ppp/peers/office", &peer, 0o640);
    let mut ours = Running::start("pppd call", pppd(&world.venus, "call office", &[]));
    ours.says("primary   DNS address 10.0.0.53");
    terminate(&mut ours).with_code(5);
    let up = world.read(&world.venus, "/tmp/ip-up");
    let down = world.read(&world.venus, "/tmp/ip-down");
    let has =
        |told: &str, line: &str| assert!(told.lines().any(|other| other == line), "no {line} in\n{told}");
    for told in [&up, &down] {
        has(told, "ARGUMENTS ppp7  38400 192.168.1.1 192.168.2.1 to the office");
        for line in [
            "LINKNAME=office",
            "CALL_FILE=office",
            "COLOUR=blue",
            "IFNAME=ppp7",
            "IPLOCAL=192.168.1.1",
            "IPREMOTE=192.168.2.1",
            "USEPEERDNS=1",
            "DNS1=10.0.0.53",
            "ORIG_UID=0",
            "PPPLOGNAME=root",
            "UNIT=7",
            "SPEED=38400",
        ] {
            has(told, line);
        }
        assert!(told.contains(&format!("PPPD_PID={}", ours.pid())), "{told}");
    }
    // As from pppd, it stays: /etc/resolv.conf may lead there.
    let servers = world.read(&world.venus, "/etc/ppp/resolv.conf");
    assert_eq!(servers, "nameserver 10.0.0.53\nnameserver 10.0.0.53\n");
    assert!(!up.contains("CONNECT_TIME"), "{up}");
    for name in ["CONNECT_TIME=", "BYTES_SENT=", "BYTES_RCVD="] {
        assert!(down.contains(name), "no {name} in\n{down}");
    }
}

#[test]
fn with_up_sdnotify_the_service_manager_hears_of_the_link() {
    let world = world();
    // A name without a file, which belongs to the host's network.
    let bind = || UnixDatagram::bind_addr(&SocketAddr::from_abstract_name("notify").unwrap());
    let socket = world.venus.run(bind).unwrap().unwrap();
    socket.set_read_timeout(Some(Duration::from_mins(3))).unwrap();
    let words = "up_sdnotify debug noauth unit 7 192.168.1.1:192.168.2.1 pty";
    let mut command = pppd(&world.venus, words, &[SERVE]);
    command.env("NOTIFY_SOCKET", "@notify");
    let mut ours = Running::start("pppd", command);
    let mut message = [0; 64];
    let length = socket.recv(&mut message).unwrap();
    assert_eq!(&message[..length], b"READY=1");
    let said = ours.log();
    assert!(said.contains("remote IP address"), "too early: {said}");
    terminate(&mut ours).with_code(5);
}

#[test]
fn proxyarp_answers_for_the_peer_where_its_network_is() {
    let world = world();
    let ip = |words: &str| {
        let mut ip = world.venus.command("/sbin/ip");
        ip.args(words.split(' '));
        finish("ip", ip)
    };
    let words = "nodetach noauth proxyarp linkname office 192.168.1.1:192.168.2.1 pty";
    let mut ours = Running::start("pppd", pppd(&world.venus, words, &[SERVE]));
    ours.says("remote IP address");
    terminate(&mut ours).with_code(5).saying("Cannot determine ethernet address for proxy ARP");
    ip("link add lan0 type veth peer name lan1").well();
    ip("address add 192.168.2.254/24 dev lan0").well();
    ip("link set lan0 up").well();
    let mut ours = Running::start("pppd", pppd(&world.venus, words, &[SERVE]));
    ours.says("remote IP address");
    assert_eq!(ip("neigh show proxy").said.trim(), "192.168.2.1 dev lan0 proxy proto 112");
    let mut status = world.venus.command(PPPSSH);
    status.args(["status", "office", "--wait", "up"]);
    finish("status", status).well();
    let mut status = world.venus.command(PPPSSH);
    status.args(["status", "office", "--explain"]);
    finish("status", status).well().saying("On lan0 this host answers ARP for ");
    terminate(&mut ours).with_code(5).saying("found interface lan0 for proxy arp");
    assert_eq!(ip("neigh show proxy").said, "");
}

#[test]
fn a_default_route_that_is_there_stays() {
    let world = world();
    let route = |words: &[&str]| {
        let mut ip = world.venus.command("/sbin/ip");
        ip.args(["route"]).args(words);
        finish("ip route", ip)
    };
    let words = "nodetach noauth unit 7 defaultroute 192.168.1.1:192.168.2.1 pty";
    let mut ours = Running::start("pppd", pppd(&world.venus, words, &[SERVE]));
    ours.says("remote IP address");
    let mut waits = world.venus.command(PPPSSH);
    waits.args(["status", &format!("pppd-{}", ours.pid()), "--wait", "up"]);
    finish("pppssh status", waits).well();
    route(&["show", "default"]).saying("default dev ppp7");
    terminate(&mut ours).with_code(5);
    route(&["add", "default", "via", "10.10.10.1"]).well();
    let mut ours = Running::start("pppd", pppd(&world.venus, words, &[SERVE]));
    ours.says("not replacing default route to eth0 [10.10.10.1]");
    ours.says("remote IP address");
    terminate(&mut ours).with_code(5);
    route(&["show", "default"]).saying("via 10.10.10.1");
}
