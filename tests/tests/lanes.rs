//! A path that holds more than sshd grants of one channel.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use pppssh_tests::traffic::{MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, Session, Sshd, World, far_away, processes};

/// One way: with sshd's window of 2 MiB, a channel lets 28 Mb/s pass, which ends that are not optimised outdo.
const DELAY: Duration = Duration::from_millis(300);

/// A world in which saturn is far away.
fn far(carrier: Carrier, sshd: &str) -> (World, Sshd) {
    let world = World::new();
    let sshd =
        world.set_up_with(carrier, "port = 2222\nssh-args = [\"-o\", \"HostKeyAlias=saturn\"]", "", sshd);
    far_away(&world, 2222, DELAY);
    (world, sshd)
}

/// A connection through the link, from venus to saturn.
fn through(world: &World) -> (TcpStream, TcpStream) {
    connection(&world.venus, &world.saturn, [192, 168, 2, 1].into())
}

/// Which way.
#[derive(Clone, Copy)]
enum Way {
    Up,
    Down,
}

/// Sends as much as passes until the session says this.
fn send_until_it_says(world: &World, session: &Session<'_>, way: Way, words: &str) {
    let (near, far) = through(world);
    let (from, to) = match way {
        Way::Up => (&near, &far),
        Way::Down => (&far, &near),
    };
    thread::scope(|scope| {
        scope.spawn(|| io::copy(&mut io::repeat(0), &mut &*from));
        scope.spawn(|| io::copy(&mut &*to, &mut io::sink()));
        session.process.says(words);
        for end in [&near, &far] {
            // The other one may have ended it by then.
            let _ = end.shutdown(Shutdown::Both);
        }
    });
}

fn is_used_through_several_channels(carrier: Carrier, way: Way) {
    let (world, _sshd) = far(carrier, "");
    let before = world.snapshot();
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    assert_eq!(processes(&world.saturn, "pppssh").len(), 1, "one channel does for a ping");

    send_until_it_says(&world, &session, way, "2 channels carry");
    assert!(session.status()["carrier"]["channels"].as_u64() > Some(1));
    // The second one joins some MiB behind.
    exchange(&through(&world), 10 * MIB);
    ping(&world.saturn, "192.168.1.1");
    let processes = processes(&world.saturn, "pppssh");
    assert!(processes.len() > 1, "one for each channel");
    let helpers = processes.iter().filter(|process| process.capabilities("CapPrm") == 0).count();
    assert_eq!(helpers, processes.len() - 1, "whoever only hands on has no rights");

    session.disconnect().with_code(5);
    world.is_as(&before);
}

#[test]
fn a_long_path_is_used_through_several_channels_and_what_they_carry_arrives_as_it_was_sent() {
    is_used_through_several_channels(Carrier::Native, Way::Up);
}

#[test]
fn ssh_opens_several_channels_for_what_is_sent() {
    is_used_through_several_channels(Carrier::Openssh, Way::Up);
}

#[test]
fn ssh_opens_several_channels_for_what_comes_back() {
    is_used_through_several_channels(Carrier::Openssh, Way::Down);
}

fn one_carries_all(carrier: Carrier) {
    let (world, _sshd) = far(carrier, "MaxSessions 1");
    let session = world.connect(&["-v"]);
    session.wait("ipv4-up");
    send_until_it_says(&world, &session, Way::Up, "a further channel to");
    exchange(&through(&world), MIB);
    ping(&world.saturn, "192.168.1.1");
    assert_eq!(processes(&world.saturn, "pppssh").len(), 1);
}

#[test]
fn where_sshd_allows_one_session_only_that_one_carries_all() {
    one_carries_all(Carrier::Native);
}

#[test]
fn where_sshd_allows_ssh_one_session_only_that_one_carries_all() {
    one_carries_all(Carrier::Openssh);
}

fn one_breaks(carrier: Carrier) {
    let (world, _sshd) = far(carrier, "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    send_until_it_says(&world, &session, Way::Up, "2 channels carry");
    let helper = processes(&world.saturn, "pppssh")
        .into_iter()
        .find(|process| process.capabilities("CapPrm") == 0)
        .expect("who hands on");
    helper.kill();
    session.process.says("a channel that carried a part of the link");
    session.until(|status| status["redial"]["count"] == 1 && status["phase"] == "running");
    ping(&world.venus, "192.168.2.1");
}

#[test]
fn a_channel_that_breaks_ends_the_link_and_it_is_called_again() {
    one_breaks(Carrier::Native);
}

#[test]
fn a_channel_of_ssh_that_breaks_ends_the_link_and_it_is_called_again() {
    one_breaks(Carrier::Openssh);
}
