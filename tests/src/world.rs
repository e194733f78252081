//! Venus and saturn.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use netlab::{Credentials, Files, Host, Lab};

use crate::process::finish;
use crate::procfs::processes;
use crate::{Sshd, binary};

/// Who calls.
pub const VENUS: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 1);
/// Who is called.
pub const SATURN: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 1);
/// The user and group id of `vpn`, on both hosts.
pub const VPN: u32 = 4711;
/// The user and group id of `eve`, on both hosts: another user without rights.
pub(crate) const EVE: u32 = 4712;

/// Where pppssh is installed.
pub const PPPSSH: &str = "/usr/local/bin/pppssh";
const HOME: &str = "/home/vpn";

/// Who speaks SSH on the calling host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// pppssh itself.
    Native,
    /// The system's ssh.
    Openssh,
}

impl Carrier {
    /// Both.
    pub const ALL: [Carrier; 2] = [Carrier::Native, Carrier::Openssh];

    /// As it is written in a profile.
    pub fn word(self) -> &'static str {
        match self {
            Carrier::Native => "native",
            Carrier::Openssh => "openssh",
        }
    }
}

/// The two hosts, the wire between them and the LAN behind each.
#[derive(Debug)]
pub struct World {
    /// The laboratory, for more hosts.
    pub lab: Lab,
    /// The calling host, 10.9.9.1, and 192.168.1.1 in its LAN.
    pub venus: Host,
    /// The called host, 10.10.10.1, and 192.168.2.1 in its LAN.
    pub saturn: Host,
}

impl World {
    /// Two hosts with a user `vpn` who may open /dev/net/tun, as udev makes it for everybody.
    pub fn new() -> World {
        World::with_tun_mode(0o666)
    }

    /// The same, with other permissions on saturn's /dev/net/tun.
    pub fn with_tun_mode(saturns: u32) -> World {
        assert!(
            rustix::process::geteuid().is_root(),
            "the end-to-end tests make network namespaces and a user of their own, which takes root: run them as root"
        );
        let lab = Lab::new().expect("network namespaces can be made (CAP_SYS_ADMIN, CAP_NET_ADMIN)");
        let venus = host(&lab, "venus", 0o666);
        let saturn = host(&lab, "saturn", saturns);
        lab.wire(&venus, "eth0", &saturn, "eth0").unwrap();
        venus.address_to_peer("eth0", "10.9.9.1", "10.10.10.1").unwrap();
        saturn.address_to_peer("eth0", "10.10.10.1", "10.9.9.1").unwrap();
        World { lab, venus, saturn }
    }

    /// All of the README's set-up: pppssh installed, sshd running, the forced command `pppssh serve`, and profiles with
    /// the addresses of the classic example; `venus` and `saturn` are added to those.
    pub fn ready(carrier: Carrier, venus: &str, saturn: &str) -> (World, Sshd) {
        let world = World::new();
        let sshd = world.set_up(carrier, venus, saturn);
        (world, sshd)
    }

    /// The same in a world that is there already.
    pub fn set_up(&self, carrier: Carrier, venus: &str, saturn: &str) -> Sshd {
        self.set_up_with(carrier, venus, saturn, "")
    }

    /// The same with `sshd` in the configuration of sshd.
    pub fn set_up_with(&self, carrier: Carrier, venus: &str, saturn: &str, sshd: &str) -> Sshd {
        self.install();
        let sshd = Sshd::start(self, sshd);
        self.authorize(&sshd, &format!("{PPPSSH} serve"));
        let addresses = |local: &str, remote: &str, more: &str| {
            let ours = format!("addresses = \"{local}:{remote}\"\n");
            if more.contains("addresses") { more.to_owned() } else { ours + more }
        };
        let venus = addresses("192.168.1.1", "192.168.2.1", venus);
        let saturn = addresses("192.168.2.1", "192.168.1.1", saturn);
        self.profiles(carrier, &venus, &saturn);
        sshd
    }

    /// Installs pppssh on both hosts: owned by root, and with the one capability it needs.
    pub fn install(&self) {
        for host in [&self.venus, &self.saturn] {
            self.install_on(host, Some("cap_net_admin+ep"));
        }
    }

