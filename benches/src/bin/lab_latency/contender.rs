//! The ways from venus to saturn, and how each is set up.

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;

use clap::ValueEnum;
use netlab::Host;
use pppssh_tests::lab_kernel::hosts::Hosts;
use pppssh_tests::traffic::ping;
use pppssh_tests::{Running, finish};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::joined::{ip, queue_drops};

/// The cipher of every contender: pppssh's own first choice.
const CIPHER: &str = "aes128-gcm@openssh.com";
/// Who has a keepalive asks the peer each 5 s, and gives the link up when three in a row were not answered.
const ECHO: [&str; 2] = ["5", "3"];
/// What every pppd gets. Not CCP: Deflate, which two pppds would agree on, can do nothing for noise but take time.
const PPPD: &str = "nodetach noauth nolock local noipv6 noccp logfd 2";
/// What every pppssh gets.
const OURS: &str = "--no-ipv6 --no-hooks --runtime-dir /run/pppssh";
const RUNTIME: &str = "/run/pppssh";
/// Where `pppssh listen` does.
const LISTEN: &str = "10.10.10.1:2222";

/// One way from venus to saturn.
#[derive(ValueEnum, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// TCP on the line itself; always measured, since the others are compared with it
    Plain,
    /// pppd, whose pty command is ssh, to pppd: the classic recipe
    Pppd,
    /// A tunnel of OpenSSH's own, `ssh -w`
    SshW,
    /// pppssh's own SSH client, sshd, `pppssh serve`
    Native,
    /// pppssh with the system's ssh, sshd, `pppssh serve`
    Openssh,
    /// pppssh's own SSH client, sshd, pppd
    ToPppd,
    /// pppssh's own SSH client, `pppssh listen`
    Listen,
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("none is hidden").get_name())
    }
}

impl Contender {
    /// Those that put a link on the line.
    pub(crate) const LINKS: [Contender; 6] = [
        Contender::Pppd,
        Contender::SshW,
        Contender::Native,
        Contender::Openssh,
        Contender::ToPppd,
        Contender::Listen,
    ];

    /// Whether pppssh is on both ends of the link.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Contender::Native | Contender::Openssh | Contender::Listen)
    }

    /// Whether pppd is on an end of it, and so the kernel's PPP.
    pub(crate) fn needs_ppp(self) -> bool {
        matches!(self, Contender::Pppd | Contender::ToPppd)
    }

    /// What it is, for a table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Contender::Plain => "plain TCP on the line",
            Contender::Pppd => "pppd over ssh",
            Contender::SshW => "`ssh -w`",
            Contender::Native => "pppssh, native carrier to sshd",
            Contender::Openssh => "pppssh, openssh carrier to sshd",
            Contender::ToPppd => "pppssh, native carrier to pppd",
            Contender::Listen => "pppssh, native carrier to `pppssh listen`",
        }
    }

    /// Sets the way up, and sees that a packet comes back on it.
    pub(crate) fn set_up(self, hosts: &Hosts) -> Way {
        let way = match self {
            Contender::Plain => Way::plain(),
            Contender::Pppd => Way::pppd(hosts),
            Contender::SshW => Way::ssh_tunnel(hosts),
            Contender::Native => Way::ours(hosts, "native", &serve()),
            Contender::Openssh => Way::ours(hosts, "openssh", &serve()),
            Contender::ToPppd => Way::ours(hosts, "native", &called_pppd()),
            Contender::Listen => Way::listen(hosts),
        };
        ping(&hosts.venus, &way.saturn.to_string());
        way
    }
}

/// A way that is up.
pub(crate) struct Way {
    /// The addresses at its ends.
    pub(crate) venus: Ipv4Addr,
    pub(crate) saturn: Ipv4Addr,
    /// The device at either end; none is the line's.
    device: Option<&'static str>,
    /// What holds the link on venus; when it ends, the link is lost.
    caller: Option<Running>,
    /// What must be there on saturn.
    _called: Vec<Running>,
}

impl Way {
    fn plain() -> Way {
        let (venus, saturn) = ([10, 9, 9, 1].into(), [10, 10, 10, 1].into());
        Way { venus, saturn, device: None, caller: None, _called: Vec::new() }
    }

    /// A link whose ends have the usual addresses.
    fn link(device: &'static str, caller: Running, called: Vec<Running>) -> Way {
        let (venus, saturn) = ([192, 168, 1, 1].into(), [192, 168, 2, 1].into());
        Way { venus, saturn, device: Some(device), caller: Some(caller), _called: called }
    }

    fn pppd(hosts: &Hosts) -> Way {
        let sshd = sshd(hosts, &called_pppd());
        let mut pppd = hosts.venus.command("/usr/sbin/pppd");
        pppd.args(words(PPPD)).args(words(&lcp_echo())).arg("192.168.1.1:192.168.2.1");
        pppd.args(["pty", &format!("exec ssh -F {} saturn anything", Hosts::ssh_config())]);
        let pppd = Running::start("pppd", pppd);
        pppd.says("remote IP address");
        Way::link("ppp0", pppd, vec![sshd])
    }

