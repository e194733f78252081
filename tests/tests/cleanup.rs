//! After kill -9.

use pppssh_tests::traffic::ping;
use pppssh_tests::{Carrier, PPPSSH, World, finish, processes};

#[test]
fn after_kill_9_cleanup_leaves_both_hosts_as_they_were() {
    let (world, _sshd) = World::ready(
        Carrier::Native,
        "routes = [\"192.168.2.0/24\", { to = \"10.77.0.0/16\", table = 77 }]\nforward = true",
        "routes = [\"192.168.1.0/24\"]\nforward = true",
    );
    let before = (world.venus.snapshot().unwrap(), world.saturn.snapshot().unwrap());
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    session.wait("ipv6-up");
    ping(&world.venus, "192.168.2.1");
    for host in [&world.venus, &world.saturn] {
        for process in processes(host, "pppssh") {
            process.kill();
        }
        world.until_gone(host, "pppssh");
        assert_ne!(host.snapshot().unwrap(), before.0, "forwarding at least is still on");
    }
    for (host, before) in [(&world.venus, &before.0), (&world.saturn, &before.1)] {
        let mut cleanup = world.as_vpn(host, PPPSSH);
        cleanup.arg("cleanup");
        finish("pppssh cleanup", cleanup).well();
        assert_eq!(&host.snapshot().unwrap(), before, "{} is as it was", host.name());
    }
}

#[test]
fn on_a_device_that_stays_cleanup_takes_away_addresses_and_routes_too() {
    let (world, _sshd) = World::ready(
        Carrier::Native,
        "tun = \"vpn0\"\nroutes = [\"192.168.2.0/24\", { to = \"10.77.0.0/16\", table = 77 }]",
        "",
    );
    let mut ip = world.venus.command("/sbin/ip");
    ip.args(["tuntap", "add", "dev", "vpn0", "mode", "tun", "user", "vpn"]);
    finish("ip tuntap", ip).well();
    let before = world.venus.snapshot().unwrap();
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    for process in processes(&world.venus, "pppssh") {
        process.kill();
    }
    world.until_gone(&world.venus, "pppssh");
    assert_ne!(world.venus.snapshot().unwrap(), before);
    finish("pppssh cleanup", world.pppssh(&["cleanup"])).well();
    assert_eq!(world.venus.snapshot().unwrap(), before);
    finish("pppssh cleanup again", world.pppssh(&["cleanup"])).well();
}

#[test]
fn cleanup_leaves_a_session_alone_that_lives() {
    let (world, _sshd) = World::ready(Carrier::Native, "routes = [\"192.168.2.0/24\"]", "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    let before = world.venus.snapshot().unwrap();
    finish("pppssh cleanup", world.pppssh(&["cleanup"])).well();
    assert_eq!(world.venus.snapshot().unwrap(), before);
    ping(&world.venus, "192.168.2.1");
}
