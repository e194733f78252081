//! The line between venus and saturn.
//!
//! ```text
//!     venus eth0 ── eth0 near line ──────── line far eth0 ── eth0 saturn
//! ```
//!
//! near and far are the routers at its ends. Each has towards the line one FIFO of [`Line::queue`] packets that empties
//! at the line's rate, and towards its host the delay, half the round trip, the loss, and the slots: packets arrive in
//! bunches, as from a radio that is not always on. So the queue is not in the sending host, whose TCP would take note of it
//! (TCP small queues), and is filled by the packets of everybody alike.

use std::fmt;
use std::process::Command;
use std::str::FromStr;

use netlab::Host;
use pppssh_benches::congestion::Congestion;
use pppssh_tests::finish;
use pppssh_tests::lab_kernel::hosts::Hosts;
use serde::{Deserialize, Serialize};

use crate::emulated::Emulated;

/// Where netem holds packets that are on their way: far more than ever are.
const ON_THE_WAY: &str = "100000";

/// The least that the queue at either end holds, in packets.
const QUEUE_LEAST: u32 = 50;

/// The Ethernet header, which netem counts.
pub(crate) const FRAME_HEADER: usize = 14;
/// The MTU, and that.
const FRAME_OCTETS: f64 = 1500.0 + FRAME_HEADER as f64;

/// What a line is like, the same both ways.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) rate: Rate,
    pub(crate) rtt_ms: u32,
    pub(crate) loss_percent: f64,
    /// The longest time between two bunches of packets; there are none if it is 0.
    pub(crate) slots_ms: u32,
}

/// In Mb/s, of frames; none is as fast as the kernel goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate(pub(crate) Option<f64>);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        match text.parse::<f64>() {
            Ok(rate) if (0.1..=10_000.0).contains(&rate) => Ok(Rate(Some(rate))),
            _ if text == "max" => Ok(Rate(None)),
            _ => Err("a rate is from 0.1 to 10000 Mb/s, or max".to_owned()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => write!(f, "{rate}"),
            None => f.write_str("max"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Mb/s, {} ms, loss {} %", self.rate, self.rtt_ms, self.loss_percent)?;
        if self.slots_ms > 0 { write!(f, ", slots up to {} ms apart", self.slots_ms) } else { Ok(()) }
    }
}

impl Line {
    /// The packets that the queue at either end holds: what is on its way at full rate, but not less than 50.
    pub(crate) fn queue(&self) -> u32 {
        let octets = self.rate.0.unwrap_or(0.0) * 1e6 / 8.0 * f64::from(self.rtt_ms) / 1e3;
        QUEUE_LEAST.max((octets / FRAME_OCTETS).round() as u32)
    }
}

/// The hosts with a line between them.
pub(crate) struct Joined {
    /// Goes before the hosts do, and its devices with them.
    between: Between,
    pub(crate) hosts: Hosts,
}

/// What is between the hosts.
enum Between {
    Routers { near: Host, far: Host },
    Emulated(Emulated),
}

impl Joined {
    /// By routers with netem.
    pub(crate) fn by(line: &Line) -> Joined {
        let hosts = Hosts::apart();
        let lab = &hosts.lab;
        let (near, far) = (lab.host("near").unwrap(), lab.host("far").unwrap());
        lab.wire(&hosts.venus, "eth0", &near, "eth0").unwrap();
        lab.wire(&near, "line", &far, "line").unwrap();
        lab.wire(&far, "eth0", &hosts.saturn, "eth0").unwrap();
        let sides = [
            (&hosts.venus, "10.9.9.1", &near, "10.9.9.254", "10.0.0.1"),
            (&hosts.saturn, "10.10.10.1", &far, "10.10.10.254", "10.0.0.2"),
        ];
        for (host, address, router, gateway, on_line) in sides {
            host.address("eth0", &format!("{address}/24")).unwrap();
            host.route_via("10.0.0.0/8", gateway).unwrap();
            router.address("eth0", &format!("{gateway}/24")).unwrap();
            router.address("line", &format!("{on_line}/30")).unwrap();
            router.forwarding(true).unwrap();
        }
        near.route_via("10.10.10.0/24", "10.0.0.2").unwrap();
        far.route_via("10.9.9.0/24", "10.0.0.1").unwrap();
        for host in [&hosts.venus, &hosts.saturn] {
            // Packets of the wire's MTU, as on a real one; a super-packet would be delayed, and lost, as a whole.
            ip(host, &["link", "set", "eth0", "gso_max_segs", "1"]);
        }
        for router in [&near, &far] {
            shape(router, line);
        }
        Joined::between(hosts, Between::Routers { near, far })
    }

