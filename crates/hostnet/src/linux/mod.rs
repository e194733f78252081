//! Linux: everything through rtnetlink(7) and `/proc/sys/net`.

mod carrier;
pub(crate) mod cleanup;
mod entries;
mod journal;
pub(crate) mod lookup;
mod netlink;
mod owner;
mod proxy_arp;
mod refusal;
mod session;
mod sysctl;
mod undo;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use netlink_packet_route::route::RouteType;

use self::{
    entries::{BY_ADVERTISEMENT, BY_KERNEL, RouteEntry, family_of_net},
    netlink::Kernel,
    session::{Scene, Session},
};
use crate::{
    Change, Device, Error, Family, Forwarding, InterfaceId, Route, TABLE_MAIN, UndoReport,
    change::default_metric,
};

/// The host's network, as one session changes it; the journal of those changes; and the way back.
///
/// Works in the network namespace of the thread that opened it, whose tokio runtime (with time enabled) has to
/// live as long. Every method is cancel-safe: a change that was under way is taken to be made until undone.
#[derive(Debug)]
pub struct HostNet {
    kernel: Kernel,
    session: Session,
    carriers: Vec<IpAddr>,
}

impl HostNet {
    /// Prepares for changes of the session named `session`.
    ///
    /// Writes nothing: the journal comes with the first change, so that a session that finds everything in
    /// place needs neither privilege nor a directory. That directory is made then, for this user alone.
    // So that it can only be called where the connection it opens can run.
    #[allow(clippy::unused_async)]
    pub async fn open(journal_dir: &Path, session: &str) -> Result<HostNet, Error> {
        let kernel = Kernel::open()?;
        let session = Session::new(journal_dir, session)?;
        Ok(HostNet { kernel, session, carriers: Vec::new() })
    }

    /// The index of the device called `name`.
    pub async fn index_of(&self, name: &str) -> Result<u32, Error> {
        self.kernel.index_of(name).await
    }

    /// Sets the device's MTU, where one is given, and sets it up.
    pub async fn link_up(&mut self, index: u32, mtu: Option<u32>) -> Result<(), Error> {
        if let Some(mtu) = mtu {
            self.set_mtu(index, mtu).await?;
        }
        let mut scene = self.session.begin().await?;
        let link = self.kernel.need_link(index).await?;
        let change = Change::LinkUp { device: Device { index, name: link.name } };
        self.session.ensure(&self.kernel, &mut scene, change, link.up).await
    }

    /// Sets the device's MTU.
    pub async fn set_mtu(&mut self, index: u32, mtu: u32) -> Result<(), Error> {
        let mut scene = self.session.begin().await?;
        let link = self.kernel.need_link(index).await?;
        let change = Change::Mtu { device: Device { index, name: link.name }, before: link.mtu, after: mtu };
        self.session.ensure(&self.kernel, &mut scene, change, link.mtu == mtu).await
    }

    /// Keeps the kernel from giving the device a link-local address of its own making when it goes up.
    ///
    /// To be called before [`link_up`](Self::link_up) where IPV6CP negotiates the identifiers: with two
    /// link-local addresses packets may leave from the one that the peer has no route to.
    pub async fn disable_auto_link_local(&mut self, index: u32) -> Result<(), Error> {
        /// `IN6_ADDR_GEN_MODE_NONE`, linux/if_link.h.
        const NONE: u8 = 1;
        let mut scene = self.session.begin().await?;
        let link = self.kernel.need_link(index).await?;
        // Without IPv6 the kernel makes no such address.
        let Some(before) = link.addr_gen_mode else { return Ok(()) };
        let device = Device { index, name: link.name };
        let change = Change::AddrGenMode { device, before, after: NONE };
        self.session.ensure(&self.kernel, &mut scene, change, before == NONE).await
    }

    /// Adds a point-to-point address: `local` here, and a route to `peer` alone.
    pub async fn add_address_p2p(&mut self, index: u32, local: IpAddr, peer: IpAddr) -> Result<(), Error> {
        let mut scene = self.session.begin().await?;
        self.add_p2p(&mut scene, index, local, peer).await
    }