    /// Installs pppssh on one host, with these capabilities or none.
    pub fn install_on(&self, host: &Host, capabilities: Option<&str>) {
        copy(host, binary::path(), PPPSSH);
        if let Some(capabilities) = capabilities {
            let mut setcap = host.command("/usr/sbin/setcap");
            setcap.args([capabilities, PPPSSH]);
            finish("setcap (package libcap2-bin)", setcap).well();
        }
    }

    /// A key for vpn on venus that lets him run `command` on saturn and nothing else, and saturn's host key known on
    /// venus: the state after the set-up that the README describes.
    pub fn authorize(&self, sshd: &Sshd, command: &str) {
        self.make_key("id_ed25519");
        let key = self.read(&self.venus, &format!("{HOME}/.ssh/id_ed25519.pub"));
        let line = format!("restrict,command=\"{command}\" {key}");
        self.write_as_vpn(&self.saturn, &format!("{HOME}/.ssh/authorized_keys"), &line);
        self.trust_host_key(sshd);
    }

    /// Makes a key of this name for vpn on venus.
    pub fn make_key(&self, name: &str) {
        let mut keygen = self.as_vpn(&self.venus, "/usr/bin/ssh-keygen");
        keygen.args([
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "vpn@venus",
            "-f",
            &format!("{HOME}/.ssh/{name}"),
        ]);
        finish("ssh-keygen", keygen).well();
    }

    /// Has vpn on venus know saturn's host key.
    pub fn trust_host_key(&self, sshd: &Sshd) {
        let line = format!("saturn,{SATURN} {}\n", sshd.host_key());
        self.write_as_vpn(&self.venus, &format!("{HOME}/.ssh/known_hosts"), &line);
    }

    /// Writes a profile that root answers for: /etc/pppssh/NAME.toml.
    pub fn profile(&self, host: &Host, name: &str, text: &str) {
        self.write_as_root(host, &format!("/etc/pppssh/{name}.toml"), text, 0o644);
    }

    /// The profiles of the classic example, in which vpn may hold the link; `venus` and `saturn` are added to them.
    pub fn profiles(&self, carrier: Carrier, venus: &str, saturn: &str) {
        let calling = format!(
            "host = \"saturn\"\nallow = [\"vpn\"]\ncarrier = \"{}\"\nholdoff = 0.1\n{venus}\n",
            carrier.word()
        );
        self.profile(&self.venus, "saturn", &calling);
        self.profile(&self.saturn, "serve", &format!("allow = [\"vpn\"]\n{saturn}\n"));
    }

    /// Addresses, routes, rules and forwarding of venus and saturn, to be held against [`World::is_as`] later.
    pub fn snapshot(&self) -> [String; 2] {
        [&self.venus, &self.saturn].map(|host| host.snapshot().unwrap())
    }

    /// Venus and saturn must be as they were, once no pppssh runs on them any more.
    #[track_caller]
    pub fn is_as(&self, before: &[String; 2]) {
        for (host, before) in [&self.venus, &self.saturn].into_iter().zip(before) {
            self.until_gone(host, "pppssh");
            let after = host.snapshot().unwrap();
            let more: Vec<&str> =
                after.lines().filter(|line| !before.lines().any(|other| other == *line)).collect();
            let less: Vec<&str> =
                before.lines().filter(|line| !after.lines().any(|other| other == *line)).collect();
            assert!(
                more.is_empty() && less.is_empty(),
                "{} is not as it was: new is {more:#?}, gone is {less:#?}",
                host.name()
            );
        }
    }

    /// Waits until no process of this name is left on a host.
    pub fn until_gone(&self, host: &Host, name: &str) {
        for process in processes(host, name) {
            process.until_gone();
        }
    }

    /// A file that belongs to root.
    pub fn write_as_root(&self, host: &Host, path: &str, text: &str, mode: u32) {
        write(host, path, text, 0, mode);
    }

    /// A private file of vpn's.
    pub fn write_as_vpn(&self, host: &Host, path: &str, text: &str) {
        write(host, path, text, VPN, 0o600);
    }

    /// What a host has in a file.
    pub fn read(&self, host: &Host, path: &str) -> String {
        host.run(|| fs::read_to_string(path))
            .unwrap()
            .unwrap_or_else(|error| panic!("{path} on {}: {error}", host.name()))
    }

