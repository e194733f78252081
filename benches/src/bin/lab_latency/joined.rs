//! The hosts, and the line between them.
//!
//! ```text
//!     venus eth0 ── eth0 near line ──────── line far eth0 ── eth0 saturn
//! ```
//!
//! near and far are the routers at its ends. Each has towards the line one FIFO of [`Line::queue`] packets that empties
//! at the line's rate, and towards its host the delay, half the round trip, the loss, and the slots: packets arrive in
//! bunches, as from a radio that is not always on. So the queue is not in the sending host, whose TCP would take note of it
//! (TCP small queues), and is filled by the packets of everybody alike.

use std::process::Command;

use netlab::Host;
use pppssh_benches::congestion::Congestion;
use pppssh_tests::finish;
use pppssh_tests::lab_kernel::hosts::Hosts;

use crate::emulated::Emulated;
use crate::line::Line;

/// Where netem holds packets that are on their way: far more than ever are.
const ON_THE_WAY: &str = "100000";

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
