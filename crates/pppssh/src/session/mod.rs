//! One link over one carrier: from the first Configure-Request to the last Terminate-Ack.
//!
//! [`Pump`] moves the packets and can be used alone, with any [`Device`] (`examples/embed.rs` does). [`Session`] puts
//! around it what a host needs: addresses, routes, hooks, a published status, and obedience to signals and to the
//! control socket. It outlives its carrier, so that a redial finds device and addresses as they were.

mod device;
mod governor;
mod holds;
mod late;
mod limits;
mod link_config;
mod mss;
mod network;
mod outward;
mod pump;
mod requests;
mod segments;
mod start;
mod takeover;
mod traffic;

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use ppp_proto::Ipv4Params;
use ppp_proto::link::{CloseReason, ControlProtocolName, Event, Phase, ProtocolStatus};
use ssh_carrier::Carrier;
use tokio::time::timeout;
use tracing::{debug, error, info, warn};

pub use device::{ChannelDevice, ChannelEnds, Device};
pub use limits::{Limit, Limits};
pub use link_config::{auth_config, ipv4_range, link_config};
pub use network::{Network, NetworkError};
pub use pump::{Pump, PumpError, Step};
pub use requests::{Request, Requests, Signals};
pub use traffic::Traffic;

use self::limits::Watch;
use crate::control::{Control, ControlServer, RuntimeDirs, StatusHandle};
use crate::deference::Deference;
use crate::hooks::Usage;
use crate::status::{self, CarrierStatus, Role, SessionStatus, TunStatus};

/// How long the last frames may take to leave once the link is closed.
const FINISH_PATIENCE: Duration = Duration::from_secs(2);

/// How one carrier's time ended.
#[derive(Debug)]
pub struct End {
    /// What ended it.
    pub why: Why,
    /// What was asked of us before, if it was our doing.
    pub asked: Option<Request>,
    /// Whether packets could pass at some time.
    pub was_up: bool,
    /// For how long, from the first moment on.
    pub up_for: Duration,
    /// The limit that was reached, if that was the cause.
    pub limit: Option<Limit>,
    /// What passed until then.
    pub usage: Usage,
}

/// What ended a link.
#[derive(Debug)]
pub enum Why {
    /// PPP did: one end said so, or the two cannot agree.
    Closed(CloseReason),
    /// The SSH connection did.
    Carrier(PumpError),
    /// The SSH connection did, without an error.
    CarrierEnded,
    /// The host's network could not be set up.
    Network(NetworkError),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::Closed(reason) => write!(f, "{reason}"),
            Why::Carrier(PumpError::Carrier(error)) => write!(f, "{error}"),
            Why::Carrier(PumpError::Device(error)) => write!(f, "reading the TUN device: {error}"),
            Why::CarrierEnded => f.write_str("the SSH connection ended"),
            Why::Network(error) => write!(f, "{error}"),
        }
    }
}

/// Which families are up on this host, since when, and what had passed before.
#[derive(Debug, Default)]
struct Up {
    ipv4: bool,
    ipv6: bool,
    /// The peer agreed to IPv6, but this host has none.
    without_ipv6: bool,
    since: Option<(Instant, Traffic)>,
    /// What the link came to that is not up any more.
    last: Usage,
}

impl Up {
    fn any(&self) -> bool {
        self.ipv4 || self.ipv6
    }
}

/// One end of a link on this host.
pub struct Session<D> {
    /// In a place of its own: it is large, and sessions are moved.
    pump: Box<Pump>,
    device: D,
    network: Network,
    requests: Requests,
    status: StatusHandle,
    /// Where other sessions of this user are found.
    dirs: RuntimeDirs,
    /// Answers on the control socket as long as it lives.
    _control: ControlServer,
    up: Up,
    limits: Limits,
    /// The device's packets wait there until there is a link to take them.
    on_demand: bool,
    /// Called once, when the host's network is set up for the first time.
    on_settled: Option<Box<dyn FnOnce() + Send>>,
    deference: Deference,
}

impl<D: Device> Session<D> {
    /// A session without a carrier.
    pub fn new(pump: Pump, device: D, network: Network, control: Control, signals: Signals) -> Self {
        let Control { server, status, commands } = control;
        let dirs = server.dirs().clone();
        let routes = network.routes();
        status.update(|status| status.routes = routes);
        let requests = Requests::new(signals, commands);
        Self {
            pump: Box::new(pump),
            device,
            network,
            requests,
            status,
            dirs,
            _control: server,
            up: Up::default(),
            limits: Limits::default(),
            on_demand: false,
            on_settled: None,
            deference: Deference::default(),
        }
    }

