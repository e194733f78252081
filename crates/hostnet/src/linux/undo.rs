//! Taking one change back, without touching what is somebody else's.

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::route::RouteType;

use super::{
    entries::{Address, BY_ADVERTISEMENT, BY_KERNEL, family_of_net},
    netlink::Kernel,
    refusal::{errno, explain},
    sysctl,
};
use crate::{Change, Device, Error, Family, Outcome};

/// `IFAPROT_KERNEL_LL` (linux/if_addr.h): the link-local address the kernel makes when a device goes up.
const LINK_LOCAL_BY_KERNEL: u8 = 3;

/// How to go about it.
pub(crate) struct Undoing<'a> {
    pub(crate) kernel: &'a Kernel,
    pub(crate) dry_run: bool,
    /// Why only what bears the mark may be undone, if so.
    pub(crate) only_marked: Option<&'a str>,
    /// Every change of the same session: on a kernel that forgets the mark these are known by it.
    pub(crate) ours: &'a [Change],
}

impl Undoing<'_> {
    pub(crate) async fn undo(&self, change: &Change) -> Outcome {
        match (self.only_marked, change) {
            (None, _) | (_, Change::Address { .. } | Change::Route { .. } | Change::ProxyArp { .. }) => {
                self.act(change).await
            }
            (
                Some(why),
                Change::LinkUp { .. }
                | Change::Mtu { .. }
                | Change::AddrGenMode { .. }
                | Change::Sysctl { .. },
            ) => {
                // To see that it is gone, with its device for instance, takes nobody's word.
                let look = Undoing { dry_run: true, ..*self };
                match look.act(change).await {
                    Outcome::WouldUndo => Outcome::Failed { why: why.to_owned() },
                    seen => seen,
                }
            }
        }
    }

    async fn act(&self, change: &Change) -> Outcome {
        let result = match change {
            Change::LinkUp { device } => self.link_up(change, device).await,
            Change::Mtu { device, before, after } => self.mtu(change, device, *before, *after).await,
            Change::AddrGenMode { device, before, after } => {
                self.addr_gen_mode(change, device, *before, *after).await
            }
            Change::Address { .. } => self.address(change).await,
            Change::Route { .. } => self.route(change).await,
            Change::ProxyArp { device, address } => self.proxy_arp(change, device, *address).await,
            Change::Sysctl { .. } => self.sysctl(change),
        };
        result.unwrap_or_else(|error| Outcome::Failed { why: error.to_string() })
    }

    async fn link_up(&self, change: &Change, device: &Device) -> Result<Outcome, Error> {
        let Some(link) = self.kernel.link(device.index).await? else { return Ok(Outcome::AlreadyGone) };
        if link.name != device.name {
            return Ok(renamed(device, &link.name));
        }
        if !link.up {
            return Ok(Outcome::AlreadyGone);
        }
        if let Some(user) = self.user_of(device.index).await? {
            return Ok(Outcome::Kept { why: format!("somebody else uses {}: {user}", device.name) });
        }
        if self.dry_run {
            return Ok(Outcome::WouldUndo);
        }
        self.kernel.set_up(device.index, false).await.map_err(|e| explain(change, &e))?;
        Ok(Outcome::Undone)
    }

    /// What somebody else put on the device and would lose if it went down: routes, and IPv6 addresses.
    async fn user_of(&self, index: u32) -> Result<Option<String>, Error> {
        for family in [Family::Ipv4, Family::Ipv6] {
            for route in self.kernel.routes(family).await? {
                if route.oif == Some(index)
                    && route.kind == RouteType::Unicast
                    && ![BY_KERNEL, BY_ADVERTISEMENT].contains(&route.protocol)
                    && !route.is_marked()
                {
                    return Ok(Some(format!("the route {}", route.words(None))));
                }
            }
        }
        for address in self.kernel.addresses().await? {
            let IpAddr::V6(local) = address.local else { continue };
            let automatic = !address.permanent
                || address.protocol == LINK_LOCAL_BY_KERNEL
                || (local.is_unicast_link_local() && !self.kernel.marks_addresses);
            if address.index == index && !automatic && !self.is_ours(&address) {
                return Ok(Some(format!("the address {address}")));
            }
        }
        Ok(None)
    }

    fn is_ours(&self, address: &Address) -> bool {
        self.kernel.is_marked(address) && self.ours.iter().any(|change| address.is(change))
    }

    async fn mtu(&self, change: &Change, device: &Device, before: u32, after: u32) -> Result<Outcome, Error> {
        let Some(link) = self.kernel.link(device.index).await? else { return Ok(Outcome::AlreadyGone) };
        if link.name != device.name {
            return Ok(renamed(device, &link.name));
        }
        if link.mtu == before {
            return Ok(Outcome::AlreadyGone);
        }
        if link.mtu != after {
            return Ok(Outcome::Kept { why: format!("somebody else made it {} since", link.mtu) });
        }
        if self.dry_run {
            return Ok(Outcome::WouldUndo);
        }
        self.kernel.set_mtu(device.index, before).await.map_err(|e| explain(change, &e))?;
        Ok(Outcome::Undone)
    }

    async fn addr_gen_mode(
        &self,
        change: &Change,
        device: &Device,
        before: u8,
        after: u8,
    ) -> Result<Outcome, Error> {
        let Some(link) = self.kernel.link(device.index).await? else { return Ok(Outcome::AlreadyGone) };
        if link.name != device.name {
            return Ok(renamed(device, &link.name));
        }
        match link.addr_gen_mode {
            None => return Ok(Outcome::AlreadyGone),
            Some(now) if now == before => return Ok(Outcome::AlreadyGone),
            Some(now) if now != after => {
                return Ok(Outcome::Kept { why: format!("somebody else made it {now} since") });
            }
            Some(_) => {}
        }
        if self.dry_run {
            return Ok(Outcome::WouldUndo);
        }
        self.kernel.set_addr_gen_mode(device.index, before).await.map_err(|e| explain(change, &e))?;
        Ok(Outcome::Undone)
    }

    async fn address(&self, change: &Change) -> Result<Outcome, Error> {
        let addresses = self.kernel.addresses().await?;
        let Some(address) = addresses.iter().find(|address| address.is(change)) else {
            return Ok(Outcome::AlreadyGone);
        };
        if !self.kernel.is_marked(address) {
            return Ok(Outcome::Kept { why: "somebody else made it anew since".to_owned() });
        }
        if let (Some(why), false) = (self.only_marked, self.kernel.marks_addresses) {
            return Ok(Outcome::Failed { why: why.to_owned() });
        }
        if self.dry_run {
            return Ok(Outcome::WouldUndo);
        }
        self.delete_address(change, address, &addresses).await?;
        Ok(Outcome::Undone)
    }

    /// Deletes an address, and puts back what the kernel removes along with it.
    ///
    /// With an IPv4 address go its secondaries (`promote_secondaries` is 0 by default), and with a device's
    /// last one go all routes through the device, whoever made them.
    async fn delete_address(
        &self,
        change: &Change,
        address: &Address,
        before: &[Address],
    ) -> Result<(), Error> {
        let family = if address.local.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        let routes = self.kernel.routes(family).await?;
        self.kernel.delete_address(address).await.map_err(|e| explain(change, &e))?;
        let left = self.kernel.addresses().await?;
        for lost in before.iter().filter(|a| {
            a.index == address.index && !a.same(address) && !left.iter().any(|still| still.same(a))
        }) {
            if let Err(error) = self.kernel.restore_address(lost).await {
                tracing::warn!(
                    "the kernel removed {lost} along with {address}, and it could not be put back: {error}"
                );
            }
        }
        let left = self.kernel.routes(family).await?;
        for lost in routes.iter().filter(|r| {
            r.oif == Some(address.index)
                && r.kind == RouteType::Unicast
                && ![BY_KERNEL, BY_ADVERTISEMENT].contains(&r.protocol)
                && r.src != Some(address.local)
                && !left.iter().any(|still| still.same(r))
        }) {
            if let Err(error) = self.kernel.restore_route(lost).await {
                let words = lost.words(None);
                tracing::warn!(
                    "the kernel removed the route {words} along with {address}, and it could not be put back: {error}"
                );
            }
        }
        Ok(())
    }

    async fn route(&self, change: &Change) -> Result<Outcome, Error> {
        let Change::Route { dst, .. } = change else { return Ok(Outcome::AlreadyGone) };
        let routes = self.kernel.routes(family_of_net(dst)).await?;
        let Some(route) = routes.iter().find(|route| route.is(change)) else {
            return Ok(Outcome::AlreadyGone);
        };
        if !route.is_marked() {
            return Ok(Outcome::Kept { why: "somebody else made it anew since".to_owned() });
        }
        if self.dry_run {
            return Ok(Outcome::WouldUndo);
        }
        match self.kernel.delete_route(route).await {
            Ok(()) => Ok(Outcome::Undone),
            // It went away in between, or got another maker.
            Err(error) if errno(&error) == Some(rustix::io::Errno::SRCH) => Ok(Outcome::AlreadyGone),
            Err(error) => Err(explain(change, &error)),
        }
    }

    async fn proxy_arp(&self, change: &Change, device: &Device, address: Ipv4Addr) -> Result<Outcome, Error> {
        let proxies = self.kernel.proxies().await?;
        let Some(proxy) = proxies.iter().find(|proxy| proxy.is(change)) else {
            return Ok(Outcome::AlreadyGone);
        };
        if !self.kernel.is_marked_proxy(proxy) {
            return Ok(Outcome::Kept { why: "somebody else made it anew since".to_owned() });
        }
        if let (Some(why), false) = (self.only_marked, self.kernel.marks_proxies) {
            return Ok(Outcome::Failed { why: why.to_owned() });
        }
        if self.dry_run {
            return Ok(Outcome::WouldUndo);
        }
        self.kernel.delete_proxy(device.index, address).await.map_err(|e| explain(change, &e))?;
        Ok(Outcome::Undone)
    }

    fn sysctl(&self, change: &Change) -> Result<Outcome, Error> {
        let Change::Sysctl { name, before, after, along } = change else { return Ok(Outcome::AlreadyGone) };
        let sane = |name: &str, value: &str| sysctl::is_ours(name) && sysctl::is_value(value);
        if !sane(name, before) || !along.iter().all(|(name, value)| sane(name, value)) {
            return Ok(Outcome::Failed { why: "this is no switch that pppssh sets".to_owned() });
        }
        match sysctl::read(name)? {
            None => return Ok(Outcome::AlreadyGone),
            Some(now) if now == *before => return Ok(Outcome::AlreadyGone),
            Some(now) if now != *after => {
                return Ok(Outcome::Kept { why: format!("somebody else made it {now} since") });
            }
            Some(_) => {}
        }
        if self.dry_run {
            return Ok(Outcome::WouldUndo);
        }
        // What somebody set since stays; what the kernel set along goes back.
        let mut wanted = Vec::new();
        for (other, old) in along {
            if let Some(now) = sysctl::read(other)? {
                let by_kernel = now == sysctl::value_along(other, after);
                wanted.push((other, if by_kernel { old.clone() } else { now }));
            }
        }
        sysctl::write(name, before)?;
        for (other, value) in wanted {
            if sysctl::read(other)?.is_some_and(|now| now != value) {
                sysctl::write(other, &value)?;
            }
        }
        Ok(Outcome::Undone)
    }
}

fn renamed(device: &Device, now: &str) -> Outcome {
    Outcome::Kept { why: format!("device {} is {now} now, not {}", device.index, device.name) }
}