    /// Adds the link-local addresses that IPV6CP negotiated (RFC 5072 §5).
    pub async fn add_link_local(
        &mut self,
        index: u32,
        local: InterfaceId,
        peer: InterfaceId,
    ) -> Result<(), Error> {
        self.add_address_p2p(index, local.link_local().into(), peer.link_local().into()).await
    }

    /// Adds an address with its network.
    pub async fn add_address(&mut self, index: u32, address: IpNet) -> Result<(), Error> {
        let mut scene = self.session.begin().await?;
        let device = Device { index, name: self.kernel.need_link(index).await?.name };
        // Its network becomes a route, which could swallow the carrier as any other.
        let network = Route::new(address, index);
        self.guard_carriers(&mut scene, &route_change(&network, device.clone())).await?;
        self.ensure_address(&mut scene, device, address.addr(), None, address.prefix_len()).await
    }

    /// Removes an address that this session added. Routes of this session that had it as their source go too,
    /// all others stay, even where the kernel would drop them along with the address.
    pub async fn remove_address(&mut self, index: u32, local: IpAddr) -> Result<(), Error> {
        let scene = self.session.begin().await?;
        self.take_routes_from(&scene, index, local).await?;
        self.take_address(&scene, index, local).await
    }

    /// Changes a point-to-point address on a device that stays up, as a redial may have to. Where the kernel allows
    /// it the new one is there before the old one goes; routes that had the old one as their source get the new one.
    pub async fn replace_address(
        &mut self,
        index: u32,
        old_local: IpAddr,
        local: IpAddr,
        peer: IpAddr,
    ) -> Result<(), Error> {
        let mut scene = self.session.begin().await?;
        let wanted = |c: &Change| matches!(c, Change::Address { local: l, peer: Some(p), .. } if *l == local && *p == peer);
        let ours = |c: &&Change| is_address(c, index, old_local) && !wanted(c);
        let old: Vec<Change> = self.session.changes().filter(ours).cloned().collect();
        let mut routes = Vec::new();
        // An IPv6 address is on a device once, whatever its peer: so there the old one has to go first.
        let first = local == old_local && local.is_ipv6() && !old.is_empty();
        if first {
            routes = self.take_routes_from(&scene, index, old_local).await?;
            self.take_address(&scene, index, old_local).await?;
        }
        self.add_p2p(&mut scene, index, local, peer).await?;
        if local != old_local {
            routes = self.take_routes_from(&scene, index, old_local).await?;
        }
        for route in routes {
            let Change::Route { dst, device, via, metric, mtu, rto_min, table, onlink, .. } = route else {
                continue;
            };
            let change =
                Change::Route { dst, device, via, metric, src: Some(local), mtu, rto_min, table, onlink };
            self.ensure_route(&mut scene, change).await?;
        }
        if !first {
            for change in old {
                self.session.take_back(&self.kernel, &scene, &change).await?;
            }
        }
        Ok(())
    }

    /// Adds a route. Where it would lead a [protected](Self::protect_carrier) address into the tunnel, a route to
    /// that address alone is added first, the way its packets go now.
    pub async fn add_route(&mut self, route: Route) -> Result<(), Error> {
        let mut scene = self.session.begin().await?;
        let device = Device { index: route.oif, name: self.kernel.need_link(route.oif).await?.name };
        let change = route_change(&route, device);
        self.guard_carriers(&mut scene, &change).await?;
        self.ensure_route(&mut scene, change).await
    }

    /// Removes a route that this session added.
    pub async fn remove_route(&mut self, route: &Route) -> Result<(), Error> {
        let scene = self.session.begin().await?;
        let device = Device { index: route.oif, name: String::new() };
        let wanted = route_change(route, device);
        let found = self.session.changes().find(|change| change.same_object(&wanted)).cloned();
        match found {
            Some(change) => self.session.take_back(&self.kernel, &scene, &change).await,
            None => Ok(()),
        }
    }

