//! Keeping the SSH connection out of the tunnel that it carries.
//!
//! ```text
//!   --route 10.0.0.0/8 by ppp0, and the SSH server is 10.9.9.2:
//!
//!   10.0.0.0/8 dev ppp0            the connection's own packets would go in here, and never come out
//!   10.9.9.2 via 192.0.2.1 dev eth0   so this, the way they go now, is added before
//! ```

use std::{cmp::Reverse, net::IpAddr};

use ipnet::IpNet;
use netlink_packet_route::route::RouteType;

use super::{
    HostNet,
    entries::{RouteEntry, family_of_net},
    route_change,
    session::Scene,
};
use crate::{Change, Device, Error, Route, TABLE_MAIN, change::default_metric};

/// The way to the carrier's address outside the tunnel.
struct Underlay {
    /// The destination of the route that leads there.
    dst: IpNet,
    table: u32,
    device: Device,
    via: Option<IpAddr>,
    src: Option<IpAddr>,
    mtu: Option<u32>,
    onlink: bool,
    /// A pppssh session made that route.
    marked: bool,
}

impl HostNet {
    /// Declares `address` to be where the SSH connection goes, so that no address or route of this session ever
    /// leads it into the tunnel.
    ///
    /// To be called before routes are added, and again before each redial: the gateway may be another by now, and
    /// the route to this address is then changed accordingly.
    pub async fn protect_carrier(&mut self, address: IpAddr) -> Result<(), Error> {
        if !self.carriers.contains(&address) {
            self.carriers.push(address);
        }
        let mut scene = self.session.begin().await?;
        for guard in self.guards_of(address) {
            let Change::Route { device, via, dst, .. } = &guard else { continue };
            let there = self.kernel.routes(family_of_net(dst)).await?.iter().any(|route| route.is(&guard));
            let still = self.underlay(address, &[]).await?;
            if !there || !still.is_some_and(|u| u.device.index == device.index && u.via == *via) {
                // Other sessions to the same server may have it too, and it is as stale for them.
                self.session.withdraw(&self.kernel, &guard).await?;
            }
        }
        let tunnel: Vec<Change> =
            self.session.changes().filter(|c| !self.session.is_guard(c)).cloned().collect();
        for change in tunnel {
            match &change {
                Change::Address { peer: Some(peer), .. } if *peer == address => {
                    return Err(Error::SwallowsCarrier { what: change.to_string(), carrier: address });
                }
                Change::Address { device, local, peer: None, prefix } => {
                    if let Ok(network) = IpNet::new(*local, *prefix) {
                        let route = route_change(&Route::new(network, device.index), device.clone());
                        self.guard_carriers(&mut scene, &route).await?;
                    }
                }
                Change::Route { .. } => self.guard_carriers(&mut scene, &change).await?,
                Change::Address { .. }
                | Change::LinkUp { .. }
                | Change::Mtu { .. }
                | Change::AddrGenMode { .. }
                | Change::ProxyArp { .. }
                | Change::Sysctl { .. } => {}
            }
        }
        Ok(())
    }

    /// The SSH connection no longer goes to `address`: removes the route that was for it.
    pub async fn release_carrier(&mut self, address: IpAddr) -> Result<(), Error> {
        self.carriers.retain(|carrier| *carrier != address);
        let scene = self.session.begin().await?;
        for guard in self.guards_of(address) {
            self.session.take_back(&self.kernel, &scene, &guard).await?;
        }
        Ok(())
    }

    fn guards_of(&self, address: IpAddr) -> Vec<Change> {
        let of_it =
            |change: &&Change| matches!(change, Change::Route { dst, .. } if *dst == IpNet::from(address));
        self.session.guards().filter(of_it).cloned().collect()
    }

    /// Adds the routes without which `change`, a route, would swallow a carrier.
    pub(super) async fn guard_carriers(&mut self, scene: &mut Scene, change: &Change) -> Result<(), Error> {
        let Change::Route { dst, device, table, .. } = change else { return Ok(()) };
        for carrier in self.carriers.clone() {
            if !dst.contains(&carrier) {
                continue;
            }
            if dst.prefix_len() == dst.max_prefix_len() {
                return Err(Error::SwallowsCarrier { what: change.to_string(), carrier });
            }
            let Some(underlay) = self.underlay(carrier, &[device.index]).await? else {
                tracing::warn!(
                    "{carrier} is reached by no route outside the tunnel, so {dst} is added without a guard"
                );
                continue;
            };
            let wins = underlay.table == *table && underlay.dst.prefix_len() > dst.prefix_len();
            // Another session's guard wins too, but only as long as it has a claim to it.
            let borrowed = underlay.marked && underlay.dst == IpNet::from(carrier);
            if wins && !borrowed {
                continue;
            }
            let dst = IpNet::from(carrier);
            let guard = Change::Route {
                dst,
                device: underlay.device,
                via: underlay.via,
                metric: default_metric(&dst),
                src: underlay.src,
                mtu: underlay.mtu,
                rto_min: None,
                table: *table,
                onlink: underlay.onlink,
            };
            let there = self.kernel.routes(family_of_net(&dst)).await?.iter().any(|route| route.is(&guard));
            self.session.ensure_guard(&self.kernel, scene, guard, there).await?;
        }
        Ok(())
    }

    /// How packets to `address` go, or would go if there were no tunnel. `None` if they do not leave the host, or
    /// have no way at all.
    async fn underlay(&self, address: IpAddr, tunnels: &[u32]) -> Result<Option<Underlay>, Error> {
        let mut tunnels = tunnels.to_vec();
        for change in self.session.changes().filter(|change| !self.session.is_guard(change)) {
            tunnels.extend(change.device().map(|device| device.index));
        }
        let outside = |route: &RouteEntry| route.oif.is_some_and(|oif| !tunnels.contains(&oif));
        let guards: Vec<Change> = self.guards_of(address);
        let is_guard = |route: &RouteEntry| guards.iter().any(|guard| route.is(guard));

        let (resolved, entry) =
            (self.kernel.lookup(address, false).await?, self.kernel.lookup(address, true).await?);
        if let (Some(resolved), Some(entry)) = (resolved, entry) {
            if resolved.kind == RouteType::Local {
                return Ok(None);
            }
            if outside(&resolved) && !is_guard(&entry) {
                return self.describe(&entry, resolved.oif, resolved.via).await;
            }
        }
        // Something of ours is in the way: pick from table main as the kernel would without it.
        let routes = self.kernel.routes(family_of_net(&IpNet::from(address))).await?;
        let best = routes
            .iter()
            .filter(|route| {
                route.table == TABLE_MAIN
                    && route.kind == RouteType::Unicast
                    && route.dst.contains(&address)
                    && !route.dead
                    && outside(route)
                    && !is_guard(route)
            })
            .max_by_key(|route| (route.dst.prefix_len(), Reverse(route.metric)));
        match best {
            Some(route) => self.describe(route, route.oif, route.via).await,
            None => Ok(None),
        }
    }

    async fn describe(
        &self,
        entry: &RouteEntry,
        oif: Option<u32>,
        via: Option<IpAddr>,
    ) -> Result<Option<Underlay>, Error> {
        let Some(index) = oif else { return Ok(None) };
        let Some(link) = self.kernel.link(index).await? else { return Ok(None) };
        Ok(Some(Underlay {
            dst: entry.dst,
            table: entry.table,
            device: Device { index, name: link.name },
            via,
            src: entry.src,
            mtu: entry.mtu,
            onlink: entry.onlink,
            marked: entry.is_marked(),
        }))
    }
}
