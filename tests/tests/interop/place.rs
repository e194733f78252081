//! Ours in the place of either pppd, against two real ones: the same scripts with the same arguments and environment, the
//! same files, words and exit code, but for what cannot be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use pppssh_tests::Running;

use crate::hosts::{Hosts, IPV4};
use crate::rows::{pppssh, terminate, words};

/// The real one.
const REAL: &str = "/usr/sbin/pppd";
/// Ours, under pppd's name.
const OURS: &str = "/tmp/ours/pppd";
/// Where the scripts tell what they were told.
const TOLD: &str = "/tmp/told";
const SCRIPTS: [&str; 5] = ["ip-pre-up", "ip-up", "ip-down", "ipv6-up", "ipv6-down"];
/// A script of pppd's; the sixth argument says whose.
const SCRIPT: &str = "#!/bin/sh
name=/tmp/told/$6.${0##*/}
{ echo \"ARGUMENTS $*\"; /usr/bin/env; /usr/bin/cat /etc/ppp/resolv.conf 2>/dev/null; } > $name
echo $6 ${0##*/} > /tmp/told/events
";

/// What either end says on its command line, besides where the other end is.
const CALLER: &str = "nodetach noauth ipparam caller unit 7 linkname office usepeerdns set COLOUR=blue \
                      192.168.1.1:192.168.2.1 ipv6 ::1,::2";
const CALLED: &str = "notty noauth ipparam called unit 8 ms-dns 10.0.0.53 ms-dns 10.0.0.54 logfile /tmp/told/called.log \
                      192.168.2.1:192.168.1.1 ipv6 ::2,::1";

/// All that can be seen of one link.
#[derive(Debug, PartialEq)]
struct Seen {
    /// What each script was told, by `caller.ip-up` and the like.
    told: BTreeMap<String, BTreeSet<String>>,
    /// The caller's words, and the called end's.
    said: [Vec<String>; 2],
    /// pidfiles while the link is up, and `resolv.conf` after it.
    files: BTreeMap<String, String>,
    code: Option<i32>,
}

pub(crate) fn compare() -> [String; 4] {
    let _ = fs::remove_dir_all("/tmp/ours");
    fs::create_dir("/tmp/ours").unwrap();
    symlink(pppssh(), OURS).unwrap();
    let real = link(REAL, REAL);
    println!("REAL {real:#?}");
    let caller = link(OURS, REAL);
    println!("CALLER {caller:#?}");
    let called = link(REAL, OURS);
    println!("CALLED {called:#?}");
    panic!("x");
}

fn link(caller: &str, called: &str) -> Seen {
    let hosts = Hosts::new();
    let events = tell();
    let pty = format!(
        "exec setsid --fork --wait nsenter --net={} {called} {CALLED}",
        hosts.saturn.netns_path().display()
    );
    let mut command = hosts.venus.command(caller);
    command.args(words(CALLER)).args(["pty", &pty]);
    let mut pppd = Running::start("pppd", command);
    wait(&events, &["ip-pre-up", "ip-up", "ipv6-up"]);
    hosts.carries(&IPV4);
    let mut files = files("/run", |name| name.ends_with(".pid"));
    let end = terminate(&mut pppd);
    wait(&events, &["ip-down", "ipv6-down"]);
    files.extend(self::files("/etc/ppp", |name| name == "resolv.conf"));
    let told = self::files(TOLD, |name| SCRIPTS.iter().any(|script| name.ends_with(script)));
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let log = fs::read_to_string("/tmp/told/called.log").unwrap();
    Seen {
        told: told
            .into_iter()
            .map(|(name, text)| (name, text.lines().map(str::to_owned).collect()))
            .collect(),
        said: [lines(&end.said), lines(&log)],
        files,
        code: end.status.code(),
    }
}

/// Puts the scripts there; what they tell when they end.
fn tell() -> Receiver<String> {
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
    receiver
}

/// Waits until both ends have run these scripts.
fn wait(events: &Receiver<String>, scripts: &[&str]) {
    let mut missing: BTreeSet<String> = ["caller", "called"]
        .iter()
        .flat_map(|end| scripts.iter().map(move |s| format!("{end} {s}")))
        .collect();
    while !missing.is_empty() {
        let Ok(event) = events.recv_timeout(Duration::from_mins(2)) else { panic!("never run: {missing:?}") };
        missing.remove(&event);
    }
}

fn files(dir: &str, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    let names = fs::read_dir(dir).unwrap().flatten().map(|file| file.file_name().into_string().unwrap());
    names
        .filter(|name| wanted(name))
        .map(|name| (name.clone(), fs::read_to_string(format!("{dir}/{name}")).unwrap()))
        .collect()
}