    /// By this program.
    pub(crate) fn here(line: &Line) -> Joined {
        let hosts = Hosts::apart();
        let Hosts { venus, saturn, .. } = &hosts;
        let emulated = Emulated::join([venus, saturn], "eth0", line);
        for (host, address) in [(venus, "10.9.9.1/24"), (saturn, "10.10.10.1/24")] {
            host.address("eth0", address).unwrap();
            host.up("eth0").unwrap();
            host.route_dev("10.0.0.0/8", "eth0").unwrap();
        }
        Joined::between(hosts, Between::Emulated(emulated))
    }

    fn between(hosts: Hosts, between: Between) -> Joined {
        for host in [&hosts.venus, &hosts.saturn] {
            // What one connection learnt of the path is not told to the next one.
            host.sysctl("net/ipv4/tcp_no_metrics_save", "1").unwrap();
        }
        Joined { between, hosts }
    }

    /// From now on, on both hosts.
    pub(crate) fn use_congestion(&self, congestion: Congestion) {
        for host in [&self.hosts.venus, &self.hosts.saturn] {
            congestion.use_on(host);
        }
    }

    /// Packets that the queue at either end, up and down, had no room for so far.
    pub(crate) fn dropped(&self) -> [u64; 2] {
        match &self.between {
            Between::Routers { near, far } => [near, far].map(|router| queue_drops(router, "line")),
            Between::Emulated(emulated) => emulated.dropped(),
        }
    }
}

/// What a router does at its end of the line.
fn shape(router: &Host, line: &Line) {
    if let Some(rate) = line.rate.0 {
        let (rate, limit) = (format!("{}kbit", rate * 1e3), line.queue().to_string());
        netem(router, "line", &["rate", &rate, "limit", &limit]);
    }
    let delay = format!("{}us", line.rtt_ms * 500);
    let mut words = vec!["delay", &delay, "limit", ON_THE_WAY];
    let loss = format!("{}%", line.loss_percent);
    if line.loss_percent > 0.0 {
        words.extend(["loss", &loss]);
    }
    let slots = format!("{}ms", line.slots_ms);
    if line.slots_ms > 0 {
        words.extend(["slot", "1ms", &slots]);
    }
    netem(router, "eth0", &words);
}

fn netem(router: &Host, device: &str, words: &[&str]) {
    let mut tc = router.command("/usr/sbin/tc");
    tc.args(["qdisc", "add", "dev", device, "root", "netem"]).args(words);
    finish("tc (package iproute2)", tc).well();
}

/// Runs `ip` on a host.
pub(crate) fn ip(host: &Host, words: &[&str]) {
    let mut ip = host.command("/usr/sbin/ip");
    ip.args(words);
    finish("ip (package iproute2)", ip).well();
}

/// Packets that the queues in front of a device dropped so far.
pub(crate) fn queue_drops(host: &Host, device: &str) -> u64 {
    let mut tc: Command = host.command("/usr/sbin/tc");
    tc.args(["-s", "-j", "qdisc", "show", "dev", device]);
    let answer = finish("tc (package iproute2)", tc);
    answer.well();
    let queues: serde_json::Value = serde_json::from_str(&answer.said).expect("tc writes JSON");
    queues.as_array().into_iter().flatten().filter_map(|queue| queue["drops"].as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::USUAL;

    #[test]
    fn a_queue_holds_what_is_on_its_way_but_not_less_than_fifty_packets() {
        let queue = |rate, rtt_ms| Line { rate: Rate(Some(rate)), rtt_ms, ..USUAL }.queue();
        assert_eq!(queue(20.0, 50), 83); // 125,000 octets
        assert_eq!(queue(100.0, 200), 1651);
        assert_eq!(queue(5.0, 10), 50);
    }

    #[test]
    fn a_rate_is_read_as_it_is_written() {
        for rate in [Rate(Some(20.0)), Rate(Some(0.5)), Rate(None)] {
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        for wrong in ["0", "-5", "fast", "inf", "NaN"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
