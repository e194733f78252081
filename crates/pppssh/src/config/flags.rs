//! Command-line flags: each is a way to set one key of the profile.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use ipnet::Ipv4Net;
use serde::Serialize;

use super::given::Given;
use super::key_value::KeyValue;
use super::{
    Addresses, CarrierChoice, ControlMap, Escapes, FcsChoice, InterfaceIds, PacketSize, ProfileName, Route,
    Seconds,
};
use crate::capture::LinkType;

/// Collects what was given, leaving out what was not.
#[derive(Default)]
struct Collector(Vec<Given>);

impl Collector {
    fn one<T: Serialize>(&mut self, flag: &str, key: &str, value: Option<&T>) {
        self.0.extend(value.map(|value| Given::new(flag, key, value)));
    }

    fn many<T: Serialize>(&mut self, flag: &str, key: &str, values: &[T]) {
        if !values.is_empty() {
            self.0.push(Given::new(flag, key, values));
        }
    }

    fn switch(&mut self, flag: &str, key: &str, given: bool, value: bool) {
        if given {
            self.0.push(Given::new(flag, key, value));
        }
    }
}

/// Flags of `connect`, `serve` and `listen`: the link itself.
#[derive(Debug, Clone, Default, Args)]
pub struct LinkFlags {
    /// Use the profile NAME.
    ///
    /// Read from /etc/pppssh/NAME.toml, then ~/.config/pppssh/NAME.toml; flags override both.
    #[arg(long, value_name = "NAME", help_heading = "Profile")]
    pub profile: Option<ProfileName>,

    /// Read profiles from DIR only.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, help_heading = "Profile")]
    pub config_dir: Option<PathBuf>,

    /// Set any key of the profile; repeatable.
    ///
    /// For example `-o lcp-echo-interval=5`. `pppssh config --example` explains each key.
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE", help_heading = "Profile")]
    pub option: Vec<KeyValue>,

    /// IPv4 addresses of the two ends; either side may be empty.
    ///
    /// For example `192.168.1.1:192.168.2.1`, or `:192.168.2.1` to ask the peer for one's own address.
    #[arg(long, value_name = "LOCAL:REMOTE", allow_hyphen_values = false, help_heading = "Addresses")]
    pub addresses: Option<Addresses>,

    /// Accept an address of our own only from NET; repeatable.
    #[arg(long, value_name = "NET", help_heading = "Addresses")]
    pub local_range: Vec<Ipv4Net>,

    /// Accept the peer's address only from NET; repeatable.
    #[arg(long, value_name = "NET", help_heading = "Addresses")]
    pub remote_range: Vec<Ipv4Net>,

    /// IPv6 interface identifiers of the two ends.
    #[arg(long, value_name = "LOCAL,REMOTE", help_heading = "Addresses")]
    pub ipv6_ids: Option<InterfaceIds>,

    /// Do not negotiate IPv4.
    #[arg(long, help_heading = "Addresses")]
    pub no_ipv4: bool,

    /// Do not negotiate IPv6.
    #[arg(long, help_heading = "Addresses")]
    pub no_ipv6: bool,

    /// Tell the peer this name server when it asks; at most twice.
    #[arg(long, value_name = "ADDR", help_heading = "Addresses")]
    pub dns_offer: Vec<Ipv4Addr>,

    /// Ask the peer for name servers.
    #[arg(long, help_heading = "Addresses")]
    pub dns_ask: bool,

    /// Route NET through the link; repeatable.
    ///
    /// For example `192.168.2.0/24` or `10.0.0.0/8,metric=50,table=100`.
    #[arg(long, value_name = "NET", help_heading = "Network")]
    pub route: Vec<Route>,

    /// Seconds that TCP waits at least for an acknowledgement over these routes.
    #[arg(long, value_name = "SECONDS", help_heading = "Network")]
    pub rto_min: Option<Seconds>,

    /// Switch on packet forwarding while the link is up.
    #[arg(long, help_heading = "Network", overrides_with = "no_forward")]
    pub forward: bool,

