//! Which addresses we ask for, assign and accept.

use std::net::Ipv4Addr;

use tracing::warn;

use super::{
    AddressRule, IP_ADDRESS, IP_COMPRESSION_PROTOCOL, IpcpConfig, IpcpOption, Ipv4Params, LocalAddress,
    options::Place,
    peer_address::{PeerAddress, is_usable},
};
use crate::{
    ControlProtocolName,
    fsm::{ControlProtocol, Failure, Reply, ReplyBuilder},
    packet::{Options, ParseOptionError, RawOption},
    vj::{VjConfig, VjTerms},
};

/// IPCP's options.
#[derive(Debug)]
pub(crate) struct Ipcp {
    config: IpcpConfig,
    peer: PeerAddress,
    /// The address we ask for; 0.0.0.0 as long as the peer has not assigned one.
    local: Ipv4Addr,
    /// Whether we still ask for an address: some peers reject the option.
    ask_address: bool,
    /// The servers we still ask for, with what the peer told.
    dns: [Option<Ipv4Addr>; 2],
    nbns: [Option<Ipv4Addr>; 2],
    /// The address the peer asked for and we acknowledged.
    remote: Option<Ipv4Addr>,
    /// The compression we still ask for.
    vj: Option<VjTerms>,
    /// The compression the peer asked for and we acknowledged.
    peers_vj: Option<VjTerms>,
    /// Whether we asked the peer to name its address after it did not.
    suggested: bool,
}

impl Ipcp {
    pub(crate) fn new(config: IpcpConfig) -> Ipcp {
        Ipcp {
            peer: PeerAddress::new(&config.remote, None),
            config,
            local: Ipv4Addr::UNSPECIFIED,
            ask_address: true,
            dns: [None; 2],
            nbns: [None; 2],
            remote: None,
            vj: None,
            peers_vj: None,
            suggested: false,
        }
    }

    /// What the peer compresses, as far as it does; meaningful while Opened.
    pub(crate) fn vj(&self) -> Option<VjTerms> {
        self.vj
    }

    /// What we may compress; meaningful while Opened.
    pub(crate) fn peers_vj(&self) -> Option<VjTerms> {
        self.peers_vj
    }

    /// What was settled; meaningful while Opened.
    pub(crate) fn params(&self) -> Ipv4Params {
        let known =
            |servers: [Option<Ipv4Addr>; 2]| servers.map(|server| server.filter(|server| is_usable(*server)));
        Ipv4Params {
            local: self.local,
            remote: self.remote.unwrap_or(Ipv4Addr::UNSPECIFIED),
            dns: known(self.dns),
            nbns: known(self.nbns),
        }
    }

    /// From now on the peer may have only what these rules allow; `None`: whatever the configuration allows.
    pub(crate) fn permit(&mut self, rules: Option<&[AddressRule]>) {
        self.peer = PeerAddress::new(&self.config.remote, rules);
    }

    /// The address for a peer that asks for one, or has the wrong one.
    fn assignable(&self) -> Option<Ipv4Addr> {
        self.peer.assignable(self.local)
    }

    /// An address for a peer that has none and needs none: a modem's end, say.
    fn fallback(&self) -> Option<Ipv4Addr> {
        let fallback = self.config.remote_fallback.filter(|fallback| *fallback != self.local)?;
        warn!(target: "ppp", "Could not determine remote IP address: defaulting to {fallback}");
        Some(fallback)
    }

    fn judge_address(
        &self,
        option: RawOption<'_>,
        address: Ipv4Addr,
        reply: &mut ReplyBuilder,
    ) -> Result<Option<Ipv4Addr>, Failure> {
        if self.peer.allows(address, self.local) {
            return Ok(Some(address));
        }
        match self.assignable().filter(|assigned| *assigned != self.local) {
            Some(assigned) if reply.naks_left() => reply.nak(option, &assigned.octets()),
            // Neither end knows: the peer shall not ask again, and `settle` will say so.
            None if address.is_unspecified() => reply.reject(option),
            Some(_) | None => return Err(self.peer.objection(address, self.local)),
        }
        Ok(None)
    }

    fn judge_server(
        option: RawOption<'_>,
        place: Place,
        asked: Ipv4Addr,
        offered: &[Ipv4Addr],
        reply: &mut ReplyBuilder,
    ) {
        match offered.get(place.index()).or(offered.first()) {
            None => reply.reject(option),
            Some(offer) if *offer == asked => {}
            Some(offer) => reply.nak(option, &offer.octets()),
        }
    }

    fn address_suggested(&mut self, address: Ipv4Addr, insists: bool) -> Result<(), Failure> {
        let usable = is_usable(address) && self.remote != Some(address);
        match self.config.local {
            LocalAddress::Ask | LocalAddress::Prefer(_) if usable => {
                self.local = address;
                self.ask_address = true;
                Ok(())
            }
            LocalAddress::Fixed(ours) if insists => Err(format!(
                "the peer wants this end to be {address}, but {ours} is configured; \
                 change it here or at the far end, or allow the peer to choose"
            )),
            LocalAddress::Ask | LocalAddress::Prefer(_) if insists => {
                Err(format!("the peer wants this end to be {address}, which cannot be"))
            }
            LocalAddress::Ask | LocalAddress::Prefer(_) | LocalAddress::Fixed(_) => Ok(()),
        }
    }
}

/// Takes what the peer told about a server we asked for.
fn told(servers: &mut [Option<Ipv4Addr>; 2], place: Place, address: Ipv4Addr, insists: bool) {
    if let Some(server) = &mut servers[place.index()] {
        if insists {
            servers[place.index()] = None;
        } else {
            *server = address;
        }
    }
}

