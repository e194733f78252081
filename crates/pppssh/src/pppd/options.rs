//! What pppd's options say, and what a link is told of it.

use std::net::{Ipv4Addr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use ppp_proto::link::{EchoConfig, LinkConfig, Timers};
use ppp_proto::{CcpConfig, DeflateConfig, LocalAddress, RemoteAddress};

use super::auth::AuthOptions;
use super::host::DefaultRoute;
use crate::config::{Profile, Route, Seconds};
use crate::foreign::Detach;
use crate::session::Limits;

/// Where pppd's messages go, besides the system's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogTo {
    /// To standard output, unless that is the link.
    #[default]
    Default,
    /// To this descriptor.
    Fd(i32),
    /// To the end of this file.
    File(PathBuf),
    /// Nowhere.
    None,
}

/// Everything that the option words said.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are pppd's")]
pub struct Options {
    /// What a profile can say of it.
    pub profile: Profile,
    /// `pty`: the command to talk to.
    pub pty: Option<String>,
    /// `notty`: the link is on standard input and output.
    pub notty: bool,
    /// `nodetach`, `updetach`, or neither.
    pub detach: Detach,
    /// `debug`, as often as it was said.
    pub debug: u32,
    /// `dump`.
    pub dump: bool,
    /// `dryrun`.
    pub dryrun: bool,
    /// `logfile`, `logfd`, `nolog`.
    pub log: LogTo,
    /// `linkname`.
    pub linkname: Option<String>,
    /// `unit`.
    pub unit: Option<u32>,
    /// `ifname`.
    pub ifname: Option<String>,
    /// The speed of a serial line, for the scripts.
    pub speed: String,
    /// `call`: the last one.
    pub call: Option<String>,
    /// `ip-up-script`.
    pub ip_up: Option<PathBuf>,
    /// `ip-down-script`.
    pub ip_down: Option<PathBuf>,
    /// `set` and `unset`: variables for the scripts.
    pub environment: Vec<(String, String)>,
    /// `idle`, `maxconnect`.
    pub limits: Limits,
    /// `passive`.
    pub passive: bool,
    /// `silent`.
    pub silent: bool,
    /// `lcp-echo-interval`, in seconds; 0 for none.
    pub echo_interval: u32,
    /// `lcp-echo-failure`; 0 for never.
    pub echo_failure: u32,
    /// How long to wait for the first frame from the `pty` command.
    pub connect_delay: Duration,
    /// `ipcp-restart`, `ipcp-max-…`.
    pub ipcp_timers: Timers,
    /// `ipv6cp-restart`, `ipv6cp-max-…`.
    pub ipv6cp_timers: Timers,
    /// `ipcp-accept-local`.
    pub accept_local: bool,
    /// `ipcp-accept-remote`.
    pub accept_remote: bool,
    /// `ipv6cp-accept-local`.
    pub accept_local6: bool,
    /// `ipv6cp-accept-remote`.
    pub accept_remote6: bool,
    /// `noipdefault`.
    pub no_ip_default: bool,
    /// Who must prove who he is, and how.
    pub auth: AuthOptions,
    /// `defaultroute`.
    pub default_route: bool,
    /// `nodefaultroute`: the option above is disabled.
    pub no_default_route: bool,
    /// `defaultroute6`.
    pub default_route6: bool,
    /// `nodefaultroute6`: the option above is disabled.
    pub no_default_route6: bool,
    /// `noproxyarp`: `proxyarp` is disabled.
    pub no_proxy_arp: bool,
    /// `demand`.
    pub demand: bool,
    /// `up_sdnotify`.
    pub notify: bool,
    /// `defaultroute-metric`.
    pub metric: Option<u32>,
    /// `replacedefaultroute`.
    pub replace_default_route: bool,
    /// `noccp` was not said.
    pub ccp: bool,
    /// `nodeflatedraft` was not said.
    pub deflate_draft: bool,
    /// What was accepted but does nothing here, to be said with `debug`.
    pub ignored: Vec<String>,
}