    fn ssh_tunnel(hosts: &Hosts) -> Way {
        let sshd = sshd(hosts, "true");
        let (venus, saturn) = ("192.168.1.1", "192.168.2.1");
        for (host, local, peer) in [(&hosts.venus, venus, saturn), (&hosts.saturn, saturn, venus)] {
            ip(host, &["tuntap", "add", "dev", "tun5", "mode", "tun"]);
            ip(host, &["address", "add", local, "peer", peer, "dev", "tun5"]);
            ip(host, &["link", "set", "tun5", "up"]);
        }
        let mut ssh = hosts.venus.command("/usr/bin/ssh");
        ssh.args(["-F", &Hosts::ssh_config(), "-N", "-v", "-w", "5:5", "saturn"]);
        let [interval, failure] = ECHO;
        ssh.args(["-o", &format!("ServerAliveInterval={interval}")]);
        ssh.args(["-o", &format!("ServerAliveCountMax={failure}")]);
        let ssh = Running::start("ssh -w", ssh);
        ssh.says("tunnel forward established");
        Way::link("tun5", ssh, vec![sshd])
    }

    fn ours(hosts: &Hosts, carrier: &str, forced: &str) -> Way {
        let sshd = sshd(hosts, forced);
        Way::connect(hosts, carrier, &[], vec![sshd])
    }

    fn listen(hosts: &Hosts) -> Way {
        // For its keys; that it listens on port 22 does no harm.
        let sshd = sshd(hosts, "false");
        let directory = Hosts::ssh_config().trim_end_matches("/config").to_owned();
        let read = |name: &str| fs::read_to_string(format!("{directory}/{name}")).expect("a key");
        fs::write(format!("{directory}/callers"), format!("restrict {}", read("id.pub"))).expect("a file");
        append(&format!("{directory}/known_hosts"), &format!("[10.10.10.1]:2222 {}", read("host.pub")));
        let mut listen = hosts.saturn.command(program());
        listen.args(["-v", "listen", "--listen", LISTEN, "--addresses", "192.168.2.1:192.168.1.1"]);
        listen.args(["--host-key", &format!("{directory}/host")]);
        listen.args(["--authorized-keys", &format!("{directory}/callers")]);
        listen.args(words(OURS)).args(words(&our_echo()));
        let listen = Running::start("pppssh listen", listen);
        listen.says("listening on");
        Way::connect(hosts, "native", &["--port", "2222"], vec![sshd, listen])
    }

    fn connect(hosts: &Hosts, carrier: &str, more: &[&str], called: Vec<Running>) -> Way {
        let mut connect = hosts.venus.command(program());
        connect.args(["-v", "connect", "saturn", "--no-persist", "--addresses", "192.168.1.1:192.168.2.1"]);
        connect.args(["--carrier", carrier, "--ssh-config", &Hosts::ssh_config()]).args(more);
        connect.args(words(OURS)).args(words(&our_echo()));
        let connect = Running::start("pppssh connect", connect);
        connect.says("remote IP address");
        // It says so before it sets the address; pppd does afterwards.
        let mut status = hosts.venus.command(program());
        status.args(["status", "saturn", "--wait", "ipv4-up", "--runtime-dir", RUNTIME]);
        finish("pppssh status", status).well();
        Way::link("ppp0", connect, called)
    }

    /// Whether the link was lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.caller.as_ref().is_some_and(Running::has_ended)
    }

    /// Packets dropped so far in front of the link's devices and in them, at both ends together.
    pub(crate) fn dropped(&self, hosts: &Hosts) -> u64 {
        let Some(device) = self.device else { return 0 };
        // A link that was lost took its devices along.
        [&hosts.venus, &hosts.saturn]
            .into_iter()
            .filter_map(|host| Some((host, sent_dropped(host, device)?)))
            .map(|(host, dropped)| dropped + queue_drops(host, device))
            .sum()
    }

    /// Takes the link down; what the caller said.
    pub(crate) fn take_down(mut self) -> Option<String> {
        let mut caller = self.caller.take()?;
        if !caller.has_ended() {
            caller.signal(Signal::TERM);
        }
        Some(caller.end().said)
    }
}

/// sshd on saturn, and ssh on venus with the cipher of every contender.
fn sshd(hosts: &Hosts, forced: &str) -> Running {
    let sshd = hosts.sshd(forced);
    append(&Hosts::ssh_config(), &format!("Ciphers {CIPHER}\n"));
    sshd
}

fn serve() -> String {
    format!("{} -v serve --addresses 192.168.2.1:192.168.1.1 {OURS} {}", program(), our_echo())
}

fn called_pppd() -> String {
    format!("/usr/sbin/pppd notty {PPPD} {} 192.168.2.1:192.168.1.1", lcp_echo())
}

fn our_echo() -> String {
    let [interval, failure] = ECHO;
    format!("--lcp-echo-interval {interval} --lcp-echo-failure {failure}")
}

fn lcp_echo() -> String {
    let [interval, failure] = ECHO;
    format!("lcp-echo-interval {interval} lcp-echo-failure {failure}")
}

fn program() -> String {
    std::env::var("PPPSSH_BIN").expect("the program outside names the binary")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

fn append(path: &str, line: &str) {
    let mut file = File::options().append(true).open(path).expect("a file of ssh's");
    file.write_all(line.as_bytes()).expect("a file that can be written");
}

/// A device's own count of packets that it did not send, if it is there.
fn sent_dropped(host: &Host, device: &str) -> Option<u64> {
    host.counters(device).unwrap()?.get(11).copied()
}
