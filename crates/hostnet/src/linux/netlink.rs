//! rtnetlink(7), down to what this crate asks of it.

use std::net::{IpAddr, Ipv4Addr};

use futures_util::{StreamExt, TryStreamExt};
use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressProtocol, AddressScope},
    link::{AfSpecInet6, AfSpecUnspec, LinkAttribute, LinkFlags, LinkMessage},
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage},
    route::{
        RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
        RouteType, RouteVia,
    },
};
use rtnetlink::{Handle, sys::AsyncSocket};

use super::{
    entries::{Address, Link, MARK, Proxy, RouteEntry, family_of, family_of_net},
    refusal::{errno, refused},
};
use crate::{Change, Error, Family};

/// A connection to the kernel's routing, in the network namespace of the thread that opened it.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    handle: Handle,
    /// `IFA_PROTO` is from Linux 5.18; earlier ones forget the mark.
    pub(crate) marks_addresses: bool,
    /// `NDA_PROTOCOL` is from Linux 5.0; earlier ones forget the mark.
    pub(crate) marks_proxies: bool,
}

impl Kernel {
    /// Must be called within a tokio runtime, which then drives the connection.
    pub(crate) fn open() -> Result<Kernel, Error> {
        let (mut connection, handle, _) = rtnetlink::new_connection().map_err(|source| Error::Netlink {
            what: "opening netlink".into(),
            source,
            detail: None,
        })?;
        // Only makes errors wordier; kernels before 4.12 have not got it.
        let _ = connection.socket_mut().socket_mut().set_ext_ack(true);
        tokio::spawn(connection);
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        Ok(Kernel {
            handle,
            marks_addresses: at_least(&release, (5, 18)),
            marks_proxies: at_least(&release, (5, 0)),
        })
    }

    pub(crate) async fn link(&self, index: u32) -> Result<Option<Link>, Error> {
        let result = self.handle.link().get().match_index(index).execute().try_next().await;
        found(result, "reading a device").map(|message| message.map(|m| Link::parse(&m)))
    }

    pub(crate) async fn index_of(&self, name: &str) -> Result<u32, Error> {
        let result = self.handle.link().get().match_name(name).execute().try_next().await;
        match found(result, "reading a device")? {
            Some(message) => Ok(message.header.index),
            None => Err(Error::NoSuchDevice(name.to_owned())),
        }
    }

    /// The device, or the error that it is not there.
    pub(crate) async fn need_link(&self, index: u32) -> Result<Link, Error> {
        self.link(index).await?.ok_or_else(|| Error::NoSuchDevice(format!("number {index}")))
    }

