//! The demo, run as a user would. Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN), the programs `nsenter` and `ping`, and
//! no /dev/net/tun but the driver.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use netlab::{Credentials, Files, Host, Lab};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// In the environment of every process of a run.
const MARK: &str = "PPPSSH_DEMO_TEST";
const NOBODY: u32 = 65534;

/// A machine to run the demo on, with a program and a temporary directory that anybody may use.
struct Machine {
    host: Host,
    dir: TempDir,
}

impl Machine {
    fn new(files: &Files) -> Machine {
        let lab = Lab::new().expect("these tests need root");
        let host = lab.host_with("machine", files).expect("these tests need namespaces and device nodes");
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        // By a process of its own: what this one has open for writing, a child that another test starts at this moment has
        // open too for a while, and a file open for writing cannot be executed.
        let copied =
            Command::new("cp").arg(env!("CARGO_BIN_EXE_pppssh")).arg(dir.path().join("pppssh")).status();
        assert!(copied.unwrap().success());
        fs::create_dir(dir.path().join("tmp")).unwrap();
        fs::set_permissions(dir.path().join("tmp"), fs::Permissions::from_mode(0o777)).unwrap();
        Machine { host, dir }
    }

    fn with_tun() -> Machine {
        Machine::new(&Files::new().tun_node(0o666))
    }

    fn tmp(&self) -> PathBuf {
        self.dir.path().join("tmp")
    }

    /// `pppssh demo`, as root or as somebody else.
    fn demo(&self, user: Option<u32>, arguments: &[&str]) -> Command {
        let program = self.dir.path().join("pppssh");
        let mut command = match user {
            None => self.host.command(program),
            Some(id) => self.host.command_as(Credentials { uid: id, gid: id, groups: vec![] }, program),
        };
        command.arg("demo").args(arguments).env(MARK, self.dir.path()).env("TMPDIR", self.tmp());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Processes of a run, by their command lines.
    fn running(&self) -> Vec<String> {
        let mark = format!("{MARK}={}", self.dir.path().display());
        let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        processes
            .filter(|process| {
                let environment = fs::read(process.join("environ")).unwrap_or_default();
                environment.split(|octet| *octet == 0).any(|entry| entry == mark.as_bytes())
            })
            .filter_map(|process| fs::read(process.join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .collect()
    }

    fn assert_nothing_is_left(&self) {
        assert_eq!(self.running(), Vec::<String>::new());
        let files: Vec<_> = fs::read_dir(self.tmp()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files, Vec::<PathBuf>::new());
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Reads lines until one has `words` in it; returns them all.
fn read_until(stdout: &mut BufReader<ChildStdout>, words: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let length = stdout.read_line(&mut line).unwrap();
        assert!(length > 0, "it ended before it said {words:?}:\n{}", lines.concat());
        lines.push(line);
        if lines.last().is_some_and(|line| line.contains(words)) {
            return lines;
        }
    }
}

fn end(mut child: Child, mut stdout: impl Read) -> (ExitStatus, String) {
    let (mut out, mut error) = (String::new(), String::new());
    stdout.read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    (child.wait().unwrap(), out + &error)
}

fn shows_the_link(machine: &Machine, user: Option<u32>, arguments: &[&str]) {
    let output = machine.demo(user, arguments).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}{error}");
    for words in [
        "We are 192.168.1.1, saturn is 192.168.2.1.",
        "This session routes 192.168.2.0/24 into the link.",
        "2 MiB each way arrived as sent",
        "from the call to the first ping answered",
        "one TCP flow down, s-lan to v-lan",
    ] {
        assert!(out.contains(words), "{words:?} is missing in:\n{out}{error}");
    }
    machine.assert_nothing_is_left();
}

#[test]
fn root_sees_the_link_carry_data_both_ways_and_nothing_is_left() {
    shows_the_link(&Machine::with_tun(), None, &["--size", "2"]);
}

#[test]
fn an_ordinary_user_sees_it_too() {
    shows_the_link(&Machine::with_tun(), Some(NOBODY), &["--size", "2"]);
}

#[test]
fn the_systems_ssh_can_carry_it() {
    shows_the_link(&Machine::with_tun(), None, &["--size", "2", "--carrier", "openssh"]);
}

fn can_be_held_and_entered(user: Option<u32>) {
    let machine = Machine::with_tun();
    let mut child = machine.demo(user, &["--size", "1", "--hold"]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let line = read_until(&mut stdout, "on s-lan").pop().unwrap();

    let words: Vec<&str> = line.split_whitespace().skip_while(|word| *word != "nsenter").collect();
    assert_eq!(words[words.len() - 2..], ["ping", "192.168.1.10"]);
    let mut ping = match user {
        None => Command::new("nsenter"),
        Some(id) => machine.host.command_as(Credentials { uid: id, gid: id, groups: vec![] }, "nsenter"),
    };
    let pinged = ping.args(&words[1..words.len() - 1]).args(["-c", "1", "-W", "5", "192.168.1.10"]).output();
    let pinged = pinged.expect("these tests need the program `nsenter`");
    assert!(pinged.status.success(), "{words:?}: {}", String::from_utf8_lossy(&pinged.stderr));

    signal(&child, Signal::INT);
    let (status, said) = end(child, stdout);
    assert_eq!(status.code(), Some(0), "{said}");
    machine.assert_nothing_is_left();
}

#[test]
fn root_can_hold_and_enter_the_hosts() {
    can_be_held_and_entered(None);
}

#[test]
fn an_ordinary_user_can_hold_and_enter_them() {
    can_be_held_and_entered(Some(NOBODY));
}

#[test]
fn ctrl_c_and_sigterm_in_the_middle_leave_nothing() {
    for order in [Signal::INT, Signal::TERM] {
        let machine = Machine::with_tun();
        // More than is ever moved.
        let mut child = machine.demo(None, &["--size", "1000000"]).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        read_until(&mut stdout, "The link is up");
        signal(&child, order);
        let (status, said) = end(child, stdout);
        assert_eq!(status.code(), Some(5), "{said}");
        machine.assert_nothing_is_left();
    }
}

#[test]
fn after_kill_9_the_ends_and_the_hosts_are_gone_too() {
    let machine = Machine::with_tun();
    let mut child = machine.demo(None, &["--size", "1", "--hold"]).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    read_until(&mut stdout, "on saturn");
    assert_eq!(machine.running().len(), 3, "{:?}", machine.running());
    signal(&child, Signal::KILL);
    end(child, stdout);
    // The kernel kills the ends a moment later; nextest's or CI's own patience bounds this.
    while !machine.running().is_empty() {
        std::thread::yield_now();
    }
}

#[test]
fn what_an_end_stumbles_over_is_said() {
    let machine = Machine::new(&Files::new().empty("/dev/net"));
    let output = machine.demo(None, &["--size", "1"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("end ended by itself") && error.contains("--device /dev/net/tun"), "{error}");
    machine.assert_nothing_is_left();
}
