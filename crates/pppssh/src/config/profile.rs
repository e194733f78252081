//! Everything that one link needs, in one place: the keys, their types, their defaults, what they mean, and whether
//! the caller of a binary with file capabilities may change them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::class::Class;
use super::{
    Addresses, AuthMethod, CarrierChoice, ControlMap, Escapes, FcsChoice, InterfaceIds, OffloadChoice,
    PacketSize, ProfileName, Route, Seconds,
};
use crate::capture::LinkType;

/// One key of a profile, as `pppssh config --example` prints it.
#[derive(Debug)]
pub struct Key {
    field: &'static str,
    /// The heading it stands under.
    pub section: &'static str,
    /// What it means, a line each.
    pub doc: &'static [&'static str],
    /// What a caller who gained rights from the binary may do to it.
    pub class: Class,
    /// A value that shows how it is written, in TOML.
    pub sample: &'static str,
}

impl Key {
    /// The key as it is written in a file: `lcp-echo-interval`.
    pub fn name(&self) -> String {
        self.field.replace('_', "-")
    }

    /// The key of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name() == name)
    }
}

/// Declares [`Profile`], its defaults and [`KEYS`] from one list, so that none can be forgotten.
macro_rules! profile {
    ($($section:literal { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr, $class:ident, $sample:literal;)+ })+) => {
        /// Everything that one link needs. `None` means that nothing was said about it.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Profile {
            $($($(#[doc = $doc])+ pub $field: $type,)+)+
        }

        impl Default for Profile {
            fn default() -> Self {
                Self { $($($field: $default,)+)+ }
            }
        }

        /// Every key of a profile, in the order of the example.
        pub static KEYS: &[Key] = &[
            $($(Key {
                field: stringify!($field),
                section: $section,
                doc: &[$($doc),+],
                class: Class::$class,
                sample: $sample,
            },)+)+
        ];
    };
}

// Each entry: documentation, `key: Type = default, class, sample;`. The classes are explained in `class.rs`.
profile! {
    "The other end (used by `connect`)" {
        /// Host to log in to. Without it, the name given to `connect`.
        host: Option<String> = None, Widens, r#""saturn.example.net""#;
        /// Login name there. Without it, what ssh_config says, or one's own.
        user: Option<String> = None, Widens, r#""vpn""#;
        /// TCP port there. Without it, what ssh_config says, or 22.
        port: Option<u16> = None, Widens, "2222";
        /// Private keys to offer, besides those of the agent. `~/` is the home directory of the calling user.
        identity: Vec<PathBuf> = vec![], Harmless, r#"["~/.ssh/id_pppssh"]"#;
        /// File with the host keys to trust. Without it, the caller's known_hosts and the system's.
        known_hosts: Option<PathBuf> = None, Widens, r#""/etc/pppssh/known_hosts""#;
        /// Who speaks SSH: "native" (pppssh itself) or "openssh" (the system's ssh as a child process).
        carrier: CarrierChoice = CarrierChoice::Native, Widens, r#""native""#;
        /// Congestion control of the TCP connection, for carrier = "native" and for `listen`: "bbr", or another that the system
        /// has. Without it, the system's own choice.
        carrier_cc: Option<String> = None, Widens, r#""bbr""#;
        /// The ssh program: for carrier = "openssh", and for `ssh -G`, which reads ssh_config for both carriers.
        ssh_program: PathBuf = "ssh".into(), Widens, r#""ssh""#;
        /// More arguments for the ssh program.
        ssh_args: Vec<String> = vec![], Widens, r#"["-o", "BindAddress=10.9.9.1"]"#;
        /// The ssh_config file to read instead of the usual ones, or "none".
        ssh_config: Option<PathBuf> = None, Widens, r#""/etc/pppssh/ssh_config""#;
        /// What to run there. A forced command in authorized_keys wins over it.
        remote_command: String = "pppssh serve".into(), Widens, r#""pppssh serve""#;
        /// How long the SSH login may take, in seconds.
        connect_timeout: Seconds = Seconds::whole(30), Harmless, "30";
    }

    "Addresses" {
        /// Whether to negotiate IPv4.
        ipv4: bool = true, OnlyOff, "true";
        /// IPv4 addresses as LOCAL:REMOTE. A side left empty is asked of the peer.
        addresses: Addresses = Addresses::default(), Widens, r#""192.168.1.1:192.168.2.1""#;
        /// Networks from which this end accepts an address of its own when LOCAL is empty. None: any.
        local_range: Vec<Ipv4Net> = vec![], Widens, r#"["192.168.1.0/24"]"#;
        /// Networks in which the peer's address may lie when REMOTE is empty. None: any.
        remote_range: Vec<Ipv4Net> = vec![], Widens, r#"["192.168.2.0/24"]"#;
        /// Whether to negotiate IPv6 (link-local addresses; add routes for more).
        ipv6: bool = true, OnlyOff, "true";
        /// IPv6 interface identifiers as LOCAL,REMOTE. A side left empty is made up.
        ipv6_ids: InterfaceIds = InterfaceIds::default(), Widens, r#""::1,::2""#;
        /// Name servers to tell the peer when it asks; at most two.
        dns_offer: Vec<Ipv4Addr> = vec![], Widens, r#"["192.168.1.53"]"#;
        /// WINS servers to tell the peer when it asks; at most two.
        nbns_offer: Vec<Ipv4Addr> = vec![], Widens, r#"["192.168.1.54"]"#;
        /// Whether to ask the peer for name servers. Hooks find them in DNS1 and DNS2.
        dns_ask: bool = false, OnlyOff, "true";
    }

    "The network device" {
        /// Name of the TUN device. With %d the kernel picks a number.
        tun: String = "ppp%d".into(), Widens, r#""vpn0""#;
        /// A TUN device passed as this open file descriptor, instead of `tun`.
        tun_fd: Option<i32> = None, Widens, "3";
        /// Whether to set addresses, MTU and routes. With false they must be there already.
        configure: bool = true, OnlyOff, "true";
        /// Largest packet to send, in octets. The peer's MRU may lower it.
        mtu: PacketSize = PacketSize::DEFAULT, Lowers, "1500";
        /// What the kernel may leave undone on packets of the device, and is left to do: "all", "tcp" (datagrams cross the
        /// device one by one) or "none". For kernels whose segmentation has a fault.
        offload: OffloadChoice = OffloadChoice::All, Harmless, r#""all""#;
        /// Whether to lower the maximum segment size of TCP connections that cross the link to what it carries.
        mss_clamp: bool = true, Harmless, "true";
        /// Networks reached through the link, while it is up.
        routes: Vec<Route> = vec![], Widens, r#"["192.168.2.0/24", { to = "10.0.0.0/8", metric = 50, table = 100 }]"#;
        /// Seconds that TCP of this host waits at least for an acknowledgement over `routes` before it sends again; at
        /// most 120. Without it, the kernel's 0.2. An SSH connection that stalls loses nothing.
        rto_min: Option<Seconds> = None, Widens, "0.3";
        /// Whether to switch on packet forwarding while the link is up.
        forward: bool = false, OnlyOff, "true";
        /// Whether to answer ARP for the peer on the device of the network that holds its address, while the link is up.
        /// The kernel does so only while it forwards: see `forward`.
        proxy_arp: bool = false, OnlyOff, "true";
    }

    "PPP" {
        /// Largest packet to receive, in octets.
        mru: PacketSize = PacketSize::DEFAULT, Harmless, "1500";
        /// Control characters that the peer must escape, in hexadecimal. SSH carries all octets: none.
        asyncmap: ControlMap = ControlMap(0), Harmless, r#""00000000""#;
        /// Octets that this end escapes besides those the peer asks for, in hexadecimal.
        escape: Escapes = Escapes(vec![]), Harmless, r#""ff,11""#;
        /// Whether to offer protocol field compression.
        pcomp: bool = true, Harmless, "true";
        /// Whether to offer address and control field compression.
        accomp: bool = true, Harmless, "true";
        /// Whether to offer a magic number, which detects loops.
        magic: bool = true, Harmless, "true";
        /// Frame check sequence to offer: "16", "32" or "null". Anything but "16" needs a peer that knows RFC 1570.
        fcs: FcsChoice = FcsChoice::Fcs16, Harmless, r#""16""#;
        /// Whether to ask the peer to compress the headers of TCP over IPv4, and to do so if it asks (RFC 1144).
        vj: bool = false, Harmless, "true";
        /// Connections whose headers this end remembers for `vj`, from 2 to 16.
        vj_max_slots: u8 = 16, Harmless, "16";
        /// Whether the peer may leave a connection's number out of a compressed header when it is the last one's.
        vj_cid: bool = true, Harmless, "true";
        /// Whether to ask the peer to compress packets with Deflate, and to do so if it asks (RFC 1979).
        deflate: bool = false, Harmless, "true";
        /// Window for what the peer compresses, as a power of two, from 9 to 15. With 0 it is not asked to.
        deflate_receive: u8 = 15, Harmless, "15";
        /// Largest window for what this end compresses, likewise. With 0 it does not.
        deflate_send: u8 = 15, Harmless, "15";
        /// Whether to agree with another pppssh on what the RFCs do not know: packets without stuffing, larger than the
        /// MRU where the systems take them to pieces, and reports by which queues are kept short.
        express: bool = true, Harmless, "true";
        /// Seconds between echo requests; 0 switches them off.
        lcp_echo_interval: Seconds = Seconds::whole(15), Harmless, "15";
        /// Echo requests without an answer after which the peer counts as dead.
        lcp_echo_failure: u32 = 4, Harmless, "4";
        /// Whether to send echo requests only after an interval in which no packet came in.
        lcp_echo_adaptive: bool = false, Harmless, "true";
        /// Whether to measure the path by further echo requests while packets pass, towards a peer that is no pppssh, so
        /// that queues are kept short. They do not count for the keepalive; without it there are none.
        lcp_echo_sampling: bool = true, Harmless, "true";
        /// Seconds between link quality reports to ask the peer for (RFC 1989); 0 asks for none. A peer that asks gets them.
        lqr: Seconds = Seconds::whole(0), Harmless, "30";
        /// Seconds until a request without an answer is sent again.
        lcp_restart: Seconds = Seconds::whole(3), Harmless, "3";
        /// How often a Configure-Request is sent before giving up.
        lcp_max_configure: u32 = 10, Harmless, "10";
        /// How often a Terminate-Request is sent before giving up.
        lcp_max_terminate: u32 = 2, Harmless, "2";
        /// Configure-Naks after which an option is rejected instead.
        lcp_max_failure: u32 = 5, Harmless, "5";
    }

    "Authentication inside PPP (SSH has done its own)" {
        /// What the peer may prove itself by, the most wanted first: "chap", "mschap-v2", "pap". None: it need not.
        auth_require: Vec<AuthMethod> = vec![], Widens, r#"["chap"]"#;
        /// What this end proves itself by when the peer demands it, if `auth-name` is set and there is a secret.
        auth_answer: Vec<AuthMethod> = vec![AuthMethod::Chap, AuthMethod::MschapV2, AuthMethod::Pap], Widens, r#"["chap"]"#;
        /// This end's name, in its proofs, its challenges and the secrets. Without it, with `auth-require`: the host's.
        auth_name: Option<String> = None, Widens, r#""venus""#;
        /// The peer's name, in place of what it says.
        auth_remote_name: Option<String> = None, Widens, r#""saturn""#;
        /// Directory with the files pap-secrets and chap-secrets, in pppd's form.
        auth_secrets: PathBuf = "/etc/pppssh".into(), Widens, r#""/etc/ppp""#;
        /// Seconds after which the peer proves itself anew, with CHAP; 0 for never.
        auth_chap_interval: Seconds = Seconds::whole(0), Widens, "300";
    }

    "Life of the link" {
        /// Whether `connect` dials again when the link is lost.
        persist: bool = true, Harmless, "true";
        /// Attempts in a row that may fail, or lose the link within ten seconds, before giving up; 0 means never.
        maxfail: u32 = 0, Harmless, "0";
        /// Seconds to wait before dialling again; doubled after each such failure.
        holdoff: Seconds = Seconds::whole(1), Harmless, "1";
        /// Longest time to wait before dialling again, in seconds.
        max_holdoff: Seconds = Seconds::whole(60), Harmless, "60";
    }

    "Hooks and control" {
        /// Directory with the programs ip-pre-up, ip-up, ip-down, ipv6-up, ipv6-down, auth-up and auth-down; each may be
        /// missing. "" for none.
        hooks: PathBuf = "/etc/pppssh/hooks".into(), Widens, r#""/etc/pppssh/hooks""#;
        /// Sixth argument of the hooks.
        ipparam: Option<String> = None, Widens, r#""saturn""#;
        /// Directory for the control socket NAME.sock and the journal. Without it, the user's runtime directory.
        runtime_dir: Option<PathBuf> = None, UnderRuntimeDir, r#""/run/pppssh""#;
    }

    "Capture" {
        /// File to append the carrier's bytes to, in both directions, as pppdump reads them. %s: the session's name.
        record: Option<PathBuf> = None, Widens, r#""/var/tmp/saturn.record""#;
        /// File to write the packets to, replacing what is there. %s: the session's name.
        pcap: Option<PathBuf> = None, Widens, r#""/var/tmp/saturn.pcap""#;
        /// Form of `pcap`: "with-dir" (link type 204, for Wireshark and tshark) or "pppd" (166, for tcpdump).
        pcap_type: LinkType = LinkType::WithDir, Widens, r#""with-dir""#;
    }

    "Rights" {
        /// Who may use this profile when pppssh has file capabilities: user names, @groups, or "*". None: only root.
        allow: Vec<String> = vec![], Widens, r#"["vpn", "@netops"]"#;
        /// Whether to give all capabilities up for good once the link is up. Then a new name for the device, new
        /// routes and the removal of what does not vanish with the device are out of reach.
        drop_privileges: bool = false, OnlyOn, "true";
        /// Profiles that the caller of `serve` may pick instead of this one: `pppssh serve --profile NAME`.
        selectable: Vec<ProfileName> = vec![], Widens, r#"["branch-a", "branch-b"]"#;
    }

    "Without sshd (used by `listen`)" {
        /// Addresses to listen on.
        listen: Vec<SocketAddr> = vec![SocketAddr::from(([0; 16], 2222))], Widens, r#"["[::]:2222"]"#;
        /// Host key files. Without one, ~/.config/pppssh/host_ed25519, which is made when it is missing.
        host_key: Vec<PathBuf> = vec![], Widens, r#"["/etc/ssh/ssh_host_ed25519_key"]"#;
        /// Keys that may log in, in the form of sshd's authorized_keys.
        authorized_keys: PathBuf = "~/.ssh/authorized_keys".into(), Widens, r#""~/.ssh/authorized_keys""#;
    }
}