    /// Calls `action` when the host's network is set up for the first time; giving up privileges, for instance.
    pub fn on_settled(&mut self, action: impl FnOnce() + Send + 'static) {
        self.on_settled = Some(Box::new(action));
    }

    /// Ends each link that reaches one of these.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Tells `deference` what carries the link. It acts only for a runtime that was built with it.
    pub(crate) fn set_deference(&mut self, deference: Deference) {
        self.deference = deference;
    }

    /// Gives the device its addresses and routes before there is a link, and leaves packets in its queue until there is
    /// one: for a link that is called on demand. `carrier` is where the calls will go. Set `HookConfig::expecting` meanwhile.
    pub async fn expect(
        &mut self,
        local: Ipv4Addr,
        remote: Ipv4Addr,
        mtu: u16,
        carrier: Option<IpAddr>,
    ) -> Result<(), NetworkError> {
        self.on_demand = true;
        self.pump.read_device(false);
        if carrier.is_some() {
            self.network.protect_carrier(carrier).await?;
        }
        self.network.link_up(mtu).await?;
        self.network.ipv4_up(&Ipv4Params { local, remote, dns: [None; 2], nbns: [None; 2] }).await
    }

    /// Waits for a packet that is worth a call, or for a request. [`Session::expect`] comes first.
    pub async fn wait_for_packet(&mut self) -> std::io::Result<Option<Request>> {
        loop {
            tokio::select! {
                came = self.pump.wait_for_packet(&mut self.device) => return came.map(|()| None),
                request = self.requests.next() => match request {
                    Request::Publish => {}
                    request => return Ok(Some(request)),
                },
            }
        }
    }

    /// Requests, for the time without a carrier.
    pub fn requests(&mut self) -> &mut Requests {
        &mut self.requests
    }

    /// Where the status is published.
    pub fn status(&self) -> &StatusHandle {
        &self.status
    }

    /// Runs the link over `carrier` until one of them ends.
    pub async fn run(&mut self, mut carrier: Carrier) -> End {
        self.status.update(|status| {
            status.carrier = Some(CarrierStatus {
                kind: carrier.info.kind.to_string(),
                peer: carrier.info.peer.clone(),
                cipher: carrier.info.cipher.clone(),
                channels: None,
            });
        });
        self.deference.carried_by(Some(carrier.info.kind));
        self.pump.lower_up();
        let mut first_up: Option<Instant> = None;
        let mut asked = None;
        let mut limit = None;
        let mut watch: Option<Watch> = None;
        let mut looked = Instant::now();
        let why = loop {
            tokio::select! {
                () = async { watch.as_ref().expect("asked for below").next(looked).await }, if watch.is_some() => {
                    looked = Instant::now();
                    let reached = watch.as_mut().and_then(|watch| watch.look(looked, self.pump.traffic()));
                    if let Some(reached) = reached {
                        info!("{}: closing the link", reached.reason());
                        limit = Some(reached);
                        watch = None;
                        self.pump.close(reached.reason());
                    }
                }
                step = self.pump.run(&mut carrier, &mut self.device) => match step {
                    Ok(Step::Event(event)) => match self.handle(event, &mut carrier).await {
                        Ok(None) => {
                            if self.up.any() && first_up.is_none() {
                                first_up = Some(Instant::now());
                                watch = Some(Watch::new(self.limits, self.pump.traffic()));
                            }
                            if self.on_settled.is_some()
                                && self.settled()
                                && let Some(action) = self.on_settled.take()
                            {
                                action();
                            }
                        }
                        Ok(Some(reason)) => break Why::Closed(reason),
                        Err(error) => {
                            // The peer should not wait for packets that this host cannot take.
                            self.pump.close("Network not usable");
                            break Why::Network(error);
                        }
                    },
                    // Having taken leave, the peer need not wait for us.
                    Ok(Step::CarrierEnded) => break self.closing().map_or(Why::CarrierEnded, Why::Closed),
                    Err(error @ PumpError::Carrier(_)) => {
                        break self.closing().map_or(Why::Carrier(error), Why::Closed);
                    }
                    Err(error @ PumpError::Device(_)) => break Why::Carrier(error),
                },
                request = self.requests.next() => match request {
                    Request::Publish => self.publish(&carrier),
                    Request::GiveWay => {
                        asked = Some(request);
                        let message = "a newer link to the same peer took its place".to_owned();
                        break Why::Closed(CloseReason::Local { message });
                    }
                    Request::End(message) | Request::Redial(message) => {
                        // Who asks twice does not want to wait for the peer's answer.
                        if asked.replace(request).is_some() {
                            break Why::Closed(CloseReason::Local { message: message.to_owned() });
                        }
                        info!("{message}: closing the link");
                        self.pump.close(message);
                    }
                },
            }
        };
        self.deference.carried_by(None);
        let carrier_is_gone = matches!(why, Why::Carrier(PumpError::Carrier(_)) | Why::CarrierEnded);
        if !carrier_is_gone && asked != Some(Request::GiveWay) {
            match timeout(FINISH_PATIENCE, self.pump.finish(&mut carrier)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(%error, "ending the stream"),
                Err(_) => debug!("the carrier did not take the last frames in time"),
            }
        }
        self.publish(&carrier);
        self.ipv4_down();
        self.ipv6_down();
        let usage = std::mem::take(&mut self.up.last);
        self.network.peer_gone(usage);
        self.pump.lower_down();
        self.pump.read_device(!self.on_demand);
        self.status.update(|status| {
            status.carrier = None;
            status.ipv4 = None;
            status.ipv6 = None;
            status.peer = None;
            status.enter(status::Phase::Dead);
        });
        let up_for = first_up.map_or(Duration::ZERO, |since| since.elapsed());
        End { why, asked, was_up: first_up.is_some(), up_for, limit, usage }
    }

