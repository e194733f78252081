//! Van Jacobson's header compression between two links.

use bytes::BytesMut;
use ppp_proto::{
    Family, IpcpConfig, LinkConfig, VjConfig,
    frame::{FLAG, FrameEncoder, Framing},
    link::Answer,
    packet::{Code, ControlPacket},
    protocol,
};

use crate::pair::{A, B, Pair, SECOND, client, server};

fn with_vj(config: LinkConfig, vj: Option<VjConfig>) -> LinkConfig {
    LinkConfig { ipv4: config.ipv4.map(|ipv4| IpcpConfig { vj, ..ipv4 }), ..config }
}

/// The `number`th data segment of a TCP connection: 40 octets of headers and 10 of data.
fn segment(number: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 50];
    packet.extend(number.to_be_bytes());
    packet.extend([0x40, 0, 64, 6, 0, 0, 192, 168, 1, 1, 192, 168, 2, 1, 0x13, 0x88, 0, 80, 0, 0]);
    packet.extend((number * 10).to_be_bytes());
    packet.extend([0, 0, 0, 1, 0x50, 0x10, 1, 0, 0xab, 0xcd, 0, 0]);
    packet.extend([0x7f; 10]);
    let sum = packet[..20].chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum::<u32>();
    let checksum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet
}

/// Sends the segments of `numbers` from `from`; each as it was on the wire, without the flag before it.
fn send(pair: &mut Pair, from: usize, numbers: impl IntoIterator<Item = u16>) -> Vec<Vec<u8>> {
    let frames = numbers.into_iter().map(|number| {
        let mut out = BytesMut::new();
        pair.ends[from].link.encode(&segment(number), &mut out).unwrap();
        pair.transmit(from, &out);
        out.iter().copied().skip_while(|octet| *octet == FLAG).collect()
    });
    let frames = frames.collect();
    pair.pass(SECOND);
    frames
}

fn arrived(pair: &Pair, at: usize) -> Vec<Vec<u8>> {
    let ipv4 = pair.ends[at].received.iter().filter(|(family, _)| *family == Family::Ipv4);
    ipv4.map(|(_, packet)| packet.clone()).collect()
}

#[test]
fn headers_shrink_to_three_octets_both_ways() {
    let vj = Some(VjConfig::default());
    let mut pair = Pair::up(with_vj(client(), vj), with_vj(server(), vj));
    for (from, to) in [(A, B), (B, A)] {
        let frames = send(&mut pair, from, 1..=20);
        assert_eq!(frames[0][0], 0x2f);
        // Uncompressed TCP, then one way; besides the data only an FCS, a flag, and perhaps escapes.
        assert!(frames[2..].iter().all(|frame| frame[..4] == [0x2d, 0x0f, 0xab, 0xcd]), "{frames:x?}");
        assert!(frames[2..].iter().all(|frame| frame.len() <= 4 + 10 + 5), "{frames:x?}");
        assert_eq!(arrived(&pair, to), (1..=20).map(segment).collect::<Vec<_>>());
    }
}

#[test]
fn a_peer_without_it_rejects_it_and_all_goes_as_before() {
    let mut pair = Pair::up(with_vj(client(), Some(VjConfig::default())), server());
    let status = pair.ends[A].link.status();
    let asked = status.ipcp.unwrap().ours.into_iter().find(|option| option.asked == "compress VJ 0f 01");
    assert_eq!(asked.unwrap().answer, Answer::Rejected);
    for from in [A, B] {
        assert!(send(&mut pair, from, 1..=5).iter().all(|frame| frame[0] == 0x21));
    }
    assert_eq!(arrived(&pair, B), (1..=5).map(segment).collect::<Vec<_>>());
}

#[test]
fn a_peer_that_rejects_compressed_packets_gets_plain_ones() {
    for rejected in [0x2d, 0x2f] {
        let vj = Some(VjConfig::default());
        let mut pair = Pair::up(with_vj(client(), vj), with_vj(server(), vj));
        assert_eq!(send(&mut pair, A, 1..=3)[2][0], 0x2d);
        let mut out = BytesMut::new();
        let reject = ControlPacket { code: Code::ProtocolReject, id: 1, data: &[0, rejected, 0] };
        FrameEncoder::new(Framing::DEFAULT).encode_into(protocol::LCP, &reject.to_vec(), &mut out);
        assert!(pair.ends[A].link.receive(pair.now, &mut &out[..]).is_none());
        assert_eq!(send(&mut pair, A, 4..=6).iter().map(|frame| frame[0]).collect::<Vec<_>>(), [0x21; 3]);
        assert_eq!(arrived(&pair, B), (1..=6).map(segment).collect::<Vec<_>>());
    }
}

#[test]
fn each_end_compresses_for_the_slots_of_the_other() {
    let small = VjConfig { slots: 3, slot_id: false };
    let mut pair = Pair::up(with_vj(client(), Some(small)), with_vj(server(), Some(VjConfig::default())));
    // Towards A each packet names its slot, as A asked.
    assert_eq!(send(&mut pair, B, 1..=4)[3][..3], [0x2d, 0x4f, 0]);
    assert_eq!(send(&mut pair, A, 1..=4)[3][..2], [0x2d, 0x0f]);
    assert_eq!(arrived(&pair, A), (1..=4).map(segment).collect::<Vec<_>>());
}

#[test]
fn a_lost_frame_never_makes_a_wrong_packet() {
    let vj = Some(VjConfig::default());
    let mut pair = Pair::up(with_vj(client(), vj), with_vj(server(), vj));
    send(&mut pair, A, 1..=3);
    // The fourth is damaged on the way.
    let mut out = BytesMut::new();
    pair.ends[A].link.encode(&segment(4), &mut out).unwrap();
    let middle = out.len() / 2;
    out[middle] ^= 4;
    pair.transmit(A, &out);
    send(&mut pair, A, 5..=6);
    assert_eq!(arrived(&pair, B), (1..=3).map(segment).collect::<Vec<_>>(), "5 and 6 name no slot");
    // TCP repeats, which goes whole.
    send(&mut pair, A, 4..=7);
    assert_eq!(arrived(&pair, B), [1, 2, 3, 4, 5, 6, 7].map(segment));
    assert_eq!(pair.ends[B].link.status().frames.bad_fcs, 1);
}

#[test]
fn a_link_that_comes_back_remembers_no_headers() {
    let vj = Some(VjConfig::default());
    let mut pair = Pair::up(with_vj(client(), vj), with_vj(server(), vj));
    send(&mut pair, A, 1..=3);
    pair.disconnect();
    pair.connect();
    pair.drive(20 * SECOND, Pair::is_up);
    assert_eq!(send(&mut pair, A, 4..=6)[0][0], 0x2f);
    assert_eq!(arrived(&pair, B), (1..=6).map(segment).collect::<Vec<_>>());
}