    pub(crate) async fn set_up(&self, index: u32, up: bool) -> Result<(), rtnetlink::Error> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.change_mask = LinkFlags::Up;
        message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
        self.handle.link().change(message).execute().await
    }

    pub(crate) async fn set_mtu(&self, index: u32, mtu: u32) -> Result<(), rtnetlink::Error> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::Mtu(mtu));
        self.handle.link().change(message).execute().await
    }

    /// Not by `/proc/sys`: a write there makes the kernel generate addresses, even on a device that is down.
    pub(crate) async fn set_addr_gen_mode(&self, index: u32, mode: u8) -> Result<(), rtnetlink::Error> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        let inet6 = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(mode.into())]);
        message.attributes.push(LinkAttribute::AfSpecUnspec(vec![inet6]));
        self.handle.link().change(message).execute().await
    }

    /// Every address in the namespace.
    pub(crate) async fn addresses(&self) -> Result<Vec<Address>, Error> {
        let messages: Vec<_> = self
            .handle
            .address()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(|e| refused("reading addresses", &e))?;
        Ok(messages.into_iter().filter_map(Address::parse).collect())
    }

    /// Every route in the namespace, of all tables and kinds.
    pub(crate) async fn routes(&self, family: Family) -> Result<Vec<RouteEntry>, Error> {
        let mut message = RouteMessage::default();
        message.header.address_family = family_of(family);
        let messages: Vec<_> = self
            .handle
            .route()
            .get(message)
            .execute()
            .try_collect()
            .await
            .map_err(|e| refused("reading routes", &e))?;
        // Entries the kernel cached for single destinations are nobody's routes.
        let real = messages.into_iter().filter(|m| !m.header.flags.contains(RouteFlags::Cloned));
        Ok(real.filter_map(RouteEntry::parse).collect())
    }

    /// `ip route get`: resolved to one next hop, or (`entry`) the table's entry that matches. `None` if there
    /// is no route.
    pub(crate) async fn lookup(&self, address: IpAddr, entry: bool) -> Result<Option<RouteEntry>, Error> {
        let mut message = RouteMessage::default();
        let (family, prefix) = match address {
            IpAddr::V4(_) => (AddressFamily::Inet, 32),
            IpAddr::V6(_) => (AddressFamily::Inet6, 128),
        };
        message.header.address_family = family;
        message.header.destination_prefix_length = prefix;
        message.header.flags =
            if entry { RouteFlags::LookupTable | RouteFlags::FibMatch } else { RouteFlags::LookupTable };
        message.attributes.push(RouteAttribute::Destination(address.into()));
        let mut stream = Box::pin(self.handle.route().get(message).execute());
        match stream.next().await {
            Some(Ok(message)) => Ok(RouteEntry::parse(message)),
            None => Ok(None),
            Some(Err(error)) => match errno(&error) {
                // fib_lookup(): nothing matches; or an unreachable, prohibit or blackhole route does.
                Some(
                    rustix::io::Errno::NETUNREACH
                    | rustix::io::Errno::HOSTUNREACH
                    | rustix::io::Errno::ACCESS
                    | rustix::io::Errno::INVAL,
                ) => Ok(None),
                _ => Err(refused(&format!("looking up the route to {address}"), &error)),
            },
        }
    }

    pub(crate) async fn add_address(
        &self,
        index: u32,
        local: IpAddr,
        peer: Option<IpAddr>,
        prefix: u8,
    ) -> Result<(), rtnetlink::Error> {
        let mut request = self.handle.address().add(index, local, prefix);
        let message = request.message_mut();
        message.attributes = vec![
            AddressAttribute::Local(local),
            AddressAttribute::Address(peer.unwrap_or(local)),
            AddressAttribute::Protocol(AddressProtocol::Other(MARK)),
        ];
        if let IpAddr::V6(v6) = local {
            if v6.is_unicast_link_local() {
                message.header.scope = AddressScope::Link;
            }
            if peer.is_some() {
                // RFC 5072 §5: the identifiers were negotiated to differ, so duplicate address detection is
                // redundant, and would make the address unusable for a second.
                message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
            }
        }
        request.execute().await
    }

    pub(crate) async fn delete_address(&self, address: &Address) -> Result<(), rtnetlink::Error> {
        self.handle.address().del(address.message.clone()).execute().await
    }

    pub(crate) async fn add_route(&self, change: &Change) -> Result<(), rtnetlink::Error> {
        self.handle.route().add(route_message(change)).execute().await
    }

    pub(crate) async fn delete_route(&self, route: &RouteEntry) -> Result<(), rtnetlink::Error> {
        let mut message = route.message.clone();
        // With the mark in it the kernel compares once more, without a gap.
        message.header.protocol = route.protocol.into();
        self.handle.route().del(message).execute().await
    }

    /// Every address of IPv4 that the host answers for.
    pub(crate) async fn proxies(&self) -> Result<Vec<Proxy>, Error> {
        let request = self.handle.neighbours().get().proxies().set_address_family(AddressFamily::Inet);
        let messages: Vec<_> =
            request.execute().try_collect().await.map_err(|e| refused("reading proxy ARP entries", &e))?;
        Ok(messages.iter().filter_map(Proxy::parse).collect())
    }

    pub(crate) async fn add_proxy(&self, index: u32, address: Ipv4Addr) -> Result<(), rtnetlink::Error> {
        let mut request = self.handle.neighbours().add(index, address.into());
        *request.message_mut() = proxy_message(index, address);
        request.execute().await
    }

    pub(crate) async fn delete_proxy(&self, index: u32, address: Ipv4Addr) -> Result<(), rtnetlink::Error> {
        self.handle.neighbours().del(proxy_message(index, address)).execute().await
    }

    /// Puts back an address as it was read.
    pub(crate) async fn restore_address(&self, address: &Address) -> Result<(), rtnetlink::Error> {
        let mut message = address.message.clone();
        message.header.flags.remove(AddressHeaderFlags::Secondary);
        for attribute in &mut message.attributes {
            if let AddressAttribute::Flags(flags) = attribute {
                flags.remove(AddressFlags::Secondary | AddressFlags::Tentative);
                flags.insert(AddressFlags::Nodad);
            }
        }
        let mut request = self.handle.address().add(address.index, address.local, address.prefix);
        *request.message_mut() = message;
        request.execute().await
    }

    /// Puts back a route as it was read.
    pub(crate) async fn restore_route(&self, route: &RouteEntry) -> Result<(), rtnetlink::Error> {
        let mut message = route.message.clone();
        message.header.flags &= RouteFlags::Onlink;
        message.attributes.retain(|a| !matches!(a, RouteAttribute::CacheInfo(_)));
        self.handle.route().add(message).execute().await
    }

    /// Bears the mark, or could not.
    pub(crate) fn is_marked_proxy(&self, proxy: &Proxy) -> bool {
        proxy.protocol == MARK || !self.marks_proxies
    }

    /// Bears the mark, or could not.
    pub(crate) fn is_marked(&self, address: &Address) -> bool {
        address.protocol == MARK || !self.marks_addresses
    }
}