impl Default for Options {
    /// pppd's defaults, which are not those of a profile.
    fn default() -> Self {
        let profile = Profile {
            vj: true,
            express: false,
            lcp_echo_sampling: false,
            lcp_echo_interval: Seconds::whole(0),
            lcp_max_terminate: 2,
            persist: false,
            maxfail: 10,
            // 30 where a modem dials; a link without a connect script is opened again at once.
            holdoff: Seconds::whole(0),
            hooks: "/etc/ppp".into(),
            ..Profile::default()
        };
        Self {
            profile,
            pty: None,
            notty: false,
            detach: Detach::Now,
            debug: 0,
            dump: false,
            dryrun: false,
            log: LogTo::Default,
            linkname: None,
            unit: None,
            ifname: None,
            // What pppd tells of a pty.
            speed: "38400".to_owned(),
            call: None,
            ip_up: None,
            ip_down: None,
            environment: Vec::new(),
            limits: Limits::default(),
            passive: false,
            silent: false,
            echo_interval: 0,
            echo_failure: 0,
            connect_delay: Duration::from_secs(1),
            ipcp_timers: Timers::default(),
            ipv6cp_timers: Timers::default(),
            accept_local: false,
            accept_remote: false,
            accept_local6: false,
            accept_remote6: false,
            no_ip_default: false,
            auth: AuthOptions::default(),
            default_route: false,
            no_default_route: false,
            default_route6: false,
            no_default_route6: false,
            no_proxy_arp: false,
            demand: false,
            notify: false,
            metric: None,
            replace_default_route: false,
            ccp: true,
            deflate_draft: true,
            ignored: Vec::new(),
        }
    }
}

impl Options {
    /// What contradicts itself, or cannot be here; in pppd's words where it has some.
    pub fn check(&self) -> Result<(), String> {
        match (&self.pty, self.notty) {
            (Some(_), true) => return Err("pty option is incompatible with notty option".to_owned()),
            (None, false) => {
                return Err("no device specified: say pty COMMAND or notty (there are no serial lines here)"
                    .to_owned());
            }
            _ => {}
        }
        if !self.profile.ipv4 && !self.profile.ipv6 {
            return Err("noip and noipv6: nothing would pass".to_owned());
        }
        if self.demand {
            self.check_demand()?;
        }
        let addresses = self.profile.addresses;
        if addresses.local.is_some() && addresses.local == addresses.remote {
            return Err("the local and the remote IP address are the same".to_owned());
        }
        let ids = self.profile.ipv6_ids;
        if ids.local.is_some() && ids.local == ids.remote {
            return Err("the local and the remote interface identifier are the same".to_owned());
        }
        Ok(())
    }

    fn check_demand(&self) -> Result<(), String> {
        let ids = self.profile.ipv6_ids;
        if self.notty {
            return Err("demand-dialling is incompatible with notty".to_owned());
        }
        if self.profile.ipv6 && (ids.local.is_none() || ids.remote.is_none()) {
            return Err("local/remote LL address required for demand-dialling".to_owned());
        }
        if !self.profile.ipv4 {
            return Err("demand waits for packets of IPv4, which noip switches off".to_owned());
        }
        Ok(())
    }

    /// What the device is called, by its addresses, before a call on demand. `own` is this host's own address. Where
    /// nothing is known, pppd makes the same two up.
    pub fn first_addresses(&self, own: Option<Ipv4Addr>) -> (Ipv4Addr, Ipv4Addr) {
        let made_up = |base: [u8; 4]| {
            let first = Ipv4Addr::from(base).to_bits();
            Ipv4Addr::from_bits(first.wrapping_add(self.unit.unwrap_or(0)))
        };
        let both = self.profile.addresses;
        (
            both.local.or(own).unwrap_or_else(|| made_up([10, 64, 64, 64])),
            both.remote.unwrap_or_else(|| made_up([10, 112, 112, 112])),
        )
    }

    /// The routes that the options ask for, given the default routes that are there already. Where one has the same
    /// metric, or any where no metric is given, none is added, and what to say about it comes with the result.
    pub fn routes(&self, there: &[DefaultRoute], there6: &[DefaultRoute]) -> (Vec<Route>, Vec<String>) {
        let (mut routes, mut words) = (Vec::new(), Vec::new());
        let families = [
            (self.default_route && self.profile.ipv4, there, "0.0.0.0/0"),
            (self.default_route6 && self.profile.ipv6, there6, "::/0"),
        ];
        for (wanted, there, to) in families {
            let in_the_way =
                there.iter().find(|route| self.metric.is_none_or(|metric| metric == route.metric));
            match (wanted, in_the_way) {
                (false, _) => {}
                (true, None) => routes.push(Route {
                    to: to.parse().expect("a network"),
                    metric: self.metric,
                    table: None,
                }),
                (true, Some(_)) if self.replace_default_route => words.push(
                    "replacedefaultroute: the default route that is there is kept, as it may lead to the other end; \
                     use defaultroute-metric to add one beside it"
                        .to_owned(),
                ),
                (true, Some(route)) => words.push(route.kept()),
            }
        }
        (routes, words)
    }

