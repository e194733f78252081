//! A host: interfaces, addresses, routes, and programs.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ipnet::IpNet;

use crate::link::{self, Hop};
use crate::namespace::Namespaces;
use crate::{Credentials, Files, LabError, process, snapshot};

/// A host of a [`Lab`](crate::Lab). Clones are the same host, which goes with the last of them.
#[derive(Clone)]
pub struct Host {
    name: Arc<str>,
    namespaces: Arc<Namespaces>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.name).finish()
    }
}

impl Host {
    pub(crate) fn new(name: &str, files: Option<&Files>) -> Result<Host, LabError> {
        let mount = files.map(|files| || files.mount());
        let mount: Option<&(dyn Fn() -> std::io::Result<()> + Sync)> = match &mount {
            None => None,
            Some(mount) => Some(mount),
        };
        let namespaces = Namespaces::new(mount).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied if files.is_none() => LabError::NotPermitted(error),
            _ => LabError::io(name, "make its namespaces", error),
        })?;
        let host = Host { name: name.into(), namespaces: Arc::new(namespaces) };
        host.settle_ipv6()?;
        host.up("lo")?;
        tracing::debug!(name, "host made");
        Ok(host)
    }

    /// Its name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds an address, as `192.168.1.1/24`.
    pub fn address(&self, device: &str, address: &str) -> Result<(), LabError> {
        link::add_address(self, device, parse(address, "an address with its prefix length")?, None)
    }

    /// Adds an address on a point-to-point link, whose far end is `peer`.
    pub fn address_to_peer(&self, device: &str, local: &str, peer: &str) -> Result<(), LabError> {
        let (local, peer): (IpAddr, IpAddr) = (parse(local, "an address")?, parse(peer, "an address")?);
        link::add_address(self, device, IpNet::from(local), Some(peer))
    }

    /// Adds a route through a gateway.
    pub fn route_via(&self, destination: &str, gateway: &str) -> Result<(), LabError> {
        let gateway = parse(gateway, "an address")?;
        link::add_route(self, parse(destination, "a network")?, &Hop::Via(gateway))
    }

    /// Adds a route to what is directly at the other end of `device`.
    pub fn route_dev(&self, destination: &str, device: &str) -> Result<(), LabError> {
        link::add_route(self, parse(destination, "a network")?, &Hop::Device(device))
    }

    /// Switches an interface on.
    pub fn up(&self, device: &str) -> Result<(), LabError> {
        link::set_up(self, device, true)
    }

    /// Switches an interface off, which also takes the carrier from the other end of its wire.
    pub fn down(&self, device: &str) -> Result<(), LabError> {
        link::set_up(self, device, false)
    }

    /// Sets an interface's MTU.
    pub fn mtu(&self, device: &str, mtu: u32) -> Result<(), LabError> {
        link::set_mtu(self, device, mtu)
    }

    /// Whether the host passes on packets that are not for it, IPv4 and IPv6.
    pub fn forwarding(&self, on: bool) -> Result<(), LabError> {
        let value = if on { "1" } else { "0" };
        self.sysctl("net/ipv4/ip_forward", value)?;
        if self.has_ipv6()? { self.sysctl("net/ipv6/conf/all/forwarding", value) } else { Ok(()) }
    }

    /// Sets a variable under /proc/sys, as `net/ipv4/ip_forward`.
    pub fn sysctl(&self, variable: &str, value: &str) -> Result<(), LabError> {
        self.run(|| std::fs::write(Path::new("/proc/sys").join(variable), value))?
            .map_err(|error| LabError::io(&self.name, format!("set {variable} to {value}"), error))
    }

    /// A program that will run on the host, with standard streams and environment as
    /// [`Command`] has them.
    ///
    /// `Command::current_dir`, `uid` and `gid` take effect before the process moves to the host: use
    /// [`Host::command_as`] for another user.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        process::command(program.as_ref(), Arc::clone(&self.namespaces), None)
    }

    /// A program that will run on the host as somebody else.
    pub fn command_as(&self, credentials: Credentials, program: impl AsRef<Path>) -> Command {
        process::command(program.as_ref(), Arc::clone(&self.namespaces), Some(credentials))
    }

    /// Runs `work` on a new thread on the host and waits for it. Sockets and devices made there stay on the
    /// host wherever they are used.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        self.namespaces.run(work).map_err(|error| LabError::io(&self.name, "move a thread there", error))
    }

    /// Its network namespace.
    pub fn netns_fd(&self) -> BorrowedFd<'_> {
        self.namespaces.net()
    }

    /// Its network namespace as a path that any process may open while this one lives, as for
    /// `nsenter --net=PATH`.
    pub fn netns_path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.netns_fd().as_raw_fd()).into()
    }

    /// All addresses, routes, rules and forwarding switches, IPv4 and IPv6, one a line, without what
    /// changes by itself. Equal texts before and after say that nothing was left behind.
    /// Needs the program `ip`.
    pub fn snapshot(&self) -> Result<String, LabError> {
        snapshot::take(self)
    }

    /// What a device has counted (proc_net_dev(5)): bytes, packets, errs, drop, fifo, frame, compressed and multicast of what
    /// it handed in, then bytes, packets, errs, drop, fifo, colls, carrier and compressed of what it sent. `None` if it is not
    /// there.
    pub fn counters(&self, device: &str) -> Result<Option<Vec<u64>>, LabError> {
        let table = self
            .run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?
            .map_err(|error| LabError::io(&self.name, "read its devices' counters", error))?;
        let prefix = format!("{device}:");
        let counters = table.lines().find_map(|line| line.trim_start().strip_prefix(&prefix));
        Ok(counters.map(|counters| counters.split_whitespace().flat_map(str::parse).collect()))
    }

    pub(crate) fn has_ipv6(&self) -> Result<bool, LabError> {
        self.run(|| Path::new("/proc/sys/net/ipv6").exists())
    }

    /// Addresses are usable at once on interfaces yet to come: no duplicate can be there to be detected.
    fn settle_ipv6(&self) -> Result<(), LabError> {
        if self.has_ipv6()? { self.sysctl("net/ipv6/conf/default/accept_dad", "0") } else { Ok(()) }
    }
}

fn parse<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, LabError> {
    text.parse().map_err(|_| LabError::Parse { text: text.to_owned(), what })
}
