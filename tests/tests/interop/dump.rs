//! What the real pppd and ours make of the same options: `dump dryrun`, word for word.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use pppssh_tests::finish;

use crate::rows::{pppssh, words};

/// Command lines; each is read by both behind `dryrun noauth`.
const LINES: &[&str] = &[
    "debug debug debug nodetach master_detach kdebug 7 holdoff 7 idle 600 maxconnect 3600 persist maxfail 3",
    "-d -detach idle 0x10 maxconnect 010 persist nopersist maxfail 0 holdoff -1 linkname office unit 7 ktune",
    "updetach ifname vpn0 noktune connect-delay 100 child-timeout 3 logfd 2",
    "up_sdnotify logfile /tmp/dump.log",
    "updetach nodetach nolog",
    "up_sdnotify updetach",
    "maxconnect -1",
    "unit -1",
    "set A=b set C=d set A=e unset C unset F set E=g=h",
    "set A",
    "set =b",
    "unset A=b",
    "defaultroute defaultroute-metric 100 replacedefaultroute proxyarp usepeerdns noipdefault",
    "defaultroute-metric -2",
    "defaultroute nodefaultroute replacedefaultroute noreplacedefaultroute proxyarp -proxyarp",
    "nodefaultroute defaultroute",
    "nodefaultroute6 defaultroute6",
    "noproxyarp proxyarp",
    "-defaultroute -defaultroute6 noproxyarp ip-up-script /tmp/up ip-down-script /tmp/down ipparam office",
    "ms-dns 10.0.0.53 ms-dns 10.0.0.54 ms-wins 10.0.0.55 10.0.0.1:10.0.0.2",
    "ms-dns 10.0.0.256",
    "10.0.0.1:",
    "10.0.0.1: :10.0.0.2",
    ":",
    "127.0.0.1:",
    ":224.0.0.1",
    "ipcp-accept-local ipcp-accept-remote novj novjccomp vj-max-slots 4",
    "ipcp-restart 1 ipcp-max-terminate 2 ipcp-max-configure 3 ipcp-max-failure 4 -vj -vjccomp",
    "vj-max-slots 17",
    "noip +ipv6 ipv6cp-accept-local ipv6cp-accept-remote defaultroute6",
    "+ipv6 noipv6",
    "-ip ipv6 ::1,::2",
    "ipv6 ::1 ipv6 ,::2",
    "ipv6 ,::2",
    "ipv6 fe80::1,::2",
    "ipv6cp-restart 1 ipv6cp-max-terminate 2 ipv6cp-max-configure 3 ipv6cp-max-failure 4",
    "asyncmap a0000 asyncmap 1 mru 1400 mtu 1300 noaccomp nopcomp nomagic passive",
    "-as 200a0000 xonxoff escape ff,11,ff -ac -pc -mn -p silent",
    "default-asyncmap mru 1400 default-mru",
    "-am -mru",
    "escape 5e",
    "escape zz",
    "mtu 100",
    "mtu 20000",
    "lcp-echo-interval 30 lcp-echo-failure 4 lcp-echo-adaptive receive-all noendpoint record /tmp/record",
    "lcp-restart 1 lcp-max-terminate 2 lcp-max-configure 3 lcp-max-failure 4 lock 115200 noipx noecp",
    "nolock crtscts modem",
    "foo",
    "mru",
    "mru many",
    "idle 10s",
    "file /nonexistent",
    "call nonexistent",
    "call ../x",
    "call /x",
    "file /tmp/options",
    "call office idle 20",
    "idle 20 call office",
];

/// `/tmp/options`.
const FILE: &str =
    "# comment\nidle 30\nipparam \"two words\" \\\nholdoff 3\n10.0.0.1:10.0.0.2 set X=\"a b\"\n";
/// `/etc/ppp/peers/office`.
const PEER: &str = "idle 40\nipparam 'it''s \"x\"'\nlinkname office\nfile /tmp/options\npersist\n";

pub(crate) fn row() -> [String; 4] {
    let peers = "/etc/ppp/peers";
    fs::create_dir_all(peers).unwrap();
    fs::write("/tmp/options", FILE).unwrap();
    fs::write(format!("{peers}/office"), PEER).unwrap();
    let mut differ = Vec::new();
    for line in LINES {
        let (real, ours) = (said("/usr/sbin/pppd", line), said(&pppssh(), line));
        if real != ours {
            differ.push(format!("---- {line}\n{real}\n---- ours:\n{ours}\n"));
        }
    }
    fs::remove_dir_all(peers).unwrap();
    assert!(differ.is_empty(), "{} of {} differ:\n{}", differ.len(), LINES.len(), differ.concat());
    ["dryrun".to_owned(), format!("{} command lines", LINES.len()), "–".to_owned(), "0 or 2".to_owned()]
}

/// What it prints, without the usage, and its exit code.
fn said(program: &str, line: &str) -> String {
    let mut command = Command::new(program);
    command.arg0("pppd").env("HOME", "/nonexistent").current_dir("/");
    command.args(["dryrun", "noauth"]).args(words(line)).args(["pty", "cat"]);
    let end = finish("pppd", command);
    let lines = end.said.lines().take_while(|line| !line.starts_with("pppd version "));
    // Of a word that was taken back, pppd prints the end of the line alone.
    let lines: Vec<&str> = lines.filter(|line| !line.is_empty() && !line.starts_with("\t\t#")).collect();
    format!("{}\n{:?}", lines.join("\n"), end.status.code())
}
