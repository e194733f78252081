//! Ours in the place of either pppd, against two real ones: the same scripts with the same arguments and environment, the
//! same files, words and exit code, but for what cannot be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pppssh_tests::{Running, finish};

use crate::hosts::{Hosts, IPV4};
use crate::rows::{pppssh, terminate, words};

/// The real one.
const REAL: &str = "/usr/sbin/pppd";
/// Ours, under pppd's name.
const OURS: &str = "/tmp/ours/pppd";
/// Where the scripts tell what they were told.
const TOLD: &str = "/tmp/told";
const MIB: u64 = 1 << 20;
const SCRIPTS: [&str; 5] = ["ip-pre-up", "ip-up", "ip-down", "ipv6-up", "ipv6-down"];
/// A script of pppd's; the sixth argument says whose.
const SCRIPT: &str = "#!/bin/sh
name=/tmp/told/$6.${0##*/}
{ echo \"ARGUMENTS $*\"; /usr/bin/env; /usr/bin/cat /etc/ppp/resolv.conf 2>/dev/null; } > $name
echo $6 ${0##*/} > /tmp/told/events
";

/// What either end says on its command line, besides where the other end is.
const CALLER: &str = "nodetach noauth noccp ipparam caller unit 7 linkname office usepeerdns set COLOUR=blue \
                      192.168.1.1:192.168.2.1 ipv6 ::1,::2";
const CALLED: &str = "notty noauth noccp ipparam called unit 8 ms-dns 10.0.0.53 ms-dns 10.0.0.54 \
                      logfile /tmp/told/log.called 192.168.2.1:192.168.1.1 ipv6 ::2,::1";

/// All that can be seen of one end of a link.
#[derive(Debug, PartialEq)]
struct Seen {
    /// What each script was told.
    told: BTreeMap<String, BTreeSet<String>>,
    said: Vec<String>,
    /// pidfiles while the link was up, and `resolv.conf` after it.
    files: BTreeMap<String, String>,
}

/// Two real ones, then ours in the place of one and of the other.
pub(crate) fn compare() -> [String; 4] {
    install();
    let [caller, called] = link(REAL, REAL);
    let [our_caller, _] = link(OURS, REAL);
    assert_eq!(our_caller, caller, "the caller differs (left: ours)");
    let [_, our_called] = link(REAL, OURS);
    assert_eq!(our_called, called, "the called end differs (left: ours)");
    ["pty".to_owned(), "4 MiB each way".to_owned(), "addresses".to_owned(), "5".to_owned()]
}

fn install() {
    let _ = fs::remove_dir_all("/tmp/ours");
    fs::create_dir("/tmp/ours").unwrap();
    symlink(pppssh(), OURS).unwrap();
}

fn link(caller: &str, called: &str) -> [Seen; 2] {
    let hosts = Hosts::new();
    let events = tell();
    let mut command = hosts.venus.command(caller);
    command.args(words(CALLER)).args(["pty", &on_saturn(&hosts, &format!("{called} {CALLED}"))]);
    let mut pppd = Running::start("pppd", command);
    wait(&events, &["ip-pre-up", "ip-up", "ipv6-up"]);
    hosts.carries(&IPV4);
    let mut files = files("/run", |name| name.contains(".pid"));
    let end = terminate(&mut pppd);
    end.with_code(5);
    wait(&events, &["ip-down", "ipv6-down"]);
    files.extend(self::files("/etc/ppp", |name| name == "resolv.conf"));
    let log = fs::read_to_string("/tmp/told/log.called").unwrap();
    [("caller", &end.said), ("called", &log)].map(|(name, said)| Seen {
        told: self::files(TOLD, |file| file.starts_with(name))
            .into_iter()
            .map(|(file, text)| (file.clone(), text.lines().filter_map(|line| told(&file, line)).collect()))
            .collect(),
        said: comparable(said),
        files: files
            .iter()
            .filter(|(file, _)| (name == "called") == file.contains('8'))
            .map(|(file, text)| (file.clone(), without_pid(text)))
            .collect(),
    })
}

/// `command` as the pty command, in saturn's network. Not pppd's own child: pppd passes the signal that ends it on to that.
fn on_saturn(hosts: &Hosts, command: &str) -> String {
    format!("exec setsid --fork --wait nsenter --net={} {command}", hosts.saturn.netns_path().display())
}

/// A line that `script` told, as far as it can be compared.
fn told(script: &str, line: &str) -> Option<String> {
    let (name, value) = line.split_once('=').unwrap_or((line, ""));
    let is_up = script.ends_with("up");
    let of_ipv6 = script.contains("ipv6");
    match name {
        // Ours has two more, and the process is another.
        "PATH" | "PPPSSH_NAME" => None,
        "PPPD_PID" | "CONNECT_TIME" => Some(name.to_owned()),
        "BYTES_SENT" | "BYTES_RCVD" => Some(format!("{name}={} MiB", value.parse::<u64>().unwrap() / MIB)),
        // Whichever family comes first, its script knows nothing of the other.
        "LLLOCAL" | "LLREMOTE" if is_up && !of_ipv6 => None,
        "IPLOCAL" | "IPREMOTE" | "DNS1" | "DNS2" | "USEPEERDNS" if is_up && of_ipv6 => None,
        _ if name.starts_with("nameserver") && (of_ipv6 || script.starts_with("called")) => None,
        _ => Some(line.to_owned()),
    }
}

/// What was said, as far as it can be compared.
fn comparable(said: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in said.lines() {
        let line = match line.split(' ').collect::<Vec<_>>()[..] {
            ["Connect:", interface, "<-->", _] => format!("Connect: {interface} <-->"),
            ["Connect", "time", _, "minutes."] => "Connect time".to_owned(),
            ["Sent", sent, "bytes,", "received", received, "bytes."] => {
                let mib = |octets: &str| octets.parse::<u64>().expect("octets") / MIB;
                format!("Sent {} MiB, received {} MiB", mib(sent), mib(received))
            }
            // A process that somebody may see end, or a pty that may be closed, before the link is.
            // And ours has a reason for each end.
            ["Child", "process", ..]
            | ["Modem", "hangup"]
            | ["the", "far", "command", "exited", ..]
            | ["LCP", "negotiation", "failed:", ..] => continue,
            _ => line.to_owned(),
        };
        // The real one sums a link up again for each family that goes down behind the last one.
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    // The families come up in any order, and the real one sums up before or after it says that the link is terminated.
    lines.sort_by_key(|line| {
        let sums_up = line == "Connect time" || line.starts_with("Sent ");
        (line.contains(" LL address "), sums_up)
    });
    lines
}

/// The text of a pidfile without the number.
fn without_pid(text: &str) -> String {
    let plain = |line: &str| if line.parse::<u32>().is_ok() { "PID".to_owned() } else { line.to_owned() };
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// What the scripts tell when they end. They go with this: nobody would listen to them.
struct Events(Receiver<String>);

impl Drop for Events {
    fn drop(&mut self) {
        for script in SCRIPTS {
            let _ = fs::remove_file(format!("/etc/ppp/{script}"));
        }
    }
}

/// Puts the scripts there.
fn tell() -> Events {
    let _ = fs::remove_dir_all(TOLD);
    let _ = fs::remove_file("/etc/ppp/resolv.conf");
    fs::create_dir(TOLD).unwrap();
    for script in SCRIPTS {
        let path = format!("/etc/ppp/{script}");
        fs::write(&path, SCRIPT).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let fifo = format!("{TOLD}/events");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    // Open for writing too, so that no writer ever waits and the last one does not end it.
    let events: File = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(events).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Events(receiver)
}

/// Waits until both ends have run these scripts.
fn wait(Events(events): &Events, scripts: &[&str]) {
    let mut missing: BTreeSet<String> = ["caller", "called"]
        .iter()
        .flat_map(|end| scripts.iter().map(move |s| format!("{end} {s}")))
        .collect();
    while !missing.is_empty() {
        let Ok(event) = events.recv_timeout(Duration::from_mins(2)) else { panic!("never run: {missing:?}") };
        missing.remove(&event);
    }
}

/// How a link is given up, by the real one and by ours: exit codes, words and calls made.
pub(crate) fn endings() -> [String; 4] {
    install();
    let (real, ours) = (ending(REAL), ending(OURS));
    assert_eq!(ours, real, "(left: ours)");
    ["pty".to_owned(), "–".to_owned(), "–".to_owned(), "0, 10, 12, 16".to_owned()]
}

fn ending(program: &str) -> Vec<(Option<i32>, Vec<String>, usize)> {
    const CALLS: &str = "/tmp/told/calls";
    /// Ends when pppd has said something.
    const HANGS_UP: &str = "head -c 1 > /dev/null; exit 1";
    let hosts = Hosts::new();
    let _events = tell();
    let run = |options: &str, pty: &str| {
        let _ = fs::remove_file(CALLS);
        let mut command = hosts.venus.command(program);
        command.args(words("noauth noccp unit 7")).args(words(options));
        command.args(["pty", &format!("echo call >> {CALLS}; {pty}")]);
        let end = finish("pppd", command);
        let calls = fs::read_to_string(CALLS).unwrap_or_default().lines().count();
        (end.status.code(), comparable(&end.said), calls)
    };
    let serve = on_saturn(&hosts, &format!("{REAL} notty noauth noccp unit 8 192.168.2.1:192.168.1.1"));
    let mut seen = vec![
        run("nodetach lcp-max-configure 1 lcp-restart 1", "exec sleep 60"),
        run("nodetach persist maxfail 3 holdoff 1", HANGS_UP),
        run("nodetach", HANGS_UP),
        run("updetach", HANGS_UP),
        run("nodetach idle 2 noip ipv6 ::1,::2", &serve.replace("192.168.2.1:192.168.1.1", "ipv6 ::2,::1")),
        run("updetach noipv6 linkname office 192.168.1.1:192.168.2.1", &serve),
    ];
    // The real one takes the end of its own pty for a hangup, and ends with 16 where its manual says 10.
    let silent = seen[0].0.take();
    assert!([Some(10), Some(16)].contains(&silent), "{silent:?}");
    // The last one goes on, and is found by its file.
    let pid = fs::read_to_string("/run/ppp-office.pid").unwrap();
    let pid: i32 = pid.lines().next().and_then(|line| line.parse().ok()).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    hosts.carries(&IPV4);
    let end = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    rustix::event::poll(&mut [rustix::event::PollFd::new(&end, rustix::event::PollFlags::IN)], None).unwrap();
    let left = files("/run", |name| name.contains("office") || name == "ppp7.pid").into_keys().collect();
    seen.push((None, left, 0));
    seen
}

/// Default routes and proxy ARP entries, made by the real one and by ours, and gone with the link.
pub(crate) fn network() -> [String; 4] {
    install();
    let (real, ours) = (changes(REAL), changes(OURS));
    assert_eq!(ours, real, "(left: ours)");
    ["pty".to_owned(), "addresses".to_owned(), "–".to_owned(), "5".to_owned()]
}

fn changes(program: &str) -> Vec<(Vec<String>, [String; 2], [String; 2])> {
    let hosts = Hosts::new();
    let _events = tell();
    let ip = |words: &str| {
        let mut ip = hosts.venus.command("/sbin/ip");
        ip.args(words.split(' '));
        finish("ip", ip).well().said.replace(" proto 112", "")
    };
    let look =
        || [ip("neigh show proxy"), ip("route show default").replace(" scope link", "").trim().to_owned()];
    let link = |options: &str| {
        let called = on_saturn(&hosts, &format!("{REAL} notty noauth noccp unit 8 192.168.2.1:192.168.1.1"));
        let mut command = hosts.venus.command(program);
        command
            .args(words("nodetach noauth noccp noipv6 unit 7 192.168.1.1:192.168.2.1"))
            .args(words(options));
        command.args(["pty", &called]);
        let mut pppd = Running::start("pppd", command);
        pppd.says("remote IP address");
        let during = look();
        let end = terminate(&mut pppd);
        end.with_code(5);
        (comparable(&end.said), during, look())
    };
    let mut seen = vec![link("proxyarp defaultroute")];
    ip("link add lan0 type veth peer name lan1");
    ip("address add 192.168.2.254/24 dev lan0");
    ip("link set lan1 up");
    ip("link set lan0 up");
    seen.push(link("proxyarp"));
    ip("route add default via 192.168.2.9 dev lan0");
    seen.push(link("defaultroute"));
    seen
}

/// What OpenWrt's `pppossh` runs on either side, with ours as the `pppd` that is found, at either end and at both.
pub(crate) fn openwrt() -> [String; 4] {
    install();
    for (caller, called) in [(OURS, REAL), (REAL, OURS), (OURS, OURS)] {
        let hosts = Hosts::new();
        let _events = tell();
        let directory = Path::new(called).parent().unwrap().display();
        let path = format!("/usr/bin/env PATH={directory}:/usr/bin:/bin");
        let mut command = hosts.venus.command(caller);
        command.args(words("nodetach noauth ipparam vpn ifname pppossh-vpn nodefaultroute usepeerdns"));
        command.args(words("persist maxfail 1 192.168.1.1:192.168.2.1 ipcp-accept-remote"));
        command.args(["pty", &on_saturn(&hosts, &format!("{path} pppd nodetach notty noauth"))]);
        let mut pppd = Running::start("pppd", command);
        pppd.says("remote IP address 192.168.2.1");
        hosts.carries(&IPV4);
        terminate(&mut pppd).with_code(5).saying("Connection terminated.");
    }
    ["pty".to_owned(), "4 MiB each way".to_owned(), "–".to_owned(), "5".to_owned()]
}

fn files(dir: &str, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let names = fs::read_dir(dir).unwrap().flatten().map(|file| file.file_name().into_string().unwrap());
    names
        .filter(|name| wanted(name))
        .map(|name| (name.clone(), fs::read_to_string(format!("{dir}/{name}")).unwrap()))
        .collect()
}
