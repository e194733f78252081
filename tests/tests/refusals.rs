//! What must not come to pass, with the reason told.

use pppssh_tests::{Carrier, Sshd, World, finish};

#[test]
fn an_address_that_saturn_does_not_allow_is_refused_and_both_are_named() {
    for (wanted, reason) in
        [("172.16.0.1:192.168.2.1", "192.168.1.1"), ("192.168.1.1:172.16.0.2", "172.16.0.2")]
    {
        let venus = format!("addresses = \"{wanted}\"\nipv6 = false");
        let (world, _sshd) = World::ready(Carrier::Native, &venus, "ipv6 = false");
        world.connect_in_vain(&[]).with_code(10).saying(reason);
    }
}

fn a_host_key_that_changed_ends_the_call(carrier: Carrier) {
    let (world, sshd) = World::ready(carrier, "", "");
    world.make_key("another");
    let another = world.read(&world.venus, "/home/vpn/.ssh/another.pub");
    world.write_as_vpn(&world.venus, "/home/vpn/.ssh/known_hosts", &format!("saturn {another}"));
    world.connect_in_vain(&[]).with_code(8).saying("SHA256:");
    assert!(!sshd.log().contains("Accepted publickey"), "venus gave its key to a host that it does not know");
}

#[test]
fn a_host_key_that_changed_ends_the_call_over_the_native_carrier() {
    a_host_key_that_changed_ends_the_call(Carrier::Native);
}

#[test]
fn a_host_key_that_changed_ends_the_call_over_the_systems_ssh() {
    a_host_key_that_changed_ends_the_call(Carrier::Openssh);
}

#[test]
fn an_unknown_host_key_ends_the_call_and_the_line_to_add_is_shown() {
    let (world, sshd) = World::ready(Carrier::Native, "", "");
    world.write_as_vpn(&world.venus, "/home/vpn/.ssh/known_hosts", "");
    let key = sshd.host_key().split_whitespace().nth(1).unwrap();
    world.connect_in_vain(&[]).with_code(8).saying("SHA256:").saying(key);
    assert!(!sshd.log().contains("Accepted publickey"));
}

fn a_key_that_saturn_does_not_know_ends_the_call(carrier: Carrier) {
    let (world, _sshd) = World::ready(carrier, "", "");
    world.write_as_vpn(&world.saturn, "/home/vpn/.ssh/authorized_keys", "");
    world.connect_in_vain(&[]).with_code(8).saying("publickey");
}

#[test]
fn a_key_that_saturn_does_not_know_ends_the_call_over_the_native_carrier() {
    a_key_that_saturn_does_not_know_ends_the_call(Carrier::Native);
}

#[test]
fn a_key_that_saturn_does_not_know_ends_the_call_over_the_systems_ssh() {
    a_key_that_saturn_does_not_know_ends_the_call(Carrier::Openssh);
}

#[test]
fn a_user_whom_the_profile_does_not_allow_is_refused_before_anything_is_called() {
    let (world, sshd) = World::ready(Carrier::Native, "", "");
    let mut connect = world.as_eve(&world.venus, "/usr/local/bin/pppssh");
    connect.args(["connect", "saturn"]);
    finish("pppssh connect by eve", connect).badly().saying("eve").saying("allow");
    assert!(!sshd.log().contains("Connection from"), "{}", sshd.log());
}

#[test]
fn a_user_whom_saturns_profile_does_not_allow_is_told_so_on_venus() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    world.profile(&world.saturn, "serve", "allow = [\"eve\"]\naddresses = \"192.168.2.1:192.168.1.1\"\n");
    world.connect_in_vain(&[]).with_code(8).saying("vpn").saying("allow");
}

#[test]
fn eve_can_neither_read_nor_end_a_session_of_vpn() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    for verb in ["status", "disconnect"] {
        let mut command = world.as_eve(&world.venus, "/usr/local/bin/pppssh");
        command.args([verb, "saturn"]);
        finish(verb, command).badly();
    }
    assert_eq!(session.status()["phase"], "running");
}

fn saturn_without_pppssh_is_told_in_saturns_own_words(carrier: Carrier) {
    let world = World::new();
    world.install_on(&world.venus, Some("cap_net_admin+ep"));
    let sshd = Sshd::start(&world, "");
    world.authorize(&sshd, "/usr/local/bin/pppssh serve");
    world.profiles(carrier, "addresses = \"192.168.1.1:192.168.2.1\"", "");
    world.connect_in_vain(&[]).with_code(8).saying("/usr/local/bin/pppssh: not found").saying("127");
}

#[test]
fn saturn_without_pppssh_is_told_in_saturns_own_words_over_the_native_carrier() {
    saturn_without_pppssh_is_told_in_saturns_own_words(Carrier::Native);
}

#[test]
fn saturn_without_pppssh_is_told_in_saturns_own_words_over_the_systems_ssh() {
    saturn_without_pppssh_is_told_in_saturns_own_words(Carrier::Openssh);
}

#[test]
fn saturn_where_vpn_may_not_open_dev_net_tun_says_so_on_venus() {
    let world = World::with_tun_mode(0o600);
    let _sshd = world.set_up(Carrier::Native, "", "");
    world.connect_in_vain(&[]).with_code(8).saying("/dev/net/tun").saying("ermission denied");
}

#[test]
fn saturn_where_pppssh_has_no_capability_says_what_to_do() {
    let (world, _sshd) = World::ready(Carrier::Native, "", "");
    world.install_on(&world.saturn, None);
    world.connect_in_vain(&[]).with_code(8).saying("cap_net_admin");
}
