use proptest::prelude::*;

use super::*;
use crate::offload::ones_complement_sum;

/// Headers of IP in front of a segment of TCP.
#[derive(Debug, Clone, Copy)]
enum Ip {
    V4,
    /// With so many options for destinations.
    V6(usize),
}

const MSS_9000: [u8; 4] = [2, 4, 0x23, 0x28];
/// What Linux sends: MSS 1460, SACK, timestamps, window scale (a capture of a SYN).
const LINUX: [u8; 20] = [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];

fn syn(ip: Ip, options: &[u8], data: &[u8]) -> Vec<u8> {
    let mut segment = vec![0; tcp::HEADER];
    segment[..4].copy_from_slice(&[0xc3, 0x50, 0x00, 0x50]);
    segment.extend_from_slice(options);
    segment.resize(segment.len().next_multiple_of(4), 0);
    segment[tcp::DATA_OFFSET] = (segment.len() / 4 * 16) as u8;
    segment[tcp::FLAGS] = tcp::SYN;
    segment.extend_from_slice(data);

    let mut packet = match ip {
        Ip::V4 => {
            let mut header = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
            put16(&mut header[ipv4::LENGTH], (ipv4::HEADER + segment.len()) as u16);
            header
        }
        Ip::V6(extensions) => {
            let mut header = vec![0; ipv6::HEADER];
            header[0] = 0x60;
            header[ipv6::ADDRESSES].fill(0xfd);
            put16(&mut header[ipv6::LENGTH], (8 * extensions + segment.len()) as u16);
            header[ipv6::NEXT_HEADER] = if extensions == 0 { TCP } else { ipv6::DESTINATION };
            for left in (0..extensions).rev() {
                let next = if left == 0 { TCP } else { ipv6::DESTINATION };
                header.extend_from_slice(&[next, 0, 1, 4, 0, 0, 0, 0]);
            }
            header
        }
    };
    let transport = packet.len();
    packet.extend_from_slice(&segment);
    let checksum = !sum(&packet, transport);
    put16(&mut packet[transport + tcp::CHECKSUM..], checksum);
    packet
}

/// The sum over pseudo-header and segment: ffff where the checksum is right.
fn sum(packet: &[u8], transport: usize) -> u16 {
    let addresses = if packet[0] >> 4 == 4 { ipv4::ADDRESSES } else { ipv6::ADDRESSES };
    let mut covered = packet[addresses].to_vec();
    covered.extend_from_slice(&((packet.len() - transport) as u32).to_be_bytes());
    covered.extend_from_slice(&u32::from(TCP).to_be_bytes());
    covered.extend_from_slice(&packet[transport..]);
    ones_complement_sum(&covered)
}

/// The places at which two packets differ.
fn differences(a: &[u8], b: &[u8]) -> Vec<usize> {
    assert_eq!(a.len(), b.len());
    (0..a.len()).filter(|at| a[*at] != b[*at]).collect()
}

#[test]
fn a_syn_over_ipv4_asks_for_forty_octets_less_than_the_mtu() {
    let before = syn(Ip::V4, &LINUX, &[]);
    let mut packet = before.clone();
    assert!(is_syn(&packet) && clamp(&mut packet, 1400, false));
    assert_eq!(packet[40..44], [2, 4, 0x05, 0x50], "1360");
    assert_eq!(sum(&packet, 20), 0xffff);
    assert!(differences(&before, &packet).iter().all(|at| (36..38).contains(at) || (42..44).contains(at)));
}

#[test]
fn a_syn_ack_over_ipv6_asks_for_sixty_octets_less_than_the_mtu_behind_any_extensions() {
    for extensions in [0, 1, MAX_EXTENSIONS] {
        let transport = 40 + 8 * extensions;
        let mut packet = syn(Ip::V6(extensions), &LINUX, &[]);
        packet[transport + tcp::FLAGS] |= tcp::ACK;
        let checksum = transport + tcp::CHECKSUM;
        packet[checksum..][..2].fill(0);
        let right = !sum(&packet, transport);
        put16(&mut packet[checksum..], right);
        assert!(is_syn(&packet) && clamp(&mut packet, 1280, false), "{extensions}");
        assert_eq!(packet[transport + 20..][..4], [2, 4, 0x04, 0xc4], "1220");
        assert_eq!(sum(&packet, transport), 0xffff);
    }
}

