//! More than the two ends: LANs behind them, and packets of other sizes.

use netlab::Host;
use pppssh_tests::traffic::{MIB, connection, datagrams, exchange, ping, ping_sized};
use pppssh_tests::{Carrier, NEVER, World, finish};

/// IPv4 and ICMP headers without options, in octets.
const PING_HEADERS: u32 = 20 + 8;

fn lan(world: &World, gateway: &Host, net: &str) -> Host {
    let name = format!("a host in {net}.0/24");
    let host = world.lab.host(&name).unwrap();
    world.lab.wire(gateway, "lan0", &host, "eth0").unwrap();
    gateway.address("lan0", &format!("{net}.1/24")).unwrap();
    host.address("eth0", &format!("{net}.10/24")).unwrap();
    host.route_via("0.0.0.0/0", &format!("{net}.1")).unwrap();
    host
}

fn hosts_in_the_lans_reach_each_other(carrier: Carrier) {
    let (world, _sshd) = World::ready(
        carrier,
        "routes = [\"192.168.2.0/24\"]\nrto-min = 0.3\nforward = true",
        "routes = [\"192.168.1.0/24\"]\nforward = true",
    );
    let mars = lan(&world, &world.venus, "192.168.1");
    let titan = lan(&world, &world.saturn, "192.168.2");
    let before = world.snapshot();

    let session = world.connect(&[]);
    let status = session.wait("ipv4-up");
    assert_eq!(status["routes"][0], "192.168.2.0/24");
    let mut route = world.venus.command("/sbin/ip");
    route.args(["route", "show", "192.168.2.0/24"]);
    assert!(finish("ip route", route).said.contains("rto_min lock 300ms"));
    ping(&mars, "192.168.2.10");
    ping(&titan, "192.168.1.10");
    let ends = connection(&mars, &titan, [192, 168, 2, 10].into());
    exchange(&ends, 4 * MIB);

    session.disconnect().with_code(5);
    world.is_as(&before);
}

#[test]
fn hosts_in_the_lans_reach_each_other_over_the_native_carrier() {
    hosts_in_the_lans_reach_each_other(Carrier::Native);
}

#[test]
fn hosts_in_the_lans_reach_each_other_over_the_systems_ssh() {
    hosts_in_the_lans_reach_each_other(Carrier::Openssh);
}

/// How many were sent, and how many packets saturn's device handed in for them.
fn datagrams_from_lan_to_lan(more: &str) -> (u64, u64) {
    let (world, _sshd) = World::ready(
        Carrier::Native,
        "routes = [\"192.168.2.0/24\"]\nforward = true",
        &format!("routes = [\"192.168.1.0/24\"]\nforward = true\n{more}"),
    );
    let mars = lan(&world, &world.venus, "192.168.1");
    let titan = lan(&world, &world.saturn, "192.168.2");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&mars, "192.168.2.10");
    let handed_in = || world.saturn.counters("ppp0").unwrap().unwrap()[1];
    let before = handed_in();
    let sent = datagrams(&mars, &titan, [192, 168, 2, 10].into());
    (sent, handed_in() - before)
}

#[test]
fn datagrams_are_merged_on_their_way_into_the_far_device_and_arrive_as_they_were_sent() {
    let (sent, handed_in) = datagrams_from_lan_to_lan("");
    assert!(handed_in < sent / 2, "{handed_in} packets for {sent} datagrams (this needs Linux 6.2)");
}

#[test]
fn datagrams_cross_the_far_device_one_by_one_where_that_is_wanted() {
    let (sent, handed_in) = datagrams_from_lan_to_lan("offload = \"tcp\"");
    assert!(handed_in >= sent, "{handed_in} packets for {sent} datagrams");
}

/// Hosts in LANs of 1500 octets, a link of 1400 between them, and nobody who says so: connections open, and only their
/// maximum segment size makes what is sent on them arrive.
fn connections_of_lans_pass_a_smaller_link_though_no_icmp_does(more: &str) {
    let sizes = format!("mtu = 1400\nmru = 1400\nforward = true\n{more}");
    let (world, _sshd) = World::ready(
        Carrier::Native,
        &format!("routes = [\"192.168.2.0/24\"]\n{sizes}"),
        &format!("routes = [\"192.168.1.0/24\"]\n{sizes}"),
    );
    let mars = lan(&world, &world.venus, "192.168.1");
    let titan = lan(&world, &world.saturn, "192.168.2");
    // What the routers themselves have to say is lost, before the table of a host's own addresses is looked at.
    for (host, router) in [(&mars, "192.168.1.1"), (&titan, "192.168.2.1")] {
        let lost = format!("add pref 10 from {router} ipproto icmp blackhole");
        for words in ["add pref 20 lookup local", &lost, "del pref 0"] {
            let mut rule = host.command("/sbin/ip");
            rule.arg("rule").args(words.split(' '));
            finish("ip rule", rule).well();
        }
    }
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&mars, "192.168.2.10");
    let ends = connection(&mars, &titan, [192, 168, 2, 10].into());
    for end in [&ends.0, &ends.1] {
        end.set_read_timeout(Some(NEVER)).unwrap();
    }
    exchange(&ends, MIB);
}

#[test]
fn connections_of_lans_pass_a_smaller_link_in_records() {
    connections_of_lans_pass_a_smaller_link_though_no_icmp_does("");
}

#[test]
fn connections_of_lans_pass_a_smaller_link_in_frames() {
    connections_of_lans_pass_a_smaller_link_though_no_icmp_does("express = false");
}

fn packets_of_the_full_size_pass(mtu: u32) {
    let sizes = format!("mtu = {mtu}\nmru = {mtu}");
    let (world, _sshd) = World::ready(Carrier::Native, &sizes, &sizes);
    let session = world.connect(&[]);
    let status = session.wait("ipv4-up");
    assert_eq!(status["tun"]["mtu"], mtu);
    ping_sized(&world.venus, "192.168.2.1", mtu - PING_HEADERS);
    ping_sized(&world.saturn, "192.168.1.1", mtu - PING_HEADERS);
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 4 * MIB);
    assert_eq!(session.status()["counters"]["dropped_too_big"], 0);
}

#[test]
fn packets_of_1500_octets_pass() {
    packets_of_the_full_size_pass(1500);
}

#[test]
fn packets_of_9000_octets_pass_though_the_wire_takes_1500() {
    packets_of_the_full_size_pass(9000);
}

#[test]
fn the_smaller_mru_of_the_two_decides() {
    let (world, _sshd) = World::ready(Carrier::Native, "mtu = 9000\nmru = 9000", "mtu = 9000\nmru = 1400");
    let session = world.connect(&[]);
    assert_eq!(session.wait("ipv4-up")["tun"]["mtu"], 1400);
    ping_sized(&world.venus, "192.168.2.1", 1400 - PING_HEADERS);
}
