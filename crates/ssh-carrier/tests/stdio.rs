//! The standard streams of a real process, as a parent and as sshd give them.

mod support;

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use bytes::Bytes;
use ssh_carrier::stdio::{self, StdioConfig};
use support::{Kind, Sshd};

/// Told to the test binary when it has to play the far command.
const CHILD: &str = "SSH_CARRIER_STDIO_CHILD";

/// The far command's first word. The test harness prints something before it, like a shell that greets.
const MARK: &[u8] = b"[carrier is open]";

/// The far command: says the mark, then echoes what it hears, and prints where it must not disturb.
#[tokio::test]
async fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let mut carrier = match stdio::open(&StdioConfig::from_env()) {
        Ok(carrier) => carrier,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    carrier.tx.send(Bytes::from_static(MARK)).await.unwrap();
    while let Some(chunk) = carrier.rx.recv().await.unwrap() {
        println!("this goes to standard error");
        let is_end = chunk.ends_with(&[0x04]);
        carrier.tx.send(chunk).await.unwrap();
        if is_end {
            break;
        }
    }
    carrier.tx.finish().await.unwrap();
    drop(carrier);
    std::process::exit(0);
}

fn child_args() -> [&'static str; 3] {
    ["child", "--exact", "--nocapture"]
}

fn child_command() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(child_args()).env(CHILD, "1").env_remove("SSH_CONNECTION").stderr(Stdio::null());
    command
}

fn far_command() -> String {
    format!("env {CHILD}=1 {} {}", std::env::current_exe().unwrap().display(), child_args().join(" "))
}

/// Every octet, and the one that ends the conversation last.
fn octets() -> Vec<u8> {
    (0..=255).chain([0x04]).collect()
}

/// Hears up to the mark, then sends every octet and hears it again, and then the end.
fn converse(mut from: impl Read, mut to: impl Write) {
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(MARK) {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "only {:?} came", String::from_utf8_lossy(&heard));
        heard.push(byte[0]);
    }
    to.write_all(&octets()).unwrap();
    to.flush().unwrap();
    let mut echoed = Vec::new();
    from.read_to_end(&mut echoed).unwrap();
    assert_eq!(echoed, octets());
}

#[test]
fn pipes_from_a_parent_carry_every_octet_and_nothing_printed() {
    let mut child = child_command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    converse(child.stdout.take().unwrap(), child.stdin.take().unwrap());
    assert!(child.wait().unwrap().success());
}

#[test]
fn one_socket_from_a_parent_does_too() {
    let (near, far) = UnixStream::pair().unwrap();
    let mut command = child_command();
    command
        .stdin(Stdio::from(OwnedFd::from(far.try_clone().unwrap())))
        .stdout(Stdio::from(OwnedFd::from(far)));
    let mut child = command.spawn().unwrap();
    // It holds our copies of the far end.
    drop(command);
    converse(near.try_clone().unwrap(), near);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_file_is_refused() {
    let file = tempfile::tempfile().unwrap();
    let output = child_command().stdin(file).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard input is a regular file"));
}

/// What a person who types `pppssh serve` sees; script(1) plays the person's terminal.
#[test]
fn a_terminal_of_ones_own_is_refused_with_what_was_probably_meant() {
    let typed = format!("exec {}", far_command());
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &typed, "/dev/null"]).env_remove("SSH_CONNECTION");
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("pppssh connect HOST"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
}

#[tokio::test]
async fn what_sshd_gives_to_a_command_carries_every_octet() {
    let sshd = Sshd::start();
    let mut carrier = sshd.call(Kind::Native, &far_command()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(MARK) {
        heard.extend_from_slice(&carrier.rx.recv().await.unwrap().unwrap());
    }
    carrier.tx.send(octets().into()).await.unwrap();
    let (echoed, end) = support::to_end(&mut carrier).await;
    end.unwrap();
    assert_eq!(echoed, octets());
}

#[test]
fn the_pty_that_sshd_gives_for_ssh_tt_is_made_raw_and_carries_every_octet() {
    let sshd = Sshd::start();
    let mut ssh = Command::new("ssh")
        .args(["-tt", "-q", "-e", "none", "-F", &sshd.str("config"), "saturn", &far_command()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Standard error is the pty too, so what is printed comes along: only the octets themselves are compared.
    let (mut from, mut to) = (ssh.stdout.take().unwrap(), ssh.stdin.take().unwrap());
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(MARK) {
        assert_eq!(from.read(&mut byte).unwrap(), 1);
        heard.push(byte[0]);
    }
    to.write_all(&octets()).unwrap();
    let mut rest = Vec::new();
    from.read_to_end(&mut rest).unwrap();
    let printed = b"this goes to standard error\n";
    while let Some(at) = rest.windows(printed.len()).position(|window| window == printed) {
        rest.drain(at..at + printed.len());
    }
    assert_eq!(rest, octets());
    assert!(ssh.wait().unwrap().success());
}