#[test]
fn a_smaller_one_stays_and_so_does_one_that_fits_exactly() {
    for mtu in [1500, 1501, 9000, u16::MAX] {
        let before = syn(Ip::V4, &LINUX, &[]);
        let mut packet = before.clone();
        assert!(!clamp(&mut packet, mtu, false), "{mtu}");
        assert_eq!(packet, before);
    }
}

#[test]
fn an_option_at_an_odd_place_and_a_second_one_are_lowered_too() {
    let options = [&[1][..], &MSS_9000, &[1, 1, 1], &MSS_9000].concat();
    let mut packet = syn(Ip::V4, &options, b"data of TCP Fast Open");
    assert!(clamp(&mut packet, 576, false));
    assert_eq!(packet[40..52], [1, 2, 4, 2, 0x18, 1, 1, 1, 2, 4, 2, 0x18], "536 twice");
    assert_eq!(sum(&packet, 20), 0xffff);
}

#[test]
fn a_partial_checksum_is_left_alone_and_is_right_once_it_is_complete() {
    let mut packet = syn(Ip::V4, &[&[1][..], &MSS_9000].concat(), &[]);
    // As the kernel leaves it: the sum of the pseudo-header.
    packet[36..38].fill(0);
    let pseudo = sum(&[&packet[..20], &vec![0; packet.len() - 20][..]].concat(), 20);
    put16(&mut packet[36..], pseudo);
    assert!(clamp(&mut packet, 1400, true));
    assert_eq!(be16(&packet[36..]), pseudo);
    let complete = !ones_complement_sum(&packet[20..]);
    put16(&mut packet[36..], complete);
    assert_eq!(sum(&packet, 20), 0xffff);
}

#[test]
fn padding_of_the_link_is_no_part_of_the_packet() {
    let mut packet = syn(Ip::V4, &[], &[]);
    packet[20 + tcp::DATA_OFFSET] = 6 << 4;
    packet.extend_from_slice(&MSS_9000);
    assert!(!is_syn(&packet) && !clamp(&mut packet, 1400, false));

    let whole = syn(Ip::V4, &LINUX, &[]);
    let mut padded = [&whole[..], &[0; 9]].concat();
    assert!(clamp(&mut padded, 1400, false));
    assert_eq!(sum(&padded[..whole.len()], 20), 0xffff);
}

#[test]
fn what_is_not_a_whole_syn_with_a_good_option_is_left_alone() {
    let v4 = syn(Ip::V4, &MSS_9000, &[]);
    let v6 = syn(Ip::V6(0), &MSS_9000, &[]);
    let with = |packet: &[u8], at: usize, octet: u8| {
        let mut packet = packet.to_vec();
        packet[at] = octet;
        packet
    };
    for (packet, what) in [
        (with(&v4, 20 + tcp::FLAGS, tcp::ACK), "data"),
        (with(&v4, ipv4::PROTOCOL, 17), "UDP"),
        (with(&v4, 6, 0x20), "a first fragment"),
        (with(&v4, 7, 1), "a later fragment"),
        (with(&v4, 0, 0x44), "IPv4 with a short header"),
        (with(&v4, 3, 43), "IPv4 that ends within TCP's header"),
        (with(&v4, 3, 45), "IPv4 that ends behind the packet"),
        (with(&v4, 0, 0x55), "version 5"),
        (with(&v4, 20 + tcp::DATA_OFFSET, 4 << 4), "a short TCP header"),
        (with(&v4, 20 + tcp::DATA_OFFSET, 7 << 4), "a TCP header that ends behind the packet"),
        (with(&v4, 40, 0), "the end of options first"),
        (with(&v4, 41, 0), "an option of no length"),
        (with(&v4, 41, 3), "an MSS of one octet"),
        (with(&v4, 41, 5), "an option that ends behind the header"),
        (with(&v6, ipv6::NEXT_HEADER, ipv6::FRAGMENT), "a fragment"),
        (with(&v6, ipv6::NEXT_HEADER, 50), "ESP"),
        (syn(Ip::V4, &[], &MSS_9000), "data that looks like an option"),
        (syn(Ip::V6(MAX_EXTENSIONS + 1), &MSS_9000, &[]), "too many extensions"),
        (Vec::new(), "nothing"),
    ] {
        let mut changed = packet.clone();
        assert!(!clamp(&mut changed, 1400, false), "{what}");
        assert_eq!(changed, packet, "{what}");
    }
}

