//! What the kernel says about the way to an address.

use std::net::IpAddr;

use netlink_packet_route::route::RouteType;

use super::{HostNet, netlink::Kernel};
use crate::{Error, RouteTo};

/// How a packet to `address` would leave this host now (`ip route get`); `None` if there is no way.
pub async fn route_to(address: IpAddr) -> Result<Option<RouteTo>, Error> {
    look_up(&Kernel::open()?, address).await
}

/// The largest packet that the first hop towards `address` takes.
pub async fn mtu_to(address: IpAddr) -> Result<Option<u32>, Error> {
    Ok(route_to(address).await?.map(|route| route.mtu))
}

impl HostNet {
    /// How a packet to `address` would leave this host now; `None` if there is no way.
    pub async fn route_to(&self, address: IpAddr) -> Result<Option<RouteTo>, Error> {
        look_up(&self.kernel, address).await
    }
}

async fn look_up(kernel: &Kernel, address: IpAddr) -> Result<Option<RouteTo>, Error> {
    let Some(resolved) = kernel.lookup(address, false).await? else { return Ok(None) };
    let Some(entry) = kernel.lookup(address, true).await? else { return Ok(None) };
    let Some(oif) = resolved.oif else { return Ok(None) };
    let Some(link) = kernel.link(oif).await? else { return Ok(None) };
    Ok(Some(RouteTo {
        dst: entry.dst,
        oif,
        device: link.name,
        via: resolved.via,
        src: resolved.src,
        table: entry.table,
        mtu: resolved.mtu.or(entry.mtu).unwrap_or(link.mtu),
        local: resolved.kind == RouteType::Local,
    }))
}
