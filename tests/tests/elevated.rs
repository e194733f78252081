//! A pppssh with a file capability, and a user who wants more from it than root has allowed.

use pppssh_tests::{Carrier, World, finish};

/// What nobody but root may say, as vpn would say it.
const WIDENING: [&[&str]; 16] = [
    &["--route", "0.0.0.0/0"],
    &["--addresses", "10.9.9.1:10.10.10.1"],
    &["--config-dir", "/home/vpn/profiles"],
    &["--hooks", "/home/vpn/hooks"],
    &["--tun", "eth0"],
    &["--forward"],
    &["--mtu", "9001"],
    &["--runtime-dir", "/etc/cron.d"],
    &["-o", "ssh-program=/home/vpn/evil"],
    &["-o", "ssh-args=[\"-oProxyCommand=/home/vpn/evil\"]"],
    &["-o", "ssh-config=/home/vpn/evil"],
    &["-o", "known-hosts=/home/vpn/.ssh/known_hosts"],
    &["-o", "remote-command=/home/vpn/evil"],
    &["-o", "carrier=openssh"],
    &["-o", "host=eve.example"],
    &["-o", "allow=[\"*\"]"],
];

/// A program of vpn's that leaves a trace where nobody else writes.
const EVIL: &str = "#!/bin/sh\ntouch /tmp/evil-ran\nexec sleep 1000\n";

fn world_with_evil() -> World {
    let world = World::new();
    world.install();
    world.profiles(
        Carrier::Native,
        "addresses = \"192.168.1.1:192.168.2.1\"",
        "addresses = \"192.168.2.1:192.168.1.1\"",
    );
    for host in [&world.venus, &world.saturn] {
        for name in ["evil", "ssh", "hooks/ip-up", "bin/ssh", "bin/ip"] {
            world.write_as_root(host, &format!("/home/vpn/{name}"), EVIL, 0o755);
        }
    }
    world.write_as_root(&world.venus, "/home/vpn/profiles/saturn.toml", "allow = [\"*\"]\n", 0o644);
    world.write_as_root(
        &world.venus,
        "/home/vpn/.config/pppssh/saturn.toml",
        "carrier = \"openssh\"\nssh-program = \"/home/vpn/evil\"\nroutes = [\"0.0.0.0/0\"]\n",
        0o644,
    );
    world
}

fn evil_ran(world: &World) -> bool {
    [&world.venus, &world.saturn]
        .iter()
        .any(|host| host.run(|| std::path::Path::new("/tmp/evil-ran").exists()).unwrap())
}

#[test]
fn whatever_would_widen_the_profile_is_refused_by_name() {
    let world = world_with_evil();
    for arguments in WIDENING {
        let named = arguments.last().unwrap().split('=').next().unwrap();
        let named = if arguments[0] == "-o" { named } else { arguments[0] };
        world.connect_in_vain(arguments).badly().saying(named);
    }
    let mut connect = world.pppssh(&["connect", "root@saturn"]);
    connect.env("SSH_AUTH_SOCK", "/home/vpn/evil");
    finish("pppssh connect root@saturn", connect).badly().saying("user");
    assert!(!evil_ran(&world));
}

#[test]
fn a_profile_that_root_has_not_written_counts_for_nothing() {
    let world = world_with_evil();
    world.connect_in_vain(&["--profile", "mine"]).badly().saying("mine");
    for (owner_is_root, mode) in [(false, 0o600), (true, 0o666), (true, 0o664)] {
        let path = "/etc/pppssh/saturn.toml";
        if owner_is_root {
            world.write_as_root(&world.venus, path, "allow = [\"vpn\"]\nhost = \"saturn\"\n", mode);
        } else {
            world.write_as_vpn(&world.venus, path, "allow = [\"vpn\"]\nhost = \"saturn\"\n");
        }
        world.connect_in_vain(&[]).badly().saying(path);
    }
}

