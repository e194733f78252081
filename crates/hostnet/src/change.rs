//! The kinds of change the journal knows.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Table `main` (`RT_TABLE_MAIN` of linux/rtnetlink.h): where a route goes unless it says otherwise.
pub const TABLE_MAIN: u32 = 254;

/// A network device as it was when the change was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The kernel's number for it: what identifies it.
    pub index: u32,
    /// Its name then: for people, and to notice that a number was given to another device.
    pub name: String,
}

/// One change to the host's network, with what undoing it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Change {
    /// A device that was down was set up.
    LinkUp {
        /// The device.
        device: Device,
    },
    /// A device's MTU was changed.
    Mtu {
        /// The device.
        device: Device,
        /// Octets, before.
        before: u32,
        /// Octets, after.
        after: u32,
    },
    /// How the kernel makes a device's own link-local address was changed (`addrgenmode` of ip-link(8)).
    AddrGenMode {
        /// The device.
        device: Device,
        /// `IN6_ADDR_GEN_MODE_*` of linux/if_link.h, before.
        before: u8,
        /// The same, after.
        after: u8,
    },
    /// An address was added to a device.
    Address {
        /// The device.
        device: Device,
        /// This end's address.
        local: IpAddr,
        /// The other end's, on a point-to-point link.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<IpAddr>,
        /// Prefix length (of the peer, where there is one).
        prefix: u8,
    },
    /// A route was added.
    Route {
        /// The destination.
        dst: IpNet,
        /// The device it leaves by.
        device: Device,
        /// The gateway.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<IpAddr>,
        /// The metric as the kernel holds it (IPv6 turns "none" into 1024).
        metric: u32,
        /// The preferred source address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        src: Option<IpAddr>,
        /// The MTU this route promises, if it promises one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mtu: Option<u32>,
        /// The least time that TCP waits for an acknowledgement, in milliseconds, if this route sets one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rto_min: Option<u32>,
        /// The routing table.
        table: u32,
        /// The gateway is on the link though no other route says so.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        onlink: bool,
    },
    /// The host answers on a device for another one's address (`ip neigh add proxy`).
    ProxyArp {
        /// The device of the network whose hosts ask.
        device: Device,
        /// The address it answers for.
        address: Ipv4Addr,
    },
    /// A switch below `/proc/sys` was set.
    Sysctl {
        /// Its path below `/proc/sys`, such as `net/ipv4/ip_forward`.
        name: String,
        /// Its value before.
        before: String,
        /// Its value after.
        after: String,
        /// Switches the kernel sets along with this one, and their values before.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        along: BTreeMap<String, String>,
    },
}

impl Change {
    /// Whether both are about the same thing on the host, so that undoing one would take it from the other.
    pub fn same_object(&self, other: &Change) -> bool {
        match (self, other) {
            (Change::LinkUp { device: a }, Change::LinkUp { device: b })
            | (Change::Mtu { device: a, .. }, Change::Mtu { device: b, .. })
            | (Change::AddrGenMode { device: a, .. }, Change::AddrGenMode { device: b, .. }) => {
                a.index == b.index
            }
            (
                Change::Address { device: a, local: a_local, peer: a_peer, prefix: a_prefix },
                Change::Address { device: b, local: b_local, peer: b_peer, prefix: b_prefix },
            ) => a.index == b.index && a_local == b_local && a_peer == b_peer && a_prefix == b_prefix,
            (
                Change::Route { dst: a_dst, device: a, via: a_via, metric: a_metric, table: a_table, .. },
                Change::Route { dst: b_dst, device: b, via: b_via, metric: b_metric, table: b_table, .. },
            ) => {
                a.index == b.index
                    && a_dst == b_dst
                    && a_via == b_via
                    && a_metric == b_metric
                    && a_table == b_table
            }
            (
                Change::ProxyArp { device: a, address: a_address },
                Change::ProxyArp { device: b, address: b_address },
            ) => a.index == b.index && a_address == b_address,
            (Change::Sysctl { name: a, .. }, Change::Sysctl { name: b, .. }) => a == b,
            (
                Change::LinkUp { .. }
                | Change::Mtu { .. }
                | Change::AddrGenMode { .. }
                | Change::Address { .. }
                | Change::Route { .. }
                | Change::ProxyArp { .. }
                | Change::Sysctl { .. },
                _,
            ) => false,
        }
    }

    /// The device it is about, if it is about one.
    pub fn device(&self) -> Option<&Device> {
        match self {
            Change::LinkUp { device }
            | Change::Mtu { device, .. }
            | Change::AddrGenMode { device, .. }
            | Change::Address { device, .. }
            | Change::Route { device, .. }
            | Change::ProxyArp { device, .. } => Some(device),
            Change::Sysctl { .. } => None,
        }
    }

