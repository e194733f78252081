//! Renegotiation in Opened: one end dies without a word, and another takes its place on the same line.

use std::fs::{self, File};
use std::process::Command;

use pppssh_tests::{Running, finish};
use rustix::process::Signal;

use crate::hosts::{Hosts, IPV4, IPV6};
use crate::rows::{OUR_LOG, OURS, PPPD, ShowLog, pppssh, terminate};

/// The line's two directions, as FIFOs.
const UP: &str = "/tmp/up";
const DOWN: &str = "/tmp/down";

/// pppd on venus and `pppssh serve` on saturn, joined by a line that outlives both.
struct Line {
    hosts: Hosts,
    /// Without them, the end that stays would see the other one go.
    _held: [File; 2],
    _log: ShowLog,
}

impl Line {
    fn new() -> Line {
        let held = [UP, DOWN].map(|fifo| {
            let _ = fs::remove_file(fifo);
            let mut mkfifo = Command::new("/usr/bin/mkfifo");
            mkfifo.arg(fifo);
            finish("mkfifo", mkfifo).well();
            File::options().read(true).write(true).open(fifo).expect("a FIFO")
        });
        Line { hosts: Hosts::new(), _held: held, _log: ShowLog }
    }

    fn pppd(&self) -> Running {
        let line = format!("{PPPD} ::1,::2 notty 192.168.1.1:192.168.2.1 0<>{DOWN} 1<>{UP}");
        let mut shell = self.hosts.venus.command("/bin/sh");
        shell.args(["-c", &format!("exec /usr/sbin/pppd {line}")]);
        Running::start("pppd", shell)
    }

    fn pppssh(&self) -> Running {
        let line = format!("-vv serve --ipv6-ids ::2,::1 --addresses 192.168.2.1:192.168.1.1 {OURS}");
        let mut shell = self.hosts.saturn.command("/bin/sh");
        shell.args(["-c", &format!("exec {} {line} 0<>{UP} 1<>{DOWN} 2>{OUR_LOG}", pppssh())]);
        Running::start("pppssh serve", shell)
    }

    /// pppd has set the link up so many times, and packets pass.
    fn carries(&self, pppd: &Running, times: usize) -> [String; 2] {
        pppd.says_times("remote IP address", times);
        pppd.says_times("remote LL address", times);
        [self.hosts.carries(&IPV4), self.hosts.carries(&IPV6)]
    }
}

/// A second pppd in the place of the first.
pub(crate) fn pppd_begins() -> [String; 4] {
    let line = Line::new();
    let mut ours = line.pppssh();
    let mut first = line.pppd();
    line.carries(&first, 1);
    first.signal(Signal::KILL);
    first.end();
    let mut second = line.pppd();
    let [ipv4, ipv6] = line.carries(&second, 1);
    terminate(&mut second).with_code(5).saying("Connection terminated.");
    ours.end().with_code(0);
    ["FIFOs".to_owned(), ipv4, ipv6, "5".to_owned()]
}

/// A second pppssh in the place of the first, in front of a pppd that knows nothing of it.
pub(crate) fn pppssh_begins() -> [String; 4] {
    let line = Line::new();
    let mut first = line.pppssh();
    let mut pppd = line.pppd();
    line.carries(&pppd, 1);
    first.signal(Signal::KILL);
    first.end();
    let mut second = line.pppssh();
    let [ipv4, ipv6] = line.carries(&pppd, 2);
    terminate(&mut pppd).with_code(5).saying("Connection terminated.");
    second.end().with_code(0);
    ["FIFOs".to_owned(), ipv4, ipv6, "5".to_owned()]
}
