//! Links that break, and come back.

use pppssh_tests::traffic::{Arrived, MIB, connection, ping, send};
use pppssh_tests::{Carrier, World};
use rustix::process::Signal;

fn an_inner_connection_survives_the_death_of_sshd(carrier: Carrier) {
    let (world, mut sshd) = World::ready(carrier, "", "");
    let session = world.connect(&[]);
    let first = session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    let (near, far) = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());

    std::thread::scope(|scope| {
        let sent = [(&near, 7), (&far, 8)].map(|(end, seed)| scope.spawn(move || send(end, 16 * MIB, seed)));
        let mut arrived = [Arrived::default(), Arrived::default()];
        // Half of it has arrived each way, so the rest is under way.
        for (arrived, end) in arrived.iter_mut().zip([&far, &near]) {
            arrived.more(end, 8 * MIB);
        }
        sshd.kill();
        session.wait("down");
        sshd.start_again();
        session.wait("ipv4-up");
        for ((mut arrived, end), sent) in arrived.into_iter().zip([&far, &near]).zip(sent) {
            arrived.more(end, 8 * MIB);
            assert_eq!(arrived.hash(), sent.join().unwrap(), "what arrived is not what was sent");
        }
    });
    let second = session.status();
    assert_eq!(second["tun"], first["tun"], "the device is the same one");
    assert_eq!(second["pid"], first["pid"]);
    assert!(second["redial"]["count"].as_u64().unwrap() >= 1, "{second}");
}

#[test]
fn an_inner_connection_survives_the_death_of_sshd_under_the_native_carrier() {
    an_inner_connection_survives_the_death_of_sshd(Carrier::Native);
}

#[test]
fn an_inner_connection_survives_the_death_of_sshd_under_the_systems_ssh() {
    an_inner_connection_survives_the_death_of_sshd(Carrier::Openssh);
}

#[test]
fn sighup_hangs_up_and_calls_again() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let session = world.connect(&[]);
    let first = session.wait("ipv4-up");
    session.process.signal(Signal::HUP);
    session.until(|status| status["redial"]["count"] == 1 && status["phase"] == "running");
    assert_eq!(session.status()["tun"], first["tun"]);
    ping(&world.venus, "192.168.2.1");
}

#[test]
fn sigterm_takes_leave_of_the_peer_and_ends_with_code_5() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let before = world.snapshot();
    let mut session = world.connect(&[]);
    session.wait("ipv4-up");
    session.process.signal(Signal::TERM);
    session.process.end().with_code(5);
    world.is_as(&before);
}

#[test]
fn a_host_that_is_not_there_is_called_until_maxfail() {
    let (world, mut sshd) = World::ready(Carrier::Native, "", "");
    sshd.kill();
    let mut session = world.connect(&["-o", "maxfail=3"]);
    session.process.end().with_code(8).saying("onnection refused");
}

#[test]
fn a_link_whose_ends_have_given_their_rights_up_comes_back() {
    let (world, mut sshd) = World::ready(Carrier::Native, "drop-privileges = true", "drop-privileges = true");
    let session = world.connect(&[]);
    let first = session.wait("ipv4-up");
    session.process.says("gave all capabilities up");
    for _ in 0..2 {
        sshd.kill();
        session.wait("down");
        sshd.start_again();
        let again = session.wait("ipv4-up");
        assert_eq!(again["tun"], first["tun"]);
        ping(&world.venus, "192.168.2.1");
        ping(&world.saturn, "192.168.1.1");
    }
}
