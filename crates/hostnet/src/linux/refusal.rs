//! What the kernel says when it refuses.

use std::{io, net::IpAddr};

use ipnet::IpNet;

use crate::{Change, Error};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_found_behind_the_request_it_repeats() {
        let attribute = |kind: u16, value: &[u8]| {
            let mut octets = [(4 + value.len() as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
            octets.extend(value);
            octets.resize(octets.len().next_multiple_of(4), 0);
            octets
        };
        // A request of 18 octets (padded to 20), then an offset (`NLMSGERR_ATTR_OFFS`), then the text.
        let mut message = vec![0; 20];
        message[..4].copy_from_slice(&18_u32.to_ne_bytes());
        message.extend(attribute(2, &[0; 4]));
        assert_eq!(extended_ack(&message), None);
        message.extend(attribute(1, b"nope\0"));
        assert_eq!(extended_ack(&message), Some("nope".to_owned()));
        assert_eq!(extended_ack(&[]), None);
        assert_eq!(extended_ack(&[0; 40]), None);
        assert_eq!(extended_ack(&[0xff; 40]), None);
    }
}
