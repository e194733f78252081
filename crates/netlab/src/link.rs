//! Interfaces, addresses and routes, by netlink from inside the host's namespace.

use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute, State};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice::name_to_index, socket_with};

use crate::{Host, LabError};

/// How long two ends of a new wire may take to see each other; the kernel's link watch runs at most once a
/// second when it is busy (net/core/link_watch.c).
const CARRIER_PATIENCE: Duration = Duration::from_secs(10);
const CARRIER_POLL: Duration = Duration::from_millis(1);

/// One end of a wire.
pub(crate) struct End<'a> {
    pub(crate) host: &'a Host,
    pub(crate) device: &'a str,
}

/// Runs requests on a netlink socket made in `host`'s namespace.
fn request<T: Send>(
    host: &Host,
    doing: &str,
    work: impl AsyncFnOnce(Handle) -> Result<T, rtnetlink::Error> + Send,
) -> Result<T, LabError> {
    host.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| LabError::io(host.name(), "start a runtime", error))?;
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection()
                .map_err(|error| LabError::io(host.name(), "open a netlink socket", error))?;
            tokio::spawn(connection);
            work(handle).await.map_err(|error| LabError::netlink(host.name(), doing, error))
        })
    })?
}

/// The index of `device` on `host`.
fn index(host: &Host, device: &str) -> Result<u32, LabError> {
    host.run(|| {
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        name_to_index(socket, device)
    })?
    .map_err(|errno| LabError::io(host.name(), format!("find the interface {device}"), errno))
}

pub(crate) fn wire(a: &End<'_>, b: &End<'_>) -> Result<(), LabError> {
    let namespace = b.host.netns_fd().as_raw_fd();
    let far = LinkMessageBuilder::<LinkUnspec>::new().name(b.device).setns_by_fd(namespace).build();
    let near = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
        .name(a.device)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(far)))
        .build();
    let doing = format!("run a wire from {} to {} of {}", a.device, b.device, b.host.name());
    request(a.host, &doing, async |netlink| netlink.link().add(near).execute().await)?;
    for end in [a, b] {
        set_up(end.host, end.device, true)?;
    }
    for end in [a, b] {
        await_carrier(end)?;
    }
    Ok(())
}

fn await_carrier(end: &End<'_>) -> Result<(), LabError> {
    let index = index(end.host, end.device)?;
    let doing = format!("see carrier on {}", end.device);
    let deadline = Instant::now() + CARRIER_PATIENCE;
    let has_carrier = request(end.host, &doing, async |netlink| {
        loop {
            let link = netlink.link().get().match_index(index).execute().try_next().await?;
            let up = LinkAttribute::OperState(State::Up);
            if link.is_some_and(|link| link.attributes.contains(&up)) {
                return Ok(true);
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(CARRIER_POLL).await;
        }
    })?;
    if has_carrier { Ok(()) } else { Err(LabError::io(end.host.name(), doing, std::io::ErrorKind::TimedOut)) }
}

pub(crate) fn set_up(host: &Host, device: &str, up: bool) -> Result<(), LabError> {
    let link = LinkUnspec::new_with_index(index(host, device)?);
    let link = if up { link.up() } else { link.down() }.build();
    let doing = format!("set {device} {}", if up { "up" } else { "down" });
    request(host, &doing, async |netlink| netlink.link().set(link).execute().await)
}

pub(crate) fn set_mtu(host: &Host, device: &str, mtu: u32) -> Result<(), LabError> {
    let link = LinkUnspec::new_with_index(index(host, device)?).mtu(mtu).build();
    let doing = format!("set the MTU of {device} to {mtu}");
    request(host, &doing, async |netlink| netlink.link().set(link).execute().await)
}

/// Adds `local` to `device`, as one end of a point-to-point link if there is a `peer`.
pub(crate) fn add_address(
    host: &Host,
    device: &str,
    local: IpNet,
    peer: Option<IpAddr>,
) -> Result<(), LabError> {
    let index = index(host, device)?;
    let doing = format!("add the address {local} to {device}");
    request(host, &doing, async |netlink| {
        let mut request = netlink.address().add(index, local.addr(), local.prefix_len());
        let message = request.message_mut();
        if let Some(peer) = peer {
            // IFA_ADDRESS is the far end where the two differ (linux/if_addr.h).
            message.attributes = vec![AddressAttribute::Local(local.addr()), AddressAttribute::Address(peer)];
        }
        if local.addr().is_ipv6() {
            // Usable at once: there is nobody to have the same address.
            message.header.flags |= AddressHeaderFlags::Nodad;
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        request.execute().await
    })
}

/// How packets for a route leave.
pub(crate) enum Hop<'a> {
    Via(IpAddr),
    Device(&'a str),
}

pub(crate) fn add_route(host: &Host, destination: IpNet, hop: &Hop<'_>) -> Result<(), LabError> {
    let (doing, route) = match hop {
        Hop::Via(gateway) => (
            format!("add the route {destination} via {gateway}"),
            RouteMessageBuilder::<IpAddr>::new()
                .destination_prefix(destination.addr(), destination.prefix_len())
                .and_then(|route| route.gateway(*gateway)),
        ),
        Hop::Device(device) => {
            let index = index(host, device)?;
            (
                format!("add the route {destination} dev {device}"),
                RouteMessageBuilder::<IpAddr>::new()
                    .output_interface(index)
                    .destination_prefix(destination.addr(), destination.prefix_len()),
            )
        }
    };
    let route =
        route.map_err(|error| LabError::io(host.name(), doing.clone(), std::io::Error::other(error)))?;
    request(host, &doing, async |netlink| netlink.route().add(route.build()).execute().await)
}
