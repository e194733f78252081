//! No privilege at all: TUN devices that root has made before, for vpn.

use netlab::Host;
use pppssh_tests::traffic::{MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, World, finish, processes};

fn ip(host: &Host, arguments: &[&str]) -> String {
    let mut ip = host.command("/sbin/ip");
    ip.args(arguments);
    finish("ip", ip).well().said.clone()
}

fn make_tun(host: &Host, local: &str, remote: &str) {
    ip(host, &["tuntap", "add", "dev", "vpn0", "mode", "tun", "user", "vpn"]);
    // Else the kernel makes up a link-local address as soon as the device is used.
    ip(host, &["link", "set", "vpn0", "addrgenmode", "none"]);
    ip(host, &["addr", "add", local, "peer", remote, "dev", "vpn0"]);
    ip(host, &["link", "set", "vpn0", "mtu", "1500", "up"]);
}

#[test]
fn over_devices_made_before_a_link_needs_no_capability_on_either_end() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    for host in [&world.venus, &world.saturn] {
        world.install_on(host, None);
    }
    make_tun(&world.venus, "192.168.1.1", "192.168.2.1");
    make_tun(&world.saturn, "192.168.2.1", "192.168.1.1");
    let addresses =
        || [&world.venus, &world.saturn].map(|host| ip(host, &["-o", "addr", "show", "dev", "vpn0"]));
    let before = addresses();
    let more = "tun = \"vpn0\"\nconfigure = false\nipv6 = false\n";
    world.profiles(
        Carrier::Native,
        &format!("{more}addresses = \"192.168.1.1:192.168.2.1\""),
        &format!("{more}addresses = \"192.168.2.1:192.168.1.1\""),
    );

    let session = world.connect(&[]);
    assert_eq!(session.wait("ipv4-up")["tun"]["name"], "vpn0");
    ping(&world.venus, "192.168.2.1");
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, MIB);
    for host in [&world.venus, &world.saturn] {
        for process in processes(host, "pppssh") {
            assert_eq!(process.capabilities("CapPrm"), 0);
        }
    }
    session.disconnect().with_code(5);
    world.until_gone(&world.saturn, "pppssh");
    assert_eq!(addresses(), before, "the devices stay as root made them");
}

#[test]
fn with_the_capability_from_a_service_manager_no_file_needs_any() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    world.install_on(&world.venus, None);
    let session = world.session(world.as_service(&world.venus, &["connect", "saturn"]));
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    session.disconnect().with_code(5);
}
