//! From the sections that are asked for to a profile, or to all that is wrong with them.

use std::time::Duration;

use ppp_proto::link::{LinkConfig, Timers};

use super::draft::Draft;
use super::words::substitute;
use super::{AuthKey, IfAddr, LinkScript, Mode, Negotiable, Problem, Redial, Request, Sections};
use crate::config::{Profile, Seconds};

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// Lines that cannot be obeyed; at least one.
    #[error("{}", list(.0))]
    Lines(Vec<Problem>),
    /// A section is not there.
    #[error("there is no section `{0}:`")]
    NoSection(String),
    /// Nothing to call with.
    #[error("no `set device \"!…\"` says what to call with")]
    NoDevice,
    /// `-auto` needs to know where to lead packets before it knows the peer.
    #[error(
        "-auto needs `set ifaddr MY HIS` with an address on each side: packets can wait only on a device that has them"
    )]
    NoAddresses,
    /// The device would carry no packets.
    #[error("both `ipcp` and `ipv6cp` are disabled: nothing would pass")]
    NoFamily,
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What a session needs to know.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How to run.
    pub mode: Mode,
    /// The last label, or `default`.
    pub label: String,
    /// All that a profile can say.
    pub profile: Profile,
    /// The addresses.
    pub ifaddr: IfAddr,
    /// The commands to call with, each a program and its arguments.
    pub devices: Vec<Vec<String>>,
    /// What is negotiated.
    pub negotiable: Negotiable,
    /// `set authname`.
    pub authname: String,
    /// `set authkey`.
    pub authkey: AuthKey,
    /// The link ends when no packet has passed for this long.
    pub idle: Option<Duration>,
    /// But not before it was up for this long.
    pub least: Duration,
    /// How often to call until there is a link.
    pub redial: Redial,
    /// The pause, and how often to call again when a link is lost.
    pub reconnect: (Duration, u32),
    /// Between link quality reports.
    pub lqr_period: Duration,
    /// `set ipcpretry`.
    pub ipcp_timers: Timers,
    /// `set ipv6cpretry`.
    pub ipv6cp_timers: Timers,
    /// Wait for the peer's first word.
    pub silent: bool,
    /// What to tell the peer that we are.
    pub identification: Option<String>,
    /// As a number of `-v`.
    pub verbosity: u8,
}

impl Plan {
    /// Obeys `default`, then the sections of `request`, then the routes of the link scripts.
    pub fn read(
        conf: &Sections,
        linkup: &LinkScript,
        linkdown: &LinkScript,
        request: &Request,
    ) -> Result<Self, BadPlan> {
        let mut draft = Draft::new();
        let mut problems = conf.problems.clone();
        if let Some(lines) = conf.get("default") {
            draft.section(conf, lines, &mut problems);
        }
        for label in request.labels.iter().filter(|label| *label != "default") {
            let lines = conf.get(label).ok_or_else(|| BadPlan::NoSection(label.clone()))?;
            draft.section(conf, lines, &mut problems);
        }
        let label = request.labels.last().cloned().unwrap_or_else(|| "default".to_owned());
        draft.script(linkup, &label, true, &mut problems);
        draft.script(linkdown, &label, false, &mut problems);
        if !problems.is_empty() {
            return Err(BadPlan::Lines(problems));
        }
        draft.finish(request, label)
    }

    /// The `n`th call's program and arguments, with the variables that are known by then.
    pub fn command(&self, n: usize, interface: &str, pid: u32) -> Option<Vec<String>> {
        let device = self.devices.get(n.checked_rem(self.devices.len())?)?;
        let value = |name: &str| match name {
            "INTERFACE" => Some(interface.to_owned()),
            "LABEL" => Some(self.label.clone()),
            "AUTHNAME" => Some(self.authname.clone()),
            "PROCESSID" => Some(pid.to_string()),
            _ => None,
        };
        let (program, arguments) = device.split_first()?;
        let arguments = arguments.iter().map(|word| substitute(word, &value));
        Some(std::iter::once(program.clone()).chain(arguments).collect())
    }

