//! The stage before the play: hosts, users and a login without pppssh.

use pppssh_tests::{Sshd, VPN, World, finish, traffic};

#[test]
fn vpn_on_venus_logs_in_to_saturn_with_a_key_and_is_nobody_special_there() {
    let world = World::new();
    let sshd = Sshd::start(&world, "");
    world.authorize(&sshd, "id -u; cat /proc/self/status; test -w /dev/net/tun && echo may open tun");
    let mut ssh = world.as_vpn(&world.venus, "/usr/bin/ssh");
    ssh.args(["-T", "-o", "BatchMode=yes", "vpn@saturn"]);
    finish("ssh", ssh)
        .well()
        .saying(&VPN.to_string())
        .saying("CapEff:\t0000000000000000")
        .saying("CapPrm:\t0000000000000000")
        .saying("may open tun");
}

#[test]
fn the_hosts_reach_each_other_and_exchange_what_they_send() {
    let world = World::new();
    traffic::ping(&world.venus, "10.10.10.1");
    traffic::ping(&world.saturn, "10.9.9.1");
    let ends = traffic::connection(&world.venus, &world.saturn, pppssh_tests::SATURN.into());
    traffic::exchange(&ends, 8 * traffic::MIB);
}

#[test]
fn a_key_that_saturn_does_not_know_is_refused_and_so_is_a_host_that_venus_does_not_know() {
    let world = World::new();
    let sshd = Sshd::start(&world, "");
    world.make_key("id_ed25519");
    let ssh = || {
        let mut ssh = world.as_vpn(&world.venus, "/usr/bin/ssh");
        ssh.args(["-T", "-o", "BatchMode=yes", "vpn@saturn", "true"]);
        ssh
    };
    finish("ssh", ssh()).badly().saying("Host key verification failed");
    world.trust_host_key(&sshd);
    finish("ssh", ssh()).badly().saying("Permission denied");
}
