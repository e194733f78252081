//! What this host does when the link's addresses are agreed on, and how it is put back.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use hostnet::{Error, Family, Forwarding, HostNet, InterfaceId, Outcome, Route};
use ipnet::{IpNet, Ipv4Net};
use ppp_proto::Ipv4Params;
use tracing::{debug, error, info, warn};

use crate::config::{self, Profile, Seconds};
use crate::hooks::{Ends, HookFacts, Hooks, PRE_UP_PATIENCE, SHUTDOWN_PATIENCE, Usage};

/// The device and what the profile wants of the host's network.
#[derive(Debug)]
pub struct Network {
    net: HostNet,
    /// Until they are ended.
    hooks: Option<Hooks>,
    facts: HookFacts,
    index: u32,
    /// What the peer takes, once LCP is Opened.
    mtu: u16,
    wanted: Wanted,
    /// The SSH server's address, whose route must not lead into the tunnel.
    carrier: Option<IpAddr>,
    ipv4: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The peer's address for which ARP is answered, and the device.
    proxied: Option<(Ipv4Addr, String)>,
    ipv6: Option<(InterfaceId, InterfaceId)>,
}

/// The profile's part.
#[derive(Debug)]
struct Wanted {
    configure: bool,
    routes: Vec<config::Route>,
    rto_min: Option<Duration>,
    forward: bool,
    proxy_arp: bool,
    local_range: Vec<Ipv4Net>,
}

/// Every link that carries IPv6 carries packets of this size (RFC 8200 §5).
const IPV6_MIN_MTU: u16 = 1280;

/// Why the link cannot be used although the peer agreed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The host's network could not be set up.
    #[error(transparent)]
    Host(#[from] Error),
    /// The peer assigned an address that the profile does not allow.
    #[error(
        "the peer assigned {0} to this end, which is outside of local-range; change the peer's addresses, or local-range"
    )]
    OutsideRange(Ipv4Addr),
}

impl Network {
    /// Ready to set up the device with this index; nothing is changed yet.
    pub async fn open(
        profile: &Profile,
        journal_dir: &Path,
        index: u32,
        facts: HookFacts,
        hooks: Hooks,
    ) -> Result<Self, Error> {
        let net = HostNet::open(journal_dir, &facts.session).await?;
        let wanted = Wanted {
            configure: profile.configure,
            routes: profile.routes.clone(),
            rto_min: profile.rto_min.map(Seconds::get),
            forward: profile.forward,
            proxy_arp: profile.proxy_arp,
            local_range: profile.local_range.clone(),
        };
        Ok(Self {
            net,
            hooks: Some(hooks),
            facts,
            index,
            mtu: 0,
            wanted,
            carrier: None,
            ipv4: None,
            proxied: None,
            ipv6: None,
        })
    }

    /// The peer proved who it is; the hooks are told from now on.
    pub fn peer_is(&mut self, name: &str) {
        self.facts.peer = Some(name.to_owned());
    }

    /// The phase Network begins: `auth-up` is due if the peer proved who it is.
    pub fn authenticated(&mut self) {
        if self.facts.peer.is_some() {
            self.run_up(Ends::Peer);
        }
    }

    /// LCP is no longer Opened: what the peer proved counts no more.
    pub fn peer_gone(&mut self, usage: Usage) {
        self.facts.peer = None;
        if let Some(hooks) = &mut self.hooks {
            hooks.peer_gone(usage);
        }
    }

    /// The carrier goes to this address: packets to it keep the way that they take now.
    pub async fn protect_carrier(&mut self, address: Option<IpAddr>) -> Result<(), Error> {
        if !self.wanted.configure {
            return Ok(());
        }
        if let Some(old) = self.carrier.take_if(|old| Some(*old) != address) {
            self.net.release_carrier(old).await?;
        }
        // Again for the same address: its gateway may be another one by now.
        if let Some(address) = address {
            self.net.protect_carrier(address).await?;
            self.carrier = Some(address);
        }
        Ok(())
    }

    /// LCP is Opened: packets of `mtu` octets may be sent.
    pub async fn link_up(&mut self, mtu: u16) -> Result<(), Error> {
        self.mtu = mtu;
        if !self.wanted.configure {
            return Ok(());
        }
        // The link's own identifiers make the link-local address; the kernel shall not add one of its own.
        if let Err(error) = self.net.disable_auto_link_local(self.index).await {
            warn!(%error, "the kernel may give the device a link-local address of its own");
        }
        self.net.link_up(self.index, Some(mtu.into())).await
    }

    /// IPCP is Opened.
    pub async fn ipv4_up(&mut self, params: &Ipv4Params) -> Result<(), NetworkError> {
        let (local, remote) = (params.local, params.remote);
        let range = &self.wanted.local_range;
        if !range.is_empty() && !range.iter().any(|net| net.contains(&local)) {
            return Err(NetworkError::OutsideRange(local));
        }
        let dns = params.dns.into_iter().flatten().collect();
        let ends = Ends::V4 { local, remote, dns };
        if self.wanted.configure {
            let (local, remote) = (local.into(), remote.into());
            match self.ipv4 {
                Some((old, _)) if self.ipv4 != Some((params.local, params.remote)) => {
                    self.net.replace_address(self.index, old.into(), local, remote).await?;
                }
                _ => self.net.add_address_p2p(self.index, local, remote).await?,
            }
        }
        if let Some(hooks) = &self.hooks {
            hooks.pre_up(&self.facts, &ends, PRE_UP_PATIENCE).await;
        }
        if self.wanted.configure {
            self.add_routes(Family::Ipv4).await?;
            self.answer_arp(remote).await?;
        }
        info!("local  IP address {local}");
        info!("remote IP address {remote}");
        self.ipv4 = Some((local, remote));
        self.run_up(ends);
        Ok(())
    }

