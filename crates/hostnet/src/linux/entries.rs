//! Devices, addresses and routes as the kernel describes them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily,
    address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage},
    link::{AfSpecInet6, AfSpecUnspec, LinkAttribute, LinkFlags, LinkMessage},
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage},
    route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteType, RouteVia},
};

use crate::{Change, Family, TABLE_MAIN, change::default_metric};

/// `RTPROT_KERNEL` and `RTPROT_RA` (linux/rtnetlink.h): routes the kernel makes, for the network of an address, and
/// as a router advertises.
pub(crate) const BY_KERNEL: u8 = 2;
pub(crate) const BY_ADVERTISEMENT: u8 = 9;

/// pppssh's mark on what it makes: `rtm_protocol` of a route, `IFA_PROTO` of an address, `NDA_PROTOCOL` of a proxy entry.
///
/// The kernel keeps it and gives it no meaning; linux/rtnetlink.h leaves values from 5 up to administrators,
/// and neither it nor iproute2's `rt_protos` uses this one ('p').
pub(crate) const MARK: u8 = 112;

/// A device.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) up: bool,
    pub(crate) mtu: u32,
    /// It is up, and hosts find each other on it by ARP: neither point-to-point nor the loop-back.
    pub(crate) takes_arp: bool,
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
    pub(super) message: AddressMessage,
}

/// An address that the host answers for on a device.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    index: u32,
    address: IpAddr,
    pub(crate) protocol: u8,
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
    pub(super) message: RouteMessage,
}

impl Link {
    pub(super) fn parse(message: &LinkMessage) -> Link {
        let flags = message.header.flags;
        let takes_arp = flags.contains(LinkFlags::Up | LinkFlags::Broadcast)
            && !flags.intersects(LinkFlags::Pointopoint | LinkFlags::Loopback | LinkFlags::Noarp);
        let up = flags.contains(LinkFlags::Up);
        let mut link = Link { name: String::new(), up, mtu: 0, takes_arp, addr_gen_mode: None };
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
}

impl Address {
    pub(super) fn parse(message: AddressMessage) -> Option<Address> {
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

impl Proxy {
    pub(super) fn parse(message: &NeighbourMessage) -> Option<Proxy> {
        let (mut found, mut protocol) = (None, 0);
        for attribute in &message.attributes {
            match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => found = Some((*v4).into()),
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => found = Some((*v6).into()),
                NeighbourAttribute::Protocol(value) => protocol = u8::from(*value),
                _ => {}
            }
        }
        found.map(|address| Proxy { index: message.header.ifindex, address, protocol })
    }

    pub(crate) fn is(&self, change: &Change) -> bool {
        matches!(change, Change::ProxyArp { device, address }
            if device.index == self.index && IpAddr::from(*address) == self.address)
    }
}

impl RouteEntry {
    pub(super) fn parse(message: RouteMessage) -> Option<RouteEntry> {
        let any: IpAddr = match message.header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
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
