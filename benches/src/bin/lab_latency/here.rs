//! On this machine's own kernel: no pppd where it has no PPP, and the line is this program's, but all of its processors.
//!
//! As in the laboratory a process of its own measures, with empty directories where keys and sockets go.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use netlab::die_with_parent;

/// The kernel's side of pppd's links.
const PPP: &str = "/dev/ppp";
/// Set for the process that measures.
const INSIDE: &str = "LAB_LATENCY_INSIDE";

/// Whether pppd can make links here.
pub(crate) fn has_ppp() -> bool {
    Path::new(PPP).exists()
}

/// Starts the process that measures, and hands `line` each line that it says.
pub(crate) fn measure(arguments: &[String], mut line: impl FnMut(String)) {
    let this = std::env::current_exe().expect("this program has a path");
    let mut process = Command::new("unshare");
    // With processes of its own, of which none stays: an sshd whose peer has gone with its network would for a quarter of an hour.
    process.args([
        "--mount",
        "--propagation",
        "private",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--",
    ]);
    process.arg(this).arg("--here").args(arguments);
    process.env(INSIDE, "1").env("PPPSSH_BIN", pppssh_tests::program());
    process.stdin(Stdio::null()).stdout(Stdio::piped());
    let started = die_with_parent(&mut process).spawn();
    let mut process =
        started.unwrap_or_else(|error| panic!("cannot start unshare (package util-linux): {error}"));
    for said in BufReader::new(process.stdout.take().expect("piped")).lines() {
        line(said.expect("lines of text"));
    }
    let status = process.wait().expect("a child");
    if !status.success() {
        line(format!("the process that measures ended with {status}"));
    }
}

/// Whether this is the process that measures.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}
