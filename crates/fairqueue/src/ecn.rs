//! Explicit Congestion Notification (RFC 3168 §5): the two low bits of the traffic class.

/// What a packet says of its transport (RFC 3168 §5, figure 1; ECT(0) and ECT(1) are one here).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codepoint {
    /// Its transport knows congestion by losses only; or it is no IP packet.
    NotCapable,
    /// Its transport can be told by a mark.
    Capable,
    /// It bears the mark.
    CongestionExperienced,
}

/// Both bits set: Congestion Experienced.
const CE: u8 = 0b11;
/// Where the bits stand in the second octet of an IPv6 header (RFC 8200 §3).
const IPV6_SHIFT: u32 = 4;
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// By how much the bits are shifted in the packet's second octet.
fn shift(packet: &[u8]) -> Option<u32> {
    match packet.first()? >> 4 {
        4 if packet.len() >= IPV4_HEADER => Some(0),
        6 if packet.len() >= IPV6_HEADER => Some(IPV6_SHIFT),
        _ => None,
    }
}

/// What the packet says.
pub(crate) fn codepoint(packet: &[u8]) -> Codepoint {
    let Some(shift) = shift(packet) else { return Codepoint::NotCapable };
    match packet[1] >> shift & CE {
        0 => Codepoint::NotCapable,
        CE => Codepoint::CongestionExperienced,
        _ => Codepoint::Capable,
    }
}

/// Marks the packet; the checksum of an IPv4 header follows (RFC 1624 §3). What is no IP packet stays as it is.
pub(crate) fn set_congestion_experienced(packet: &mut [u8]) {
    let Some(shift) = shift(packet) else { return };
    let word = |packet: &[u8], at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    let before = word(packet, 0);
    packet[1] |= CE << shift;
    if shift == 0 {
        // HC' = ~(~HC + ~m + m'), in one's complement.
        let sum = u32::from(!word(packet, 10)) + u32::from(!before) + u32::from(word(packet, 0));
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One's complement sum of the header: 0xffff if its checksum is right (RFC 791 §3.1).
    fn sum(header: &[u8]) -> u16 {
        let sum: u32 = header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        ((sum & 0xffff) + (sum >> 16)) as u16
    }

    proptest! {
        #[test]
        fn an_ipv4_checksum_that_was_right_is_right_after_the_mark(
            mut header in prop::collection::vec(any::<u8>(), 20),
            ecn in 0u8..4,
        ) {
            header[0] = 0x45;
            header[1] = header[1] & !CE | ecn;
            header[10..12].fill(0);
            let checksum = !sum(&header);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            let before = header.clone();

            set_congestion_experienced(&mut header);

            prop_assert_eq!(codepoint(&header), Codepoint::CongestionExperienced);
            prop_assert_eq!(sum(&header), 0xffff);
            prop_assert_eq!(header[1] & !CE, before[1] & !CE, "the code point of Diffserv stays");
            prop_assert_eq!(&header[2..10], &before[2..10]);
            prop_assert_eq!(&header[12..], &before[12..]);
        }
    }

    #[test]
    fn an_ipv6_packet_changes_in_the_traffic_class_alone() {
        let mut packet = [0u8; 48];
        packet[..4].copy_from_slice(&[0x6b, 0xa5, 0x43, 0x21]);
        let before = packet;
        assert_eq!(codepoint(&packet), Codepoint::Capable);
        set_congestion_experienced(&mut packet);
        assert_eq!(packet[..4], [0x6b, 0xb5, 0x43, 0x21]);
        assert_eq!(packet[4..], before[4..]);
        assert_eq!(codepoint(&packet), Codepoint::CongestionExperienced);
    }

    #[test]
    fn both_capable_code_points_are_capable_and_zero_is_not() {
        let codepoint = |ecn: u8| {
            let mut packet = [0u8; 20];
            packet[..2].copy_from_slice(&[0x45, 0xb8 | ecn]);
            codepoint(&packet)
        };
        assert_eq!(
            [0, 1, 2, 3].map(codepoint),
            [Codepoint::NotCapable, Codepoint::Capable, Codepoint::Capable, Codepoint::CongestionExperienced]
        );
    }

    #[test]
    fn what_is_too_short_or_no_ip_packet_is_left_alone() {
        for packet in [&[][..], &[0x45, 2], &[0x45; 19], &[0x61; 39], &[0x12; 60]] {
            assert_eq!(codepoint(packet), Codepoint::NotCapable);
            let mut same = packet.to_vec();
            set_congestion_experienced(&mut same);
            assert_eq!(same, packet);
        }
    }
}
