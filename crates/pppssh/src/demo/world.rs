//! The hosts of the demo, with the addresses of the classic example.
//!
//! ```text
//!   v-lan ------------- venus ================ saturn ------------- s-lan
//!   192.168.1.10  192.168.1.1                  192.168.2.1  192.168.2.10
//!                   10.9.9.1 --- "internet" --- 10.10.10.1
//! ```

use std::net::Ipv4Addr;

use netlab::{Host, Lab, LabError};

/// Venus on the wire between the two hosts.
pub(super) const VENUS: Ipv4Addr = Ipv4Addr::new(10, 9, 9, 1);
/// Saturn there.
pub(super) const SATURN: Ipv4Addr = Ipv4Addr::new(10, 10, 10, 1);
/// Venus in its own network, and its end of the link.
pub(super) const VENUS_INSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
/// Saturn in its own network, and its end of the link.
pub(super) const SATURN_INSIDE: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 1);
/// The host behind venus.
pub(super) const V_LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 10);
/// The host behind saturn.
pub(super) const S_LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 10);
/// The network behind venus.
pub(super) const V_NET: &str = "192.168.1.0/24";
/// The network behind saturn.
pub(super) const S_NET: &str = "192.168.2.0/24";

/// Four hosts; gone when dropped.
pub(super) struct World {
    /// Calls saturn.
    pub(super) venus: Host,
    /// Is called.
    pub(super) saturn: Host,
    /// In the network behind venus.
    pub(super) v_lan: Host,
    /// In the network behind saturn.
    pub(super) s_lan: Host,
}

impl World {
    pub(super) fn new() -> Result<World, LabError> {
        let lab = Lab::new()?;
        let world = World {
            venus: lab.host("venus")?,
            saturn: lab.host("saturn")?,
            v_lan: lab.host("v-lan")?,
            s_lan: lab.host("s-lan")?,
        };
        let World { venus, saturn, v_lan, s_lan } = &world;

        lab.wire(venus, "eth0", saturn, "eth0")?;
        venus.address_to_peer("eth0", &VENUS.to_string(), &SATURN.to_string())?;
        saturn.address_to_peer("eth0", &SATURN.to_string(), &VENUS.to_string())?;

        for (router, inside, host, address) in
            [(venus, VENUS_INSIDE, v_lan, V_LAN), (saturn, SATURN_INSIDE, s_lan, S_LAN)]
        {
            lab.wire(router, "lan0", host, "eth0")?;
            router.address("lan0", &format!("{inside}/24"))?;
            host.address("eth0", &format!("{address}/24"))?;
            host.route_via("0.0.0.0/0", &inside.to_string())?;
        }
        Ok(world)
    }
}