    /// The same thing as a command an administrator can run beforehand.
    pub fn command(&self) -> String {
        match self {
            Change::LinkUp { device } => format!("ip link set dev {} up", device.name),
            Change::Mtu { device, after, .. } => format!("ip link set dev {} mtu {after}", device.name),
            Change::AddrGenMode { device, after, .. } => {
                format!("ip link set dev {} addrgenmode {}", device.name, gen_mode(*after))
            }
            Change::Address { device, local, peer, prefix } => match peer {
                Some(peer) => format!("ip address add {local} peer {peer}/{prefix} dev {}", device.name),
                None => format!("ip address add {local}/{prefix} dev {}", device.name),
            },
            Change::Route { dst, device, via, metric, src, mtu, rto_min, table, onlink } => {
                let mut words = vec![format!("ip route add {dst}")];
                words.extend(via.map(|via| format!("via {via}")));
                words.push(format!("dev {}", device.name));
                words.extend(onlink.then(|| "onlink".to_owned()));
                words.extend((*metric != default_metric(dst)).then(|| format!("metric {metric}")));
                words.extend(src.map(|src| format!("src {src}")));
                words.extend(mtu.map(|mtu| format!("mtu {mtu}")));
                words.extend(rto_min.map(|rto_min| format!("rto_min {rto_min}ms")));
                words.extend((*table != TABLE_MAIN).then(|| format!("table {table}")));
                words.join(" ")
            }
            Change::ProxyArp { device, address } => {
                format!("ip neigh add proxy {address} dev {}", device.name)
            }
            // sysctl(8) takes slashes too, and a device name may hold a dot.
            Change::Sysctl { name, after, .. } => format!("sysctl -w {name}={after}"),
        }
    }
}

/// The words of ip-link(8).
fn gen_mode(value: u8) -> &'static str {
    match value {
        0 => "eui64",
        1 => "none",
        2 => "stable_secret",
        _ => "random",
    }
}

/// What the kernel makes of a route without a metric: 0, or `IP6_RT_PRIO_USER` (linux/ipv6_route.h).
pub(crate) fn default_metric(dst: &IpNet) -> u32 {
    match dst {
        IpNet::V4(_) => 0,
        IpNet::V6(_) => 1024,
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::LinkUp { device } => write!(f, "{} set up", device.name),
            Change::Mtu { device, before, after } => {
                write!(f, "MTU of {} changed from {before} to {after}", device.name)
            }
            Change::AddrGenMode { device, before, after } => {
                let (before, after) = (gen_mode(*before), gen_mode(*after));
                write!(f, "addrgenmode of {} changed from {before} to {after}", device.name)
            }
            Change::Address { device, local, peer: Some(peer), prefix } => {
                write!(f, "address {local} peer {peer}/{prefix} added to {}", device.name)
            }
            Change::Address { device, local, peer: None, prefix } => {
                write!(f, "address {local}/{prefix} added to {}", device.name)
            }
            Change::Route { .. } => {
                write!(f, "route {} added", self.command().trim_start_matches("ip route add "))
            }
            Change::ProxyArp { device, address } => {
                write!(f, "proxy ARP entry for {address} added to {}", device.name)
            }
            Change::Sysctl { name, before, after, .. } => {
                write!(f, "{name} changed from {before} to {after}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ppp0() -> Device {
        Device { index: 7, name: "ppp0".into() }
    }

    #[test]
    fn a_change_reads_as_the_command_that_makes_it() {
        let address = Change::Address {
            device: ppp0(),
            local: "192.168.1.1".parse().unwrap(),
            peer: Some("192.168.2.1".parse().unwrap()),
            prefix: 32,
        };
        assert_eq!(address.command(), "ip address add 192.168.1.1 peer 192.168.2.1/32 dev ppp0");
        assert_eq!(address.to_string(), "address 192.168.1.1 peer 192.168.2.1/32 added to ppp0");
        let route = Change::Route {
            dst: "10.0.0.0/8".parse().unwrap(),
            device: ppp0(),
            via: None,
            metric: 0,
            src: Some("192.168.1.1".parse().unwrap()),
            mtu: None,
            rto_min: Some(300),
            table: TABLE_MAIN,
            onlink: false,
        };
        assert_eq!(route.command(), "ip route add 10.0.0.0/8 dev ppp0 src 192.168.1.1 rto_min 300ms");
        let proxy = Change::ProxyArp { device: ppp0(), address: [192, 168, 1, 9].into() };
        assert_eq!(proxy.command(), "ip neigh add proxy 192.168.1.9 dev ppp0");
    }

    #[test]
    fn a_change_survives_the_way_through_json() {
        let change = Change::Mtu { device: ppp0(), before: 1500, after: 1400 };
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(text, r#"{"kind":"mtu","device":{"index":7,"name":"ppp0"},"before":1500,"after":1400}"#);
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
    }
}
