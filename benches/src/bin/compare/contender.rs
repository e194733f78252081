//! The ways from venus to saturn, and how each is set up.

use std::process::Stdio;

use clap::ValueEnum;
use netlab::Host;
use pppssh_tests::traffic::ping;
use pppssh_tests::{Carrier, PPPSSH, Running, SATURN, Session, VENUS, processes};
use rustix::process::Signal;

use crate::scene::{Ends, Scene, ip};
use crate::wireguard;

/// One way from venus to saturn.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The wire itself
    Veth,
    /// WireGuard in user space, if it is installed
    WireguardGo,
    /// A tunnel of OpenSSH's own, `ssh -w`
    SshW,
    /// No network at all: bytes through ssh, to `cat` and from it
    Cat,
    /// pppssh's own SSH client, sshd, `pppssh serve`
    Native,
    /// pppssh with the system's ssh, sshd, `pppssh serve`
    Openssh,
    /// pppssh's own SSH client, `pppssh listen`
    Listen,
}

impl Contender {
    /// All, in the order in which they are measured.
    pub(crate) const ALL: [Contender; 7] = [
        Contender::Veth,
        Contender::WireguardGo,
        Contender::SshW,
        Contender::Cat,
        Contender::Native,
        Contender::Openssh,
        Contender::Listen,
    ];

    /// What it is, for a table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Contender::Veth => "veth alone",
            Contender::WireguardGo => "wireguard-go",
            Contender::SshW => "`ssh -w`",
            Contender::Cat => "`cat` through ssh (no IP)",
            Contender::Native => "pppssh, native carrier to sshd",
            Contender::Openssh => "pppssh, openssh carrier to sshd",
            Contender::Listen => "pppssh, native carrier to `pppssh listen`",
        }
    }

    /// Whether it can be measured here.
    pub(crate) fn is_installed(self) -> bool {
        self != Contender::WireguardGo || wireguard::program().is_some()
    }

    /// Sets the way up, and sees that a packet comes back on it.
    pub(crate) fn set_up(self, scene: &Scene) -> Way<'_> {
        let way = match self {
            Contender::Veth => Way { ends: Some(Ends { venus: VENUS, saturn: SATURN }), held: Held::Nothing },
            Contender::WireguardGo => Way::tunnel(wireguard::ENDS, wireguard::start(&scene.world), None),
            Contender::SshW => Way::ssh_tunnel(scene),
            Contender::Cat => Way { ends: None, held: Held::Nothing },
            Contender::Native => Way::ours(scene.connect(Carrier::Native), None),
            Contender::Openssh => Way::ours(scene.connect(Carrier::Openssh), None),
            Contender::Listen => Way::listen(scene),
        };
        if let Some(ends) = way.ends {
            // Saturn may be a moment behind.
            ping(&scene.world.venus, &ends.saturn.to_string());
        }
        way
    }
}

/// A way that is up.
pub(crate) struct Way<'s> {
    ends: Option<Ends>,
    held: Held<'s>,
}

/// What holds a way.
enum Held<'s> {
    Nothing,
    /// Killed when it is dropped.
    Tunnel {
        processes: Vec<Running>,
        /// What stays on both hosts without them.
        device: Option<&'static str>,
    },
    Link {
        session: Session<'s>,
        listen: Option<Running>,
    },
}

impl<'s> Way<'s> {
    fn tunnel(ends: Ends, processes: Vec<Running>, device: Option<&'static str>) -> Way<'s> {
        Way { ends: Some(ends), held: Held::Tunnel { processes, device } }
    }

    fn ssh_tunnel(scene: &Scene) -> Way<'s> {
        let (venus, saturn) = ("192.168.11.1", "192.168.12.1");
        for (host, local, peer) in [(&scene.world.venus, venus, saturn), (&scene.world.saturn, saturn, venus)]
        {
            ip(host, &["tuntap", "add", "dev", "tun5", "mode", "tun", "user", "vpn"]);
            ip(host, &["address", "add", local, "peer", peer, "dev", "tun5"]);
            ip(host, &["link", "set", "tun5", "up"]);
        }
        let mut ssh = scene.ssh(&["-N", "-v", "-w", "5:5", "saturn"]);
        ssh.stdin(Stdio::null());
        let ssh = Running::start("ssh -w", ssh);
        ssh.says("tunnel forward established");
        let ends = Ends { venus: [192, 168, 11, 1].into(), saturn: [192, 168, 12, 1].into() };
        Way::tunnel(ends, vec![ssh], Some("tun5"))
    }

    fn ours(session: Session<'s>, listen: Option<Running>) -> Way<'s> {
        let ends = Ends { venus: [192, 168, 1, 1].into(), saturn: [192, 168, 2, 1].into() };
        Way { ends: Some(ends), held: Held::Link { session, listen } }
    }

    fn listen(scene: &'s Scene) -> Way<'s> {
        scene.listen_profile();
        let mut listen = scene.world.as_vpn(&scene.world.saturn, PPPSSH);
        listen.args(["-v", "listen"]);
        let listen = Running::start("pppssh listen", listen);
        listen.says("istening");
        Way::ours(scene.connect_to_listen(), Some(listen))
    }

    /// Where packets go, if it carries any.
    pub(crate) fn addresses(&self) -> Option<Ends> {
        self.ends
    }

    /// Resident memory of pppssh on the calling and on the called host, in KiB.
    pub(crate) fn resident(&self, scene: &Scene) -> Option<[u64; 2]> {
        let Held::Link { .. } = self.held else { return None };
        Some([resident(&scene.world.venus)?, resident(&scene.world.saturn)?])
    }

    /// Takes it down, and waits until it is.
    pub(crate) fn take_down(self, scene: &Scene) {
        match self.held {
            Held::Nothing => {}
            Held::Tunnel { processes, device } => {
                drop(processes);
                for host in [&scene.world.venus, &scene.world.saturn] {
                    if let Some(device) = device {
                        ip(host, &["link", "delete", device]);
                    }
                }
            }
            Held::Link { session, listen } => {
                session.disconnect();
                if let Some(mut listen) = listen {
                    listen.signal(Signal::TERM);
                    listen.end();
                }
                scene.settle();
            }
        }
    }
}

fn resident(host: &Host) -> Option<u64> {
    processes(host, "pppssh").first().map(|process| process.memory_kib("VmRSS"))
}
