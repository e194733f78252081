//! Which packets belong together (RFC 8290 §4.1): those of one protocol between the same addresses and ports.

/// Protocol numbers (IANA, Assigned Internet Protocol Numbers).
mod protocol {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const TCP: u8 = 6;
    pub(super) const UDP: u8 = 17;
    pub(super) const DCCP: u8 = 33;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
    pub(super) const SCTP: u8 = 132;
    pub(super) const MOBILITY: u8 = 135;
    pub(super) const UDP_LITE: u8 = 136;
}

/// Extension headers looked through; a packet that has more is known by what the last of them says comes next.
const MAX_EXTENSION_HEADERS: usize = 8;

/// What the packets of one flow have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FlowKey<'p> {
    /// Source and destination, which stand beside each other in both headers; nothing if it is no IP packet.
    addresses: &'p [u8],
    /// The transport; [`protocol::FRAGMENT`] for all fragments.
    protocol: u8,
    /// The ports, a fragment's identification, or zero (RFC 8290 §4.1.1).
    selector: u32,
}

impl<'p> FlowKey<'p> {
    /// Of any octets at all: what is no IP packet is one flow.
    pub(crate) fn of(packet: &'p [u8]) -> Self {
        let key = match packet.first().map(|octet| octet >> 4) {
            Some(4) => Self::of_ipv4(packet),
            Some(6) => Self::of_ipv6(packet),
            _ => None,
        };
        key.unwrap_or(Self { addresses: &[], protocol: 0, selector: 0 })
    }

    /// RFC 791 §3.1:
    ///
    /// ```text
    ///    0                   1                   2                   3
    ///    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    ///   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    ///   |Version|  IHL  |Type of Service|          Total Length         |
    ///   |         Identification        |Flags|      Fragment Offset    |
    ///   |  Time to Live |    Protocol   |         Header Checksum       |
    ///   |                       Source Address                          |
    ///   |                    Destination Address                        |
    ///   +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    /// ```
    fn of_ipv4(packet: &'p [u8]) -> Option<Self> {
        /// More Fragments, or an offset.
        const FRAGMENTED: u16 = 0x3fff;
        let header: &[u8; 20] = packet.first_chunk()?;
        let addresses = &packet[12..20];
        if u16::from_be_bytes([header[6], header[7]]) & FRAGMENTED != 0 {
            // Only the first has ports; they stay together, and in order.
            let identification = u16::from_be_bytes([header[4], header[5]]).into();
            return Some(Self { addresses, protocol: protocol::FRAGMENT, selector: identification });
        }
        let header_len = usize::from(header[0] & 0x0f) * 4;
        let transport = packet.get(header_len.max(header.len())..).unwrap_or_default();
        Some(Self { addresses, protocol: header[9], selector: ports(header[9], transport) })
    }

    /// RFC 8200 §3 and §4:
    ///
    /// ```text
    ///   |Version| Traffic Class |           Flow Label                  |
    ///   |         Payload Length        |  Next Header  |   Hop Limit   |
    ///   |                    Source Address, 16 octets                  |
    ///   |                  Destination Address, 16 octets               |
    ///   +---------------------------------------------------------------+
    ///   |  Next Header  |  Hdr Ext Len  |  …                            |   each extension header
    ///   |  Next Header  |   Reserved    |      Fragment Offset    |Res|M|   the Fragment header
    ///   |                         Identification                        |
    /// ```
    fn of_ipv6(packet: &'p [u8]) -> Option<Self> {
        let header: &[u8; 40] = packet.first_chunk()?;
        let addresses = &packet[8..40];
        let (mut next, mut rest) = (header[6], &packet[40..]);
        for _ in 0..MAX_EXTENSION_HEADERS {
            let Some((&extension, _)) = rest.split_first_chunk::<8>() else { break };
            let len = match next {
                protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION | protocol::MOBILITY => {
                    8 * (usize::from(extension[1]) + 1)
                }
                // RFC 4302 §2.2: in words of four octets, less two.
                protocol::AUTHENTICATION => 4 * (usize::from(extension[1]) + 2),
                protocol::FRAGMENT => {
                    /// An offset, or the M flag.
                    const FRAGMENTED: u16 = 0xfff9;
                    if u16::from_be_bytes([extension[2], extension[3]]) & FRAGMENTED != 0 {
                        let [.., a, b, c, d] = extension;
                        let identification = u32::from_be_bytes([a, b, c, d]);
                        return Some(Self { addresses, protocol: next, selector: identification });
                    }
                    // A whole packet all the same (RFC 6946).
                    8
                }
                _ => break,
            };
            next = extension[0];
            rest = rest.get(len..).unwrap_or_default();
        }
        Some(Self { addresses, protocol: next, selector: ports(next, rest) })
    }
}