    /// A program run by the user `vpn`, with his environment and nothing of ours.
    pub fn as_vpn(&self, host: &Host, program: &str) -> Command {
        as_user(host, VPN, "vpn", program)
    }

    /// `pppssh …` as a service manager starts it for vpn: the capability comes from outside, not from the file.
    pub fn as_service(&self, host: &Host, arguments: &[&str]) -> Command {
        let mut command = as_user(host, 0, "vpn", "/usr/bin/setpriv");
        command.args(["--reuid=vpn", "--regid=vpn", "--clear-groups"]);
        command.args(["--inh-caps=+net_admin", "--ambient-caps=+net_admin", PPPSSH]).args(arguments);
        command
    }

    /// A program on `host` that gives what it runs the capability to administer the network, and is like it there.
    pub fn ambient_wrapper(&self, host: &Host) -> &'static str {
        const WRAPPER: &str = "/usr/local/bin/with-net-admin";
        copy(host, Path::new("/usr/bin/setpriv"), WRAPPER);
        let mut setcap = host.command("/usr/sbin/setcap");
        setcap.args(["cap_net_admin+eip", WRAPPER]);
        finish("setcap", setcap).well();
        "/usr/local/bin/with-net-admin --inh-caps=+net_admin --ambient-caps=+net_admin"
    }

    /// The same by the user `eve`.
    pub fn as_eve(&self, host: &Host, program: &str) -> Command {
        as_user(host, EVE, "eve", program)
    }
}

fn as_user(host: &Host, id: u32, name: &str, program: &str) -> Command {
    let mut command = host.command_as(Credentials { uid: id, gid: id, groups: vec![] }, program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", format!("/home/{name}"))
        .env("USER", name)
        .env("LOGNAME", name)
        .env("LANG", "C.UTF-8")
        .current_dir("/");
    command
}

impl Default for World {
    fn default() -> Self {
        World::new()
    }
}

fn host(lab: &Lab, name: &str, tun_mode: u32) -> Host {
    let files = Files::new()
        .private("/etc")
        .empty("/home")
        .empty("/run")
        .empty("/tmp")
        .empty("/usr/local/bin")
        .tun_node(tun_mode);
    let host = lab.host_with(name, &files).unwrap_or_else(|error| panic!("cannot make {name}: {error}"));
    host.run(|| furnish(name)).unwrap().unwrap_or_else(|error| panic!("cannot furnish {name}: {error}"));
    host
}

/// The users, their homes and the names of the hosts, on the host this thread is on.
fn furnish(name: &str) -> std::io::Result<()> {
    fs::set_permissions("/tmp", fs::Permissions::from_mode(0o1777))?;
    fs::create_dir("/run/sshd")?;
    fs::write("/etc/hosts", format!("127.0.0.1 localhost\n{VENUS} venus\n{SATURN} saturn\n"))?;
    fs::write("/etc/hostname", name)?;
    for (user, id) in [("vpn", VPN), ("eve", EVE)] {
        append("/etc/passwd", &format!("{user}:x:{id}:{id}::/home/{user}:/bin/sh\n"))?;
        append("/etc/group", &format!("{user}:x:{id}:\n"))?;
        append("/etc/shadow", &format!("{user}:*:19000:0:99999:7:::\n"))?;
        for directory in [format!("/home/{user}"), format!("/home/{user}/.ssh")] {
            fs::create_dir(&directory)?;
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
            chown(&directory, Some(id), Some(id))?;
        }
    }
    Ok(())
}

/// Installs a program on a host. By a process of its own: what this one has open for writing, a child that another test
/// starts at this moment has open too for a while, and a file open for writing cannot be executed.
fn copy(host: &Host, program: &Path, to: &str) {
    let mut install = host.command("/usr/bin/install");
    install.args(["-m", "0755"]).arg(program).arg(to);
    finish("install (package coreutils)", install).well();
}

fn append(path: &str, text: &str) -> std::io::Result<()> {
    let before = fs::read_to_string(path)?;
    fs::write(path, format!("{}\n{text}", before.trim_end()))
}

fn write(host: &Host, path: &str, text: &str, owner: u32, mode: u32) {
    host.run(|| {
        if let Some(directory) = Path::new(path).parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        chown(path, Some(owner), Some(owner))
    })
    .unwrap()
    .unwrap_or_else(|error| panic!("cannot write {path} on {}: {error}", host.name()));
}
