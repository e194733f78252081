//! What pppd asks the host before it starts.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A default route that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultRoute {
    /// Where it leads out.
    pub interface: String,
    /// The next hop; unspecified where there is none.
    pub gateway: IpAddr,
    /// Its metric.
    pub metric: u32,
}

impl DefaultRoute {
    /// pppd's words for not replacing it; it has others for IPv6.
    pub(super) fn kept(&self) -> String {
        match self.gateway {
            IpAddr::V4(gateway) => format!("not replacing default route to {} [{gateway}]", self.interface),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                format!("not replacing existing default route through {}", self.interface)
            }
            IpAddr::V6(_) => "not replacing existing default route via gateway".to_owned(),
        }
    }
}

/// The default routes of IPv4.
pub fn default_routes() -> Vec<DefaultRoute> {
    fs::read_to_string("/proc/net/route").map_or_else(|_| Vec::new(), |table| defaults_in(&table))
}

/// The default routes of IPv6.
pub fn default_routes6() -> Vec<DefaultRoute> {
    fs::read_to_string("/proc/net/ipv6_route").map_or_else(|_| Vec::new(), |table| defaults6_in(&table))
}

/// A line of the kernel's table: interface, destination, gateway, flags, two counters, metric, mask, …. Addresses are in
/// the host's order of octets.
fn defaults_in(table: &str) -> Vec<DefaultRoute> {
    let default = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [interface, "00000000", gateway, _, _, _, metric, "00000000", ..] = words[..] else {
            return None;
        };
        let gateway = Ipv4Addr::from(u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes());
        Some(DefaultRoute {
            interface: interface.to_owned(),
            gateway: gateway.into(),
            metric: metric.parse().ok()?,
        })
    };
    table.lines().filter_map(default).collect()
}

/// A line of the kernel's table: destination and its length, source and its length, next hop, metric, two counters,
/// flags, interface. The loop-back has a default of its own, which leads nowhere.
fn defaults6_in(table: &str) -> Vec<DefaultRoute> {
    let default = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [to, "00", _, _, gateway, metric, _, _, _, interface] = words[..] else { return None };
        let hex = |word| u128::from_str_radix(word, 16).ok();
        (hex(to) == Some(0) && interface != "lo").then_some(DefaultRoute {
            interface: interface.to_owned(),
            gateway: Ipv6Addr::from(hex(gateway)?).into(),
            metric: u32::from_str_radix(metric, 16).ok()?,
        })
    };
    table.lines().filter_map(default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_is_told_from_others() {
        let header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let lan = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let half = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n";
        let gateway = format!("{:08X}", u32::from_ne_bytes([192, 168, 1, 1]));
        let all = format!("eth0\t00000000\t{gateway}\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
        assert_eq!(defaults_in(&format!("{header}{lan}{half}")), []);
        let found = defaults_in(&format!("{header}{lan}{all}"));
        let [route] = &found[..] else { panic!("{found:?}") };
        assert_eq!((route.interface.as_str(), route.metric), ("eth0", 100));
        assert_eq!(route.kept(), "not replacing default route to eth0 [192.168.1.1]");
    }

    #[test]
    fn a_default_route_of_ipv6_is_not_the_loop_backs() {
        let zero = "0".repeat(32);
        let line = |length: &str, gateway: &str, interface: &str| {
            format!("{zero} {length} {zero} 00 {gateway} 00000400 00000001 00000000 00200200 {interface}\n")
        };
        assert_eq!(defaults6_in(&line("00", &zero, "lo")), []);
        assert_eq!(defaults6_in(&line("80", &zero, "eth0")), []);
        let found = defaults6_in(
            &(line("00", &zero, "eth0") + &line("00", "fe800000000000000000000000000001", "eth1")),
        );
        let said: Vec<(u32, String)> = found.iter().map(|route| (route.metric, route.kept())).collect();
        assert_eq!(
            said,
            [
                (1024, "not replacing existing default route through eth0".to_owned()),
                (1024, "not replacing existing default route via gateway".to_owned())
            ]
        );
    }
}