    /// Leave packet forwarding as it is.
    #[arg(long, help_heading = "Network", overrides_with = "forward")]
    pub no_forward: bool,

    /// Largest packet to send, in octets.
    #[arg(long, value_name = "OCTETS", help_heading = "Network")]
    pub mtu: Option<PacketSize>,

    /// Leave the maximum segment size of TCP connections as it is.
    #[arg(long, help_heading = "Network")]
    pub no_mss_clamp: bool,

    /// Name of the TUN device; %d lets the kernel pick a number.
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub tun: Option<String>,

    /// Adopt the TUN device that is open as file descriptor FD.
    #[arg(long, value_name = "FD", help_heading = "Network")]
    pub tun_fd: Option<i32>,

    /// Leave addresses, MTU and routes alone: they are set already.
    #[arg(long, help_heading = "Network")]
    pub no_configure: bool,

    /// Largest packet to receive, in octets.
    #[arg(long, value_name = "OCTETS", help_heading = "PPP")]
    pub mru: Option<PacketSize>,

    /// Control characters that the peer must escape, in hexadecimal.
    #[arg(long, value_name = "MAP", help_heading = "PPP")]
    pub asyncmap: Option<ControlMap>,

    /// More octets to escape, in hexadecimal with commas.
    #[arg(long, value_name = "OCTETS", help_heading = "PPP")]
    pub escape: Option<Escapes>,

    /// Frame check sequence to offer.
    #[arg(long, value_name = "KIND", help_heading = "PPP")]
    pub fcs: Option<FcsChoice>,

    /// Seconds between echo requests; 0 switches them off.
    #[arg(long, value_name = "SECONDS", help_heading = "PPP")]
    pub lcp_echo_interval: Option<Seconds>,

    /// Unanswered echo requests after which the peer counts as dead.
    #[arg(long, value_name = "N", help_heading = "PPP")]
    pub lcp_echo_failure: Option<u32>,

    /// Directory with ip-pre-up, ip-up, ip-down, ipv6-up and ipv6-down.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, help_heading = "Hooks and control")]
    pub hooks: Option<PathBuf>,

    /// Run no hooks.
    #[arg(long, help_heading = "Hooks and control", conflicts_with = "hooks")]
    pub no_hooks: bool,

    /// Sixth argument of the hooks.
    #[arg(long, value_name = "TEXT", help_heading = "Hooks and control")]
    pub ipparam: Option<String>,

    /// Directory for the control socket and the journal.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, help_heading = "Hooks and control")]
    pub runtime_dir: Option<PathBuf>,

    /// Give all capabilities up for good once the link is up.
    #[arg(long, help_heading = "Hooks and control")]
    pub drop_privileges: bool,

    /// Append the carrier's bytes to FILE, for pppdump.
    ///
    /// %s in the name stands for the session's name.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Capture")]
    pub record: Option<PathBuf>,

    /// Write the packets to FILE, for Wireshark and tshark.
    ///
    /// %s in the name stands for the session's name.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Capture")]
    pub pcap: Option<PathBuf>,

    /// Form of the file: with-dir (for Wireshark and tshark) or pppd (for tcpdump).
    #[arg(long, value_name = "TYPE", help_heading = "Capture")]
    pub pcap_type: Option<LinkType>,
}

