//! Outside: boots the kernel, shows what it says, and judges.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::rows;

/// The kernel is given up after this long.
const PATIENCE: Duration = Duration::from_mins(20);

/// Begins the line that ends a row: `ROW well|badly name`.
pub(crate) const ROW: &str = "ROW";

/// Runs the rows whose name contains `words`, or all; ends the process badly if one of them failed or is missing.
pub(crate) fn boot_and_judge(words: Option<String>) {
    let words = words.unwrap_or_default();
    let wanted: Vec<_> =
        rows::all().into_iter().map(|row| row.name).filter(|name| name.contains(&words)).collect();
    assert!(!wanted.is_empty(), "no row's name contains {words:?}");

    let lines = boot(&words);
    let (well, said) = judge(&wanted, &lines);
    for line in said {
        println!("{line}");
    }
    assert!(well, "rows failed or are missing: see above");
    println!("interop: {} rows, all well", wanted.len());
}

/// What the kernel's first process printed; it is shown at once, too.
fn boot(words: &str) -> Vec<String> {
    let this = std::env::current_exe().expect("this program has a path");
    let directory = tempfile::tempdir().expect("a directory for the kernel's files");
    let mut kernel = Command::new("linux.uml");
    kernel
        .args(["mem=768M", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "con=null", "con0=fd:0,fd:1"])
        .arg(format!("uml_dir={}", directory.path().display()))
        .arg("RUST_BACKTRACE=0")
        .arg(format!("init={}", this.display()))
        .arg(format!("PPPSSH_BIN={}", pppssh_tests::program().display()))
        // The kernel's command line has words; a space is written as a plus.
        .arg(format!("INTEROP_ROWS={}", words.replace(' ', "+")))
        .env("TMPDIR", "/tmp")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let mut kernel = kernel
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start linux.uml (package user-mode-linux): {error}"));
    let (sender, receiver) = mpsc::channel();
    let console = kernel.stdout.take().expect("piped");
    std::thread::spawn(move || {
        for line in BufReader::new(console).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut lines = Vec::new();
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                lines.push(line);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let _ = kernel.kill();
                println!("the kernel did not end within {PATIENCE:?}: killed");
                break;
            }
        }
    }
    let _ = kernel.kill();
    let _ = kernel.wait();
    lines
}

/// Whether each of the rows is there and well, and what is to be said about those that are not.
fn judge(wanted: &[&str], lines: &[String]) -> (bool, Vec<String>) {
    let mut said = Vec::new();
    for name in wanted {
        if lines.iter().any(|line| line == &format!("{ROW} well {name}")) {
            continue;
        }
        let failed = lines.iter().any(|line| line == &format!("{ROW} badly {name}"));
        said.push(format!("{} {name}", if failed { "FAILED: " } else { "NEVER RUN: " }));
    }
    (said.is_empty(), said)
}
