//! A path that holds more than sshd grants of one channel.

use std::time::Duration;

use pppssh_tests::traffic::{MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, World, far_away, processes};

/// One way: with sshd's window of 2 MiB, a channel lets 28 Mb/s pass, which ends that are not optimised outdo.
const DELAY: Duration = Duration::from_millis(300);

/// A world in which saturn is far away.
fn far(sshd: &str) -> (World, pppssh_tests::Sshd) {
    let world = World::new();
    let sshd = world.set_up_with(
        Carrier::Native,
        "port = 2222\nssh-args = [\"-o\", \"HostKeyAlias=saturn\"]",
        "",
        sshd,
    );
    far_away(&world, 2222, DELAY);
    (world, sshd)
}

#[test]
fn a_long_path_is_used_through_several_channels_and_what_they_carry_arrives_as_it_was_sent() {
    let (world, _sshd) = far("");
    let before = world.snapshot();
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    assert_eq!(processes(&world.saturn, "pppssh").len(), 1, "one channel does for a ping");

    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 40 * MIB);
    session.process.says("2 channels carry what is sent");
    ping(&world.saturn, "192.168.1.1");
    let processes = processes(&world.saturn, "pppssh");
    assert!(processes.len() > 1, "one for each channel");
    let helpers = processes.iter().filter(|process| process.capabilities("CapPrm") == 0).count();
    assert_eq!(helpers, processes.len() - 1, "whoever only hands on has no rights");

    drop(ends);
    session.disconnect().with_code(5);
    world.is_as(&before);
}

#[test]
fn where_sshd_allows_one_session_only_that_one_carries_all() {
    let (world, _sshd) = far("MaxSessions 1");
    let session = world.connect(&["-v"]);
    session.wait("ipv4-up");
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 40 * MIB);
    session.process.says("a further channel to");
    ping(&world.saturn, "192.168.1.1");
    assert_eq!(processes(&world.saturn, "pppssh").len(), 1);
}

#[test]
fn a_channel_that_breaks_ends_the_link_and_it_is_called_again() {
    let (world, _sshd) = far("");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 40 * MIB);
    session.process.says("2 channels carry what is sent");
    let helper = processes(&world.saturn, "pppssh")
        .into_iter()
        .find(|process| process.capabilities("CapPrm") == 0)
        .expect("who hands on");
    helper.kill();
    session.process.says("a channel that carried a part of the link");
    session.until(|status| status["redial"]["count"] == 1 && status["phase"] == "running");
    ping(&world.venus, "192.168.2.1");
}