    /// What a profile cannot say about the link. `own` is this host's own address, for a link that gets none.
    pub fn adjust(&self, link: &mut LinkConfig, own: Option<Ipv4Addr>, interface: &str) {
        link.lcp.passive = self.passive;
        link.lcp.silent = self.silent;
        if self.pty.is_some() {
            link.lcp.start_delay = self.connect_delay;
        }
        link.echo = (self.echo_interval > 0).then(|| EchoConfig {
            interval: Duration::from_secs(self.echo_interval.into()),
            failure: self.echo_failure,
            adaptive: self.profile.lcp_echo_adaptive,
        });
        link.ipcp_timers = Some(self.ipcp_timers);
        link.ipv6cp_timers = Some(self.ipv6cp_timers);
        if let Some(ipv6) = &mut link.ipv6 {
            ipv6.accept_local = self.accept_local6;
            ipv6.accept_remote = self.accept_remote6;
        }
        link.ccp = link.ccp.take().filter(|_| self.ccp).map(|ccp| {
            let draft = |deflate| DeflateConfig { draft: self.deflate_draft, ..deflate };
            CcpConfig { receive: ccp.receive.map(draft), send: ccp.send.map(draft) }
        });
        if let Some(ipv4) = &mut link.ipv4 {
            ipv4.local = match (self.profile.addresses.local, own) {
                (Some(local), _) if self.accept_local => LocalAddress::Prefer(local),
                (Some(local), _) => LocalAddress::Fixed(local),
                (None, Some(own)) => LocalAddress::Prefer(own),
                (None, None) => LocalAddress::Ask,
            };
            ipv4.remote = match self.profile.addresses.remote {
                Some(remote) if self.accept_remote => RemoteAddress::Prefer(remote),
                Some(remote) => RemoteAddress::Fixed(remote),
                None if self.demand => RemoteAddress::Prefer(self.first_addresses(own).1),
                None => RemoteAddress::Any,
            };
            ipv4.remote_fallback = Some(fallback(interface));
        }
    }

    /// This host's own address, by its name, where pppd would propose it: neither an address nor `noipdefault` given.
    pub fn own_address(&self) -> Option<Ipv4Addr> {
        if self.no_ip_default || self.profile.addresses.local.is_some() {
            return None;
        }
        let host = rustix::system::uname().nodename().to_str().ok()?.to_owned();
        let found = (host, 0).to_socket_addrs().ok()?.find_map(|address| match address.ip() {
            std::net::IpAddr::V4(address) => Some(address),
            std::net::IpAddr::V6(_) => None,
        })?;
        is_usable(found).then_some(found)
    }

    /// Gives the device its name: `ifname`'s, whatever the unit is.
    pub(super) fn name_device(&mut self) {
        let of_unit = self.unit.map(|unit| format!("ppp{unit}"));
        if let Some(name) = self.ifname.clone().or(of_unit) {
            self.profile.tun = name;
        }
    }

    /// The session's name: the link's if it can be one, else by the process id.
    pub fn session_name(&self) -> String {
        let linkname =
            self.linkname.clone().filter(|name| name.parse::<crate::config::ProfileName>().is_ok());
        linkname.unwrap_or_else(|| format!("pppd-{}", std::process::id()))
    }
}

/// What pppd calls a peer that nobody named: 10.64.64.64 for ppp0, and so on.
fn fallback(interface: &str) -> Ipv4Addr {
    let unit = interface.trim_start_matches(|char: char| !char.is_ascii_digit()).parse().unwrap_or(0_u32);
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 64, 64, 64).to_bits().wrapping_add(unit))
}

/// Whether a link may have this address: pppd's `bad_ip_adrs`, without which a mistake would take the loop-back away.
pub fn is_usable(address: Ipv4Addr) -> bool {
    address.is_unspecified()
        || !(address.octets()[0] == 0
            || address.is_loopback()
            || address.is_multicast()
            || address.octets()[0] >= 240)
}
