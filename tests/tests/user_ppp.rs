//! user-ppp's own files, on both ends of a real link.

use netlab::Host;
use pppssh_tests::{Carrier, Finished, PPPSSH, Sshd, World, finish, processes, traffic};
use serde_json::Value;

/// The calling end's section; what a test adds stands behind it.
const CALLING: &str = "\
default:
 set log phase lcp ipcp
 allow users vpn
saturn:
 set device \"!ssh -e none -o BatchMode=yes vpn@saturn ppp -direct vpn-in\"
 set dial
 set login
 set timeout 0
 set redial 1 0
 set ifaddr 192.168.1.1 192.168.2.1
 add 192.168.2.0/24 HISADDR
";

const CALLED: &str = "\
vpn-in:
 set timeout 0
 set openmode passive
 set ifaddr 192.168.2.1 192.168.1.1
 set dns 192.168.2.53
 accept dns
 allow users vpn
 allow modes direct
 add 192.168.1.0/24 HISADDR
";

/// Venus and saturn with these files, and a key whose forced command is the far end.
struct Ready {
    world: World,
    _sshd: Sshd,
}

impl Ready {
    fn new(calling: &str, called: &str) -> Ready {
        let world = World::new();
        world.install();
        let sshd = Sshd::start(&world, "");
        world.authorize(&sshd, &format!("{PPPSSH} user-ppp -direct vpn-in"));
        let ready = Ready { world, _sshd: sshd };
        ready.write(&ready.world.venus, "ppp.conf", &format!("{CALLING}{calling}"));
        ready.write(&ready.world.saturn, "ppp.conf", &format!("{CALLED}{called}"));
        ready
    }

    fn write(&self, host: &Host, file: &str, text: &str) {
        self.world.write_as_root(host, &format!("/etc/ppp/{file}"), text, 0o644);
    }

    /// `pppssh user-ppp …` by vpn on venus, until it ends or lets go of us.
    fn user_ppp(&self, words: &[&str]) -> Finished {
        let mut command = self.world.pppssh(&["user-ppp"]);
        command.args(words);
        finish("pppssh user-ppp", command)
    }

    fn status(&self, more: &[&str]) -> Value {
        let mut command = self.world.pppssh(&["status", "saturn", "--json"]);
        command.args(more);
        let answer = finish("pppssh status", command);
        serde_json::from_str(&answer.well().said).unwrap_or_else(|error| panic!("{error} in {}", answer.said))
    }

    fn disconnect(&self) {
        finish("pppssh disconnect", self.world.pppssh(&["disconnect", "saturn"])).well();
    }

    /// What the link scripts of a host have written.
    fn told(&self, host: &Host) -> String {
        self.world.read(host, "/tmp/told")
    }
}

#[test]
fn ddial_goes_into_the_background_and_keeps_calling_a_direct_end() {
    let ready = Ready::new("", "");
    let before = ready.world.snapshot();
    ready.user_ppp(&["-ddial", "saturn"]).well();
    let up = ready.status(&["--wait", "ipv4-up"]);
    assert_eq!(up["ipv4"]["local"], "192.168.1.1");
    assert_eq!(up["carrier"]["kind"], "command");
    assert!(up["tun"]["name"].as_str().is_some_and(|name| name.starts_with("tun")), "{up}");
    traffic::ping(&ready.world.venus, "192.168.2.1");
    ready.user_ppp(&["-ddial", "saturn"]).with_code(6).saying("saturn");
    for ssh in processes(&ready.world.venus, "ssh") {
        ssh.kill();
        ssh.until_gone();
    }
    // The ssh that carried pings is dead: only another one can.
    traffic::ping(&ready.world.venus, "192.168.2.1");
    assert_ne!(ready.status(&["--wait", "ipv4-up"])["redial"]["count"], 0);
    ready.disconnect();
    ready.world.is_as(&before);
}

#[test]
fn background_returns_when_the_link_is_up_and_link_scripts_run_with_its_addresses() {
    let ready = Ready::new(" enable dns\n", "");
    let script = |end: &str, more: &str| {
        format!(
            "MYADDR:\n{more} ! sh -c \"echo {end} MYADDR HISADDR INTERFACE LABEL DNS0 >> /tmp/told\"\n\
             MYADDR6:\n ! sh -c \"echo {end} six HISADDR6 >> /tmp/told\"\n"
        )
    };
    // What is in the background holds nothing up: this one waits for the one that runs when the link goes down.
    let begin = " ! sh -c \"grep CapEff /proc/self/status >> /tmp/told\"\n ! mkfifo /tmp/fifo\n !bg sh -c \"echo bg \\\\MYADDR PROCESSID > /tmp/fifo\"\n";
    let wait = " ! sh -c \"cat /tmp/fifo >> /tmp/told\"\n";
    for host in [&ready.world.venus, &ready.world.saturn] {
        ready.write(host, "ppp.linkup", &script("up", begin));
        ready.write(host, "ppp.linkdown", &script("down", wait));
    }
    let before = ready.world.snapshot();
    ready.user_ppp(&["-background", "saturn"]).well();
    // Up already: nobody has to wait for it.
    let up = ready.status(&[]);
    assert_eq!(up["ipv4"]["remote"], "192.168.2.1", "{up}");
    let device = up["tun"]["name"].as_str().unwrap().to_owned();
    ready.disconnect();
    ready.world.is_as(&before);
    let told = ready.told(&ready.world.venus);
    assert!(told.contains("bg MYADDR "), "{told}");
    assert!(
        told.contains("CapEff:\t0000000000000000\n"),
        "the capability of the file is not for them: {told}"
    );
    for end in ["up", "down"] {
        assert!(
            told.contains(&format!("{end} 192.168.1.1 192.168.2.1 {device} saturn 192.168.2.53\n")),
            "{told}"
        );
        assert!(told.contains(&format!("{end} six fe80::")), "{told}");
    }
    let told = ready.told(&ready.world.saturn);
    assert!(told.contains("up 192.168.2.1 192.168.1.1 tun") && told.contains(" vpn-in\n"), "{told}");
    assert!(told.contains("down 192.168.2.1 192.168.1.1 tun"), "{told}");
}

