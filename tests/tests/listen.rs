//! Saturn without an sshd: `pppssh listen`.

use netlab::Host;
use pppssh_tests::traffic::{MIB, connection, exchange, ping};
use pppssh_tests::{Carrier, PPPSSH, Running, SATURN, World};

const PORT: u16 = 2222;

/// Saturn's end, run by vpn there, and the key of it known on venus.
fn listener(world: &World, carrier: Carrier, more: &str) -> Running {
    world.install();
    world.make_key("id_ed25519");
    let key = world.read(&world.venus, "/home/vpn/.ssh/id_ed25519.pub");
    world.write_as_vpn(&world.saturn, "/home/vpn/.ssh/authorized_keys", &format!("restrict {key}"));
    let mut keygen = world.as_vpn(&world.saturn, "/usr/bin/ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", "/home/vpn/.ssh/host_key"]);
    pppssh_tests::finish("ssh-keygen", keygen).well();
    let host_key = world.read(&world.saturn, "/home/vpn/.ssh/host_key.pub");
    world.write_as_vpn(
        &world.venus,
        "/home/vpn/.ssh/known_hosts",
        &format!("[saturn]:{PORT},[{SATURN}]:{PORT} {host_key}"),
    );
    world.profiles(carrier, &format!("addresses = \"192.168.1.1:192.168.2.1\"\nport = {PORT}\n{more}"), "");
    world.profile(
        &world.saturn,
        "listen",
        &format!(
            "allow = [\"vpn\"]\naddresses = \"192.168.2.1:192.168.1.1\"\nlisten = [\"{SATURN}:{PORT}\"]\n\
             host-key = [\"/home/vpn/.ssh/host_key\"]\n{more}"
        ),
    );
    let mut listen = world.as_vpn(&world.saturn, PPPSSH);
    listen.args(["-v", "listen"]);
    let listening = Running::start("pppssh listen", listen);
    listening.says("istening");
    listening
}

fn venus_calls_a_saturn_without_sshd(carrier: Carrier) {
    let world = World::new();
    let before = world.snapshot();
    let mut listening = listener(&world, carrier, "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    ping(&world.venus, "192.168.2.1");
    ping(&world.saturn, "192.168.1.1");
    let ends = connection(&world.venus, &world.saturn, [192, 168, 2, 1].into());
    exchange(&ends, 4 * MIB);
    drop(ends);
    session.disconnect().with_code(5);
    listening.signal(rustix::process::Signal::TERM);
    listening.end().with_code(5);
    world.is_as(&before);
}

#[test]
fn venus_calls_a_saturn_without_sshd_over_the_native_carrier() {
    venus_calls_a_saturn_without_sshd(Carrier::Native);
}

#[test]
fn venus_calls_a_saturn_without_sshd_over_the_systems_ssh() {
    venus_calls_a_saturn_without_sshd(Carrier::Openssh);
}

/// How the host's TCP connections to or from the SSH port are steered.
fn steered(host: &Host) -> String {
    let mut ss = host.command("/usr/bin/ss");
    ss.args(["-tin", &format!("( sport = :{PORT} or dport = :{PORT} )")]);
    pppssh_tests::finish("ss", ss).well().said.clone()
}

#[test]
fn both_ends_steer_their_connection_as_they_were_told() {
    let world = World::new();
    for host in [&world.venus, &world.saturn] {
        let usual =
            host.run(|| std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control")).unwrap();
        assert_ne!(usual.unwrap().trim(), "reno", "what the test asks for must not be what one gets anyway");
    }
    let mut listening = listener(&world, Carrier::Native, "carrier-cc = \"reno\"\n");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    for host in [&world.venus, &world.saturn] {
        let steered = steered(host);
        assert!(steered.contains(" reno "), "{}: {steered}", host.name());
    }
    session.disconnect().with_code(5);
    listening.signal(rustix::process::Signal::TERM);
    listening.end().with_code(5);
}
