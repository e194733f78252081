//! The tests.

use pppssh::config::{Class, KEYS, Profile};

use crate::stage::{NETOPS, PROBE, Stage, VPN};

/// A test and its name.
type Test = (&'static str, fn());

macro_rules! tests {
    ($($name:ident)+) => { &[$((stringify!($name), $name),)+] };
}

pub(crate) const ALL: &[Test] = tests! {
    file_capabilities_are_noticed_and_reduced
    a_hostile_environment_is_left_outside
    a_service_managers_capabilities_are_the_callers_own
    without_capabilities_nothing_is_elevated
    a_setuid_copy_is_refused
    only_a_hook_is_handed_the_capability
    what_is_given_up_stays_given_up
    a_thread_that_still_holds_something_is_named
    renouncing_makes_an_ordinary_process
    a_user_in_allow_gets_what_the_profile_says
    a_user_who_is_not_in_allow_is_refused
    root_needs_no_allow
    a_profile_must_bound_the_addresses
    a_profile_either_calls_or_answers
    files_that_others_could_have_written_are_refused
    the_callers_own_profiles_do_not_count
    every_flag_that_widens_is_refused_with_the_key_to_set
    every_key_that_widens_is_refused_as_an_option
    flags_that_narrow_are_taken
    repeating_the_profile_is_no_change
    a_name_cannot_leave_the_directory
    a_caller_may_pick_only_what_is_selectable
    ssh_config_of_the_caller_is_not_read
};

/// CAP_NET_ADMIN is number 12 (capability.h).
const NET_ADMIN_MASK: &str = "0000000000001000";
const NO_MASK: &str = "0000000000000000";

const SATURN: &str = r#"
host = "saturn.example.net"
addresses = "192.168.1.1:192.168.2.1"
routes = ["192.168.2.0/24"]
mtu = 1400
allow = ["vpn"]
"#;

const SERVE: &str = r#"
addresses = "192.168.2.1:192.168.1.1"
routes = ["192.168.1.0/24"]
allow = ["vpn"]
"#;

fn saturn() -> Stage {
    Stage::new().profile("saturn", SATURN)
}

fn file_capabilities_are_noticed_and_reduced() {
    let seen = Stage::new()
        .with(&format!("setcap cap_net_admin,cap_sys_admin,cap_net_raw+eip {PROBE}"))
        .probe(&["rights"]);
    seen.granted()
        .says(&format!("trust=elevated vpn {VPN} [{NETOPS}]"))
        .says("net_admin=true")
        .says(&format!("CapPrm={NET_ADMIN_MASK}"))
        .says(&format!("CapEff={NET_ADMIN_MASK}"))
        .says(&format!("CapInh={NO_MASK}"))
        .says(&format!("CapAmb={NO_MASK}"))
        .says(&format!("child CapPrm={NO_MASK}"))
        .says("dumpable=false");
    // Permitted alone, without the effective bit, is a gain as well.
    Stage::new()
        .with(&format!("setcap cap_net_admin+p {PROBE}"))
        .probe(&["rights"])
        .says(&format!("trust=elevated vpn {VPN} [{NETOPS}]"))
        .says("net_admin=true");
}

fn a_hostile_environment_is_left_outside() {
    let seen = Stage::new()
        .env("PATH", "/tmp/evil")
        .env("HOME", "/tmp/evil")
        .env("XDG_CONFIG_HOME", "/tmp/evil")
        .env("XDG_RUNTIME_DIR", "/tmp/evil")
        .env("RUST_LOG", "trace,evil")
        .env("SSH_ASKPASS", "/tmp/evil")
        .env("BASH_ENV", "/tmp/evil")
        .env("LD_LIBRARY_PATH", "/tmp/evil")
        .env("LC_ALL", "C")
        .run_by(&format!("--reuid={VPN} --regid={VPN} --groups={NETOPS} --inh-caps=-all /bin/sh -c 'umask 0; exec \"$@\"' -"))
        .probe(&["rights"]);
    assert!(!seen.text.contains("evil"), "{}", seen.text);
    seen.granted().says("env HOME=/home/vpn").says("env LC_ALL=C").says("Umask=0022");
}

fn a_service_managers_capabilities_are_the_callers_own() {
    Stage::new()
        .with(&format!("setcap -r {PROBE}"))
        .run_by(&format!("--reuid={VPN} --regid={VPN} --groups={NETOPS} --inh-caps=-all,+net_admin --ambient-caps=-all,+net_admin"))
        .probe(&["rights"])
        .granted()
        .says("trust=own")
        .says("net_admin=true")
        .says(&format!("CapPrm={NET_ADMIN_MASK}"))
        .says(&format!("CapAmb={NO_MASK}"))
        .says(&format!("child CapPrm={NO_MASK}"))
        .says("dumpable=false");
}

fn without_capabilities_nothing_is_elevated() {
    let seen = Stage::new().with(&format!("setcap -r {PROBE}")).probe(&["rights"]);
    seen.granted().says("trust=own").says("net_admin=false").says("dumpable=true");
    assert!(seen.text.contains(&format!("setcap cap_net_admin+ep {PROBE}")), "{}", seen.text);
}

fn a_setuid_copy_is_refused() {
    for mode in ["4755", "2755"] {
        Stage::new()
            .with(&format!("chmod {mode} {PROBE}"))
            .probe(&["rights"])
            .refused("set-user-id or set-group-id");
    }
}

fn only_a_hook_is_handed_the_capability() {
    Stage::new()
        .probe(&["hand-on"])
        .granted()
        .says(&format!("hook CapEff={NET_ADMIN_MASK}"))
        .says(&format!("other CapEff={NO_MASK}"))
        .says(&format!("other CapAmb={NO_MASK}"))
        .says(&format!("CapInh={NO_MASK}"))
        .says(&format!("CapAmb={NO_MASK}"))
        .says(&format!("CapEff={NET_ADMIN_MASK}"));
}

fn what_is_given_up_stays_given_up() {
    let seen = Stage::new().probe(&["give-up"]);
    seen.granted()
        .says(&format!("CapPrm={NO_MASK}"))
        .says(&format!("CapEff={NO_MASK}"))
        .says("NoNewPrivs=1")
        .says(&format!("hook CapEff={NO_MASK}"))
        .says("this process has given cap_net_admin up (`drop-privileges`)")
        .says(&format!("again CapPrm={NO_MASK}"))
        .says("again net_admin=false");
    assert!(seen.text.contains("no_new_privs is set"), "{}", seen.text);
}

fn a_thread_that_still_holds_something_is_named() {
    let seen = Stage::new().probe(&["other-thread"]);
    assert!(seen.granted().text.contains("still holds capabilities"), "{}", seen.text);
}

fn renouncing_makes_an_ordinary_process() {
    Stage::new()
        .probe(&["renounce"])
        .granted()
        .says(&format!("CapPrm={NO_MASK}"))
        .says("dumpable=true")
        .says("NoNewPrivs=0");
}

fn a_user_in_allow_gets_what_the_profile_says() {
    for allow in ["\"vpn\"", "\"nosuch\", \"@netops\"", "\"*\""] {
        let stage = Stage::new().profile("saturn", &SATURN.replace("\"vpn\"", allow));
        let seen = stage.load("connect saturn");
        assert!(seen.granted().text.contains("routes = [\"192.168.2.0/24\"]"), "{}", seen.text);
    }
}

fn a_user_who_is_not_in_allow_is_refused() {
    for allow in ["allow = []", "", "allow = [\"root\", \"@root\", \"netops\"]"] {
        let stage = Stage::new().profile("saturn", &SATURN.replace("allow = [\"vpn\"]", allow));
        stage.load("connect saturn").refused("does not allow user vpn");
    }
}

fn root_needs_no_allow() {
    // Root gains nothing from the file, so it is not elevated at all.
    let stage = Stage::new().profile("saturn", &SATURN.replace("allow = [\"vpn\"]", ""));
    stage.run_by("--inh-caps=-all").load("connect saturn --route 10.0.0.0/8").granted();
}

fn a_profile_must_bound_the_addresses() {
    let profile = |addresses: &str| {
        Stage::new()
            .profile("saturn", &format!("host = \"saturn\"\nallow = [\"vpn\"]\n{addresses}"))
            .load("connect saturn")
    };
    profile("").refused("`local-range`");
    profile("addresses = \"192.168.1.1:\"").refused("`remote-range`");
    profile("addresses = \"192.168.1.1:\"\nremote-range = [\"192.168.2.0/24\"]").granted();
    profile("ipv4 = false").granted();
}

fn a_profile_either_calls_or_answers() {
    let stage = saturn().profile("serve", SERVE);
    stage.load("serve").granted();
    stage.load("serve --profile saturn").refused("it is for `connect` only");
    stage.load("listen --profile saturn").refused("it is for `connect` only");
    stage.load("connect saturn").granted();
    stage.load("connect serve").refused("`connect` needs `host`");
}

fn files_that_others_could_have_written_are_refused() {
    for (spoil, why) in [
        ("chmod 666 /etc/pppssh/saturn.toml", "may be written by others than root"),
        ("chmod 664 /etc/pppssh/saturn.toml", "may be written by others than root"),
        ("chown 64990 /etc/pppssh/saturn.toml", "belongs to user id 64990"),
        ("chmod 1777 /etc/pppssh", "may be written by others than root"),
        ("chown 64990 /etc/pppssh", "belongs to user id 64990"),
        ("chmod 777 /etc", "may be written by others than root"),
        ("mv /etc/pppssh/saturn.toml /etc/x; ln -s /etc/x /etc/pppssh/saturn.toml", "is a symbolic link"),
        ("mv /etc/pppssh /etc/x; ln -s /etc/x /etc/pppssh", "is a symbolic link"),
        ("rm /etc/pppssh/saturn.toml; mkfifo /etc/pppssh/saturn.toml", "is not a regular file"),
        ("rm /etc/pppssh/saturn.toml", "No such file"),
        ("chmod 600 /etc/pppssh/saturn.toml", "mode 0640"),
    ] {
        saturn().with(spoil).load("connect saturn").refused(why);
    }
    saturn()
        .with("chgrp 64991 /etc/pppssh/saturn.toml; chmod 640 /etc/pppssh/saturn.toml")
        .load("connect saturn")
        .granted();
}

fn the_callers_own_profiles_do_not_count() {
    let own = "mkdir -p /etc/home/pppssh /etc/home/.config/pppssh
               echo 'routes = [\"10.0.0.0/8\"]' > /etc/home/pppssh/saturn.toml
               cp /etc/home/pppssh/saturn.toml /etc/home/.config/pppssh/saturn.toml
               chown -R 64990 /etc/home";
    let stage = saturn().with(own).env("HOME", "/etc/home").env("XDG_CONFIG_HOME", "/etc/home");
    let seen = stage.load("connect saturn");
    assert!(!seen.granted().text.contains("10.0.0.0/8"), "{}", seen.text);
    stage.load("connect saturn --config-dir /etc/home/pppssh").refused("--config-dir is refused");
}

fn every_flag_that_widens_is_refused_with_the_key_to_set() {
    let stage = saturn();
    for (flags, key) in [
        ("--route 10.0.0.0/8", "routes"),
        ("--route 192.168.2.0/24 --route 0.0.0.0/0", "routes"),
        ("--addresses 10.0.0.1:10.0.0.2", "addresses"),
        ("--addresses :", "addresses"),
        ("--local-range 0.0.0.0/0", "local-range"),
        ("--remote-range 0.0.0.0/0", "remote-range"),
        ("--ipv6-ids ::1,::2", "ipv6-ids"),
        ("--forward", "forward"),
        ("--dns-ask", "dns-ask"),
        ("--dns-offer 10.0.0.53", "dns-offer"),
        ("--mtu 1401", "mtu"),
        ("--tun eth0", "tun"),
        ("--tun-fd 5", "tun-fd"),
        ("--hooks /tmp", "hooks"),
        ("--no-hooks", "hooks"),
        ("--ipparam x", "ipparam"),
        ("--runtime-dir /etc/cron.d", "runtime-dir"),
        ("--runtime-dir /tmp/pppssh-64990/../x", "runtime-dir"),
        ("--host evil", "host"),
        ("-l root", "user"),
        ("-p 2222", "port"),
        ("--known-hosts /tmp/known_hosts", "known-hosts"),
        ("--carrier openssh", "carrier"),
        ("--ssh-program /tmp/evil", "ssh-program"),
        ("--ssh-arg -oProxyCommand=/tmp/evil", "ssh-args"),
        ("-F /tmp/ssh_config", "ssh-config"),
        ("--remote-command /bin/sh", "remote-command"),
        ("-o allow=[\"*\"]", "allow"),
        ("-o selectable=[\"other\"]", "selectable"),
    ] {
        let seen = stage.load(&format!("connect saturn {flags}"));
        seen.refused("is refused: pppssh has capabilities from its file");
        seen.refused(&format!("root may set `{key}` in /etc/pppssh/saturn.toml"));
    }
    stage.load("connect root@saturn").refused("root may set `user`");
    let listen = Stage::new().profile("listen", SERVE);
    for (flags, key) in [
        ("--listen 0.0.0.0:22", "listen"),
        ("--host-key /tmp/key", "host-key"),
        ("--authorized-keys /tmp/keys", "authorized-keys"),
    ] {
        listen.load(&format!("listen {flags}")).refused(&format!("root may set `{key}`"));
    }
}

fn every_key_that_widens_is_refused_as_an_option() {
    // Everything else at its default: what the example shows is a change then, unless it is the default.
    let stage = Stage::new().profile("saturn", "host = \"saturn\"\nallow = [\"vpn\"]\nipv4 = false");
    let defaults = toml::Value::try_from(Profile::default()).unwrap();
    let mut tried = 0;
    for key in KEYS.iter().filter(|key| key.class == Class::Widens) {
        let sample: toml::Table = toml::from_str(&format!("v = {}", key.sample)).unwrap();
        if defaults.get(key.name()) == sample.get("v") {
            continue;
        }
        tried += 1;
        let option = format!("{}={}", key.name(), key.sample);
        let seen = stage.probe(&["load", "connect", "saturn", "-o", &option]);
        seen.refused(&format!("root may set `{}` in /etc/pppssh/saturn.toml", key.name()));
    }
    assert!(tried > 15, "only {tried} keys have a sample that differs from the default");
}

fn flags_that_narrow_are_taken() {
    let runtime = format!("--runtime-dir /tmp/pppssh-{VPN}/x");
    for flags in [
        "--no-persist",
        "--maxfail 3 --holdoff 2 --max-holdoff 9",
        "--no-ipv6",
        "--no-forward",
        "--no-configure",
        "--mtu 1300",
        "--mru 1300",
        "--asyncmap ffffffff --escape ff",
        "--lcp-echo-interval 1 --lcp-echo-failure 2",
        "--drop-privileges",
        "-i /home/vpn/.ssh/id_other",
        "-vv --log-format json",
        &runtime,
    ] {
        saturn().load(&format!("connect saturn {flags}")).granted();
    }
}

fn repeating_the_profile_is_no_change() {
    saturn()
        .load("connect saturn --route 192.168.2.0/24 --addresses 192.168.1.1:192.168.2.1 --host saturn.example.net --carrier native")
        .granted();
}

fn a_name_cannot_leave_the_directory() {
    let stage = saturn().with("mkdir -m 777 /etc/evil; cp /etc/pppssh/saturn.toml /etc/evil");
    stage.load("connect ../evil/saturn").refused("cannot name a profile");
    stage.load("serve --profile ../evil/saturn").refused("cannot name a profile");
}

fn a_caller_may_pick_only_what_is_selectable() {
    let other = SERVE.replace("192.168.1.1", "192.168.3.1");
    let stage = Stage::new()
        .profile("serve", &format!("{SERVE}selectable = [\"branch\", \"closed\"]"))
        .profile("branch", &other)
        .profile("closed", &other.replace("\"vpn\"", "\"root\""))
        .profile("hidden", &other);
    let serve = |command: &str| stage.clone().env("SSH_ORIGINAL_COMMAND", command).load("serve");
    assert!(serve("pppssh serve --profile branch").granted().text.contains("192.168.3.1"));
    assert!(serve("pppssh serve").granted().text.contains("192.168.1.1"));
    assert!(serve("pppssh serve --route 0.0.0.0/0").granted().text.contains("192.168.1.1"));
    serve("pppssh serve --profile hidden").refused("`selectable` of the profile `serve` does not list");
    serve("pppssh serve --profile closed").refused("does not allow user vpn");
}

fn ssh_config_of_the_caller_is_not_read() {
    saturn().load("connect saturn").granted().says("ssh_config=Some(\"none\")");
    saturn()
        .with("mkdir /etc/ssh; touch /etc/ssh/ssh_config")
        .load("connect saturn")
        .granted()
        .says("ssh_config=Some(\"/etc/ssh/ssh_config\")");
    Stage::new()
        .profile("saturn", &format!("{SATURN}ssh-config = \"~/.ssh/config\""))
        .load("connect saturn")
        .granted()
        .says("ssh_config=Some(\"/home/vpn/.ssh/config\")");
}
