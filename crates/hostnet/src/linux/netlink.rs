//! rtnetlink(7), down to what this crate asks of it.

use std::{fmt, io, net::IpAddr};

use futures_util::{StreamExt, TryStreamExt};
use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily,
    address::{
        AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressProtocol, AddressScope,
    },
    link::{AfSpecInet6, AfSpecUnspec, LinkAttribute, LinkFlags, LinkMessage},
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteProtocol,
        RouteScope, RouteType, RouteVia,
    },
};
use rtnetlink::{Handle, sys::AsyncSocket};

use crate::{
    Error, Family, TABLE_MAIN,
    change::{Change, default_metric},
};

/// pppssh's mark on what it makes: `rtm_protocol` of a route, `IFA_PROTO` of an address.
///
/// The kernel keeps it and gives it no meaning; linux/rtnetlink.h leaves values from 5 up to administrators,
/// and neither it nor iproute2's `rt_protos` uses this one ('p').
pub(crate) const MARK: u8 = 112;

/// A connection to the kernel's routing, in the network namespace of the thread that opened it.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    handle: Handle,
    /// `IFA_PROTO` is from Linux 5.18; earlier ones forget the mark.
    pub(crate) marks_addresses: bool,
}

/// A device.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) mtu: u32,
    /// `IFLA_INET6_ADDR_GEN_MODE`; `None` without IPv6.
    pub(crate) addr_gen_mode: Option<u8>,
}

/// An address on a device.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) index: u32,
    pub(crate) local: IpAddr,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) prefix: u8,
    pub(crate) protocol: u8,
    /// Neither from a router nor with a lifetime.
    pub(crate) permanent: bool,
    message: AddressMessage,
}

/// A route.
#[derive(Clone, Debug)]
pub(crate) struct RouteEntry {
    pub(crate) dst: IpNet,
    pub(crate) oif: Option<u32>,
    pub(crate) via: Option<IpAddr>,
    pub(crate) metric: u32,
    pub(crate) src: Option<IpAddr>,
    pub(crate) mtu: Option<u32>,
    pub(crate) table: u32,
    pub(crate) protocol: u8,
    pub(crate) kind: RouteType,
    pub(crate) onlink: bool,
    /// Its device is down or has no carrier.
    pub(crate) dead: bool,
    /// Several next hops; `oif` and `via` are the first one's.
    pub(crate) multipath: bool,
    message: RouteMessage,
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
        Ok(Kernel { handle, marks_addresses: at_least(&release, (5, 18)) })
    }

    pub(crate) async fn link(&self, index: u32) -> Result<Option<Link>, Error> {
        let result = self.handle.link().get().match_index(index).execute().try_next().await;
        found(result, "reading a device").map(|message| message.map(|m| parse_link(&m)))
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
        Ok(messages.into_iter().filter_map(parse_address).collect())
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
        Ok(real.filter_map(parse_route).collect())
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
            Some(Ok(message)) => Ok(parse_route(message)),
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
    pub(crate) fn is_marked(&self, address: &Address) -> bool {
        address.protocol == MARK || !self.marks_addresses
    }
}

impl Address {
    pub(crate) fn is(&self, change: &Change) -> bool {
        matches!(change, Change::Address { device, local, peer, prefix }
            if device.index == self.index && *local == self.local && *peer == self.peer && *prefix == self.prefix)
    }

    pub(crate) fn same(&self, other: &Address) -> bool {
        self.index == other.index
            && self.local == other.local
            && self.peer == other.peer
            && self.prefix == other.prefix
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            Some(peer) => write!(f, "{} peer {peer}/{}", self.local, self.prefix),
            None => write!(f, "{}/{}", self.local, self.prefix),
        }
    }
}

impl RouteEntry {
    /// Has the same place in a table, so that the kernel would not take the other one too.
    pub(crate) fn rivals(&self, change: &Change) -> bool {
        matches!(change, Change::Route { dst, metric, table, .. }
            if *dst == self.dst && *metric == self.metric && *table == self.table && self.message.header.tos == 0)
    }