/// What both ends can do with; nothing if the peer wants more than was asked for.
fn less(asked: VjTerms, suggested: VjTerms) -> Option<VjTerms> {
    let fits = suggested.max_slot <= asked.max_slot && suggested != asked;
    fits.then_some(VjTerms { slot_id: asked.slot_id && suggested.slot_id, ..suggested })
}

impl ControlProtocol for Ipcp {
    const NAME: ControlProtocolName = ControlProtocolName::Ipcp;

    fn restart(&mut self) {
        self.local = match self.config.local {
            LocalAddress::Ask => Ipv4Addr::UNSPECIFIED,
            LocalAddress::Fixed(address) | LocalAddress::Prefer(address) => address,
        };
        self.ask_address = true;
        self.dns = [self.config.ask_dns.then_some(Ipv4Addr::UNSPECIFIED); 2];
        self.nbns = [self.config.ask_nbns.then_some(Ipv4Addr::UNSPECIFIED); 2];
        self.remote = None;
        self.vj = self.config.vj.map(VjTerms::from);
        self.peers_vj = None;
        self.suggested = false;
    }

    fn request(&mut self, out: &mut Vec<u8>) {
        if self.ask_address {
            IpcpOption::Address(self.local).emit(out);
        }
        if let Some(terms) = self.vj {
            IpcpOption::Vj(terms).emit(out);
        }
        for place in [Place::Primary, Place::Secondary] {
            if let Some(server) = self.dns[place.index()] {
                IpcpOption::Dns(place, server).emit(out);
            }
            if let Some(server) = self.nbns[place.index()] {
                IpcpOption::Nbns(place, server).emit(out);
            }
        }
    }

    fn receive_request(&mut self, options: Options<'_>, mut reply: ReplyBuilder) -> Result<Reply, Failure> {
        let (mut remote, mut named) = (None, false);
        let mut peers_vj = None;
        for option in options.iter() {
            match IpcpOption::parse_raw(option) {
                Err(ParseOptionError::Unknown) => reply.reject(option),
                _ if option.kind == IP_COMPRESSION_PROTOCOL && self.config.vj.is_none() => {
                    reply.reject(option);
                }
                Err(ParseOptionError::BadLength) if option.kind == IP_COMPRESSION_PROTOCOL => {
                    reply.nak(option, &IpcpOption::Vj(VjConfig::default().into()).data());
                }
                Err(ParseOptionError::BadLength) => {
                    named |= option.kind == IP_ADDRESS;
                    let proper = self.assignable().filter(|_| option.kind == IP_ADDRESS);
                    reply.nak(option, &proper.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
                }
                // However many slots the peer has, we fill no more than we have ourselves.
                Ok(IpcpOption::Vj(terms)) => peers_vj = Some(terms),
                Ok(IpcpOption::Address(address)) => {
                    named = true;
                    remote = self.judge_address(option, address, &mut reply)?;
                }
                Ok(IpcpOption::Dns(place, asked)) => {
                    Ipcp::judge_server(option, place, asked, &self.config.offer_dns, &mut reply);
                }
                Ok(IpcpOption::Nbns(place, asked)) => {
                    Ipcp::judge_server(option, place, asked, &self.config.offer_nbns, &mut reply);
                }
            }
        }
        if !named && !self.suggested {
            // §3.3 of RFC 1332: a peer that keeps silent about its address is asked for it, once.
            self.suggested = true;
            reply.suggest(IP_ADDRESS, &self.assignable().unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
        }
        let reply = reply.finish();
        if reply == Reply::Ack {
            self.remote = remote;
            self.peers_vj = peers_vj;
        }
        Ok(reply)
    }

    fn receive_ack(&mut self) {}

    fn receive_nak(&mut self, options: Options<'_>, insists: bool) -> Result<(), Failure> {
        for option in options.iter() {
            match IpcpOption::parse_raw(option) {
                Ok(IpcpOption::Address(address)) => self.address_suggested(address, insists)?,
                Ok(IpcpOption::Vj(terms)) => self.vj = self.vj.and_then(|asked| less(asked, terms)),
                Ok(IpcpOption::Dns(place, address)) => told(&mut self.dns, place, address, insists),
                Ok(IpcpOption::Nbns(place, address)) => told(&mut self.nbns, place, address, insists),
                // Another compression is all the peer can do.
                Err(ParseOptionError::BadLength) if option.kind == IP_COMPRESSION_PROTOCOL => self.vj = None,
                Err(ParseOptionError::Unknown | ParseOptionError::BadLength) => {}
            }
        }
        Ok(())
    }

    fn receive_reject(&mut self, options: Options<'_>) -> Result<(), Failure> {
        for option in options.iter() {
            match IpcpOption::parse_raw(option) {
                Ok(IpcpOption::Vj(_)) => self.vj = None,
                Ok(IpcpOption::Address(_)) => self.ask_address = false,
                Ok(IpcpOption::Dns(place, _)) => self.dns[place.index()] = None,
                Ok(IpcpOption::Nbns(place, _)) => self.nbns[place.index()] = None,
                Err(ParseOptionError::Unknown | ParseOptionError::BadLength) => {}
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        if self.remote.is_none() {
            self.remote = self.assignable().or_else(|| self.fallback());
        }
        let Some(remote) = self.remote else {
            return Err(String::from(
                "Could not determine remote IP address: neither end says what the peer is called; \
                 give the far end an address, or assign one here",
            ));
        };
        if self.local.is_unspecified() {
            return Err(String::from(
                "Could not determine local IP address: the peer assigned none; \
                 configure one here, or let the far end assign one",
            ));
        }
        if self.peer.allows(remote, self.local) {
            Ok(())
        } else {
            Err(self.peer.objection(remote, self.local))
        }
    }
}