/// Both ports, where the transport has them in its first four octets; else zero, as for ICMP (RFC 8290 §4.1.1).
fn ports(protocol: u8, transport: &[u8]) -> u32 {
    match (protocol, transport.first_chunk()) {
        (
            protocol::TCP | protocol::UDP | protocol::DCCP | protocol::SCTP | protocol::UDP_LITE,
            Some(&ports),
        ) => u32::from_be_bytes(ports),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ICMP: u8 = 1;
    const ESP: u8 = 50;

    fn ipv4(protocol: u8, options: usize, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 20 + options];
        packet[0] = 0x45 + (options / 4) as u8;
        packet[4..6].copy_from_slice(&0xabcd_u16.to_be_bytes());
        packet[6..8].copy_from_slice(&fragment.to_be_bytes());
        packet[9] = protocol;
        packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        packet.extend(payload);
        packet
    }

    fn ipv6(next: u8, payload: &[&[u8]]) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x60;
        packet[6] = next;
        packet[8..40].copy_from_slice(&std::array::from_fn::<u8, 32, _>(|at| at as u8));
        packet.extend(payload.concat());
        packet
    }

    const PORTS: [u8; 8] = [0x12, 0x34, 0x00, 0x35, 0, 8, 0, 0];

    #[track_caller]
    fn check(packet: &[u8], protocol: u8, selector: u32) {
        let key = FlowKey::of(packet);
        assert_eq!((key.protocol, key.selector), (protocol, selector));
        assert_eq!(key.addresses.len(), if packet[0] >> 4 == 4 { 8 } else { 32 });
    }

    #[test]
    fn transports_with_ports_are_known_by_them() {
        for protocol in [6, 17, 33, 132, 136] {
            check(&ipv4(protocol, 0, 0, &PORTS), protocol, 0x1234_0035);
            check(&ipv4(protocol, 0, 0x4000, &PORTS), protocol, 0x1234_0035);
            check(&ipv4(protocol, 8, 0, &PORTS), protocol, 0x1234_0035);
            check(&ipv6(protocol, &[&PORTS]), protocol, 0x1234_0035);
        }
    }

    #[test]
    fn other_protocols_are_known_by_their_addresses() {
        check(&ipv4(ICMP, 0, 0, &PORTS), ICMP, 0);
        check(&ipv6(58, &[&PORTS]), 58, 0);
        check(&ipv4(ESP, 0, 0, &PORTS), ESP, 0);
    }

    #[test]
    fn all_fragments_of_a_packet_stay_together() {
        for fragment in [0x2000, 0x2001, 0x0001, 0x1fff] {
            check(&ipv4(protocol::UDP, 0, fragment, &PORTS), protocol::FRAGMENT, 0xabcd);
        }
        for offset_and_m in [0x0001_u16, 0x0008, 0xfff9] {
            let [high, low] = offset_and_m.to_be_bytes();
            let fragment = [protocol::UDP, 0, high, low, 0xde, 0xad, 0xbe, 0xef];
            check(&ipv6(protocol::FRAGMENT, &[&fragment, &PORTS]), protocol::FRAGMENT, 0xdead_beef);
        }
    }

    #[test]
    fn a_fragment_header_on_a_whole_packet_is_looked_through() {
        let atomic = [protocol::UDP, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef];
        check(&ipv6(protocol::FRAGMENT, &[&atomic, &PORTS]), protocol::UDP, 0x1234_0035);
    }

    #[test]
    fn extension_headers_are_looked_through() {
        let hop_by_hop = [protocol::ROUTING, 0, 1, 4, 0, 0, 0, 0];
        let routing = [&[protocol::AUTHENTICATION, 2, 0, 0][..], &[0; 20]].concat();
        let authentication = [&[protocol::TCP, 4, 0, 0][..], &[0; 20]].concat();
        let packet = ipv6(protocol::HOP_BY_HOP, &[&hop_by_hop, &routing, &authentication, &PORTS]);
        check(&packet, protocol::TCP, 0x1234_0035);
    }

    #[test]
    fn a_chain_of_extension_headers_is_followed_so_far_and_no_further() {
        let option = [protocol::DESTINATION, 0, 1, 4, 0, 0, 0, 0];
        let last = [protocol::TCP, 0, 1, 4, 0, 0, 0, 0];
        let chain = |len: usize| {
            let mut chain = vec![&option[..]; len - 1];
            chain.extend([&last[..], &PORTS]);
            ipv6(protocol::DESTINATION, &chain)
        };
        check(&chain(MAX_EXTENSION_HEADERS), protocol::TCP, 0x1234_0035);
        check(&chain(MAX_EXTENSION_HEADERS + 1), protocol::DESTINATION, 0);
    }

    #[test]
    fn a_header_that_says_it_is_longer_than_the_packet_hides_the_ports() {
        check(&ipv6(protocol::DESTINATION, &[&[protocol::TCP, 200, 0, 0, 0, 0, 0, 0], &PORTS]), 6, 0);
        let mut packet = ipv4(protocol::TCP, 0, 0, &PORTS);
        packet[0] = 0x4f;
        check(&packet, protocol::TCP, 0);
    }

    proptest! {
        #[test]
        fn any_octets_have_a_key(packet in prop::collection::vec(any::<u8>(), 0..120), version in 0u8..16) {
            let mut packet = packet;
            if let Some(first) = packet.first_mut() {
                *first = version << 4 | *first & 0x0f;
            }
            let key = FlowKey::of(&packet);
            prop_assert!(matches!((version, key.addresses.len()), (4, 0 | 8) | (6, 0 | 32) | (_, 0)));
        }

        /// What a middlebox or the next packet changes does not make another flow.
        #[test]
        fn a_flow_stays_itself(ttl: u8, tos: u8, identification: u16, payload: [u8; 16]) {
            let first = ipv4(protocol::UDP, 0, 0, &PORTS);
            let mut other = ipv4(protocol::UDP, 0, 0, &[&PORTS[..], &payload].concat());
            other[1] = tos;
            other[4..6].copy_from_slice(&identification.to_be_bytes());
            other[8] = ttl;
            prop_assert_eq!(FlowKey::of(&first), FlowKey::of(&other));
        }
    }
}
