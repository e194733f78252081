//! `ppp.linkup` and `ppp.linkdown`: which section counts, and what it runs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::vocabulary::shell;
use super::words::substitute;
use super::{Line, Sections};

/// The two ends in one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    /// After IPCP.
    V4 {
        /// MYADDR.
        local: Ipv4Addr,
        /// HISADDR.
        remote: Ipv4Addr,
        /// DNS0 and DNS1.
        dns: Vec<Ipv4Addr>,
    },
    /// After IPV6CP.
    V6 {
        /// MYADDR6.
        local: Ipv6Addr,
        /// HISADDR6.
        remote: Ipv6Addr,
    },
}

/// What stands for MYADDR, HISADDR and the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The addresses.
    pub ends: Ends,
    /// INTERFACE.
    pub interface: String,
    /// LABEL.
    pub label: String,
    /// AUTHNAME: `set authname`.
    pub authname: String,
    /// USER: who the peer proved to be.
    pub user: String,
    /// PROCESSID.
    pub pid: u32,
    /// Whether IPv4 is negotiated at all: if it is, the section of the label is run for it and not again for IPv6.
    pub with_ipv4: bool,
    /// OCTETSIN, OCTETSOUT and UPTIME (in seconds), when the link goes down.
    pub usage: Option<(u64, u64, u64)>,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellCommand {
    /// The program and its arguments; at least the program.
    pub argv: Vec<String>,
    /// `!bg`: nobody waits for it.
    pub background: bool,
}

/// One of the two files; empty if there is none.
#[derive(Debug, Default)]
pub struct LinkScript(pub Sections);

impl LinkScript {
    /// The section that counts: that of our own address, else that of the label, else MYADDR.
    pub fn section(&self, local: IpAddr, label: &str, with_ipv4: bool) -> &[Line] {
        let Self(sections) = self;
        let (by_label, last) = match local {
            IpAddr::V4(_) => (true, "MYADDR"),
            IpAddr::V6(_) => (!with_ipv4, "MYADDR6"),
        };
        let found = sections.get(&local.to_string());
        let found = found.or_else(|| sections.get(label).filter(|_| by_label));
        found.or_else(|| sections.get(last)).unwrap_or_default()
    }

    /// What to run, in order.
    pub fn commands(&self, facts: &Facts) -> Vec<ShellCommand> {
        let local = match facts.ends {
            Ends::V4 { local, .. } => local.into(),
            Ends::V6 { local, .. } => local.into(),
        };
        let lines = self.section(local, &facts.label, facts.with_ipv4).iter();
        lines.filter_map(|line| ShellCommand::of(&line.words, facts)).collect()
    }
}

impl ShellCommand {
    /// The command behind `!`, `shell`, `!bg` or `bg`; ppp takes its program as it is written and substitutes in the rest.
    fn of(words: &[String], facts: &Facts) -> Option<Self> {
        let (background, argv) = shell(words)?;
        let (program, arguments) = argv.split_first()?;
        let arguments = arguments.iter().map(|word| substitute(word, &|name| value(name, facts)));
        Some(Self { argv: std::iter::once(program.clone()).chain(arguments).collect(), background })
    }
}

/// What a variable stands for. Those of the other family are empty, not left as they are: a script that gets `HISADDR6`
/// for an address would take it for one.
fn value(name: &str, facts: &Facts) -> Option<String> {
    let v4 = |pick: fn(&Ipv4Addr, &Ipv4Addr, &[Ipv4Addr]) -> String| match &facts.ends {
        Ends::V4 { local, remote, dns } => pick(local, remote, dns),
        Ends::V6 { .. } => String::new(),
    };
    let v6 = |pick: fn(&Ipv6Addr, &Ipv6Addr) -> String| match &facts.ends {
        Ends::V6 { local, remote } => pick(local, remote),
        Ends::V4 { .. } => String::new(),
    };
    let usage = facts.usage.unwrap_or_default();
    Some(match name {
        "MYADDR" => v4(|local, _, _| local.to_string()),
        "HISADDR" => v4(|_, remote, _| remote.to_string()),
        "DNS0" => v4(|_, _, dns| dns.first().map(ToString::to_string).unwrap_or_default()),
        "DNS1" => v4(|_, _, dns| dns.get(1).map(ToString::to_string).unwrap_or_default()),
        "MYADDR6" => v6(|local, _| local.to_string()),
        "HISADDR6" => v6(|_, remote| remote.to_string()),
        "INTERFACE" => facts.interface.clone(),
        "LABEL" => facts.label.clone(),
        "AUTHNAME" => facts.authname.clone(),
        "USER" => facts.user.clone(),
        "PROCESSID" => facts.pid.to_string(),
        "VERSION" => env!("CARGO_PKG_VERSION").to_owned(),
        "OCTETSIN" => usage.0.to_string(),
        "OCTETSOUT" => usage.1.to_string(),
        "UPTIME" => usage.2.to_string(),
        _ => return None,
    })
}