    /// Makes the peer's address appear on the network that holds it, where that is wanted.
    async fn answer_arp(&mut self, remote: Ipv4Addr) -> Result<(), Error> {
        if let Some((old, _)) = self.proxied.take_if(|(old, _)| *old != remote) {
            self.net.remove_proxy_arp(old).await?;
        }
        if !self.wanted.proxy_arp || self.proxied.is_some() {
            return Ok(());
        }
        if let Some(device) = self.net.add_proxy_arp(remote).await? {
            info!("found interface {device} for proxy arp");
            self.proxied = Some((remote, device));
        } else {
            error!("Cannot determine ethernet address for proxy ARP");
        }
        Ok(())
    }

    /// The device on which this host answers ARP for the peer.
    pub fn proxy_arp(&self) -> Option<String> {
        self.proxied.as_ref().map(|(_, device)| device.clone())
    }

    /// IPV6CP is Opened. A host without IPv6 is told so, and one whose peer takes small packets only; the link goes on
    /// without it.
    pub async fn ipv6_up(&mut self, local: InterfaceId, remote: InterfaceId) -> Result<bool, NetworkError> {
        if self.wanted.configure {
            if self.mtu < IPV6_MIN_MTU {
                // Linux has no IPv6 on such a device, and no address could be set.
                warn!(
                    "no IPv6 on this link: the peer takes {} octets, and IPv6 needs {IPV6_MIN_MTU}",
                    self.mtu
                );
                return Ok(false);
            }
            if let Some((old, _)) = self.ipv6.filter(|ends| *ends != (local, remote)) {
                if let Err(error) = self.net.remove_address(self.index, old.link_local().into()).await {
                    // Where rights were given up, say. IPv4 is as it was, and goes on.
                    warn!(%error, "no IPv6 on this link: an identifier changed; `ipv6-ids` can fix both");
                    return Ok(false);
                }
                self.ipv6 = None;
            }
            match self.net.add_link_local(self.index, local, remote).await {
                Err(error @ Error::Ipv6Off(_)) => {
                    warn!(%error, "no IPv6 on this link");
                    return Ok(false);
                }
                other => other?,
            }
            self.add_routes(Family::Ipv6).await?;
        }
        self.ipv6 = Some((local, remote));
        info!("local  LL address {}", ppp_proto::InterfaceId(local.0));
        info!("remote LL address {}", ppp_proto::InterfaceId(remote.0));
        self.run_up(Ends::V6 { local: local.link_local(), remote: remote.link_local() });
        Ok(true)
    }

    fn run_up(&mut self, ends: Ends) {
        if let Some(hooks) = &mut self.hooks {
            hooks.up(&self.facts, ends);
        }
    }

    async fn add_routes(&mut self, family: Family) -> Result<(), Error> {
        for wanted in &self.wanted.routes {
            let same = match wanted.to {
                IpNet::V4(_) => family == Family::Ipv4,
                IpNet::V6(_) => family == Family::Ipv6,
            };
            if same {
                let mut route = Route::new(wanted.to, self.index);
                route.metric = wanted.metric;
                route.table = wanted.table;
                route.rto_min = self.wanted.rto_min;
                self.net.add_route(route).await?;
            }
        }
        if self.wanted.forward {
            self.net.enable_forwarding(family, Forwarding::Everywhere).await?;
        }
        Ok(())
    }

    /// IPv4 packets no longer pass. Addresses and routes stay until the next link or the end.
    pub fn ipv4_down(&mut self, usage: Usage) {
        if let Some(hooks) = &mut self.hooks {
            hooks.ipv4_down(usage);
        }
    }

    /// IPv6 packets no longer pass. Addresses and routes stay until the next link or the end.
    pub fn ipv6_down(&mut self, usage: Usage) {
        if let Some(hooks) = &mut self.hooks {
            hooks.ipv6_down(usage);
        }
    }

    /// The destinations of the routes that the profile asks for.
    pub fn routes(&self) -> Vec<String> {
        self.wanted.routes.iter().map(|route| route.to.to_string()).collect()
    }

    /// Runs what `-down` hooks are still due, and waits for all of them.
    pub async fn end_hooks(&mut self, usage: Usage) {
        if let Some(hooks) = self.hooks.take() {
            hooks.shutdown(usage, SHUTDOWN_PATIENCE).await;
        }
    }

    /// Undoes every change to the host.
    pub async fn undo(mut self) {
        let report = self.net.undo().await;
        for change in &report.changes {
            match change.outcome {
                Outcome::Undone | Outcome::AlreadyGone => debug!("{change}"),
                Outcome::Kept { .. } | Outcome::HandedOver { .. } => info!("{change}"),
                Outcome::WouldUndo | Outcome::Failed { .. } => warn!("{change}"),
            }
        }
        if let Some(journal) = &report.journal {
            warn!(
                "not everything could be undone; `pppssh cleanup` will try again from {}",
                journal.display()
            );
        }
    }
}