#[test]
fn no_mtu_asks_for_segments_of_nothing() {
    for (mtu, most) in [(0, None), (40, None), (41, Some(1)), (68, Some(28))] {
        let mut packet = syn(Ip::V4, &MSS_9000, &[]);
        assert_eq!(clamp(&mut packet, mtu, false).then(|| be16(&packet[42..])), most, "{mtu}");
    }
}

fn any_ip() -> impl Strategy<Value = Ip> {
    prop_oneof![Just(Ip::V4), (0..=MAX_EXTENSIONS).prop_map(Ip::V6)]
}

fn any_option() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => any::<u16>().prop_map(|mss| [&[2, 4][..], &mss.to_be_bytes()].concat()),
        2 => Just(vec![option::NO_OPERATION]),
        1 => (3u8..=255, proptest::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(kind, data)| [&[kind, 2 + data.len() as u8][..], &data].concat()),
    ]
}

proptest! {
    #[test]
    fn the_checksum_stays_right_and_nothing_but_it_and_the_option_changes(
        ip in any_ip(),
        options in proptest::collection::vec(any_option(), 0..6),
        data in proptest::collection::vec(any::<u8>(), 0..9),
        mtu in 61u16..,
    ) {
        let mut options = options.concat();
        options.truncate(40);
        let before = syn(ip, &options, &data);
        let (transport, fixed) = match ip {
            Ip::V4 => (20, 40),
            Ip::V6(extensions) => (40 + 8 * extensions, 60),
        };
        let mut packet = before.clone();
        let changed = clamp(&mut packet, mtu, false);
        prop_assert_eq!(changed, packet != before);
        prop_assert_eq!(sum(&packet, transport), 0xffff);
        // Every option that is there is small enough, and no more was changed than was too large.
        let header = transport + tcp::HEADER;
        let mut at = tcp::HEADER;
        let mut values = Vec::new();
        let segment = &packet[transport..packet.len() - data.len()];
        while let Some(found) = next_mss(segment, at) {
            let [was, is] = [&before, &packet].map(|packet| be16(&packet[transport + found + 2..]));
            prop_assert_eq!(is, was.min(mtu - fixed));
            values.extend([transport + found + 2, transport + found + 3]);
            at = found + option::MSS_LEN;
        }
        let checksum = transport + tcp::CHECKSUM;
        for at in differences(&before, &packet) {
            prop_assert!((checksum..checksum + 2).contains(&at) || at >= header && values.contains(&at));
        }
    }

    #[test]
    fn any_octets_pass(mut octets in proptest::collection::vec(any::<u8>(), 0..200), mtu: u16, partial: bool) {
        let before = octets.clone();
        let syn = is_syn(&octets);
        let changed = clamp(&mut octets, mtu, partial);
        prop_assert!(syn || !changed);
        prop_assert_eq!(changed, octets != before);
    }

    #[test]
    fn octets_that_are_nearly_a_syn_pass(
        ip in any_ip(),
        options in proptest::collection::vec(any::<u8>(), 0..=40),
        at in 0usize..120,
        octet: u8,
        end in 0usize..120,
        mtu: u16,
    ) {
        let mut packet = syn(ip, &options, &[]);
        if let Some(place) = packet.get_mut(at) {
            *place = octet;
        }
        packet.truncate(end);
        clamp(&mut packet, mtu, false);
    }
}
