//! The ways between the two hosts, and how each is set up.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netlab::Host;
use pppssh_tests::{Carrier, Running, SATURN, Session, Sshd, VENUS, World, finish, processes, traffic};

use crate::flow::{self, Flow};
use pppssh_benches::machine;

/// The cipher of every contender: pppssh's own first choice.
const CIPHER: &str = "aes128-gcm@openssh.com";

/// One way from venus to saturn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The wire itself.
    Veth,
    /// A tunnel of OpenSSH's own.
    SshTunnel,
    /// No network at all: bytes through ssh, from `head` to `cat`.
    SshPipe,
    /// pppssh with its own SSH client.
    Native,
    /// pppssh with the system's ssh.
    Openssh,
}

impl Contender {
    /// In the order in which they are measured; what others are compared with comes first.
    pub(crate) const ALL: [Self; 5] =
        [Self::Veth, Self::SshTunnel, Self::SshPipe, Self::Native, Self::Openssh];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Veth => "veth alone",
            Self::SshTunnel => "`ssh -w`",
            Self::SshPipe => "`cat` through ssh (no IP)",
            Self::Native => "pppssh, native carrier to sshd",
            Self::Openssh => "pppssh, openssh carrier to sshd",
        }
    }
}

/// What was measured of one contender.
pub(crate) struct Row {
    pub(crate) up: Flow,
    pub(crate) down: Flow,
    /// Resident memory of pppssh on the calling and on the called host after the flows, in KiB.
    pub(crate) rss_caller: Option<u64>,
    pub(crate) rss_called: Option<u64>,
}

/// Two hosts with sshd and pppssh.
pub(crate) struct Scene {
    pub(crate) world: World,
    _sshd: Sshd,
}

/// A key of vpn's that may do anything on saturn, for those who need a shell there.
const SHELL_KEY: &str = "id_shell";

impl Scene {
    pub(crate) fn new() -> Self {
        let world = World::new();
        world.install();
        let sshd = Sshd::start(&world, "PermitTunnel point-to-point");
        world.authorize(&sshd, "/usr/local/bin/pppssh --quiet serve");
        world.make_key(SHELL_KEY);
        let forced = world.read(&world.saturn, "/home/vpn/.ssh/authorized_keys");
        let shell = world.read(&world.venus, &format!("/home/vpn/.ssh/{SHELL_KEY}.pub"));
        world.write_as_vpn(&world.saturn, "/home/vpn/.ssh/authorized_keys", &format!("{forced}\n{shell}"));
        for (host, local, peer) in
            [(&world.venus, "192.168.11.1", "192.168.12.1"), (&world.saturn, "192.168.12.1", "192.168.11.1")]
        {
            for arguments in [
                vec!["tuntap", "add", "dev", "tun5", "mode", "tun", "user", "vpn"],
                vec!["address", "add", local, "peer", peer, "dev", "tun5"],
                vec!["link", "set", "tun5", "up"],
            ] {
                let mut ip = host.command("/sbin/ip");
                ip.args(&arguments);
                finish("ip (package iproute2)", ip).well();
            }
        }
        Self { world, _sshd: sshd }
    }

    /// `ssh saturn` by vpn on venus, with a shell's rights.
    pub(crate) fn ssh(&self, arguments: &[&str]) -> Command {
        let mut ssh = self.world.as_vpn(&self.world.venus, "/usr/bin/ssh");
        ssh.args(["-c", CIPHER, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]);
        ssh.arg(format!("/home/vpn/.ssh/{SHELL_KEY}")).args(arguments);
        ssh
    }

    /// A link that is up.
    pub(crate) fn connect(&self, carrier: Carrier) -> Session<'_> {
        self.profiles(carrier);
        let session = self.world.connect(&["--quiet"]);
        session.wait("up");
        session
    }

    /// The profiles of a link with this carrier.
    pub(crate) fn profiles(&self, carrier: Carrier) {
        let (venus, saturn) =
            ("addresses = \"192.168.1.1:192.168.2.1\"", "addresses = \"192.168.2.1:192.168.1.1\"");
        self.world.profiles(carrier, venus, saturn);
    }

    /// Waits for the other end of a link that was taken down.
    pub(crate) fn settle(&self) {
        self.world.until_gone(&self.world.saturn, "pppssh");
    }

    pub(crate) fn measure(&self, contender: Contender, time: Duration) -> Row {
        match contender {
            Contender::Veth => self.flows(VENUS.into(), SATURN.into(), time),
            Contender::SshTunnel => self.ssh_tunnel(time),
            Contender::SshPipe => self.ssh_pipe(time),
            Contender::Native => self.pppssh(Carrier::Native, time),
            Contender::Openssh => self.pppssh(Carrier::Openssh, time),
        }
    }

    fn flows(&self, venus: IpAddr, saturn: IpAddr, time: Duration) -> Row {
        let World { venus: v, saturn: s, .. } = &self.world;
        let up = flow::tcp(v, s, saturn, time);
        let down = flow::tcp(s, v, venus, time);
        Row { up, down, rss_caller: None, rss_called: None }
    }

    fn pppssh(&self, carrier: Carrier, time: Duration) -> Row {
        let session = self.connect(carrier);
        // Saturn may be a moment behind.
        traffic::ping(&self.world.venus, "192.168.2.1");
        let mut row = self.flows([192, 168, 1, 1].into(), [192, 168, 2, 1].into(), time);
        row.rss_caller = resident(&self.world.venus);
        row.rss_called = resident(&self.world.saturn);
        session.disconnect();
        self.settle();
        row
    }

    fn ssh_tunnel(&self, time: Duration) -> Row {
        let mut ssh = self.ssh(&["-N", "-v", "-w", "5:5", "saturn"]);
        ssh.stdin(Stdio::null());
        let tunnel = Running::start("ssh -w", ssh);
        tunnel.says("tunnel forward established");
        traffic::ping(&self.world.venus, "192.168.12.1");
        self.flows([192, 168, 11, 1].into(), [192, 168, 12, 1].into(), time)
    }

    fn ssh_pipe(&self, time: Duration) -> Row {
        // Up: we write, `cat` throws away. Down: the far side writes, we read.
        let mut child = self
            .ssh(&["saturn", "cat > /dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("ssh starts");
        let mut input = child.stdin.take().expect("a pipe");
        let up = timed(time, |block| input.write(block));
        drop(input);
        child.wait().expect("ssh ends");

        let mut child = self
            .ssh(&["saturn", "cat /dev/zero"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("ssh starts");
        let mut output = child.stdout.take().expect("a pipe");
        let down = timed(time, |block| output.read(block));
        child.kill().expect("ssh ends");
        child.wait().expect("ssh ends");
        Row { up, down, rss_caller: None, rss_called: None }
    }
}

/// Moves blocks for `time`, from the first one that got through.
fn timed(time: Duration, mut step: impl FnMut(&mut [u8]) -> std::io::Result<usize>) -> Flow {
    let mut block = vec![0; 256 * 1024];
    step(&mut block).expect("the first block gets through");
    let (busy, start) = (machine::busy(), Instant::now());
    let mut octets = 0;
    while start.elapsed() < time {
        octets += step(&mut block).expect("the pipe goes on") as u64;
    }
    Flow::of(octets, start.elapsed(), machine::busy().saturating_sub(busy))
}

fn resident(host: &Host) -> Option<u64> {
    processes(host, "pppssh").first().map(|process| process.memory_kib("VmRSS"))
}