    /// Is that very route.
    pub(crate) fn is(&self, change: &Change) -> bool {
        let Change::Route { device, via, src, .. } = change else { return false };
        self.rivals(change)
            && self.kind == RouteType::Unicast
            && !self.multipath
            && self.oif == Some(device.index)
            && self.via == *via
            && (src.is_none() || self.src == *src)
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.protocol == MARK
    }

    pub(crate) fn same(&self, other: &RouteEntry) -> bool {
        self.dst == other.dst
            && self.oif == other.oif
            && self.via == other.via
            && self.metric == other.metric
            && self.table == other.table
            && self.kind == other.kind
            && self.message.header.tos == other.message.header.tos
    }

    /// As ip-route(8) writes it, given the device's name.
    pub(crate) fn words(&self, device: Option<&str>) -> String {
        let mut words = Vec::new();
        if self.kind != RouteType::Unicast {
            words.push(format!("{:?}", self.kind).to_lowercase());
        }
        words.push(self.dst.to_string());
        words.extend(self.via.map(|via| format!("via {via}")));
        words.extend(device.map(|device| format!("dev {device}")));
        words.extend((self.metric != default_metric(&self.dst)).then(|| format!("metric {}", self.metric)));
        words.extend((self.table != TABLE_MAIN).then(|| format!("table {}", self.table)));
        words.join(" ")
    }
}

/// The kernel's error, in terms of the change that caused it.
pub(crate) fn explain(change: &Change, error: &rtnetlink::Error) -> Error {
    let device = || change.device().map(|device| device.name.clone()).unwrap_or_default();
    let is_v6 = matches!(
        change,
        Change::Address { local: IpAddr::V6(_), .. } | Change::Route { dst: IpNet::V6(_), .. }
    );
    match errno(error) {
        Some(rustix::io::Errno::PERM) => {
            Error::NotPermitted { what: format!("`{}`", change.command()), command: change.command() }
        }
        // inet6_addr_add() and ip6_route_info_create() with disable_ipv6 set, or with an MTU below 1280.
        Some(rustix::io::Errno::ACCESS | rustix::io::Errno::OPNOTSUPP) if is_v6 => Error::Ipv6Off(device()),
        Some(rustix::io::Errno::NODEV | rustix::io::Errno::NXIO) => Error::NoSuchDevice(device()),
        _ => refused(&format!("`{}`", change.command()), error),
    }
}

/// The kernel's error as it stands.
pub(crate) fn refused(what: &str, error: &rtnetlink::Error) -> Error {
    let (source, detail) = match error {
        rtnetlink::Error::NetlinkError(message) => (message.to_io(), extended_ack(&message.header)),
        _ => (io::Error::other(error.to_string()), None),
    };
    Error::Netlink { what: what.to_owned(), source, detail }
}

pub(crate) fn errno(error: &rtnetlink::Error) -> Option<rustix::io::Errno> {
    match error {
        rtnetlink::Error::NetlinkError(message) => {
            Some(rustix::io::Errno::from_raw_os_error(message.raw_code().abs()))
        }
        _ => None,
    }
}

