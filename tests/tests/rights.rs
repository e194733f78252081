//! No privilege at all: TUN devices that root has made before, for vpn.

use netlab::Host;
use pppssh_tests::traffic::{MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, World, finish, processes};

fn make_tun(host: &Host, local: &str, remote: &str) {
    let ip = |arguments: &[&str]| {
        let mut ip = host.command("/sbin/ip");
        ip.args(arguments);
        finish("ip", ip).well();
    };
    ip(&["tuntap", "add", "dev", "vpn0", "mode", "tun", "user", "vpn"]);
    ip(&["addr", "add", local, "peer", remote, "dev", "vpn0"]);
    ip(&["link", "set", "vpn0", "mtu", "1500", "up"]);
}

#[test]
fn over_devices_made_before_a_link_needs_no_capability_on_either_end() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    for host in [&world.venus, &world.saturn] {
        world.install_on(host, None);
    }
    make_tun(&world.venus, "192.168.1.1", "192.168.2.1");
    make_tun(&world.saturn, "192.168.2.1", "192.168.1.1");
    let before = (world.venus.snapshot().unwrap(), world.saturn.snapshot().unwrap());
    let more = "tun = \"vpn0\"\nconfigure = false\n";
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
    drop(ends);
    session.disconnect().with_code(5);
    world.until_gone(&world.saturn, "pppssh");
    assert_eq!(world.venus.snapshot().unwrap(), before.0);
    assert_eq!(world.saturn.snapshot().unwrap(), before.1);
}
