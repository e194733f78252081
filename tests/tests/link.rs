//! The main job: vpn on venus calls saturn, and packets pass.

use std::io;
use std::net::Shutdown;
use std::thread;
use std::time::Instant;

use pppssh_tests::traffic::{Arrived, MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, NEVER, VPN, World, processes};

/// CAP_NET_ADMIN (capabilities(7)).
const NET_ADMIN: u64 = 1 << 12;

fn a_link_comes_up_and_carries_pings_both_ways_with_no_root_on_either_end(carrier: Carrier) {
    let (world, _sshd) = World::ready(carrier, "", "");
    let session = world.connect(&[]);

    let status = session.wait("ipv4-up");
    assert_eq!(status["role"], "connect");
    assert_eq!(status["carrier"]["kind"], carrier.word());
    assert_eq!(status["ipv4"]["local"], "192.168.1.1");
    assert_eq!(status["ipv4"]["remote"], "192.168.2.1");
    ping(&world.venus, "192.168.2.1");
    ping(&world.saturn, "192.168.1.1");

    let status = session.wait("ipv6-up");
    let device = session.device();
    let end = |end: &str| format!("{}%{device}", status["ipv6"][end].as_str().unwrap());
    ping(&world.venus, &end("remote"));
    ping(&world.saturn, &end("local"));

    for host in [&world.venus, &world.saturn] {
        let all = processes(host, "pppssh");
        assert_eq!(all.len(), 1, "one pppssh on {}", host.name());
        for process in all {
            assert_eq!(process.uids(), [VPN; 4], "on {}", host.name());
            assert_eq!(process.capabilities("CapEff") & !NET_ADMIN, 0, "on {}", host.name());
            assert_eq!(process.capabilities("CapPrm") & !NET_ADMIN, 0, "on {}", host.name());
        }
    }
}

#[test]
fn a_link_over_the_native_carrier_comes_up_and_carries_pings_with_no_root_on_either_end() {
    a_link_comes_up_and_carries_pings_both_ways_with_no_root_on_either_end(Carrier::Native);
}

#[test]
fn a_link_over_the_systems_ssh_comes_up_and_carries_pings_with_no_root_on_either_end() {
    a_link_comes_up_and_carries_pings_both_ways_with_no_root_on_either_end(Carrier::Openssh);
}

fn a_hundred_mebibytes_each_way_at_once_arrive_as_they_were_sent(carrier: Carrier) {
    let (world, _sshd) = World::ready(carrier, "", "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 100 * MIB);
    let counters = &session.status()["counters"];
    for counter in ["bytes_sent", "bytes_received"] {
        assert!(counters[counter].as_u64().unwrap() > 100 * MIB, "{counters}");
    }
    assert_eq!(counters["frames_bad_fcs"], 0);
    assert!(session.status()["keepalive"]["last_heard"].is_u64());
}

#[test]
fn a_hundred_mebibytes_each_way_at_once_pass_the_native_carrier_as_they_were_sent() {
    a_hundred_mebibytes_each_way_at_once_arrive_as_they_were_sent(Carrier::Native);
}

#[test]
fn a_hundred_mebibytes_each_way_at_once_pass_the_systems_ssh_as_they_were_sent() {
    a_hundred_mebibytes_each_way_at_once_arrive_as_they_were_sent(Carrier::Openssh);
}

#[test]
fn ends_that_are_busy_let_ssh_and_sshd_finish_and_later_do_not() {
    let (world, _sshd) = World::ready(Carrier::Openssh, "", "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    let ends = [&world.venus, &world.saturn].map(|host| processes(host, "pppssh").pop().expect("an end"));
    let give_way = |number| ends.iter().all(|end| end.policy() == number);
    assert!(give_way(0), "idle");

    let (near, far) = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    let deadline = Instant::now() + NEVER;
    thread::scope(|scope| {
        // Until the other end of the stream is closed.
        scope.spawn(|| io::copy(&mut io::repeat(0), &mut &near));
        let mut arrived = Arrived::default();
        while !give_way(3) {
            arrived.more(&far, MIB);
            assert!(Instant::now() < deadline, "the ends move what they can, and interrupt ssh and sshd");
        }
        far.shutdown(Shutdown::Both).expect("an open stream");
    });
    drop((near, far));

    while !give_way(0) {
        ping(&world.venus, "192.168.2.1");
        assert!(Instant::now() < deadline, "the ends are idle, and would wait for others");
    }
}

#[test]
fn a_device_without_offload_is_given_each_segment_by_itself() {
    let packets_sent = |offload: &str| {
        let (world, _sshd) = World::ready(Carrier::Native, &format!("offload = \"{offload}\""), "");
        let session = world.connect(&[]);
        session.wait("ipv4-up");
        ping(&world.venus, "192.168.2.1");
        exchange(&connection(&world.venus, &world.saturn, [192, 168, 2, 1].into()), 8 * MIB);
        session.status()["counters"]["packets_sent"].as_u64().unwrap()
    };
    let [whole, single] = ["all", "none"].map(packets_sent);
    assert!(single >= 8 * MIB / 1460, "{single} packets");
    assert!(whole < single / 2, "{whole} packets, {single} without offload");
}

#[test]
fn a_link_that_is_disconnected_goes_with_all_it_made_and_exits_as_pppd_does() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let before = world.snapshot();
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    session.wait("ipv6-up");
    ping(&world.venus, "192.168.2.1");
    session.disconnect().with_code(5);
    world.is_as(&before);
}

#[test]
fn an_end_that_asks_for_its_address_is_given_one() {
    let (world, _sshd) = World::ready(
        Carrier::Native,
        "addresses = \":\"\nlocal-range = [\"192.168.1.0/24\"]\nremote-range = [\"192.168.2.0/24\"]",
        "",
    );
    let session = world.connect(&[]);
    let status = session.wait("ipv4-up");
    assert_eq!(status["ipv4"]["local"], "192.168.1.1");
    assert_eq!(status["ipv4"]["remote"], "192.168.2.1");
    ping(&world.venus, "192.168.2.1");
}

#[test]
fn a_second_session_of_the_same_name_is_refused_and_the_first_goes_on() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    let pid = session.process.pid().to_string();
    world.connect_in_vain(&[]).with_code(6).saying("already running").saying(&pid);
    ping(&world.venus, "192.168.2.1");
}
