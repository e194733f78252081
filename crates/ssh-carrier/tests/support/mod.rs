//! A real sshd on the loopback, in a directory of its own.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part of this")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ssh_carrier::client::{self, ClientConfig, Prompt, Question, Secret};
use ssh_carrier::openssh::{self, OpensshConfig};
use ssh_carrier::{Carrier, CarrierError};

/// Runs a command to its end and fails the test if it fails.
pub fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} must be installed for this test: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A running sshd with one client key, `id`, and a client configuration that knows its host key.
pub struct Sshd {
    dir: tempfile::TempDir,
    child: Child,
    pub port: u16,
    log: Arc<Mutex<String>>,
}

impl Sshd {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// `extra` are further lines for sshd_config.
    pub fn start_with(extra: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test logs in to an sshd of its own as root, and must run as root (in a container, say)"
        );
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "host", "-f", &at("host")]);
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "id", "-f", &at("id")]);
        fs::copy(at("id.pub"), at("authorized_keys")).unwrap();
        // Debian's sshd wants it for its unprivileged half, and its boot scripts make it.
        fs::create_dir_all("/run/sshd").unwrap();
        let port = free_port();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nUsePAM no\nStrictModes no\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n{extra}\n",
            at("host"),
            at("authorized_keys")
        );
        fs::write(at("sshd_config"), config).unwrap();
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("/usr/sbin/sshd must be installed for this test");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("sshd ended: {said}")).unwrap();
            if line.contains("Server listening") {
                break;
            }
            said.push_str(&line);
        }
        // Its log must be read on, or it would block in the end.
        let log = Arc::new(Mutex::new(String::new()));
        let keep = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| keep.lock().unwrap().push_str(&(line + "\n")));
        });
        let sshd = Self { dir, child, port, log };
        sshd.write("known_hosts", &sshd.known_hosts_line());
        sshd.write_client_config("");
        sshd
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn str(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The first two words of a public key file.
    pub fn public_key(&self, name: &str) -> String {
        self.read(&format!("{name}.pub")).split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    pub fn known_hosts_line(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.public_key("host"))
    }

    /// Makes the client's configuration, with further lines before the common ones.
    pub fn write_client_config(&self, extra: &str) {
        let config = format!(
            "{extra}\nHost *\n HostName 127.0.0.1\n Port {}\n User root\n UserKnownHostsFile {}\n \
             GlobalKnownHostsFile none\n IdentityFile {}\n IdentitiesOnly yes\n IdentityAgent none\n BatchMode yes\n",
            self.port,
            self.str("known_hosts"),
            self.str("id"),
        );
        self.write("config", &config);
    }

    /// Makes another key pair.
    pub fn keygen(&self, name: &str, args: &[&str]) {
        let file = self.str(name);
        run("ssh-keygen", &[&["-q", "-C", name, "-f", &file], args].concat());
    }

    /// Lets another key log in too.
    pub fn authorize(&self, name: &str) {
        let lines = self.read("authorized_keys") + &self.read(&format!("{name}.pub"));
        self.write("authorized_keys", &lines);
    }

    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new("saturn");
        config.config_file = Some(self.path("config"));
        config
    }

    pub fn openssh(&self) -> OpensshConfig {
        let mut config = OpensshConfig::new("saturn");
        config.config_file = Some(self.path("config"));
        config.may_prompt = Some(false);
        config
    }

    pub async fn call(&self, kind: Kind, command: &str) -> Result<Carrier, CarrierError> {
        match kind {
            Kind::Native => client::connect(&self.client(), command, Arc::new(client::NoPrompt)).await,
            Kind::Openssh => openssh::connect(&self.openssh(), command).await,
        }
    }

    /// Calls, and hears the stream to its end: what came, and how it ended.
    pub async fn call_to_end(&self, kind: Kind, command: &str) -> (Vec<u8>, Result<(), CarrierError>) {
        match self.call(kind, command).await {
            Ok(mut carrier) => to_end(&mut carrier).await,
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    /// What sshd has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// All processes that came from this sshd, the listener left out.
    pub fn sessions(&self) -> Vec<u32> {
        descendants(self.child.id())
    }

    /// Kills the connections with no goodbye, and no more are taken.
    pub fn kill(&mut self) {
        let sessions = self.sessions();
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pid in sessions {
            kill(pid);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// The children of a process, and theirs.
pub fn descendants(of: u32) -> Vec<u32> {
    let parent = |pid: u32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // pid (name) state ppid …, proc(5); the name may hold anything.
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all: Vec<u32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(all.iter().copied().filter(|&other| parent(other) == Some(pid)));
        next += 1;
    }
    found.split_off(1)
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Native,
    Openssh,
}

pub async fn to_end(carrier: &mut Carrier) -> (Vec<u8>, Result<(), CarrierError>) {
    let mut all = Vec::new();
    loop {
        match carrier.rx.recv().await {
            Ok(Some(chunk)) => all.extend_from_slice(&chunk),
            Ok(None) => return (all, Ok(())),
            Err(error) => return (all, Err(error)),
        }
    }
}

/// Waits for a condition that another process brings about.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "still waiting until {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// A stream of bytes that repeats only after a prime number of them, so that no chunk looks like another.
pub struct Pattern(Bytes);

impl Pattern {
    const PERIOD: usize = 1_000_003;

    pub fn new() -> Self {
        let mut state = 0x9e37_79b9_u32;
        let octets = (0..2 * Self::PERIOD).map(|index| {
            if index == Self::PERIOD {
                state = 0x9e37_79b9;
            }
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        });
        Self(octets.collect())
    }

    /// `len` bytes of the stream from `at`.
    pub fn slice(&self, at: usize, len: usize) -> Bytes {
        let at = at % Self::PERIOD;
        self.0.slice(at..at + len)
    }
}

/// Answers each question with the same words, and counts them.
pub struct Answer(pub Option<&'static str>, pub Mutex<Vec<String>>);

impl Answer {
    pub fn new(answer: Option<&'static str>) -> Arc<Self> {
        Arc::new(Self(answer, Mutex::default()))
    }

    pub fn asked(&self) -> Vec<String> {
        self.1.lock().unwrap().clone()
    }
}

impl Prompt for Answer {
    fn ask(&self, question: &Question) -> Option<Secret> {
        self.1.lock().unwrap().push(question.text.clone());
        self.0.map(|answer| Secret::new(answer.to_owned()))
    }
}

/// The fingerprint as ssh-keygen prints it.
pub fn fingerprint(public: &Path) -> String {
    run("ssh-keygen", &["-l", "-f", public.to_str().unwrap()]).split(' ').nth(1).unwrap().to_owned()
}
