//! Two hosts with sshd and pppssh.

use std::net::Ipv4Addr;
use std::process::Command;

use netlab::Host;
use pppssh_benches::congestion::Congestion;
use pppssh_tests::{Carrier, SATURN, Session, Sshd, World, finish};

/// The cipher of every contender that can have it: pppssh's own first choice.
const CIPHER: &str = "aes128-gcm@openssh.com";
/// A key of vpn's that may do anything on saturn, for those who need a shell there.
const SHELL_KEY: &str = "id_shell";
/// Where `pppssh listen` does.
const LISTEN_PORT: u16 = 2222;
/// The keys of vpn, on either host.
const KEYS: &str = "/home/vpn/.ssh";

pub(crate) struct Scene {
    pub(crate) world: World,
    _sshd: Sshd,
}

impl Scene {
    pub(crate) fn new(congestion: Congestion) -> Scene {
        let world = World::new();
        // Whatever this machine has set for its own connections.
        for host in [&world.venus, &world.saturn] {
            congestion.use_on(host);
        }
        world.install();
        let sshd = Sshd::start(&world, "PermitTunnel point-to-point");
        world.authorize(&sshd, "/usr/local/bin/pppssh --quiet serve");
        world.make_key(SHELL_KEY);
        let keys = format!("{KEYS}/authorized_keys");
        let forced = world.read(&world.saturn, &keys);
        let shell = world.read(&world.venus, &format!("{KEYS}/{SHELL_KEY}.pub"));
        world.write_as_vpn(&world.saturn, &keys, &format!("{forced}\n{shell}"));
        // `pppssh listen` has a host key of vpn's, since sshd's is root's.
        let known = format!("{KEYS}/known_hosts");
        let mut keygen = world.as_vpn(&world.saturn, "/usr/bin/ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &format!("{KEYS}/host_key")]);
        finish("ssh-keygen (package openssh-client)", keygen).well();
        let host_key = world.read(&world.saturn, &format!("{KEYS}/host_key.pub"));
        let sshds = world.read(&world.venus, &known);
        let both = format!("{sshds}[saturn]:{LISTEN_PORT},[{SATURN}]:{LISTEN_PORT} {host_key}");
        world.write_as_vpn(&world.venus, &known, &both);
        let caller = world.read(&world.venus, &format!("{KEYS}/id_ed25519.pub"));
        world.write_as_vpn(&world.saturn, &format!("{KEYS}/callers"), &format!("restrict {caller}"));
        Scene { world, _sshd: sshd }
    }

    /// `ssh saturn` by vpn on venus, with a shell's rights.
    pub(crate) fn ssh(&self, arguments: &[&str]) -> Command {
        let mut ssh = self.world.as_vpn(&self.world.venus, "/usr/bin/ssh");
        ssh.args(["-c", CIPHER, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]);
        ssh.arg(format!("{KEYS}/{SHELL_KEY}")).args(arguments);
        ssh
    }

    /// A link that is up.
    pub(crate) fn connect(&self, carrier: Carrier) -> Session<'_> {
        self.profiles(carrier);
        self.up()
    }

    /// The profile of `pppssh listen`.
    pub(crate) fn listen_profile(&self) {
        let profile = format!(
            "allow = [\"vpn\"]\naddresses = \"192.168.2.1:192.168.1.1\"\nlisten = [\"{SATURN}:{LISTEN_PORT}\"]\n\
             host-key = [\"{KEYS}/host_key\"]\nauthorized-keys = \"{KEYS}/callers\"\n"
        );
        self.world.profile(&self.world.saturn, "listen", &profile);
    }

    /// A link to `pppssh listen` that is up.
    pub(crate) fn connect_to_listen(&self) -> Session<'_> {
        self.profiles_and(Carrier::Native, &format!("port = {LISTEN_PORT}"));
        self.up()
    }

    fn up(&self) -> Session<'_> {
        let session = self.world.connect(&["--quiet"]);
        session.wait("up");
        session
    }

    /// The profiles of a link with this carrier.
    pub(crate) fn profiles(&self, carrier: Carrier) {
        self.profiles_and(carrier, "");
    }

    fn profiles_and(&self, carrier: Carrier, venus: &str) {
        let venus = format!("addresses = \"192.168.1.1:192.168.2.1\"\n{venus}");
        self.world.profiles(carrier, &venus, "addresses = \"192.168.2.1:192.168.1.1\"");
    }

    /// Waits for the other end of a link that was taken down.
    pub(crate) fn settle(&self) {
        self.world.until_gone(&self.world.saturn, "pppssh");
    }
}

/// `ip …` on a host.
pub(crate) fn ip(host: &Host, arguments: &[&str]) {
    let mut ip = host.command("/sbin/ip");
    ip.args(arguments);
    finish("ip (package iproute2)", ip).well();
}

/// The addresses at the ends of a way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) venus: Ipv4Addr,
    pub(crate) saturn: Ipv4Addr,
}