#[test]
fn background_that_never_gets_a_link_ends_with_the_reason() {
    let ready = Ready::new(" set device \"!sh -c 'echo nobody there >&2'\"\n set redial 1 1\n", "");
    let before = ready.world.snapshot();
    ready.user_ppp(&["-background", "saturn"]).with_code(8);
    let quoted = " set device \"!ssh -o BatchMode=yes vpn@nowhere.invalid\"\n set redial 1 2\n";
    ready.write(&ready.world.venus, "ppp.conf", &format!("{CALLING}{quoted}"));
    ready.user_ppp(&["-background", "saturn"]).with_code(8).saying("nowhere.invalid").saying("calling again");
    ready.world.is_as(&before);
}

#[test]
fn foreground_stays_until_the_link_is_idle_for_long_enough() {
    let ready = Ready::new(" set timeout 2\n disable ipv6cp\n", " disable ipv6cp\n");
    let before = ready.world.snapshot();
    ready.user_ppp(&["-foreground", "saturn"]).with_code(12).saying("Link inactive");
    ready.world.is_as(&before);
}

#[test]
fn a_ping_brings_an_auto_link_up_and_silence_takes_it_down_again() {
    let ready = Ready::new(" set timeout 2\n disable ipv6cp\n", " disable ipv6cp\n");
    for (file, end) in [("ppp.linkup", "up"), ("ppp.linkdown", "down")] {
        let script = format!("MYADDR:\n ! sh -c \"cat /tmp/asked >> /tmp/told; echo {end} >> /tmp/told\"\n");
        ready.write(&ready.world.venus, file, &script);
    }
    let before = ready.world.snapshot();
    ready.user_ppp(&["-auto", "saturn"]).well();
    let waiting = ready.status(&[]);
    assert!(waiting["carrier"].is_null() && waiting["ipv4"].is_null(), "nobody is called yet: {waiting}");
    ready.world.write_as_vpn(&ready.world.venus, "/tmp/asked", "asked ");
    for _ in 0..2 {
        // The first packet waits for the link: one is enough.
        let mut ping = ready.world.venus.command("/bin/ping");
        ping.args(["-c", "1", "-W", "120", "192.168.2.1"]);
        finish("ping", ping).well();
        ready.status(&["--wait", "down"]);
    }
    ready.disconnect();
    ready.world.is_as(&before);
    // Once for each link, and not while there were only addresses.
    assert_eq!(ready.told(&ready.world.venus), "asked up\nasked down\nasked up\nasked down\n");
}

#[test]
fn direct_answers_pppssh_connect_too() {
    let ready = Ready::new("", "");
    ready.world.profiles(
        Carrier::Native,
        "addresses = \"192.168.1.1:192.168.2.1\"",
        "addresses = \"192.168.2.1:192.168.1.1\"",
    );
    let session = ready.world.connect(&[]);
    session.wait("ipv4-up");
    traffic::ping(&ready.world.venus, "192.168.2.1");
    session.disconnect().with_code(5);
}

#[test]
fn lines_that_cannot_be_obeyed_are_all_named_and_nothing_is_done() {
    let ready = Ready::new(" nat enable yes\n set mru 1400\n set filter in 0 permit\n", "");
    ready.write(&ready.world.venus, "ppp.linkup", "saturn:\n enable lqr\n");
    let before = ready.world.snapshot();
    ready
        .user_ppp(&["-ddial", "saturn"])
        .with_code(2)
        .saying("/etc/ppp/ppp.conf:12: `nat enable yes`: ")
        .saying("/etc/ppp/ppp.conf:14: `set filter in 0 permit`: ")
        .saying("/etc/ppp/ppp.linkup:2: `enable lqr`: ");
    ready.user_ppp(&["-ddial", "mars"]).with_code(2).saying("mars");
    ready.user_ppp(&["-nat", "-ddial", "saturn"]).with_code(2).saying("nftables");
    ready.user_ppp(&["saturn"]).with_code(2).saying("-ddial");
    ready.world.is_as(&before);
}

#[test]
fn with_file_capabilities_only_what_root_allows_counts() {
    let ready = Ready::new("", "");
    let eve = |words: &[&str]| {
        let mut command = ready.world.as_eve(&ready.world.venus, PPPSSH);
        command.arg("user-ppp").args(words);
        finish("pppssh user-ppp", command)
    };
    eve(&["-ddial", "saturn"]).with_code(3).saying("eve is not in `allow users`");
    ready.user_ppp(&["-direct", "saturn"]).with_code(3).saying("allow modes direct");
    ready
        .user_ppp(&["--config-dir", "/tmp", "-ddial", "saturn"])
        .with_code(3)
        .saying("--config-dir is refused");
    ready.user_ppp(&["-unit7", "-ddial", "saturn"]).with_code(3).saying("-unit is refused");
    ready.world.write_as_root(&ready.world.venus, "/etc/ppp/ppp.conf", CALLING, 0o666);
    ready.user_ppp(&["-ddial", "saturn"]).with_code(3).saying("may be written by others than root");
    ready.write(&ready.world.venus, "ppp.conf", &CALLING.replace("192.168.2.1\n", "192.168.2.1/0\n"));
    ready.user_ppp(&["-ddial", "saturn"]).with_code(3).saying("bound both addresses");
}