#[test]
fn a_hostile_environment_changes_nothing() {
    let (world, _sshd) = World::ready(Carrier::Openssh, "", "");
    for name in ["evil", "bin/ssh", "bin/sh", "config/pppssh/saturn.toml"] {
        world.write_as_root(&world.venus, &format!("/home/vpn/{name}"), EVIL, 0o755);
    }
    let mut connect = world.pppssh(&["-v", "connect", "saturn"]);
    connect.envs([
        ("PATH", "/home/vpn/bin"),
        ("HOME", "/home/vpn/nowhere"),
        ("SHELL", "/home/vpn/evil"),
        ("XDG_CONFIG_HOME", "/home/vpn/config"),
        ("XDG_RUNTIME_DIR", "/home/vpn/config"),
        ("SSH_ASKPASS", "/home/vpn/evil"),
        ("SSH_ASKPASS_REQUIRE", "force"),
        ("DISPLAY", ":0"),
        ("LD_PRELOAD", "/home/vpn/evil.so"),
        ("BASH_ENV", "/home/vpn/evil"),
        ("ENV", "/home/vpn/evil"),
    ]);
    let session = world.session(connect);
    let status = session.wait("ipv4-up");
    assert_eq!(status["ipv4"]["local"], "192.168.1.1");
    assert_eq!(status["routes"].as_array().map(Vec::len), Some(0));
    assert!(!evil_ran(&world));
    session.disconnect().with_code(5);
}

#[test]
fn what_the_caller_asks_of_the_forced_command_can_pick_a_listed_profile_and_nothing_else() {
    let (world, _sshd) = World::ready(Carrier::Openssh, "", "selectable = [\"branch\"]");
    world.profile(&world.saturn, "branch", "allow = [\"vpn\"]\naddresses = \"192.168.3.1:192.168.1.1\"\n");
    world.profile(&world.saturn, "secret", "allow = [\"vpn\"]\n");
    let call = |command: &str| {
        let profile = format!(
            "host = \"saturn\"\nallow = [\"vpn\"]\ncarrier = \"openssh\"\nremote-command = \"{command}\"\n\
             addresses = \"192.168.1.1:\"\nremote-range = [\"192.168.0.0/16\"]\n"
        );
        world.profile(&world.venus, "saturn", &profile);
    };

    call("pppssh serve --profile branch");
    let session = world.connect(&[]);
    assert_eq!(session.wait("ipv4-up")["ipv4"]["remote"], "192.168.3.1");
    session.disconnect().with_code(5);

    call("pppssh serve --profile secret");
    world.connect_in_vain(&[]).badly().saying("secret");

    call("touch /tmp/evil-ran; pppssh serve --route 0.0.0.0/0");
    let session = world.connect(&[]);
    assert_eq!(session.wait("ipv4-up")["ipv4"]["remote"], "192.168.2.1");
    assert!(!evil_ran(&world));
}

#[test]
fn vpn_logged_in_on_saturn_cannot_make_serve_do_more_than_its_profile() {
    let world = world_with_evil();
    for arguments in [
        &["--route", "0.0.0.0/0"][..],
        &["--addresses", "10.10.10.1:10.9.9.1"],
        &["--config-dir", "/home/vpn/profiles"],
        &["--hooks", "/home/vpn/hooks"],
        &["--forward"],
    ] {
        let mut serve = world.as_vpn(&world.saturn, "/usr/local/bin/pppssh");
        serve.arg("serve").args(arguments);
        finish("pppssh serve", serve).badly().saying(arguments[0]);
    }
    assert!(!evil_ran(&world));
}

#[test]
fn capabilities_are_gone_for_good_once_the_link_is_up_where_the_profile_says_so() {
    let (world, _sshd) = World::ready(Carrier::Native, "drop-privileges = true", "drop-privileges = true");
    let session = world.connect(&[]);
    session.wait("ipv4-up");
    session.process.says("gave all capabilities up");
    pppssh_tests::traffic::ping(&world.venus, "192.168.2.1");
    pppssh_tests::traffic::ping(&world.saturn, "192.168.1.1");
    for host in [&world.venus, &world.saturn] {
        for process in pppssh_tests::processes(host, "pppssh") {
            for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
                assert_eq!(process.capabilities(set), 0, "{set} on {}", host.name());
            }
        }
    }
}