impl LinkFlags {
    /// The keys that these flags set. `--profile` and `--config-dir` say where to read, and set none.
    #[deny(unused_variables)]
    pub fn given(&self) -> Vec<Given> {
        // Without `..`: a new flag must be mapped to a key here, and a key has a class.
        let Self {
            profile: _,
            config_dir: _,
            option,
            addresses,
            local_range,
            remote_range,
            ipv6_ids,
            no_ipv4,
            no_ipv6,
            dns_offer,
            dns_ask,
            route,
            rto_min,
            forward,
            no_forward,
            mtu,
            no_mss_clamp,
            tun,
            tun_fd,
            no_configure,
            mru,
            asyncmap,
            escape,
            fcs,
            lcp_echo_interval,
            lcp_echo_failure,
            hooks,
            no_hooks,
            ipparam,
            runtime_dir,
            drop_privileges,
            record,
            pcap,
            pcap_type,
        } = self;
        let mut all = Collector(option.iter().map(KeyValue::given).collect());
        all.one("--addresses", "addresses", addresses.as_ref());
        all.many("--local-range", "local-range", local_range);
        all.many("--remote-range", "remote-range", remote_range);
        all.one("--ipv6-ids", "ipv6-ids", ipv6_ids.as_ref());
        all.switch("--no-ipv4", "ipv4", *no_ipv4, false);
        all.switch("--no-ipv6", "ipv6", *no_ipv6, false);
        all.many("--dns-offer", "dns-offer", dns_offer);
        all.switch("--dns-ask", "dns-ask", *dns_ask, true);
        all.many("--route", "routes", route);
        all.one("--rto-min", "rto-min", rto_min.as_ref());
        all.switch("--forward", "forward", *forward, true);
        all.switch("--no-forward", "forward", *no_forward, false);
        all.one("--mtu", "mtu", mtu.as_ref());
        all.switch("--no-mss-clamp", "mss-clamp", *no_mss_clamp, false);
        all.one("--tun", "tun", tun.as_ref());
        all.one("--tun-fd", "tun-fd", tun_fd.as_ref());
        all.switch("--no-configure", "configure", *no_configure, false);
        all.one("--mru", "mru", mru.as_ref());
        all.one("--asyncmap", "asyncmap", asyncmap.as_ref());
        all.one("--escape", "escape", escape.as_ref());
        all.one("--fcs", "fcs", fcs.as_ref());
        all.one("--lcp-echo-interval", "lcp-echo-interval", lcp_echo_interval.as_ref());
        all.one("--lcp-echo-failure", "lcp-echo-failure", lcp_echo_failure.as_ref());
        all.one("--hooks", "hooks", hooks.as_ref());
        all.one("--no-hooks", "hooks", no_hooks.then_some(Path::new("")).as_ref());
        all.one("--ipparam", "ipparam", ipparam.as_ref());
        all.one("--runtime-dir", "runtime-dir", runtime_dir.as_ref());
        all.switch("--drop-privileges", "drop-privileges", *drop_privileges, true);
        all.one("--record", "record", record.as_ref());
        all.one("--pcap", "pcap", pcap.as_ref());
        all.one("--pcap-type", "pcap-type", pcap_type.as_ref());
        all.0
    }
}

/// Flags of `connect` alone: the SSH login and redialling.
#[derive(Debug, Clone, Default, Args)]
pub struct CallFlags {
    /// Host to log in to, when HOST is the name of a profile.
    #[arg(long = "host", id = "call_host", value_name = "HOST", help_heading = "SSH")]
    pub host: Option<String>,

    /// Login name there.
    #[arg(short = 'l', long, value_name = "NAME", help_heading = "SSH")]
    pub user: Option<String>,

    /// TCP port there.
    #[arg(short = 'p', long, value_name = "PORT", help_heading = "SSH")]
    pub port: Option<u16>,

    /// Private key to offer; repeatable.
    #[arg(short = 'i', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "SSH")]
    pub identity: Vec<PathBuf>,

    /// File with the host keys to trust.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "SSH")]
    pub known_hosts: Option<PathBuf>,

    /// Who speaks SSH: pppssh itself, or the system's ssh.
    #[arg(long, value_name = "KIND", help_heading = "SSH")]
    pub carrier: Option<CarrierChoice>,

    /// Congestion control of the native carrier's TCP connection, such as `bbr`.
    #[arg(long, value_name = "NAME", help_heading = "SSH")]
    pub carrier_cc: Option<String>,

    /// The ssh program.
    #[arg(long, value_name = "PROGRAM", value_hint = clap::ValueHint::CommandName, help_heading = "SSH")]
    pub ssh_program: Option<PathBuf>,

    /// One more argument for the ssh program; repeatable.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true, help_heading = "SSH")]
    pub ssh_arg: Vec<String>,

    /// The ssh_config file to read, or `none`.
    #[arg(short = 'F', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "SSH")]
    pub ssh_config: Option<PathBuf>,

