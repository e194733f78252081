//! Every option of pppd 2.4.9, once: its name, its argument, what it does here. `docs/pppd.md` has the same in words.

use std::time::Duration;

use ppp_proto::auth::Secret;

use super::options::{LogTo, Options};
use super::values::{
    allow_ip, count, deflate, disable, enable, escape, file_name, identifiers, interface, name_server,
    period, seconds, set, size, slots, unset,
};
use crate::config::{AuthMethod, ControlMap, PacketSize};
use crate::foreign::Detach;

/// What an option takes and does.
pub(super) enum Kind {
    /// A mere word.
    Flag(fn(&mut Options)),
    /// A mere word that may come too late.
    Switch(fn(&mut Options) -> Result<(), String>),
    /// A number, decimal unless it begins with 0 or 0x.
    Int { least: i32, most: i32, set: fn(&mut Options, i32) },
    /// A number in hexadecimal.
    Hex(fn(&mut Options, u32)),
    /// A text.
    Text(fn(&mut Options, &str)),
    /// A text that `dump` does not print.
    Secret(fn(&mut Options, &str)),
    /// A text that may be wrong.
    Parsed(fn(&mut Options, &str) -> Result<(), String>),
    /// `LOCAL:REMOTE`, which is its own name.
    Addresses,
    /// A speed in bits per second, which is its own name.
    Speed,
    /// A serial line, which is its own name.
    Device,
    /// More options in a file.
    File,
    /// More options in a file of `/etc/ppp/peers`.
    Call,
    /// Prints the usage.
    Help,
    /// Prints the version.
    Version,
    /// Accepted, and without effect: there is nothing here that it could change.
    Ignored { argument: bool },
    /// Not accepted: somebody relies on what it does.
    Refused { argument: bool, why: &'static str },
}

/// One option.
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// The option whose value it gives, where it is another word for that.
    pub(super) of: &'static str,
    pub(super) kind: Kind,
}

const fn flag(name: &'static str, of: &'static str, set: fn(&mut Options)) -> Entry {
    Entry { name, of, kind: Kind::Flag(set) }
}

const fn switch(name: &'static str, set: fn(&mut Options) -> Result<(), String>) -> Entry {
    Entry { name, of: name, kind: Kind::Switch(set) }
}

const fn int(name: &'static str, set: fn(&mut Options, i32)) -> Entry {
    bounded(name, i32::MIN, i32::MAX, set)
}

const fn bounded(name: &'static str, least: i32, most: i32, set: fn(&mut Options, i32)) -> Entry {
    Entry { name, of: name, kind: Kind::Int { least, most, set } }
}

const fn text(name: &'static str, set: fn(&mut Options, &str)) -> Entry {
    Entry { name, of: name, kind: Kind::Text(set) }
}

const fn parsed(name: &'static str, parse: fn(&mut Options, &str) -> Result<(), String>) -> Entry {
    Entry { name, of: name, kind: Kind::Parsed(parse) }
}

const fn ignored(name: &'static str) -> Entry {
    Entry { name, of: name, kind: Kind::Ignored { argument: false } }
}

const fn ignored_with(name: &'static str) -> Entry {
    Entry { name, of: name, kind: Kind::Ignored { argument: true } }
}

const fn refused(name: &'static str, why: &'static str) -> Entry {
    Entry { name, of: name, kind: Kind::Refused { argument: false, why } }
}

const fn refused_with(name: &'static str, why: &'static str) -> Entry {
    Entry { name, of: name, kind: Kind::Refused { argument: true, why } }
}

const fn special(name: &'static str, kind: Kind) -> Entry {
    Entry { name, of: name, kind }
}

