//! venus and saturn in the lab kernel: no files of their own, everybody is root, and that is enough.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::process::Command;

use crate::traffic::{MIB, exchange, exchange_text, ping};
use crate::{Running, finish};
use netlab::{Host, Lab};

/// What one row moves each way and family.
pub const OCTETS: u64 = 4 * MIB;

/// Where keys and configuration of ssh are.
const SSH: &str = "/tmp/ssh";

/// The two hosts.
#[derive(Debug)]
pub struct Hosts {
    /// The laboratory, for more hosts.
    pub lab: Lab,
    /// The calling host, 10.9.9.1.
    pub venus: Host,
    /// The called host, 10.10.10.1.
    pub saturn: Host,
}

/// The addresses of both ends of the link in one family, as each host may use them.
#[derive(Debug)]
pub struct Family {
    venus: &'static str,
    saturn: &'static str,
}

/// What both ends agree on in every row.
pub const IPV4: Family = Family { venus: "192.168.1.1", saturn: "192.168.2.1" };
/// Link-local, on the only device of PPP on either host.
pub const IPV6: Family = Family { venus: "fe80::1%ppp0", saturn: "fe80::2%ppp0" };

impl Default for Hosts {
    fn default() -> Self {
        Hosts::new()
    }
}

impl Hosts {
    /// Joined by a wire, with their addresses.
    pub fn new() -> Hosts {
        let hosts = Hosts::apart();
        let Hosts { lab, venus, saturn } = &hosts;
        lab.wire(venus, "eth0", saturn, "eth0").unwrap();
        venus.address_to_peer("eth0", "10.9.9.1", "10.10.10.1").unwrap();
        saturn.address_to_peer("eth0", "10.10.10.1", "10.9.9.1").unwrap();
        hosts
    }

    /// Without a network.
    pub fn apart() -> Hosts {
        let lab = Lab::new().expect("namespaces");
        let (venus, saturn) = (lab.host("venus").unwrap(), lab.host("saturn").unwrap());
        Hosts { lab, venus, saturn }
    }

    /// Pings both ways, and 4 MiB each way at once whose hashes are compared.
    pub fn carries(&self, family: &Family) -> String {
        ping(&self.venus, family.saturn);
        ping(&self.saturn, family.venus);
        exchange(&self.connection(family), OCTETS);
        "4 MiB each way".to_owned()
    }

    /// Moves 4 MiB of text each way at once: what compression is for.
    pub fn carries_text(&self, family: &Family) {
        exchange_text(&self.connection(family), OCTETS);
    }

    /// A TCP connection through the link.
    fn connection(&self, family: &Family) -> (TcpStream, TcpStream) {
        let address = |host: &Host, text: &str, port: u16| -> SocketAddr {
            let found = host.run(|| (text, port).to_socket_addrs().map(|mut all| all.next()));
            found.unwrap().unwrap().expect("an address")
        };
        let here = address(&self.saturn, family.saturn, 0);
        let listener = self.saturn.run(|| TcpListener::bind(here)).unwrap().expect("saturn listens");
        let port = listener.local_addr().unwrap().port();
        let there = address(&self.venus, family.saturn, port);
        let near = self.venus.run(|| TcpStream::connect(there)).unwrap().expect("venus connects");
        let (far, _) = listener.accept().expect("the connection just made");
        (near, far)
    }

    /// sshd on saturn, where the only key may run `command`, and ssh on venus set up for it.
    pub fn sshd(&self, command: &str) -> Running {
        let _ = fs::remove_dir_all(SSH);
        fs::create_dir(SSH).unwrap();
        let key = |name: &str| {
            let mut keygen = Command::new("/usr/bin/ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &format!("{SSH}/{name}")]);
            finish("ssh-keygen", keygen).well();
            fs::read_to_string(format!("{SSH}/{name}.pub")).unwrap()
        };
        let write = |name: &str, text: String| fs::write(format!("{SSH}/{name}"), text).unwrap();
        write("known_hosts", format!("10.10.10.1 {}", key("host")));
        write("authorized_keys", format!("command=\"{command}\" {}", key("id")));
        write(
            "sshd_config",
            format!(
                "ListenAddress 10.10.10.1\nHostKey {SSH}/host\nPidFile none\nStrictModes no\nUsePAM no\n\
                 AuthorizedKeysFile {SSH}/authorized_keys\nPermitRootLogin yes\n\
                 PermitTunnel point-to-point\n"
            ),
        );
        write(
            "config",
            format!(
                "Host saturn\nHostName 10.10.10.1\nUser root\nIdentityFile {SSH}/id\n\
                 UserKnownHostsFile {SSH}/known_hosts\nGlobalKnownHostsFile none\n"
            ),
        );
        let mut sshd = self.saturn.command("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f", &format!("{SSH}/sshd_config")]);
        let sshd = Running::start("sshd", sshd);
        sshd.says("Server listening");
        sshd
    }

    /// The options that make ssh and pppssh use [`Hosts::sshd`]'s key.
    pub fn ssh_config() -> String {
        format!("{SSH}/config")
    }
}