/// The kernel's own words, which follow the request that an error message repeats.
///
/// ```text
///  | nlmsghdr of the request (16) | its payload, to nlmsg_len | len(2) type(2) value … | …
/// ```
fn extended_ack(message: &[u8]) -> Option<String> {
    /// `NLMSGERR_ATTR_MSG`, linux/netlink.h.
    const MSG: u16 = 1;
    let align = |n: usize| n.next_multiple_of(4);
    let request = u32::from_ne_bytes(message.get(..4)?.try_into().ok()?) as usize;
    let mut rest = message.get(align(request)..)?;
    loop {
        let len = u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
        let value = rest.get(4..len)?;
        if kind == MSG {
            let text = value.split(|&b| b == 0).next()?;
            return Some(String::from_utf8_lossy(text).into_owned());
        }
        rest = rest.get(align(len)..)?;
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

pub(crate) fn family_of(family: Family) -> AddressFamily {
    match family {
        Family::Ipv4 => AddressFamily::Inet,
        Family::Ipv6 => AddressFamily::Inet6,
    }
}

pub(crate) fn family_of_net(net: &IpNet) -> Family {
    match net {
        IpNet::V4(_) => Family::Ipv4,
        IpNet::V6(_) => Family::Ipv6,
    }
}

fn parse_link(message: &LinkMessage) -> Link {
    let up = message.header.flags.contains(LinkFlags::Up);
    let mut link = Link { name: String::new(), up, mtu: 0, addr_gen_mode: None };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::AfSpecUnspec(families) => {
                link.addr_gen_mode = families.iter().find_map(|family| match family {
                    AfSpecUnspec::Inet6(settings) => settings.iter().find_map(|setting| match setting {
                        AfSpecInet6::AddrGenMode(mode) => Some(mode.into()),
                        _ => None,
                    }),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    link
}

fn parse_address(message: AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut address = None;
    let mut protocol = 0;
    let mut permanent = message.header.flags.contains(AddressHeaderFlags::Permanent);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Protocol(value) => protocol = u8::from(*value),
            AddressAttribute::Flags(flags) => permanent = flags.contains(AddressFlags::Permanent),
            _ => {}
        }
    }
    // IPv6 gives IFA_LOCAL only where there is a peer.
    let local = local.or(address)?;
    let peer = address.filter(|peer| *peer != local);
    let (index, prefix) = (message.header.index, message.header.prefix_len);
    Some(Address { index, local, peer, prefix, protocol, permanent, message })
}

fn parse_route(message: RouteMessage) -> Option<RouteEntry> {
    let any: IpAddr = match message.header.address_family {
        AddressFamily::Inet => std::net::Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let mut dst = any;
    let mut entry = RouteEntry {
        dst: IpNet::from(any),
        oif: None,
        via: None,
        metric: 0,
        src: None,
        mtu: None,
        table: u32::from(message.header.table),
        protocol: message.header.protocol.into(),
        kind: message.header.kind,
        onlink: message.header.flags.contains(RouteFlags::Onlink),
        dead: message.header.flags.intersects(RouteFlags::Dead | RouteFlags::Linkdown),
        multipath: false,
        message: RouteMessage::default(),
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => dst = ip_of(address)?,
            RouteAttribute::PrefSource(address) => entry.src = ip_of(address),
            RouteAttribute::Priority(metric) => entry.metric = *metric,
            RouteAttribute::Table(table) => entry.table = *table,
            RouteAttribute::MultiPath(hops) => {
                entry.multipath = true;
                if let Some(hop) = hops.first() {
                    entry.oif = Some(hop.interface_index);
                    entry.via = hop.attributes.iter().find_map(gateway);
                }
            }
            RouteAttribute::Oif(oif) => entry.oif = Some(*oif),
            RouteAttribute::Metrics(metrics) => {
                entry.mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) if *mtu > 0 => Some(*mtu),
                    _ => None,
                });
            }
            other => entry.via = gateway(other).or(entry.via),
        }
    }
    entry.dst = IpNet::new(dst, message.header.destination_prefix_length).ok()?;
    entry.message = message;
    Some(entry)
}

fn gateway(attribute: &RouteAttribute) -> Option<IpAddr> {
    match attribute {
        RouteAttribute::Gateway(address) => ip_of(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some((*address).into()),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some((*address).into()),
        _ => None,
    }
}

fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}

fn route_message(change: &Change) -> RouteMessage {
    let Change::Route { dst, device, via, metric, src, mtu, table, onlink } = change else {
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
    if let Some(mtu) = mtu {
        message.attributes.push(RouteAttribute::Metrics(vec![RouteMetric::Mtu(*mtu)]));
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

    #[test]
    fn the_kernels_words_are_found_behind_the_request_it_repeats() {
        // A request of 18 octets (padded to 20), then an offset attribute, then the text.
        let mut message = vec![0; 20];
        message[..4].copy_from_slice(&18_u32.to_ne_bytes());
        message.extend([8, 0, 2, 0, 1, 2, 3, 4].map(u8::to_ne_bytes).concat());
        message.extend(9_u16.to_ne_bytes());
        message.extend(1_u16.to_ne_bytes());
        message.extend(b"nope\0\0\0\0");
        // The lengths above are little endian as written.
        #[cfg(target_endian = "little")]
        assert_eq!(extended_ack(&message), Some("nope".to_owned()));
        assert_eq!(extended_ack(&message[..20]), None);
        assert_eq!(extended_ack(&[]), None);
        assert_eq!(extended_ack(&[0xff; 40]), None);
    }
}
