//! After kill -9.

use netlab::Host;
use pppssh_tests::traffic::ping;
use pppssh_tests::{Carrier, PPPSSH, Session, Sshd, World, finish, processes};

const ROUTES: &str = "routes = [\"192.168.2.0/24\", { to = \"10.77.0.0/16\", table = 77 }]";

/// Kills both ends. Saturn's first: it would notice that venus is gone, and take its leave in order.
fn kill_all(world: &World) {
    let hosts = [&world.saturn, &world.venus];
    for process in hosts.into_iter().flat_map(|host| processes(host, "pppssh")) {
        process.kill();
    }
    for host in hosts {
        world.until_gone(host, "pppssh");
    }
}

fn make_tun(host: &Host) {
    for arguments in [
        &["tuntap", "add", "dev", "vpn0", "mode", "tun", "user", "vpn"][..],
        // A device gets its queueing discipline when it is first set up, and keeps it.
        &["link", "set", "vpn0", "addrgenmode", "none", "up"],
        &["link", "set", "vpn0", "addrgenmode", "eui64", "down"],
    ] {
        let mut ip = host.command("/sbin/ip");
        ip.args(arguments);
        finish("ip", ip).well();
    }
}

/// A link on a device that outlives it, with routes and forwarding on both ends, whose ends have been killed.
fn a_link_killed_on_lasting_devices<'w>(
    world: &'w World,
    connect: impl FnOnce() -> Session<'w>,
) -> [String; 2] {
    for host in [&world.venus, &world.saturn] {
        make_tun(host);
    }
    world.profiles(
        Carrier::Native,
        &format!("addresses = \"192.168.1.1:192.168.2.1\"\ntun = \"vpn0\"\nforward = true\n{ROUTES}"),
        "addresses = \"192.168.2.1:192.168.1.1\"\ntun = \"vpn0\"\nforward = true\nroutes = [\"192.168.1.0/24\"]",
    );
    let before = world.snapshot();
    let session = connect();
    session.wait("ipv4-up");
    session.wait("ipv6-up");
    ping(&world.venus, "192.168.2.1");
    kill_all(world);
    before
}

#[test]
fn after_kill_9_one_cleanup_by_vpn_leaves_both_hosts_as_they_were_where_a_service_gave_the_capability() {
    let world = World::new();
    for host in [&world.venus, &world.saturn] {
        world.install_on(host, None);
    }
    let sshd = Sshd::start(&world, "");
    // What systemd's AmbientCapabilities= does for a unit, sshd cannot do for a login: here a wrapper does.
    world.authorize(&sshd, &format!("{} {PPPSSH} serve", world.ambient_wrapper(&world.saturn)));
    let before = a_link_killed_on_lasting_devices(&world, || {
        world.session(world.as_service(&world.venus, &["connect", "saturn"]))
    });
    for (host, before) in [&world.venus, &world.saturn].into_iter().zip(&before) {
        assert_ne!(&host.snapshot().unwrap(), before, "something is left to clean up");
        finish("pppssh cleanup", world.as_service(host, &["cleanup"])).well();
    }
    world.is_as(&before);
    finish("pppssh cleanup again", world.as_service(&world.venus, &["cleanup"])).well();
    world.is_as(&before);
}

#[test]
fn after_kill_9_under_a_file_capability_vpn_cleans_what_is_marked_and_root_the_rest() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let before = a_link_killed_on_lasting_devices(&world, || world.connect(&[]));
    for host in [&world.venus, &world.saturn] {
        let mut cleanup = world.as_vpn(host, PPPSSH);
        cleanup.arg("cleanup");
        // A journal that vpn could have written himself does not make root's binary switch anything.
        finish("pppssh cleanup by vpn", cleanup).badly().saying("--any-owner");
        let mut show = host.command("/sbin/ip");
        show.args(["-o", "addr", "show", "dev", "vpn0"]);
        assert_eq!(finish("ip addr", show).well().said, "", "addresses are marked");
        let mut show = host.command("/sbin/ip");
        show.args(["-4", "route", "show", "table", "all", "dev", "vpn0"]);
        assert_eq!(finish("ip route", show).well().said, "", "routes are marked");

        let mut cleanup = host.command(PPPSSH);
        cleanup.args(["cleanup", "--any-owner"]);
        finish("pppssh cleanup by root", cleanup).well();
    }
    world.is_as(&before);
}

#[test]
fn a_link_killed_on_a_device_of_its_own_leaves_nothing_that_cleanup_cannot_take_away() {
    let (world, _sshd) = World::ready(Carrier::Native, ROUTES, "routes = [\"192.168.1.0/24\"]");
    let before = world.snapshot();
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    session.wait("ipv6-up");
    kill_all(&world);
    for host in [&world.venus, &world.saturn] {
        let mut cleanup = world.as_vpn(host, PPPSSH);
        cleanup.arg("cleanup");
        finish("pppssh cleanup", cleanup).well();
    }
    world.is_as(&before);
}

#[test]
fn cleanup_leaves_a_session_alone_that_lives() {
    let (world, _sshd) = World::ready(Carrier::Native, ROUTES, "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    session.wait("ipv6-up");
    let before = world.venus.snapshot().unwrap();
    finish("pppssh cleanup", world.pppssh(&["cleanup"])).well();
    assert_eq!(world.venus.snapshot().unwrap(), before);
    ping(&world.venus, "192.168.2.1");
}