    /// What to run on the host.
    #[arg(long, value_name = "COMMAND", help_heading = "SSH")]
    pub remote_command: Option<String>,

    /// Seconds that the SSH login may take.
    #[arg(long, value_name = "SECONDS", help_heading = "SSH")]
    pub connect_timeout: Option<Seconds>,

    /// Dial again when the link is lost. This is the default.
    #[arg(long, help_heading = "Redialling", overrides_with = "no_persist")]
    pub persist: bool,

    /// End when the link is lost.
    #[arg(long, help_heading = "Redialling", overrides_with = "persist")]
    pub no_persist: bool,

    /// Give up after N failed attempts in a row; 0 means never.
    #[arg(long, value_name = "N", help_heading = "Redialling")]
    pub maxfail: Option<u32>,

    /// Seconds to wait before dialling again; doubled after each failure.
    #[arg(long, value_name = "SECONDS", help_heading = "Redialling")]
    pub holdoff: Option<Seconds>,

    /// Longest time to wait before dialling again.
    #[arg(long, value_name = "SECONDS", help_heading = "Redialling")]
    pub max_holdoff: Option<Seconds>,
}

impl CallFlags {
    /// The keys that these flags set.
    #[deny(unused_variables)]
    pub fn given(&self) -> Vec<Given> {
        let Self {
            host,
            user,
            port,
            identity,
            known_hosts,
            carrier,
            carrier_cc,
            ssh_program,
            ssh_arg,
            ssh_config,
            remote_command,
            connect_timeout,
            persist,
            no_persist,
            maxfail,
            holdoff,
            max_holdoff,
        } = self;
        let mut all = Collector::default();
        all.one("--host", "host", host.as_ref());
        all.one("--user", "user", user.as_ref());
        all.one("--port", "port", port.as_ref());
        all.many("--identity", "identity", identity);
        all.one("--known-hosts", "known-hosts", known_hosts.as_ref());
        all.one("--carrier", "carrier", carrier.as_ref());
        all.one("--carrier-cc", "carrier-cc", carrier_cc.as_ref());
        all.one("--ssh-program", "ssh-program", ssh_program.as_ref());
        all.many("--ssh-arg", "ssh-args", ssh_arg);
        all.one("--ssh-config", "ssh-config", ssh_config.as_ref());
        all.one("--remote-command", "remote-command", remote_command.as_ref());
        all.one("--connect-timeout", "connect-timeout", connect_timeout.as_ref());
        all.switch("--persist", "persist", *persist, true);
        all.switch("--no-persist", "persist", *no_persist, false);
        all.one("--maxfail", "maxfail", maxfail.as_ref());
        all.one("--holdoff", "holdoff", holdoff.as_ref());
        all.one("--max-holdoff", "max-holdoff", max_holdoff.as_ref());
        all.0
    }
}

/// Flags of `listen` alone: the embedded SSH server.
#[derive(Debug, Clone, Default, Args)]
pub struct ListenFlags {
    /// Address to listen on; repeatable.
    #[arg(long, value_name = "ADDR:PORT", help_heading = "SSH server")]
    pub listen: Vec<SocketAddr>,

    /// Host key file; repeatable.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "SSH server")]
    pub host_key: Vec<PathBuf>,

    /// Keys that may log in.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "SSH server")]
    pub authorized_keys: Option<PathBuf>,

    /// Congestion control of the TCP connections, such as `bbr`.
    #[arg(long, value_name = "NAME", help_heading = "SSH server")]
    pub carrier_cc: Option<String>,
}

impl ListenFlags {
    /// The keys that these flags set.
    #[deny(unused_variables)]
    pub fn given(&self) -> Vec<Given> {
        let Self { listen, host_key, authorized_keys, carrier_cc } = self;
        let mut all = Collector::default();
        all.many("--listen", "listen", listen);
        all.many("--host-key", "host-key", host_key);
        all.one("--authorized-keys", "authorized-keys", authorized_keys.as_ref());
        all.one("--carrier-cc", "carrier-cc", carrier_cc.as_ref());
        all.0
    }
}
