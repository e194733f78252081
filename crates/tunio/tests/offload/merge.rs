use std::convert::Infallible;

use proptest::prelude::*;
use tunio::offload::{GsoType, Merger, VirtioHeader};

use crate::packets::{ACK, FIN, Flow, PSH, flows, payload, sum};
use crate::split::split;

type Sent = Vec<(VirtioHeader, Vec<u8>)>;

/// What comes of a batch.
fn merge_by<'a>(
    merger: &mut Merger,
    header: &VirtioHeader,
    packets: impl IntoIterator<Item = &'a Vec<u8>>,
) -> Sent {
    let mut sent = Vec::new();
    let mut send = |header: &VirtioHeader, packet: &[u8]| {
        sent.push((*header, packet.to_vec()));
        Ok::<(), Infallible>(())
    };
    for packet in packets {
        let Ok(()) = merger.push(header, packet, &mut send);
    }
    let Ok(()) = merger.flush(&mut send);
    assert!(merger.is_empty());
    sent
}

/// One that merges datagrams, too.
fn merger(flows: usize) -> Merger {
    let mut merger = Merger::new(flows);
    merger.merge_udp(true);
    merger
}

fn merge<'a>(packets: impl IntoIterator<Item = &'a Vec<u8>>) -> Sent {
    merge_by(&mut merger(8), &VirtioHeader::NONE, packets)
}

/// How many packets each of those sent stands for.
fn counts(sent: &Sent) -> Vec<usize> {
    sent.iter().map(|(header, packet)| split(header, packet).len()).collect()
}

fn undo(sent: &Sent) -> Vec<Vec<u8>> {
    sent.iter().flat_map(|(header, packet)| split(header, packet)).collect()
}

/// The `index`th packet of 100 octets.
fn segment(flow: &Flow, index: usize, flags: u8) -> Vec<u8> {
    flow.packet(index, index * 100, flags, &payload(100))
}

#[test]
fn packets_of_a_flow_become_the_one_they_were_cut_from() {
    for flow in [Flow::tcp4(), Flow::tcp6(), Flow::udp4(), Flow::udp6()] {
        let octets = payload(10_000);
        let packets = flow.packets(ACK | PSH, &octets, 1400);
        assert_eq!(merge(&packets), [flow.whole(ACK | PSH, &octets, 1400)], "{flow:?}");
    }
}

#[test]
fn datagrams_are_merged_only_when_asked_for() {
    let packets = Flow::udp4().packets(0, &payload(3000), 1000);
    let sent = merge_by(&mut Merger::default(), &VirtioHeader::NONE, &packets);
    assert_eq!(counts(&sent), [1, 1, 1]);
    assert_eq!(undo(&sent), packets);
}

#[test]
fn a_packet_on_its_own_stays_as_it_is() {
    for packet in [segment(&Flow::tcp4(), 0, ACK), b"no packet at all".to_vec(), vec![]] {
        assert_eq!(merge([&packet]), [(VirtioHeader::NONE, packet)]);
    }
}

#[test]
fn what_comes_behind_a_push_or_a_short_one_begins_anew() {
    let flow = Flow::tcp4();
    let pushed: Vec<_> =
        [ACK, ACK | PSH, ACK, ACK].iter().enumerate().map(|(at, flags)| segment(&flow, at, *flags)).collect();
    assert_eq!(counts(&merge(&pushed)), [2, 2]);

    let mut short = vec![segment(&flow, 0, ACK), flow.packet(1, 100, ACK, &payload(99))];
    short.push(flow.packet(2, 199, ACK, &payload(99)));
    short.push(flow.packet(3, 298, ACK, &payload(99)));
    assert_eq!(counts(&merge(&short)), [2, 2]);

    let longer = [segment(&flow, 0, ACK), flow.packet(1, 100, ACK, &payload(101))];
    assert_eq!(counts(&merge(&longer)), [1, 1]);
}

type Change = fn(&mut Flow);

/// Sends a packet, and the next as of a flow that differs in one thing; returns how many packets were merged to one.
fn nearly_together(flow: &Flow, change: impl FnOnce(&mut Flow), flags: u8) -> Vec<usize> {
    let mut other = flow.clone();
    change(&mut other);
    let packets = [segment(flow, 0, ACK), segment(&other, 1, flags)];
    let sent = merge(&packets);
    assert_eq!(undo(&sent), packets);
    counts(&sent)
}