    /// Ends the session: hooks, then every change to the host undone, then the device.
    pub async fn shutdown(mut self) {
        let usage = self.usage();
        self.network.end_hooks(usage).await;
        // With the device goes what is on it, also where the rights to remove it were given up.
        drop(self.device);
        self.network.undo().await;
    }

    /// Why PPP is ending or has ended, if it is.
    fn closing(&self) -> Option<CloseReason> {
        self.pump.link().status().close_reason
    }

    /// Does what an event calls for; the reason if it was the last one.
    async fn handle(
        &mut self,
        event: Event,
        carrier: &mut Carrier,
    ) -> Result<Option<CloseReason>, NetworkError> {
        match event {
            Event::Phase(phase) => {
                debug!(%phase, "link");
                self.status.update(|status| status.enter(published(phase)));
                match phase {
                    Phase::Network => self.network.authenticated(),
                    Phase::Dead | Phase::Establish | Phase::Terminate => self.network.peer_gone(self.usage()),
                    Phase::Authenticate => {}
                }
            }
            Event::PeerAuthenticated { by, name } => {
                info!(target: "pppd", "{} peer authentication succeeded for {name}", by.family());
                self.network.peer_is(&name);
                self.status.update(|status| status.peer = Some(name));
            }
            Event::AuthenticatedToPeer { by, message } => {
                if !message.is_empty() {
                    info!("the peer says: {message}");
                }
                info!(target: "pppd", "{} authentication succeeded", by.family());
            }
            Event::LcpUp { mru, mtu } => {
                info!("LCP is up: MRU {mru}, MTU {mtu}");
                if self.pump.link().peer_takes_lanes() {
                    carrier.tx.widen();
                }
                self.network.protect_carrier(carrier.info.address).await?;
                self.network.link_up(mtu).await?;
                self.status.update(|status| {
                    if let Some(TunStatus { mtu: published, .. }) = &mut status.tun {
                        *published = mtu.into();
                    }
                });
            }
            Event::Ipv4Up(params) => {
                let SessionStatus { name, role, .. } = self.status.get();
                if role != Role::Connect {
                    takeover::end_others(&self.dirs, &name, params.remote).await;
                }
                self.network.ipv4_up(&params).await?;
                let proxy_arp = self.network.proxy_arp();
                self.status.update(|status| status.proxy_arp = proxy_arp);
                let servers = ["primary  ", "secondary"].into_iter().zip(params.dns.into_iter().flatten());
                servers.for_each(|(which, address)| info!(target: "pppd", "{which} DNS address {address}"));
                self.up.ipv4 = true;
                self.came_up(carrier);
            }
            Event::Ipv6Up { local, remote } => {
                let id = |id: ppp_proto::InterfaceId| hostnet::InterfaceId(id.0);
                self.up.ipv6 = self.network.ipv6_up(id(local), id(remote)).await?;
                self.up.without_ipv6 = !self.up.ipv6;
                if self.up.ipv6 {
                    self.came_up(carrier);
                }
            }
            Event::Ipv4Down => {
                self.ipv4_down();
                self.publish(carrier);
            }
            Event::Ipv6Down => {
                self.ipv6_down();
                self.publish(carrier);
            }
            Event::ProtocolFailed { protocol, why, unknown_to_peer } => {
                // A host without IPv6 is common, and so is a peer that speaks one of the two only. But addresses that
                // the two ends cannot agree on are a mistake that somebody must mend.
                if protocol == ControlProtocolName::Ipcp && !unknown_to_peer {
                    self.pump.close(&why);
                    return Ok(Some(CloseReason::NegotiationFailed { protocol, why }));
                }
            }
            Event::CompressionUp(params) => info!(target: "pppd", "{params}"),
            Event::PeerDead => warn!("no response to echo requests: the peer is dead"),
            Event::LoopDetected => error!("loop-back detected"),
            Event::EchoReply { rtt } => debug!(?rtt, "echo reply"),
            Event::LinkQuality { good: false } => {
                warn!("link quality reports tell of losses; `pppssh status` counts them");
            }
            Event::LinkQuality { good: true } => info!("link quality reports tell of no more losses"),
            Event::PeerIdentification(text) => info!("the peer says that it is {text}"),
            Event::TimeRemaining { seconds, message } => {
                info!("the peer gives the link {seconds} s: {message}");
            }
            Event::Closed(reason) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    fn came_up(&mut self, carrier: &Carrier) {
        self.pump.read_device(true);
        self.up.since.get_or_insert_with(|| (Instant::now(), self.pump.traffic()));
        self.publish(carrier);
    }

    /// Whether every family that is wanted is up on this host, or will not come up.
    fn settled(&self) -> bool {
        let link = self.pump.link().status();
        let family = |protocol: Option<ProtocolStatus>, opened: bool, up: bool| {
            protocol.is_none_or(|status| if opened { up } else { status.failure.is_some() })
        };
        self.up.any()
            && family(link.ipcp, link.ipv4.is_some(), self.up.ipv4)
            && family(link.ipv6cp, link.ipv6.is_some(), self.up.ipv6 || self.up.without_ipv6)
    }

    fn ipv4_down(&mut self) {
        self.network.ipv4_down(self.usage());
        self.up.ipv4 = false;
        self.went_down();
    }

    fn ipv6_down(&mut self) {
        self.network.ipv6_down(self.usage());
        self.up.ipv6 = false;
        self.went_down();
    }

    fn went_down(&mut self) {
        if !self.up.any() && self.up.since.is_some() {
            self.up.last = self.usage();
            self.up.since = None;
        }
    }

    /// What the hooks are told about the link that is up.
    fn usage(&self) -> Usage {
        let Some((since, before)) = self.up.since else { return Usage::default() };
        let now = self.pump.traffic();
        Usage {
            connect_time: since.elapsed(),
            bytes_sent: now.bytes_sent - before.bytes_sent,
            bytes_received: now.bytes_received - before.bytes_received,
        }
    }

    fn publish(&self, carrier: &Carrier) {
        let link = self.pump.link().status();
        let (traffic, path) = (self.pump.traffic(), self.pump.path());
        self.status.update(|status| {
            status.set_link(&link);
            // Negotiated is not yet usable: the addresses must be set first.
            status.ipv4.take_if(|_| !self.up.ipv4);
            status.ipv6.take_if(|_| !self.up.ipv6);
            traffic.publish(&mut status.counters);
            status.path = path;
            if let Some(status) = &mut status.carrier {
                status.channels = carrier.tx.channels();
            }
            if self.up.any() && link.phase == Phase::Network {
                status.enter(status::Phase::Running);
            }
        });
    }
}

fn published(phase: Phase) -> status::Phase {
    match phase {
        Phase::Dead => status::Phase::Dead,
        Phase::Establish => status::Phase::Establish,
        Phase::Authenticate => status::Phase::Authenticate,
        Phase::Network => status::Phase::Network,
        Phase::Terminate => status::Phase::Terminate,
    }
}
