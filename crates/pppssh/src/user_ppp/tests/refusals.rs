use super::super::{Access, Mode, Sections};
use super::{Files, problems, vpn};

/// Each line that is refused, and words of the reason.
const REFUSED: &[(&str, &str)] = &[
    ("set device /dev/cuaa1", "not a command"),
    ("set device PPPoE:em0", "not a command"),
    ("set device !", "has to stand behind `!`"),
    ("set dial \"ABORT BUSY\"", "chat scripts"),
    ("set login \"TIMEOUT 10 ogin:\"", "chat scripts"),
    ("set hangup \"+++\"", "chat scripts"),
    ("set logout x", "chat scripts"),
    ("set server 3000 secret", "pppssh status"),
    ("set server /var/run/ppp/sock \"\" 0177", "pppssh status"),
    ("set filter in 0 permit tcp", "nftables"),
    ("set radius /etc/radius.conf", "RADIUS"),
    ("set callback cbcp", "calls back"),
    ("set cbcp *", "calls back"),
    ("set mrru 1500", "multilink"),
    ("set autoload 10 80 15", "multilink"),
    ("set mppe 128", "SSH encrypts"),
    ("set mode auto", "command line"),
    ("set pppoe 3Com", "Ethernet"),
    ("set ifaddr nowhere 10.0.0.2", "not an IPv4 address"),
    ("set ifaddr 10.0.0.1/33 0", "0 to 32"),
    ("set ifaddr 10.0.0.1 10.0.0.1", "each end its own"),
    ("set ifaddr 1.1.1.1 2.2.2.2 3 4.4.4.4 5.5.5.5", "write `set ifaddr"),
    ("set ifaddr 10.0.0.1 10.0.0.9-10.0.0.2", "lower address first"),
    ("set ifaddr 224.0.0.1 0", "cannot be the address"),
    ("set timeout", "missing"),
    ("set timeout soon", "not a number"),
    ("set timeout 1 2 3", "too many"),
    ("set timeout 86401", "86400"),
    ("set mru 20", "296 to 2048"),
    ("set mtu 9000", "296 to 2048"),
    ("set accmap xyz", "control character map"),
    ("set escape 5e", "cannot be escaped"),
    ("set log nonsense", "no log facility"),
    ("set lqrperiod 0", "at least 1"),
    ("set lcpretry 0", "at least 1"),
    ("set redial soon", "not a number"),
    ("set reconnect 3", "write `set reconnect"),
    ("set openmode sometimes", "active"),
    ("set vj slots 3", "4 to 16"),
    ("set deflate 16", "8 to 15"),
    ("set deflate 15 7", "8 to 15"),
    ("set deflate 15 15 15", "write `set deflate"),
    ("set vj slotcomp maybe", "neither on nor off"),
    ("set vj", "write `set vj"),
    ("set dns 1.2.3.4 5.6.7.8 9.9.9.9", "two servers"),
    ("set colour blue", "no variable"),
    ("set", "write `set"),
    ("set s 1", "no variable"),
    ("enable iface-alias", "nftables"),
    ("enable proxy", "ARP"),
    ("enable passwdauth", "SSH has checked"),
    ("enable mppe", "SSH encrypts"),
    ("enable mschap", "broken"),
    ("enable lanman", "broken"),
    ("enable force-scripts", "chat"),
    ("enable nonsense", "no option"),
    ("accept", "missing"),
    ("nat enable yes", "nftables"),
    ("alias enable yes", "nftables"),
    ("nat port tcp 10.0.0.9:80 80", "nftables"),
    ("link deflink set mru 1500", "multilink"),
    ("clone 2", "multilink"),
    ("rename x", "multilink"),
    ("remove", "multilink"),
    ("iface add 10.0.0.5", "no others"),
    ("resolv rewrite", "DNS0"),
    ("dial", "pppssh disconnect"),
    ("open", "pppssh disconnect"),
    ("close", "pppssh disconnect"),
    ("down", "pppssh disconnect"),
    ("quit", "pppssh disconnect"),
    ("term", "prompt"),
    ("passwd x", "prompt"),
    ("! ls", "ppp.linkup"),
    ("!bg ls", "ppp.linkup"),
    ("shell ls", "ppp.linkup"),
    ("load nowhere", "no section"),
    ("load vpn", "load itself"),
    ("add default 10.9.9.9", "not the other end"),
    ("add default", "write `add"),
    ("add default6 HISADDR", "other family"),
    ("add 10.0.0.0 255.0.255.0 HISADDR", "not a netmask"),
    ("add 10.0.0.0/33 HISADDR", "write `add"),
    ("add MYADDR HISADDR", "not known before"),
    ("delete default", "delete!"),
    ("delete", "write `delete"),
    ("frobnicate", "no such command"),
    ("s 1", "no such command"),
    ("set phone \"123", "quotation mark"),
];