    /// What a profile cannot say about the link.
    pub fn adjust(&self, link: &mut LinkConfig) {
        link.lcp.silent = self.silent;
        link.ipcp_timers = Some(self.ipcp_timers);
        link.ipv6cp_timers = Some(self.ipv6cp_timers);
        // What it asks for is the profile's; ppp grants it unless told not to.
        link.lcp.lqm.answer = self.negotiable.lqr.grant != Some(false);
        link.lcp.identification.clone_from(&self.identification);
        let Negotiable { deflate, deflate24, .. } = self.negotiable;
        if let Some(ccp) = &mut link.ccp {
            if let Some(receive) = &mut ccp.receive {
                (receive.standard, receive.draft) = (deflate.asks(), deflate24.asks());
            }
            if let Some(send) = &mut ccp.send {
                (send.standard, send.draft) = (deflate.grants(), deflate24.grants());
            }
        }
        if let Some(ipv4) = &mut link.ipv4 {
            ipv4.local = self.ifaddr.local;
            ipv4.remote = self.ifaddr.remote.clone();
        }
    }
}

impl Draft {
    fn finish(self, request: &Request, label: String) -> Result<Plan, BadPlan> {
        let verbosity = self.verbosity();
        let Self { mut profile, ifaddr, devices, negotiable, redial, reconnect, .. } = self;
        let mode = request.mode;
        profile.ipv4 = negotiable.ipcp.ask != Some(false);
        profile.ipv6 = negotiable.ipv6cp.not_refused();
        profile.accomp = negotiable.acfcomp.not_refused();
        profile.pcomp = negotiable.protocomp.not_refused();
        profile.vj = negotiable.vjcomp.wanted();
        let Negotiable { deflate, deflate24, .. } = negotiable;
        let (receive, send) = self.deflate;
        profile.deflate_receive = if deflate.asks() || deflate24.asks() { receive } else { 0 };
        profile.deflate_send = if deflate.grants() || deflate24.grants() { send } else { 0 };
        profile.deflate = profile.deflate_receive != 0 || profile.deflate_send != 0;
        profile.mss_clamp = negotiable.tcpmssfixup.ask != Some(false);
        profile.dns_ask = negotiable.dns.ask == Some(true);
        profile.dns_offer = if negotiable.dns.grant == Some(true) { self.dns } else { Vec::new() };
        profile.local_range = ifaddr.local_range.into_iter().collect();
        if let Some(unit) = request.unit {
            profile.tun = format!("tun{unit}");
        }
        let period = if self.echo_period.is_zero() { self.lqr_period } else { self.echo_period };
        if negotiable.lqr.ask == Some(true) {
            profile.lqr = Seconds::whole(self.lqr_period.as_secs());
        }
        // In ppp either finds a dead peer, by five reports or echoes in vain; here only echoes do.
        match negotiable.echo.ask.or(negotiable.lqr.ask) {
            Some(true) => {
                profile.lcp_echo_interval = Seconds::whole(period.as_secs());
                profile.lcp_echo_failure = 5;
            }
            Some(false) => profile.lcp_echo_interval = Seconds::whole(0),
            // pppssh's own keepalive: nobody else notices that the network below is gone.
            None => {}
        }
        let most = redial.most.max(redial.pause);
        profile.holdoff = Seconds::whole(redial.pause.as_secs());
        profile.max_holdoff = Seconds::whole(most.as_secs().min(86_400));
        profile.persist = mode == Mode::Ddial;
        if devices.is_empty() && mode != Mode::Direct {
            return Err(BadPlan::NoDevice);
        }
        if !profile.ipv4 && !profile.ipv6 {
            return Err(BadPlan::NoFamily);
        }
        if mode == Mode::Auto && (!profile.ipv4 || ifaddr.first_guess().is_none()) {
            return Err(BadPlan::NoAddresses);
        }
        Ok(Plan {
            mode,
            label,
            profile,
            ifaddr,
            devices,
            negotiable,
            authname: self.authname,
            authkey: self.authkey,
            idle: Some(self.idle).filter(|idle| mode.idles() && !idle.is_zero()),
            least: self.least,
            redial,
            reconnect,
            lqr_period: self.lqr_period,
            ipcp_timers: self.ipcp_timers,
            ipv6cp_timers: self.ipv6cp_timers,
            silent: self.silent,
            identification: self.identification,
            verbosity,
        })
    }
}
