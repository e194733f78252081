//! Systems other than Linux: everything says why not.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use ipnet::IpNet;

use crate::{
    Change, CleanupOptions, CleanupReport, Error, Family, Forwarding, InterfaceId, Route, RouteTo, UndoReport,
};

const REASON: &str = "addresses and routes are set through Linux netlink only; \
                      let an ip-up hook call ifconfig(8) and route(8) here";

fn unsupported<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Unsupported { what: what.into(), reason: REASON })
}

/// The host's network as one session changes it. On this system it changes nothing.
#[derive(Debug)]
pub struct HostNet(());

#[allow(clippy::unused_async)]
impl HostNet {
    /// Succeeds, so that a session that changes nothing can run.
    pub async fn open(_journal_dir: &Path, _session: &str) -> Result<HostNet, Error> {
        Ok(HostNet(()))
    }

    /// Not supported here.
    pub async fn index_of(&self, name: &str) -> Result<u32, Error> {
        unsupported(format!("looking up device {name}"))
    }

    /// Not supported here.
    pub async fn link_up(&mut self, _index: u32, _mtu: Option<u32>) -> Result<(), Error> {
        unsupported("setting the device up")
    }

    /// Not supported here.
    pub async fn set_mtu(&mut self, _index: u32, mtu: u32) -> Result<(), Error> {
        unsupported(format!("setting the MTU to {mtu}"))
    }

    /// Not supported here.
    pub async fn disable_auto_link_local(&mut self, _index: u32) -> Result<(), Error> {
        unsupported("switching off automatic link-local addresses")
    }

    /// Not supported here.
    pub async fn add_address_p2p(&mut self, _index: u32, local: IpAddr, peer: IpAddr) -> Result<(), Error> {
        unsupported(format!("adding the address {local} peer {peer}"))
    }

    /// Not supported here.
    pub async fn add_link_local(
        &mut self,
        index: u32,
        local: InterfaceId,
        peer: InterfaceId,
    ) -> Result<(), Error> {
        self.add_address_p2p(index, local.link_local().into(), peer.link_local().into()).await
    }

    /// Not supported here.
    pub async fn add_address(&mut self, _index: u32, address: IpNet) -> Result<(), Error> {
        unsupported(format!("adding the address {address}"))
    }

    /// Not supported here.
    pub async fn remove_address(&mut self, _index: u32, local: IpAddr) -> Result<(), Error> {
        unsupported(format!("removing the address {local}"))
    }

    /// Not supported here.
    pub async fn replace_address(
        &mut self,
        _index: u32,
        old_local: IpAddr,
        local: IpAddr,
        _peer: IpAddr,
    ) -> Result<(), Error> {
        unsupported(format!("replacing the address {old_local} by {local}"))
    }

    /// Not supported here.
    pub async fn add_route(&mut self, route: Route) -> Result<(), Error> {
        unsupported(format!("adding the route {}", route.dst))
    }

    /// Not supported here.
    pub async fn remove_route(&mut self, route: &Route) -> Result<(), Error> {
        unsupported(format!("removing the route {}", route.dst))
    }

    /// Not supported here.
    pub async fn add_proxy_arp(&mut self, address: Ipv4Addr) -> Result<Option<String>, Error> {
        unsupported(format!("adding a proxy ARP entry for {address}"))
    }

    /// There is none.
    pub async fn remove_proxy_arp(&mut self, _address: Ipv4Addr) -> Result<(), Error> {
        Ok(())
    }

    /// Not supported here.
    pub async fn enable_forwarding(&mut self, _family: Family, _where_: Forwarding) -> Result<(), Error> {
        unsupported("switching packet forwarding on")
    }

    /// Nothing to protect from, since no route can be added.
    pub async fn protect_carrier(&mut self, _address: IpAddr) -> Result<(), Error> {
        Ok(())
    }

    /// Nothing to release.
    pub async fn release_carrier(&mut self, _address: IpAddr) -> Result<(), Error> {
        Ok(())
    }

    /// Nothing to put back.
    pub async fn reapply(&mut self) -> Result<usize, Error> {
        Ok(0)
    }

    /// Nothing was changed.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        std::iter::empty()
    }

    /// There is no journal.
    pub fn journal_path(&self) -> Option<PathBuf> {
        None
    }

    /// Nothing to undo.
    pub async fn undo(&mut self) -> UndoReport {
        UndoReport::default()
    }
}

/// There are no journals on this system.
#[allow(clippy::unused_async)]
pub async fn cleanup(_journal_dir: &Path, options: CleanupOptions) -> Result<CleanupReport, Error> {
    Ok(CleanupReport { journals: Vec::new(), dry_run: options.dry_run })
}

/// Not supported here.
#[allow(clippy::unused_async)]
pub async fn route_to(address: IpAddr) -> Result<Option<RouteTo>, Error> {
    unsupported(format!("looking up the route to {address}"))
}

/// Not supported here.
#[allow(clippy::unused_async)]
pub async fn mtu_to(address: IpAddr) -> Result<Option<u32>, Error> {
    unsupported(format!("looking up the MTU towards {address}"))
}