const SERIAL: &str = "there are no serial lines; put the whole way to the other end into pty";
const FILTER: &str = "packets are not filtered here; use the firewall of the system on the device";
const MPPE: &str = "there is no MPPE; SSH encrypts";
const MULTILINK: &str = "there is no Multilink";
const EAP: &str = "there is no EAP";
const SRP: &str = "there is no SRP";
const PLUGIN: &str = "plug-ins are part of pppd's own program";
const LIMIT: &str = "traffic is not limited here";
const OLD: &str = "addresses are negotiated one by one only (RFC 1332)";
const MSCHAP: &str =
    "MS-CHAP of the first version shows the secret to whoever looks; say require-mschap-v2 or require-chap";
const NAMES: &str = "names and numbers of callers are the SSH login's";

/// Every option, in groups as pppd has them: a group's first option is named in `dump.rs`.
#[rustfmt::skip]
pub(super) static ENTRIES: &[Entry] = &[
    flag("debug", "debug", |o| o.debug += 1),
    flag("-d", "debug", |o| o.debug += 1),
    ignored_with("kdebug"),
    flag("nodetach", "nodetach", |o| o.detach = Detach::No),
    flag("-detach", "nodetach", |o| o.detach = Detach::No),
    flag("updetach", "nodetach", |o| o.detach = Detach::WhenUp),
    flag("up_sdnotify", "nodetach", |o| { o.detach = Detach::No; o.notify = true }),
    ignored("master_detach"),
    int("holdoff", |o, n| { o.profile.holdoff = seconds(n); o.profile.max_holdoff = seconds(n) }),
    int("idle", |o, n| o.limits.idle = seconds(n).unless_zero()),
    bounded("maxconnect", 0, i32::MAX, |o, n| o.limits.connect = seconds(n).unless_zero()),
    text("domain", |o, name| o.auth.domain = Some(name.to_owned())),
    special("file", Kind::File),
    special("call", Kind::Call),
    flag("persist", "persist", |o| o.profile.persist = true),
    flag("nopersist", "persist", |o| o.profile.persist = false),
    flag("demand", "demand", |o| { o.demand = true; o.profile.persist = true }),
    special("--version", Kind::Version),
    special("--help", Kind::Help),
    special("-h", Kind::Help),
    text("logfile", |o, path| o.log = LogTo::File(path.into())),
    Entry { name: "logfd", of: "logfile", kind: Kind::Int { least: i32::MIN, most: i32::MAX, set: |o, n| o.log = if n < 0 { LogTo::None } else { LogTo::Fd(n) } } },
    flag("nolog", "logfile", |o| o.log = LogTo::None),
    flag("nologfd", "logfile", |o| o.log = LogTo::None),
    parsed("linkname", |o, name| { o.linkname = Some(file_name("linkname", name)?); Ok(()) }),
    int("maxfail", |o, n| o.profile.maxfail = count(n)),
    ignored("ktune"),
    ignored("noktune"),
    int("connect-delay", |o, n| o.connect_delay = Duration::from_millis(count(n).into())),
    bounded("unit", 0, i32::MAX, |o, n| { o.unit = Some(count(n)); o.name_device() }),
    parsed("ifname", |o, name| { o.ifname = Some(interface(name)?); o.name_device(); Ok(()) }),
    flag("dump", "dump", |o| o.dump = true),
    flag("dryrun", "dryrun", |o| o.dryrun = true),
    ignored_with("child-timeout"),
    parsed("set", set),
    parsed("unset", unset),
    bounded("defaultroute-metric", -1, i32::MAX, |o, n| o.metric = u32::try_from(n).ok()),
    text("ip-up-script", |o, path| o.ip_up = Some(path.into())),
    text("ip-down-script", |o, path| o.ip_down = Some(path.into())),
    refused("multilink", MULTILINK),
    refused("mp", MULTILINK),
    ignored("nomultilink"),
    ignored("nomp"),
    refused_with("bundle", MULTILINK),
    refused_with("plugin", PLUGIN),
    refused_with("pass-filter", FILTER),
    refused_with("active-filter", FILTER),
    refused_with("maxoctets", LIMIT),
    refused_with("mo", LIMIT),
    refused_with("mo-direction", LIMIT),
    refused_with("mo-timeout", LIMIT),
    flag("auth", "auth", |o| o.auth.wanted = Some(true)),
    flag("noauth", "auth", |o| o.auth.wanted = Some(false)),
    flag("require-pap", "require-pap", |o| o.auth.require(AuthMethod::Pap)),
    flag("+pap", "require-pap", |o| o.auth.require(AuthMethod::Pap)),
    flag("require-chap", "require-chap", |o| o.auth.require(AuthMethod::Chap)),
    flag("+chap", "require-chap", |o| o.auth.require(AuthMethod::Chap)),
    refused("require-mschap", MSCHAP),
    refused("+mschap", MSCHAP),
    flag("require-mschap-v2", "require-mschap-v2", |o| o.auth.require(AuthMethod::MschapV2)),
    flag("+mschap-v2", "require-mschap-v2", |o| o.auth.require(AuthMethod::MschapV2)),
    flag("refuse-pap", "refuse-pap", |o| o.auth.refuse.push(AuthMethod::Pap)),
    flag("-pap", "refuse-pap", |o| o.auth.refuse.push(AuthMethod::Pap)),
    flag("refuse-chap", "refuse-chap", |o| o.auth.refuse.push(AuthMethod::Chap)),
    flag("-chap", "refuse-chap", |o| o.auth.refuse.push(AuthMethod::Chap)),
    ignored("refuse-mschap"),
    ignored("-mschap"),
    flag("refuse-mschap-v2", "refuse-mschap-v2", |o| o.auth.refuse.push(AuthMethod::MschapV2)),
    flag("-mschap-v2", "refuse-mschap-v2", |o| o.auth.refuse.push(AuthMethod::MschapV2)),
    ignored("refuse-eap"),
    refused("require-eap", EAP),
    text("name", |o, name| o.auth.name = Some(name.to_owned())),
    parsed("+ua", |o, path| o.auth.user_file(path)),
    text("user", |o, name| o.auth.user = Some(name.to_owned())),
    special("password", Kind::Secret(|o, word| o.auth.password = Some(Secret::from(word)))),
    flag("usehostname", "usehostname", |o| o.auth.use_host_name = true),
    text("remotename", |o, name| o.auth.remote_name = Some(name.to_owned())),
    refused("login", "the system's passwords are SSH's business"),
    refused("enable-session", "sessions are SSH's business"),
    refused("papcrypt", "pap-secrets holds the passwords themselves, as crypt() is not called; say CHAP if they should not pass"),
    ignored_with("privgroup"),
    parsed("allow-ip", allow_ip),
    refused_with("remotenumber", NAMES),
    refused_with("allow-number", NAMES),
    refused_with("ca", EAP),
    refused_with("capath", EAP),
    refused_with("cert", EAP),
    refused_with("key", EAP),
    refused_with("crl-dir", EAP),
    refused_with("crl", EAP),
    refused_with("max-tls-version", EAP),
    refused("need-peer-eap", EAP),
    refused("-all", "say noaccomp nopcomp nomagic default-asyncmap default-mru"),
    flag("noaccomp", "noaccomp", |o| o.profile.accomp = false),
    flag("-ac", "noaccomp", |o| o.profile.accomp = false),
    Entry { name: "asyncmap", of: "asyncmap", kind: Kind::Hex(|o, map| o.profile.asyncmap = ControlMap(o.profile.asyncmap.0 | map)) },
    Entry { name: "-as", of: "asyncmap", kind: Kind::Hex(|o, map| o.profile.asyncmap = ControlMap(o.profile.asyncmap.0 | map)) },
    flag("default-asyncmap", "asyncmap", |o| o.profile.asyncmap = ControlMap(u32::MAX)),
    flag("-am", "asyncmap", |o| o.profile.asyncmap = ControlMap(u32::MAX)),
    flag("nomagic", "nomagic", |o| o.profile.magic = false),
    flag("-mn", "nomagic", |o| o.profile.magic = false),
    bounded("mru", 128, 16384, |o, n| o.profile.mru = size(n)),
    flag("default-mru", "mru", |o| o.profile.mru = PacketSize::DEFAULT),
    flag("-mru", "mru", |o| o.profile.mru = PacketSize::DEFAULT),
    bounded("mtu", 128, 16384, |o, n| o.profile.mtu = size(n)),
    flag("nopcomp", "nopcomp", |o| o.profile.pcomp = false),
    flag("-pc", "nopcomp", |o| o.profile.pcomp = false),
    flag("passive", "passive", |o| o.passive = true),
    flag("-p", "passive", |o| o.passive = true),
    flag("silent", "silent", |o| o.silent = true),
    int("lcp-echo-failure", |o, n| o.echo_failure = count(n)),
    int("lcp-echo-interval", |o, n| o.echo_interval = count(n)),
    flag("lcp-echo-adaptive", "lcp-echo-adaptive", |o| o.profile.lcp_echo_adaptive = true),
    int("lcp-restart", |o, n| o.profile.lcp_restart = seconds(n.max(1))),
    int("lcp-max-terminate", |o, n| o.profile.lcp_max_terminate = count(n)),
    int("lcp-max-configure", |o, n| o.profile.lcp_max_configure = count(n)),
    int("lcp-max-failure", |o, n| o.profile.lcp_max_failure = count(n)),
    ignored("receive-all"),
    refused_with("mrru", MULTILINK),
    refused("mpshortseq", MULTILINK),
    ignored("nompshortseq"),
    refused_with("endpoint", MULTILINK),
    ignored("noendpoint"),
    flag("noip", "noip", |o| o.profile.ipv4 = false),
    flag("-ip", "noip", |o| o.profile.ipv4 = false),
    flag("novj", "novj", |o| o.profile.vj = false),
    flag("-vj", "novj", |o| o.profile.vj = false),
    flag("novjccomp", "novjccomp", |o| o.profile.vj_cid = false),
    flag("-vjccomp", "novjccomp", |o| o.profile.vj_cid = false),
    parsed("vj-max-slots", slots),
    flag("ipcp-accept-local", "ipcp-accept-local", |o| o.accept_local = true),
    flag("ipcp-accept-remote", "ipcp-accept-remote", |o| o.accept_remote = true),
    text("ipparam", |o, text| o.profile.ipparam = Some(text.to_owned())),
    flag("noipdefault", "noipdefault", |o| o.no_ip_default = true),
    parsed("ms-dns", |o, word| name_server("ms-dns", &mut o.profile.dns_offer, word)),
    parsed("ms-wins", |o, word| name_server("ms-wins", &mut o.profile.nbns_offer, word)),
    int("ipcp-restart", |o, n| o.ipcp_timers.restart = period(n)),
    int("ipcp-max-terminate", |o, n| o.ipcp_timers.max_terminate = count(n)),
    int("ipcp-max-configure", |o, n| o.ipcp_timers.max_configure = count(n)),
    int("ipcp-max-failure", |o, n| o.ipcp_timers.max_failure = count(n)),
    switch("defaultroute", |o| enable("defaultroute", o.no_default_route, &mut o.default_route)),
    flag("nodefaultroute", "nodefaultroute", |o| disable(&mut o.no_default_route, &mut o.default_route)),
    flag("-defaultroute", "nodefaultroute", |o| disable(&mut o.no_default_route, &mut o.default_route)),
    flag("replacedefaultroute", "replacedefaultroute", |o| o.replace_default_route = true),
    flag("noreplacedefaultroute", "replacedefaultroute", |o| o.replace_default_route = false),
    switch("proxyarp", |o| enable("proxyarp", o.no_proxy_arp, &mut o.profile.proxy_arp)),
    flag("noproxyarp", "noproxyarp", |o| disable(&mut o.no_proxy_arp, &mut o.profile.proxy_arp)),
    flag("-proxyarp", "noproxyarp", |o| disable(&mut o.no_proxy_arp, &mut o.profile.proxy_arp)),
    flag("usepeerdns", "usepeerdns", |o| o.profile.dns_ask = true),
    ignored_with("netmask"),
    refused("ipcp-no-addresses", OLD),
    refused("ipcp-no-address", OLD),
    refused("noremoteip", "a point-to-point device has two addresses"),
    refused("nosendip", OLD),
    special("IP addresses", Kind::Addresses),
    parsed("ipv6", identifiers),
    flag("+ipv6", "+ipv6", |o| o.profile.ipv6 = true),
    flag("noipv6", "+ipv6", |o| o.profile.ipv6 = false),
    flag("-ipv6", "+ipv6", |o| o.profile.ipv6 = false),
    flag("ipv6cp-accept-local", "ipv6cp-accept-local", |o| o.accept_local6 = true),
    flag("ipv6cp-accept-remote", "ipv6cp-accept-remote", |o| o.accept_remote6 = true),
    switch("defaultroute6", |o| enable("defaultroute6", o.no_default_route6, &mut o.default_route6)),
    flag("nodefaultroute6", "nodefaultroute6", |o| disable(&mut o.no_default_route6, &mut o.default_route6)),
    flag("-defaultroute6", "nodefaultroute6", |o| disable(&mut o.no_default_route6, &mut o.default_route6)),
    refused("ipv6cp-use-ipaddr", "say the identifiers with ipv6"),
    ignored("ipv6cp-use-persistent"),
    int("ipv6cp-restart", |o, n| o.ipv6cp_timers.restart = period(n)),
    int("ipv6cp-max-terminate", |o, n| o.ipv6cp_timers.max_terminate = count(n)),
    int("ipv6cp-max-configure", |o, n| o.ipv6cp_timers.max_configure = count(n)),
    int("ipv6cp-max-failure", |o, n| o.ipv6cp_timers.max_failure = count(n)),
    flag("noccp", "noccp", |o| o.ccp = false),
    flag("-ccp", "noccp", |o| o.ccp = false),
    ignored_with("bsdcomp"),
    ignored("nobsdcomp"),
    ignored("-bsdcomp"),
    parsed("deflate", deflate),
    flag("nodeflate", "deflate", |o| o.profile.deflate = false),
    flag("-deflate", "deflate", |o| o.profile.deflate = false),
    flag("nodeflatedraft", "nodeflatedraft", |o| o.deflate_draft = false),
    ignored("predictor1"),
    ignored("nopredictor1"),
    ignored("-predictor1"),
    refused("require-mppe", MPPE),
    refused("+mppe", MPPE),
    ignored("nomppe"),
    ignored("-mppe"),
    refused("require-mppe-40", MPPE),
    refused("+mppe-40", MPPE),
    ignored("nomppe-40"),
    ignored("-mppe-40"),
    refused("require-mppe-128", MPPE),
    refused("+mppe-128", MPPE),
    ignored("nomppe-128"),
    ignored("-mppe-128"),
    refused("mppe-stateful", MPPE),
    ignored("nomppe-stateful"),
    ignored("noipx"),
    ignored("-ipx"),
    refused("ipx", "there is no IPX"),
    refused("+ipx", "there is no IPX"),
    ignored_with("ipx-network"),
    ignored_with("ipx-node"),
    ignored_with("ipx-routing"),
    ignored_with("ipx-router-name"),
    ignored("ipxcp-accept-network"),
    ignored("ipxcp-accept-local"),
    ignored("ipxcp-accept-remote"),
    ignored_with("ipxcp-restart"),
    ignored_with("ipxcp-max-terminate"),
    ignored_with("ipxcp-max-configure"),
    ignored_with("ipxcp-max-failure"),
    ignored("noecp"),
    ignored("-ecp"),
    ignored("hide-password"),
    ignored("show-password"),
    int("pap-restart", |o, n| o.auth.timers.pap_restart = seconds(n.max(1)).get()),
    int("pap-max-authreq", |o, n| o.auth.timers.pap_max_requests = count(n)),
    int("pap-timeout", |o, n| o.auth.timers.pap_timeout = seconds(n).unless_zero()),
    int("chap-restart", |o, n| o.auth.timers.chap_restart = seconds(n.max(1)).get()),
    int("chap-max-challenge", |o, n| o.auth.timers.chap_max_challenges = count(n)),
    int("chap-interval", |o, n| o.auth.timers.chap_interval = seconds(n).unless_zero()),
    int("chap-timeout", |o, n| o.auth.timers.chap_timeout = seconds(n).unless_zero()),
    ignored("chapms-strip-domain"),
    ignored_with("eap-restart"),
    ignored_with("eap-max-sreq"),
    ignored_with("eap-timeout"),
    ignored_with("eap-max-rreq"),
    ignored_with("eap-interval"),
    refused_with("srp-interval", SRP),
    refused_with("srp-pn-secret", SRP),
    refused("srp-use-pseudonym", SRP),
    special("device name", Kind::Device),
    special("tty speed", Kind::Speed),
    ignored("lock"),
    ignored("nolock"),
    refused_with("init", SERIAL),
    refused_with("connect", SERIAL),
    refused_with("disconnect", SERIAL),
    refused_with("welcome", SERIAL),
    text("pty", |o, line| o.pty = Some(line.to_owned())),
    flag("notty", "notty", |o| o.notty = true),
    refused_with("socket", "say pty with a program that opens the socket, such as nc"),
    text("record", |o, path| o.profile.record = Some(path.into())),
    ignored("crtscts"),
    ignored("cdtrcts"),
    ignored("nocrtscts"),
    ignored("-crtscts"),
    ignored("nocdtrcts"),
    flag("xonxoff", "xonxoff", |o| o.profile.asyncmap = ControlMap(o.profile.asyncmap.0 | 0x000a_0000)),
    ignored_with("stop-bits"),
    ignored("modem"),
    ignored("local"),
    refused("sync", SERIAL),
    ignored_with("datarate"),
    parsed("escape", escape),
];

