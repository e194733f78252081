//! Where the parts of a packet are, and the fields that segmentation changes.

use super::Refusal;
use super::checksum::{fold, sum};

/// Protocol numbers.
pub(crate) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

/// Fields of IPv4 (RFC 791 §3.1).
pub(crate) mod ipv4 {
    use std::ops::Range;

    pub(crate) const HEADER: usize = 20;
    pub(crate) const LENGTH: Range<usize> = 2..4;
    pub(crate) const ID: Range<usize> = 4..6;
    pub(crate) const FLAGS_AND_OFFSET: Range<usize> = 6..8;
    /// Don't Fragment, in the first octet of the flags.
    pub(crate) const DF: u8 = 0x40;
    pub(crate) const PROTOCOL: usize = 9;
    pub(crate) const CHECKSUM: Range<usize> = 10..12;
    pub(crate) const ADDRESSES: Range<usize> = 12..20;
}

/// Fields of IPv6 (RFC 8200 §3).
pub(crate) mod ipv6 {
    use std::ops::Range;

    pub(crate) const HEADER: usize = 40;
    pub(crate) const LENGTH: Range<usize> = 4..6;
    pub(crate) const NEXT_HEADER: usize = 6;
    pub(crate) const ADDRESSES: Range<usize> = 8..40;

    /// Numbers of extension headers (§4).
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const DESTINATION: u8 = 60;
}

/// Fields of TCP (RFC 9293 §3.1), and its flags as the octet that holds them.
pub(crate) mod tcp {
    use std::ops::Range;

    pub(crate) const HEADER: usize = 20;
    pub(crate) const SEQUENCE: Range<usize> = 4..8;
    pub(crate) const DATA_OFFSET: usize = 12;
    pub(crate) const FLAGS: usize = 13;
    pub(crate) const CHECKSUM: usize = 16;
    pub(crate) const FIN: u8 = 0x01;
    pub(crate) const SYN: u8 = 0x02;
    pub(crate) const RST: u8 = 0x04;
    pub(crate) const PSH: u8 = 0x08;
    pub(crate) const ACK: u8 = 0x10;
    pub(crate) const URG: u8 = 0x20;
    pub(crate) const CWR: u8 = 0x80;
}

/// Fields of UDP (RFC 768).
pub(super) mod udp {
    use std::ops::Range;

    pub(crate) const HEADER: usize = 8;
    pub(crate) const LENGTH: Range<usize> = 4..6;
    pub(crate) const CHECKSUM: usize = 6;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

/// The IP headers of a packet whose length they tell truly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ip {
    pub(super) version: Version,
    /// The protocol behind the last header of IP.
    pub(crate) protocol: u8,
    /// Where that protocol's header begins.
    pub(crate) transport: usize,
    pub(crate) fragment: bool,
}

impl Ip {
    pub(crate) fn parse(packet: &[u8]) -> Result<Ip, Refusal> {
        match packet.first().map(|octet| octet >> 4) {
            Some(4) => Ip::parse_v4(packet),
            Some(6) => Ip::parse_v6(packet),
            _ => None,
        }
        .ok_or(Refusal::IpHeader)
    }

    fn parse_v4(packet: &[u8]) -> Option<Ip> {
        let header = packet.get(..ipv4::HEADER)?;
        let transport = usize::from(header[0] & 0xf) * 4;
        if transport < ipv4::HEADER
            || transport > packet.len()
            || usize::from(be16(&header[ipv4::LENGTH])) != packet.len()
        {
            return None;
        }
        // The offset, and "more fragments".
        let fragment = be16(&header[ipv4::FLAGS_AND_OFFSET]) & 0x3fff != 0;
        Some(Ip { version: Version::V4, protocol: header[ipv4::PROTOCOL], transport, fragment })
    }

    fn parse_v6(packet: &[u8]) -> Option<Ip> {
        use ipv6::{DESTINATION, FRAGMENT, HOP_BY_HOP, ROUTING};
        let header = packet.get(..ipv6::HEADER)?;
        if usize::from(be16(&header[ipv6::LENGTH])) + ipv6::HEADER != packet.len() {
            return None;
        }
        let (mut protocol, mut transport, mut fragment) = (header[ipv6::NEXT_HEADER], ipv6::HEADER, false);
        // Each extension has a length of its own, in units of eight octets (RFC 8200 §4).
        while matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION) {
            let extension: &[u8; 2] = packet.get(transport..)?.first_chunk()?;
            // A fragment's header has an octet in reserve there.
            let units = if protocol == FRAGMENT { 0 } else { usize::from(extension[1]) };
            fragment |= protocol == FRAGMENT;
            protocol = extension[0];
            transport += (units + 1) * 8;
        }
        (transport <= packet.len()).then_some(Ip { version: Version::V6, protocol, transport, fragment })
    }
}

/// The sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1) of a packet without routing header.
pub(super) fn pseudo_header(packet: &[u8], version: Version, protocol: u8, transport_len: usize) -> u64 {
    let addresses = match version {
        Version::V4 => &packet[ipv4::ADDRESSES],
        Version::V6 => &packet[ipv6::ADDRESSES],
    };
    sum(addresses) + u64::from(protocol) + transport_len as u64
}

/// The checksum that an IPv4 header should have.
pub(super) fn ipv4_checksum(header: &[u8]) -> u16 {
    let [before, behind] = [&header[..ipv4::CHECKSUM.start], &header[ipv4::CHECKSUM.end..]];
    !fold(sum(before) + sum(behind))
}

/// Writes the packet's length where IP has it, and for IPv4 the checksum, which covers it.
pub(super) fn set_ip_length(packet: &mut [u8], version: Version, transport: usize) {
    let length = packet.len();
    match version {
        Version::V4 => {
            put16(&mut packet[ipv4::LENGTH], length as u16);
            let checksum = ipv4_checksum(&packet[..transport]);
            put16(&mut packet[ipv4::CHECKSUM], checksum);
        }
        Version::V6 => put16(&mut packet[ipv6::LENGTH], (length - ipv6::HEADER) as u16),
    }
}

/// A big-endian number of two octets.
pub(crate) fn be16(octets: &[u8]) -> u16 {
    u16::from_be_bytes([octets[0], octets[1]])
}

/// A big-endian number of four octets.
pub(super) fn be32(octets: &[u8]) -> u32 {
    u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]])
}

/// Writes a big-endian number of two octets.
pub(crate) fn put16(octets: &mut [u8], number: u16) {
    octets[..2].copy_from_slice(&number.to_be_bytes());
}