    /// Has the kernel forward packets.
    ///
    /// A packet is forwarded if the device it came in by says so, in IPv4 (`ip_route_input_slow()`) and, with
    /// `force_forwarding`, in IPv6 from Linux 6.17. So [`Forwarding::Devices`] is the narrowest that works, and
    /// has to name the tunnel for one direction and the inner network's device for the other. Whoever does not
    /// know the latter needs [`Forwarding::Everywhere`].
    ///
    /// Forwarding IPv6 everywhere makes the host a router, and those ignore router advertisements unless
    /// `accept_ra` is 2 (and the kernel deletes the default routes it has learned): so that the host does not lose
    /// its own uplink, `accept_ra` becomes 2 first on each device that lives by them.
    pub async fn enable_forwarding(&mut self, family: Family, between: Forwarding) -> Result<(), Error> {
        let mut scene = self.session.begin().await?;
        let everywhere = match family {
            Family::Ipv4 => sysctl::FORWARD_V4,
            Family::Ipv6 => sysctl::FORWARD_V6,
        };
        let mut switches = Vec::new();
        match (between, family) {
            (Forwarding::Everywhere, _) => switches.push(everywhere.to_owned()),
            (Forwarding::Devices(devices), Family::Ipv4) => {
                switches.extend(devices.iter().map(|device| sysctl::of_device(family, device, "forwarding")));
            }
            (Forwarding::Devices(devices), Family::Ipv6) => {
                for device in devices {
                    let switch = sysctl::of_device(family, &device, "force_forwarding");
                    if sysctl::read(&switch)?.is_some() {
                        switches.push(switch);
                    } else if sysctl::read(&sysctl::of_device(family, &device, "forwarding"))?.is_some() {
                        tracing::warn!(
                            "this kernel forwards IPv6 everywhere or nowhere (force_forwarding is from Linux 6.17): \
                             switching it on everywhere"
                        );
                        switches = vec![everywhere.to_owned()];
                        break;
                    } else {
                        return Err(Error::NoSuchDevice(device));
                    }
                }
            }
        }
        for switch in switches {
            if switch == sysctl::FORWARD_V6 && sysctl::read(&switch)?.as_deref() == Some("0") {
                self.keep_router_advertisements(&mut scene).await?;
            }
            self.set_switch(&mut scene, &switch, "1").await?;
        }
        Ok(())
    }