#[test]
fn only_what_follows_from_the_first_is_merged() {
    for flow in [Flow::tcp4(), Flow::tcp6()] {
        assert_eq!(nearly_together(&flow, |_| {}, ACK), [2], "the twin that is merged");
        let apart: [(&str, Change); 9] = [
            ("sequence number", |flow| flow.first_sequence += 1),
            ("acknowledgement", |flow| flow.acknowledgement += 1),
            ("window", |flow| flow.window += 1),
            ("timestamps", |flow| flow.options[1][3] += 1),
            ("length of options", |flow| flow.options.push([1; 4])),
            ("ECN", |flow| flow.tos = 3),
            ("DSCP", |flow| flow.tos = 0x20),
            ("TTL", |flow| flow.ttl -= 1),
            ("port", |flow| flow.source_port += 1),
        ];
        for (what, change) in apart {
            assert_eq!(nearly_together(&flow, change, ACK), [1, 1], "{what}");
        }
        // FIN, SYN, RST, URG, ECE, CWR; none of them, and not even ACK.
        for flags in [ACK | FIN, ACK | 0x02, ACK | 0x04, ACK | 0x20, ACK | 0x40, ACK | 0x80, 0, PSH] {
            assert_eq!(nearly_together(&flow, |_| {}, flags), [1, 1], "{flags:#x}");
        }
    }
    let fragmentable = Flow { atomic: false, ..Flow::tcp4() };
    assert_eq!(nearly_together(&fragmentable, |_| {}, ACK), [2]);
    assert_eq!(nearly_together(&fragmentable, |flow| flow.first_id += 1, ACK), [1, 1], "identification");
}

/// What Linux sends from a socket that is not connected, and FreeBSD always.
#[test]
fn the_identification_of_an_atomic_datagram_says_nothing() {
    for flow in [Flow::tcp4(), Flow::udp4()] {
        let constant = Flow { first_id: 0, id_step: 0, ..flow.clone() };
        let octets = payload(10_000);
        let packets = constant.packets(ACK, &octets, 1400);
        assert_eq!(merge(&packets), [constant.whole(ACK, &octets, 1400)]);
        let fragmentable = Flow { atomic: false, ..constant };
        let packets = fragmentable.packets(ACK, &octets, 1400);
        assert_eq!(counts(&merge(&packets)), [1; 8]);
    }
}