fn found<T>(result: Result<Option<T>, rtnetlink::Error>, what: &str) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(value),
        Err(error) if errno(&error) == Some(rustix::io::Errno::NODEV) => Ok(None),
        // A name that no device can have (too long).
        Err(error) if errno(&error) == Some(rustix::io::Errno::RANGE) => Ok(None),
        Err(error) => Err(refused(what, &error)),
    }
}

fn proxy_message(index: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = index;
    message.header.flags = NeighbourFlags::Proxy;
    message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(address)));
    message.attributes.push(NeighbourAttribute::Protocol(RouteProtocol::Other(MARK)));
    message
}

/// The number of this metric, and its bit among those that are locked (linux/rtnetlink.h).
const RTAX_RTO_MIN: u32 = 13;

fn route_message(change: &Change) -> RouteMessage {
    let Change::Route { dst, device, via, metric, src, mtu, rto_min, table, onlink } = change else {
        unreachable!("only a route is added as a route")
    };
    let mut message = RouteMessage::default();
    message.header.address_family = family_of(family_of_net(dst));
    message.header.destination_prefix_length = dst.prefix_len();
    // Tables above 255 go into the attribute alone (RT_TABLE_COMPAT is for reading).
    message.header.table = RouteHeader::RT_TABLE_UNSPEC;
    message.header.protocol = RouteProtocol::Other(MARK);
    message.header.kind = RouteType::Unicast;
    message.header.scope =
        if via.is_none() && dst.addr().is_ipv4() { RouteScope::Link } else { RouteScope::Universe };
    if *onlink {
        message.header.flags |= RouteFlags::Onlink;
    }
    message.attributes.push(RouteAttribute::Destination(dst.addr().into()));
    message.attributes.push(RouteAttribute::Oif(device.index));
    message.attributes.push(RouteAttribute::Table(*table));
    if *metric != 0 {
        message.attributes.push(RouteAttribute::Priority(*metric));
    }
    match (via, dst) {
        (Some(IpAddr::V6(via)), IpNet::V4(_)) => {
            message.attributes.push(RouteAttribute::Via(RouteVia::Inet6(*via)));
        }
        (Some(via), _) => message.attributes.push(RouteAttribute::Gateway((*via).into())),
        (None, _) => {}
    }
    if let Some(src) = src {
        message.attributes.push(RouteAttribute::PrefSource((*src).into()));
    }
    let mut metrics = Vec::new();
    metrics.extend(mtu.map(RouteMetric::Mtu));
    // TCP heeds only one that is locked (`tcp_rto_min()`).
    metrics.extend(
        rto_min.iter().flat_map(|ms| [RouteMetric::Lock(1 << RTAX_RTO_MIN), RouteMetric::RtoMin(*ms)]),
    );
    if !metrics.is_empty() {
        message.attributes.push(RouteAttribute::Metrics(metrics));
    }
    message
}

/// Whether a kernel release such as `6.1.0-18-amd64` is that version or a later one.
fn at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => (major, minor) >= wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_are_compared_by_number() {
        assert!(at_least("6.1.0-18-amd64", (5, 18)));
        assert!(at_least("5.18.0", (5, 18)));
        assert!(!at_least("5.9.16-generic", (5, 18)));
        assert!(!at_least("5", (5, 18)));
        assert!(!at_least("", (5, 18)));
    }
}