#[test]
fn every_command_that_cannot_be_obeyed_is_named_with_its_line_and_a_reason() {
    for (line, why) in REFUSED {
        let problems = problems(&format!(" set mru 1400\n {line}\n"));
        let text = problems[0].to_string();
        assert!(text.starts_with("ppp.conf:4: `") || *line == "load vpn", "{line}: {text}");
        assert!(text.contains(why), "{line}: {text}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let places: Vec<_> =
        problems(" nat enable yes\n set mru 1400\n set filter x\n").iter().map(|p| p.place.line).collect();
    assert_eq!(places, [3, 5]);
}

#[test]
fn what_is_about_modems_and_prompts_is_taken_in_silence() {
    vpn(
        " set speed 115200\n set phone 555\n set ctsrts on\n set parity none\n set cd 5!\n set bandwidth 64000\n \
         set dial\n set login \"\"\n set hangup \" \"\n set server none\n set callback none\n set stopped 10\n \
         set urgent none\n set proctitle x\n set deflate 15 15\n set ccpretry 3\n set ipcpretry 3 5\n set mrru 0\n \
         set cbcp\n set choked 60\n set sendpipe 0\n set recvpipe 0\n set enddisc\n iface clear\n show lcp\n clear ipcp\n \
         nat enable no\n resolv readonly\n log hello\n allow users vpn\n allow mode ddial\n save\n",
    );
}

#[test]
fn secrets_are_not_repeated() {
    for line in [
        "set authkey topsecret extra",
        "se key topsecret extra",
        "set server 3000 topsecret",
        "passwd topsecret",
    ] {
        let text = problems(&format!(" {line}\n"))[0].to_string();
        assert!(!text.contains("topsecret") && text.contains('…'), "{text}");
    }
    let text = problems(" set authkey \"topsecret\n")[0].to_string();
    assert!(!text.contains("topsecret"), "{text}");
}

#[test]
fn link_scripts_run_programs_and_add_routes_and_do_nothing_else() {
    let why = |file: &'static str, line: &str| {
        let script = format!("vpn:\n {line}\n");
        let files = Files::new([("ppp.conf", "vpn:\n set device !ssh\n"), (file, &script)]);
        files.plan(Mode::Ddial, &["vpn"]).map_err(|error| error.to_string()).err()
    };
    for line in [
        "! ls",
        "!ls",
        "!bg ls",
        "bg ls",
        "shell ls",
        "iface clear",
        "delete ALL",
        "show route",
        "set log +lcp",
    ] {
        assert_eq!(why("ppp.linkup", line), None, "{line}");
        assert_eq!(why("ppp.linkdown", line), None, "{line}");
    }
    assert_eq!(why("ppp.linkup", "add default HISADDR"), None);
    for line in
        ["set mru 1500", "enable lqr", "load other", "!", "shell", "nat enable yes", "dial", "frobnicate"]
    {
        let error = why("ppp.linkup", line).unwrap_or_default();
        assert!(error.starts_with("ppp.linkup:2: `"), "{line}: {error}");
    }
    assert!(why("ppp.linkdown", "add default HISADDR").unwrap_or_default().starts_with("ppp.linkdown:2: `"));
}

fn conf(text: &str) -> Sections {
    Files::new([("ppp.conf", text)]).sections("ppp.conf")
}

fn refusal(text: &str, label: &str, user: &str, mode: Mode) -> Option<String> {
    let (access, problems) = Access::read(&conf(text), &[label.to_owned()]);
    assert!(problems.is_empty(), "{problems:?}");
    access.refusal(Some(user), false, mode)
}

#[test]
fn nobody_but_root_is_let_in_unless_named() {
    let text = "default:\n allow users root\nvpn:\n allow users eve vpn\nopen:\n allow user *\nplain:\n set mru 1500\n";
    assert_eq!(refusal(text, "vpn", "vpn", Mode::Ddial), None);
    assert!(
        refusal(text, "vpn", "mallory", Mode::Ddial).unwrap().contains("mallory is not in `allow users`")
    );
    assert_eq!(refusal(text, "open", "mallory", Mode::Ddial), None);
    assert!(refusal(text, "plain", "vpn", Mode::Ddial).is_some());
    assert_eq!(refusal(text, "plain", "root", Mode::Ddial), None, "the users of default");
    assert!(refusal("vpn:\n", "vpn", "vpn", Mode::Ddial).is_some(), "nothing said is nobody");
    let (access, _) = Access::read(&conf("vpn:\n"), &["vpn".to_owned()]);
    assert_eq!(access.refusal(Some("root"), true, Mode::Ddial), None);
    assert!(access.refusal(None, false, Mode::Ddial).is_some(), "a user without a name is nobody");
}

#[test]
fn a_mode_that_is_not_named_is_denied_once_any_is() {
    let text = "vpn:\n allow users *\n allow modes direct ddial\n";
    assert_eq!(refusal(text, "vpn", "vpn", Mode::Direct), None);
    assert!(refusal(text, "vpn", "vpn", Mode::Auto).unwrap().contains("does not name auto"));
    assert_eq!(refusal("vpn:\n allow users *\n allow modes *\n", "vpn", "vpn", Mode::Auto), None);
    assert!(refusal("vpn:\n allow users *\n allow modes interactive\n", "vpn", "vpn", Mode::Auto).is_some());
}

#[test]
fn a_wrong_allow_is_a_problem_with_its_line() {
    for line in ["allow", "allow nobody x", "allow modes sometimes"] {
        let (_, problems) = Access::read(&conf(&format!("vpn:\n {line}\n")), &["vpn".to_owned()]);
        assert_eq!(problems.len(), 1, "{line}");
        assert_eq!(problems[0].place.line, 2);
    }
}