/// Changes an octet of the second of two packets and makes its checksums right again.
fn with_octet_changed(flow: &Flow, at: usize, octet: u8) -> Vec<Vec<u8>> {
    let mut packets = vec![segment(flow, 0, ACK), segment(flow, 1, ACK)];
    let second = &mut packets[1];
    let old = u16::from(second[at]);
    second[at] = octet;
    let mut mend = |place: usize| {
        let word = |octet: u16| if at.is_multiple_of(2) { octet << 8 } else { octet };
        let sum = u32::from(!u16::from_be_bytes([second[place], second[place + 1]]))
            + u32::from(!word(old))
            + u32::from(word(u16::from(octet)));
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        second[place..place + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    };
    mend(if at < flow.ip_header() { 10 } else { flow.ip_header() + 16 });
    packets
}

#[test]
fn reserved_bits_and_fragments_keep_apart() {
    let flow = Flow::tcp4();
    let tcp = flow.ip_header();
    let apart = |at: usize, octet: u8| {
        let packets = with_octet_changed(&flow, at, octet);
        let sent = merge(&packets);
        assert_eq!(counts(&sent), [1, 1]);
        assert_eq!(sent[1].1, packets[1]);
    };
    // The same octet instead is no change at all.
    assert_eq!(counts(&merge(&with_octet_changed(&flow, 6, 0x40))), [2]);
    apart(6, 0x00); // no DF
    apart(6, 0xc0); // the reserved bit
    apart(6, 0x60); // more fragments
    apart(7, 0x01); // an offset
    apart(tcp + 12, 0x81); // AE
    apart(tcp + 19, 0x01); // an urgent pointer without URG
}

#[test]
fn broken_checksums_are_not_mended() {
    for flow in [Flow::tcp4(), Flow::tcp6(), Flow::udp4(), Flow::udp6()] {
        let mut packets = vec![segment(&flow, 0, ACK), segment(&flow, 1, ACK), segment(&flow, 2, ACK)];
        *packets[1].last_mut().unwrap() ^= 1;
        let sent = merge(&packets);
        assert_eq!(undo(&sent), packets);
        assert_eq!(counts(&sent), [1, 1, 1], "{flow:?}");
        if !flow.v6 {
            let mut packets = vec![segment(&flow, 0, ACK), segment(&flow, 1, ACK)];
            packets[1][10] ^= 1;
            assert_eq!(undo(&merge(&packets)), packets);
        }
    }
}

#[test]
fn a_checksum_that_somebody_has_checked_is_not_looked_at() {
    let flow = Flow::tcp4();
    let mut packets = vec![segment(&flow, 0, ACK), segment(&flow, 1, ACK)];
    packets[1][20 + 16] ^= 1;
    let trusted = VirtioHeader { data_valid: true, ..VirtioHeader::NONE };
    let sent = merge_by(&mut Merger::default(), &trusted, &packets);
    assert_eq!(counts(&sent), [2]);
    // A checksum that is to be made is none that was checked.
    assert!(sent[0].0.needs_csum && !sent[0].0.data_valid);
    assert_eq!(counts(&merge_by(&mut Merger::default(), &VirtioHeader::NONE, &packets)), [1, 1]);
}

#[test]
fn a_datagram_without_checksum_is_left_without() {
    let flow = Flow::udp4();
    let mut packets = vec![segment(&flow, 0, 0), segment(&flow, 1, 0)];
    for packet in &mut packets {
        packet[20 + 6..20 + 8].fill(0);
    }
    assert_eq!(undo(&merge(&packets)), packets);
}

#[test]
fn a_checksum_that_no_cutter_writes_is_kept() {
    let flow = Flow::tcp4();
    let at = flow.ip_header() + flow.checksum_offset();
    // The payload that makes the checksum 0, for which 0xffff is as right.
    let unlike = flow.packet(1, 100, ACK, &[0; 100]);
    let mut octets = [0; 100];
    octets[..2].copy_from_slice(&unlike[at..at + 2]);
    let mut second = flow.packet(1, 100, ACK, &octets);
    assert_eq!(second[at..at + 2], [0, 0]);
    let first = segment(&flow, 0, ACK);
    assert_eq!(counts(&merge([&first, &second])), [2]);
    second[at..at + 2].fill(0xff);
    let packets = [first, second];
    assert_eq!(undo(&merge(&packets)), packets);
}

#[test]
fn an_acknowledgement_goes_behind_what_it_came_behind() {
    let flow = Flow::tcp6();
    let mut packets = vec![segment(&flow, 0, ACK), segment(&flow, 1, ACK)];
    packets.push(flow.packet(2, 200, ACK, &[]));
    packets.push(flow.packet(2, 200, ACK, &payload(100)));
    let sent = merge(&packets);
    assert_eq!(counts(&sent), [2, 1, 1]);
    assert_eq!(undo(&sent), packets);
}

#[test]
fn what_has_no_ports_goes_behind_all_between_its_hosts() {
    let flow = Flow::tcp4();
    let mut fragment = Flow::udp4().packet(9, 0, 0, b"a fragment");
    fragment[7] = 1;
    let packets = [segment(&flow, 0, ACK), fragment, segment(&flow, 1, ACK)];
    assert_eq!(undo(&merge(&packets)), packets);

    // Between others it may come first.
    let mut elsewhere = packets.clone();
    elsewhere[1][19] = 99;
    assert_eq!(counts(&merge(&elsewhere)), [1, 2]);
}

#[test]
fn a_packet_with_work_left_keeps_its_place_in_its_flow() {
    let flow = Flow::tcp4();
    let (header, whole) = flow.whole(ACK, &payload(3000), 1400);
    let mut merger = Merger::default();
    let mut sent = Vec::new();
    let mut send = |header: &VirtioHeader, packet: &[u8]| {
        sent.push((*header, packet.to_vec()));
        Ok::<(), Infallible>(())
    };
    let before = segment(&flow, 0, ACK);
    let Ok(()) = merger.push(&VirtioHeader::NONE, &before, &mut send);
    let Ok(()) = merger.push(&header, &whole, &mut send);
    assert_eq!(sent, [(VirtioHeader::NONE, before), (header, whole)]);
}

#[test]
fn more_flows_than_there_is_room_for_push_out_the_oldest() {
    let flows: Vec<_> = (0..3).map(|number| Flow { source_port: number, ..Flow::tcp4() }).collect();
    let mut packets = Vec::new();
    for index in 0..2 {
        packets.extend(flows.iter().map(|flow| segment(flow, index, ACK)));
    }
    assert_eq!(counts(&merge_by(&mut Merger::new(3), &VirtioHeader::NONE, &packets)), [2, 2, 2]);
    let pushed_out = merge_by(&mut Merger::new(2), &VirtioHeader::NONE, &packets);
    assert_eq!(counts(&pushed_out), [1; 6]);
}

#[test]
fn a_packet_grows_to_the_longest_there_is_and_no_further() {
    let flow = Flow::tcp4();
    let octets = payload(100_000);
    let packets = flow.packets(ACK, &octets, 1448);
    // 65535 octets take 45 segments and the headers.
    assert_eq!(counts(&merge(&packets)), [45, 25]);
    let datagrams = Flow::udp4().packets(0, &payload(100 * 100), 100);
    assert_eq!(counts(&merge(&datagrams)), [64, 36]);
    let tiny = flow.packets(ACK, &payload(3000), 1);
    assert_eq!(counts(&merge(&tiny)), [2048, 952]);
}

#[test]
fn an_error_of_the_device_comes_back() {
    let flow = Flow::tcp4();
    let mut merger = Merger::default();
    let mut refuse = |_: &VirtioHeader, _: &[u8]| Err("gone");
    assert_eq!(merger.push(&VirtioHeader::NONE, &segment(&flow, 0, ACK), &mut refuse), Ok(()));
    assert_eq!(merger.push(&VirtioHeader::NONE, &segment(&flow, 1, ACK | PSH), &mut refuse), Err("gone"));
    assert!(merger.is_empty());
}

/// What must keep its order: hosts, protocol and ports, as they stand in a packet of either version.
fn flow_of(packet: &[u8]) -> Vec<u8> {
    let v6 = packet[0] >> 4 == 6;
    let (addresses, protocol, ports) = if v6 { (8..40, 6, 40..44) } else { (12..20, 9, 20..24) };
    let mut key = vec![packet[0] >> 4, packet[protocol]];
    key.extend(&packet[addresses]);
    key.extend(&packet[ports]);
    key
}

fn of_flow(flow: &[u8], packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    packets.iter().filter(|packet| flow_of(packet) == flow).map(|packet| without_atomic_id(packet)).collect()
}

/// Without the Identification of a datagram with DF, and what it adds to the header's checksum.
fn without_atomic_id(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet.len() >= 20 && packet[0] == 0x45 && packet[6] & 0x40 != 0 {
        let id = [packet[4], packet[5]];
        packet[4..6].fill(0);
        let rest = sum(&[packet[10], packet[11], id[0], id[1]]) % 0xffff;
        packet[10..12].copy_from_slice(&rest.to_be_bytes());
    }
    packet
}

proptest! {
    #[test]
    fn merging_what_was_cut_gives_the_whole(
        flow in flows(),
        gso_size in 1usize..1500,
        segments in 2usize..=40,
        last in any::<proptest::sample::Index>(),
        push in any::<bool>(),
    ) {
        let octets = payload((segments - 1) * gso_size + last.index(gso_size) + 1);
        let flags = if push { ACK | PSH } else { ACK };
        let packets = flow.packets(flags, &octets, gso_size);
        prop_assert_eq!(merge(&packets), [flow.whole(flags, &octets, gso_size)]);
    }

    /// Packets of flows in any order, some of them changed somewhere: nothing is lost, changed, or out of its order.
    #[test]
    fn nothing_is_merged_that_cutting_would_not_give_back(
        kinds in proptest::collection::vec((flows(), 0u16..3, 1usize..200), 1..4),
        draw in proptest::collection::vec(any::<(proptest::sample::Index, u8)>(), 1..60),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..80, any::<u8>()), 0..8),
        room in 1usize..4,
    ) {
        let mut progress = vec![(0usize, 0usize); kinds.len()];
        let mut packets = Vec::new();
        for (which, how) in draw {
            let at = which.index(kinds.len());
            let (flow, id_step, size) = &kinds[at];
            let flow = Flow { id_step: *id_step, ..flow.clone() };
            let (index, sent) = &mut progress[at];
            let length = if how % 16 == 0 { size / 2 } else { *size };
            let flags = match how / 16 { 0 => ACK | PSH, 1 => ACK | FIN, _ => ACK };
            packets.push(flow.packet(*index, *sent, flags, &payload(length)));
            *index += 1;
            *sent += length;
        }
        for (which, at, octet) in changes {
            let which = which.index(packets.len());
            let length = packets[which].len();
            // Another version would be another flow to `flow_of`, with other places.
            packets[which][(at % length).max(1)] = octet;
        }
        let sent = merge_by(&mut merger(room), &VirtioHeader::NONE, &packets);
        let arrived = undo(&sent);
        prop_assert_eq!(arrived.len(), packets.len());
        for packet in &packets {
            let flow = flow_of(packet);
            prop_assert_eq!(of_flow(&flow, &arrived), of_flow(&flow, &packets));
        }
        for (header, packet) in &sent {
            prop_assert!(packet.len() <= 65535);
            prop_assert!(header.gso_type != GsoType::None || packets.contains(packet));
        }
    }
}
