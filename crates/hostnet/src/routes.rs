//! Routes: the ones to add, and what the kernel says about the way to an address.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::Serialize;

#[cfg(target_os = "linux")]
pub use crate::linux::lookup::{mtu_to, route_to};
#[cfg(not(target_os = "linux"))]
pub use crate::unsupported::{mtu_to, route_to};

/// A route to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The destination.
    pub dst: IpNet,
    /// The index of the device it leaves by.
    pub oif: u32,
    /// The gateway; none on a point-to-point device.
    pub via: Option<IpAddr>,
    /// The metric; the lowest wins.
    pub metric: Option<u32>,
    /// The preferred source address.
    pub src: Option<IpAddr>,
    /// The MTU to promise.
    pub mtu: Option<u32>,
    /// The least time that TCP of this host waits for an acknowledgement, in place of the kernel's 200 ms; counted in
    /// milliseconds (`rto_min` of ip-route(8)).
    pub rto_min: Option<Duration>,
    /// The table; `main` if none.
    pub table: Option<u32>,
}

impl Route {
    /// A route to `dst` straight out of device `oif`. Host bits in `dst` are cleared.
    pub fn new(dst: IpNet, oif: u32) -> Route {
        Route {
            dst: dst.trunc(),
            oif,
            via: None,
            metric: None,
            src: None,
            mtu: None,
            rto_min: None,
            table: None,
        }
    }
}

/// What the kernel would do with a packet to some address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteTo {
    /// The destination of the route that matches.
    pub dst: IpNet,
    /// The device's index.
    pub oif: u32,
    /// The device's name.
    pub device: String,
    /// The gateway; none if the address is on the link.
    pub via: Option<IpAddr>,
    /// The source address the kernel would choose.
    pub src: Option<IpAddr>,
    /// The routing table it was found in.
    pub table: u32,
    /// The largest packet this route takes: the route's own MTU, else the device's.
    pub mtu: u32,
    /// The address is this host's own.
    pub local: bool,
}