/// Where an option stands in the table.
pub(super) struct Found {
    pub(super) index: usize,
}

impl Found {
    /// Whether a word follows it.
    pub(super) fn takes_argument(&self) -> bool {
        match ENTRIES[self.index].kind {
            Kind::Int { .. }
            | Kind::Hex(_)
            | Kind::Text(_)
            | Kind::Secret(_)
            | Kind::Parsed(_)
            | Kind::File
            | Kind::Call => true,
            Kind::Ignored { argument } | Kind::Refused { argument, .. } => argument,
            Kind::Flag(_)
            | Kind::Switch(_)
            | Kind::Addresses
            | Kind::Speed
            | Kind::Device
            | Kind::Help
            | Kind::Version => false,
        }
    }
}

/// The option that `word` is: by name, or by its look.
pub(super) fn find(word: &str) -> Option<Found> {
    let by_look = |entry: &Entry| match entry.kind {
        Kind::Addresses => word.contains(':'),
        Kind::Device => word.starts_with("/dev/"),
        Kind::Speed => !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_digit()),
        _ => entry.name == word,
    };
    let named = |entry: &Entry| !matches!(entry.kind, Kind::Addresses | Kind::Device | Kind::Speed);
    let index = ENTRIES
        .iter()
        .position(|entry| named(entry) && entry.name == word)
        .or_else(|| ENTRIES.iter().position(|entry| !named(entry) && by_look(entry)))?;
    Some(Found { index })
}

/// Where the value of the option at `index` is kept: several words may give one value.
pub(super) fn group(index: usize) -> usize {
    let of = ENTRIES[index].of;
    ENTRIES.iter().position(|entry| entry.name == of).unwrap_or(index)
}
