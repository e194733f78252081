//! What pppd asks the host before it starts.

use std::fs;

/// Whether there is a default route for IPv4.
pub fn has_default_route() -> bool {
    fs::read_to_string("/proc/net/route").is_ok_and(|table| default_in(&table))
}

/// Whether there is a default route for IPv6.
pub fn has_default_route6() -> bool {
    fs::read_to_string("/proc/net/ipv6_route").is_ok_and(|table| default6_in(&table))
}

/// A line of the kernel's table: interface, destination, gateway, flags, three counters, mask.
fn default_in(table: &str) -> bool {
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1) == Some(&"00000000") && words.get(7) == Some(&"00000000")
    })
}

/// A line of the kernel's table: destination and its length, source and its length, next hop, metric, two counters,
/// flags, interface. The loop-back has a default of its own, which leads nowhere.
fn default6_in(table: &str) -> bool {
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let to_all = words.first().is_some_and(|to| to.bytes().all(|digit| digit == b'0'));
        to_all && words.get(1) == Some(&"00") && words.last().is_some_and(|interface| *interface != "lo")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_is_told_from_others() {
        let header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let lan = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let half = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n";
        let all = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n";
        assert!(!default_in(&format!("{header}{lan}{half}")));
        assert!(default_in(&format!("{header}{lan}{all}")));
    }

    #[test]
    fn a_default_route_of_ipv6_is_not_the_loop_backs() {
        let zero = "0".repeat(32);
        let line = |length: &str, interface: &str| {
            format!("{zero} {length} {zero} 00 {zero} ffffffff 00000001 00000000 00200200 {interface}\n")
        };
        assert!(!default6_in(&line("00", "lo")));
        assert!(!default6_in(&line("80", "eth0")));
        assert!(default6_in(&line("00", "eth0")));
    }
}