    /// Puts back what this session made and the kernel dropped since (a device that went down loses its routes
    /// and IPv6 addresses). Says how many changes that were.
    pub async fn reapply(&mut self) -> Result<usize, Error> {
        let _scene = self.session.begin().await?;
        let mut count = 0;
        for change in self.session.changes().cloned().collect::<Vec<_>>() {
            let there = match &change {
                Change::LinkUp { device } => self.kernel.need_link(device.index).await?.up,
                Change::Address { .. } => self.kernel.addresses().await?.iter().any(|a| a.is(&change)),
                Change::Route { dst, .. } => {
                    self.kernel.routes(family_of_net(dst)).await?.iter().any(|r| r.is(&change))
                }
                Change::ProxyArp { .. } => self.kernel.proxies().await?.iter().any(|p| p.is(&change)),
                // Nothing but somebody's will changes these.
                Change::Mtu { .. } | Change::AddrGenMode { .. } | Change::Sysctl { .. } => true,
            };
            if !there {
                self.session.apply(&self.kernel, &change).await?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// The changes to undo, first made first.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.session.changes()
    }

    /// The journal, once there is one.
    pub fn journal_path(&self) -> Option<PathBuf> {
        self.session.journal_path()
    }

    /// Undoes every change, last first, and removes the journal.
    ///
    /// What somebody else changed or needs since stays. What cannot be undone is reported and stays in the
    /// journal, and calling this again tries again.
    pub async fn undo(&mut self) -> UndoReport {
        self.session.undo(&self.kernel).await
    }

    async fn add_p2p(
        &mut self,
        scene: &mut Scene,
        index: u32,
        local: IpAddr,
        peer: IpAddr,
    ) -> Result<(), Error> {
        if local.is_ipv4() != peer.is_ipv4() || local == peer {
            return Err(Error::Invalid(format!(
                "{local} and {peer} cannot be the two ends of a link: give two different addresses of one family"
            )));
        }
        if self.carriers.contains(&peer) {
            return Err(Error::SwallowsCarrier { what: format!("the peer address {peer}"), carrier: peer });
        }
        let prefix = IpNet::from(peer).max_prefix_len();
        let device = Device { index, name: self.kernel.need_link(index).await?.name };
        self.check_peer(&device, peer).await?;
        self.ensure_address(scene, device, local, Some(peer), prefix).await
    }

    async fn set_switch(&mut self, scene: &mut Scene, name: &str, value: &str) -> Result<(), Error> {
        let Some(now) = sysctl::read(name)? else {
            return Err(Error::Sysctl {
                name: name.to_owned(),
                source: std::io::ErrorKind::NotFound.into(),
                hint: "; there is no such device, or this kernel is without that protocol",
            });
        };
        let there = now == value;
        let along = if there { BTreeMap::new() } else { sysctl::set_along(name)? };
        let change = Change::Sysctl { name: name.to_owned(), before: now, after: value.to_owned(), along };
        self.session.ensure(&self.kernel, scene, change, there).await
    }

    async fn keep_router_advertisements(&mut self, scene: &mut Scene) -> Result<(), Error> {
        let mut indices: Vec<u32> = Vec::new();
        for route in self.kernel.routes(Family::Ipv6).await? {
            indices.extend(route.oif.filter(|_| route.protocol == BY_ADVERTISEMENT));
        }
        for address in self.kernel.addresses().await? {
            if address.local.is_ipv6() && !address.permanent {
                indices.push(address.index);
            }
        }
        indices.sort_unstable();
        indices.dedup();
        for index in indices {
            let Some(link) = self.kernel.link(index).await? else { continue };
            let name = sysctl::of_device(Family::Ipv6, &link.name, "accept_ra");
            if sysctl::read(&name)?.as_deref() == Some("1") {
                tracing::warn!(
                    "{} lives by router advertisements, which a forwarding host ignores unless accept_ra is 2: \
                     setting that",
                    link.name
                );
                self.set_switch(scene, &name, "2").await?;
            }
        }
        Ok(())
    }

    async fn ensure_address(
        &mut self,
        scene: &mut Scene,
        device: Device,
        local: IpAddr,
        peer: Option<IpAddr>,
        prefix: u8,
    ) -> Result<(), Error> {
        let addresses = self.kernel.addresses().await?;
        let change = Change::Address { device, local, peer, prefix };
        let there = addresses.iter().any(|address| address.is(&change));
        if !there && local.is_ipv6() {
            // The kernel takes an IPv6 address once a device, whatever its prefix or peer.
            let index = change.device().map(|device| device.index);
            if let Some(other) = addresses.iter().find(|a| a.local == local && Some(a.index) == index) {
                return Err(Error::AddressConflict {
                    wanted: change.to_string(),
                    existing: format!("the device has it as {other}"),
                    advice: format!("`ip address del {other}` makes room for it"),
                });
            }
        }
        self.session.ensure(&self.kernel, scene, change, there).await
    }

    /// A peer's address that already leads elsewhere would make a link that nothing goes through.
    async fn check_peer(&self, device: &Device, peer: IpAddr) -> Result<(), Error> {
        let wanted = || format!("peer {peer} on {}", device.name);
        for address in self.kernel.addresses().await? {
            // A link-local address means something on its own link only.
            let same_scope = !is_link_local(peer) || address.index == device.index;
            if address.local == peer && same_scope {
                return Err(Error::AddressConflict {
                    wanted: wanted(),
                    existing: "it is this host's own address".to_owned(),
                    advice: "both ends may have been given the same address: choose another for one of them"
                        .to_owned(),
                });
            }
        }
        if is_link_local(peer) {
            return Ok(());
        }
        let host = IpNet::from(peer);
        for route in self.kernel.routes(family_of_net(&host)).await? {
            let elsewhere = route.oif.is_some_and(|oif| oif != device.index);
            // Connected routes have the lowest metric (`IP6_RT_PRIO_ADDRCONF` is 256).
            if route.dst == host
                && route.table == TABLE_MAIN
                && route.kind == RouteType::Unicast
                && elsewhere
                && route.metric <= if peer.is_ipv6() { 256 } else { 0 }
            {
                let existing = self.words(&route).await;
                return Err(Error::AddressConflict {
                    wanted: wanted(),
                    existing: format!("there is already `{existing}`"),
                    advice: format!(
                        "another session may lead to the same peer; end that one, or `ip route del {existing}`"
                    ),
                });
            }
        }
        Ok(())
    }

    async fn ensure_route(&mut self, scene: &mut Scene, change: Change) -> Result<(), Error> {
        let Change::Route { dst, .. } = &change else { return Ok(()) };
        let routes = self.kernel.routes(family_of_net(dst)).await?;
        let there = routes.iter().any(|route| route.is(&change));
        if !there && let Some(rival) = routes.iter().find(|route| route.rivals(&change)) {
            return Err(Error::RouteConflict {
                wanted: change.command().trim_start_matches("ip route add ").to_owned(),
                existing: self.words(rival).await,
                advice: if rival.is_marked() {
                    "a pppssh session made it: end that session, or run `pppssh cleanup` if it is dead"
                } else if rival.protocol == BY_KERNEL {
                    "that is the network of one of this host's own addresses; if the far network has the same \
                     numbers, one of the two has to be renumbered, or only a part of it routed"
                } else {
                    "remove that one with `ip route del` and these words, or give the new route a metric of its own \
                     (the lowest wins)"
                },
            });
        }
        self.session.ensure(&self.kernel, scene, change, there).await
    }

    async fn words(&self, route: &RouteEntry) -> String {
        let device = match route.oif {
            Some(oif) => self.kernel.link(oif).await.ok().flatten().map(|link| link.name),
            None => None,
        };
        route.words(device.as_deref())
    }

    /// Undoes this session's routes that have `src` as their source; says which.
    async fn take_routes_from(
        &mut self,
        scene: &Scene,
        index: u32,
        src: IpAddr,
    ) -> Result<Vec<Change>, Error> {
        let routes: Vec<Change> = self
            .session
            .changes()
            .filter(|change| {
                matches!(change, Change::Route { device, src: Some(s), .. } if device.index == index && *s == src)
            })
            .cloned()
            .collect();
        for change in &routes {
            self.session.take_back(&self.kernel, scene, change).await?;
        }
        Ok(routes)
    }

    async fn take_address(&mut self, scene: &Scene, index: u32, local: IpAddr) -> Result<(), Error> {
        let ours: Vec<Change> =
            self.session.changes().filter(|c| is_address(c, index, local)).cloned().collect();
        for change in ours {
            self.session.take_back(&self.kernel, scene, &change).await?;
        }
        Ok(())
    }
}

fn is_address(change: &Change, index: u32, wanted: IpAddr) -> bool {
    matches!(change, Change::Address { device, local, .. } if device.index == index && *local == wanted)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn route_change(route: &Route, device: Device) -> Change {
    let dst = route.dst.trunc();
    Change::Route {
        dst,
        device,
        via: route.via,
        metric: route.metric.filter(|metric| *metric != 0).unwrap_or(default_metric(&dst)),
        src: route.src,
        mtu: route.mtu,
        rto_min: route.rto_min.map(|least| u32::try_from(least.as_millis()).unwrap_or(u32::MAX)),
        table: route.table.unwrap_or(TABLE_MAIN),
        onlink: false,
    }
}
