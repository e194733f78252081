//! All that a link knows. What it does stands in chapters beside this.

use std::{collections::VecDeque, time::Instant};

use super::{
    CloseReason, Event, LinkConfig, LinkCounters, Phase, ProtocolStatus, Tap, Timers,
    authentication::Authentication,
    keepalive::Keepalive,
    sampler::{Number, Sampler},
    streams::Compression,
    told::Told,
};
use crate::{
    ccp::Ccp,
    frame::{FrameEncoder, Framing},
    fsm::{ControlMachine, ControlProtocol, Settings},
    ipcp::Ipcp,
    ipv6cp::Ipv6cp,
    lcp::Lcp,
    lqm::Monitor,
    packet::Outbox,
    rng::Rng,
    vj::{Compressor, Decompressor},
};

/// All of a link but its frame decoder.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: LinkConfig,
    pub(super) lcp: ControlMachine<Lcp>,
    pub(super) ipcp: Option<ControlMachine<Ipcp>>,
    pub(super) ipv6cp: Option<ControlMachine<Ipv6cp>>,
    pub(super) authentication: Authentication,
    pub(super) ccp: Option<ControlMachine<Ccp>>,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) sampler: Sampler,
    /// A request of the sampler's that waits to be sent.
    pub(super) probe: Option<Number>,
    pub(super) quality: Monitor,
    pub(super) express: Told,
    pub(super) encoder: FrameEncoder,
    /// Van Jacobson's compression of what we send and what the peer sends, while IPCP is Opened and agreed on it.
    pub(super) compressor: Option<Compressor>,
    pub(super) decompressor: Option<Decompressor>,
    /// The streams of compressed packets, each from its Configure-Ack on.
    pub(super) compression: Compression,
    pub(super) outbox: Outbox,
    pub(super) tap: Option<Box<dyn Tap>>,
    pub(super) events: VecDeque<Event>,
    pub(super) counters: LinkCounters,
    /// Damaged frames on this carrier.
    pub(super) damaged: u64,
    pub(super) phase: Phase,
    pub(super) phase_since: Instant,
    pub(super) lower_up: bool,
    /// LCP hears of the carrier then, or with the peer's first frame.
    pub(super) start_at: Option<Instant>,
    /// Whether the link shall be up: between `open` and `close`.
    pub(super) wanted: bool,
    /// Why the link is closing, or closed.
    pub(super) closing: Option<CloseReason>,
    pub(super) closed_reported: bool,
    /// Whether a network protocol was Opened since the carrier came.
    pub(super) network_was_up: bool,
}

impl Core {
    pub(super) fn new(mut config: LinkConfig, now: Instant) -> Core {
        let mut rng = Rng::new(config.seed);
        let timers = config.timers;
        let lcp_settings = Settings { timers, passive: config.lcp.passive, silent: config.lcp.silent };
        let ncp_settings =
            |own: Option<Timers>| Settings { timers: own.unwrap_or(timers), passive: false, silent: false };
        // Whoever wants nothing of the peer waits for what the peer wants, as pppd does.
        let ccp_silent = config.ccp.is_some_and(|ccp| ccp.receive.is_none());
        let ccp_settings = Settings { silent: ccp_silent, ..ncp_settings(None) };
        let authentication = Authentication::new(config.auth.take());
        let lcp = Lcp::new(config.lcp.clone(), authentication.demands(), timers.max_loopback, rng.fork());
        let ipcp = config.ipv4.clone().map(Ipcp::new);
        let ipv6cp = config.ipv6.clone().map(|ipv6| Ipv6cp::new(ipv6, rng.fork()));
        Core {
            lcp: ControlMachine::new(lcp, lcp_settings),
            ipcp: ipcp.map(|ipcp| ControlMachine::new(ipcp, ncp_settings(config.ipcp_timers))),
            ipv6cp: ipv6cp.map(|ipv6cp| ControlMachine::new(ipv6cp, ncp_settings(config.ipv6cp_timers))),
            ccp: config.ccp.map(|ccp| ControlMachine::new(Ccp::new(ccp), ccp_settings)),
            authentication,
            keepalive: config.echo.filter(|echo| !echo.interval.is_zero()).map(Keepalive::new),
            sampler: Sampler::default(),
            probe: None,
            quality: Monitor::new(config.lcp.lqm),
            express: Told::default(),
            encoder: FrameEncoder::new(Framing::DEFAULT),
            compressor: None,
            decompressor: None,
            compression: Compression::default(),
            outbox: Outbox::default(),
            tap: None,
            events: VecDeque::new(),
            counters: LinkCounters::default(),
            damaged: 0,
            phase: Phase::Dead,
            phase_since: now,
            lower_up: false,
            start_at: None,
            wanted: false,
            closing: None,
            closed_reported: true,
            network_was_up: false,
            config,
        }
    }

    pub(super) fn set_phase(&mut self, now: Instant, phase: Phase) {
        if self.phase != phase {
            self.phase_since = now;
            self.phase = phase;
            self.events.push_back(Event::Phase(phase));
        }
    }
}

/// One protocol's part of a status.
pub(super) fn protocol_status<P: ControlProtocol>(machine: &ControlMachine<P>) -> ProtocolStatus {
    ProtocolStatus {
        protocol: P::NAME,
        state: machine.state(),
        ours: machine.our_options().to_vec(),
        peers: machine.peer_options().to_vec(),
        failure: machine.failure().map(str::to_owned),
    }
}
