//! Both ends together, and headers written by hand.

use proptest::prelude::*;

use super::*;
use crate::tcp_header::Header;

/// A connection's packet, as its host makes it.
#[derive(Debug, Clone)]
struct Tcp {
    connection: u8,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    window: u16,
    urgent: u16,
    identification: u16,
    ttl: u8,
    options: u8,
    data: u16,
}

impl Tcp {
    fn packet(&self) -> Vec<u8> {
        let options = usize::from(self.options % 11) * 4;
        let length = 40 + options + usize::from(self.data);
        let mut packet = vec![0x45, 0];
        packet.extend((length as u16).to_be_bytes());
        packet.extend(self.identification.to_be_bytes());
        packet.extend([0x40, 0, self.ttl, 6, 0, 0]);
        packet.extend([192, 168, 1, self.connection, 192, 168, 2, 1]);
        packet.extend([0x13, 0x88, 0, 80]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.acknowledgement.to_be_bytes());
        packet.extend([((20 + options) / 4) as u8 * 16, self.flags]);
        packet.extend(self.window.to_be_bytes());
        packet.extend([0xab, 0xcd]);
        packet.extend(self.urgent.to_be_bytes());
        packet.resize(40 + options, 1);
        packet.extend((0..self.data).map(|octet| octet as u8));
        let mut header = Header::parse_ipv4(&packet).unwrap();
        header.fix_ip_checksum();
        packet[..header.len()].copy_from_slice(header.octets());
        packet
    }
}

const FIRST: Tcp = Tcp {
    connection: 1,
    sequence: 0x1000,
    acknowledgement: 0x2000,
    flags: 0x10,
    window: 500,
    urgent: 0,
    identification: 7,
    ttl: 64,
    options: 0,
    data: 100,
};

fn ends(terms: VjTerms) -> (Compressor, Decompressor) {
    (Compressor::new(terms), Decompressor::new(terms))
}

fn restore(to: &mut Decompressor, form: Form, octets: &[u8]) -> Option<Vec<u8>> {
    match form {
        Form::Plain => Some(octets.to_vec()),
        Form::Uncompressed => to.uncompressed(octets).map(<[u8]>::to_vec),
        Form::Compressed => to.compressed(octets).map(<[u8]>::to_vec),
    }
}

/// Sends `then` behind `first` and gives its short header.
fn short_header(first: &Tcp, then: &Tcp) -> Option<Vec<u8>> {
    let (mut from, mut to) = ends(VjConfig::default().into());
    for packet in [first.packet(), then.packet()] {
        let (form, octets) = from.compress(&packet);
        let octets = octets.to_vec();
        assert_eq!(restore(&mut to, form, &octets).as_ref(), Some(&packet));
        if form == Form::Compressed {
            return Some(octets[..octets.len() - usize::from(then.data)].to_vec());
        }
    }
    None
}

#[test]
fn headers_are_those_of_the_rfc() {
    let next = Tcp { identification: 8, ..FIRST };
    let header = |then: Tcp| short_header(&FIRST, &then);
    let data = Tcp { sequence: 0x1064, ..next.clone() };
    assert_eq!(header(data.clone()).unwrap(), [0x0f, 0xab, 0xcd], "one way: 3 octets, §3.2.2");
    assert_eq!(
        header(Tcp { acknowledgement: 0x2064, ..data.clone() }).unwrap(),
        [0x0b, 0xab, 0xcd],
        "echoed"
    );
    assert_eq!(header(Tcp { flags: 0x18, ..data.clone() }).unwrap(), [0x1f, 0xab, 0xcd], "PSH");
    assert_eq!(header(Tcp { identification: 10, ..data.clone() }).unwrap(), [0x2f, 0xab, 0xcd, 3]);
    assert_eq!(header(Tcp { identification: 7, ..data.clone() }).unwrap(), [0x2f, 0xab, 0xcd, 0, 0, 0]);
    assert_eq!(
        header(Tcp { acknowledgement: 0x2010, window: 499, ..next.clone() }).unwrap(),
        [0x06, 0xab, 0xcd, 0, 0xff, 0xff, 0x10],
        "a window that shrinks by one"
    );
    assert_eq!(
        header(Tcp { flags: 0x30, urgent: 9, sequence: 0x1200, ..next.clone() }).unwrap(),
        [0x09, 0xab, 0xcd, 9, 0, 2, 0]
    );
    assert_eq!(header(next.clone()), None, "a retransmission");
    let all = Tcp { flags: 0x30, urgent: 9, window: 501, sequence: 0x1001, ..next.clone() };
    assert_eq!(header(all), None, "U, W and S mean something else");
    assert_eq!(header(Tcp { sequence: 0x1_1064, ..next.clone() }), None, "too far");
    assert_eq!(header(Tcp { ttl: 63, ..data.clone() }), None, "another path");
    assert_eq!(header(Tcp { flags: 0x50, ..data }), None, "ECE, which no bit tells");
}

#[test]
fn urgent_data_that_ends_is_said_to_end() {
    let first = Tcp { flags: 0x30, ..FIRST };
    let then = Tcp { sequence: 0x1064, identification: 8, ..FIRST };
    assert_eq!(short_header(&first, &then).unwrap(), [0x08, 0xab, 0xcd, 100]);
}

#[test]
fn another_connection_names_its_slot_unless_that_is_forbidden_to_be_left_out_anyway() {
    for slot_id in [true, false] {
        let (mut from, mut to) = ends(VjTerms { max_slot: 15, slot_id });
        let mut a = FIRST;
        let mut b = Tcp { connection: 2, ..FIRST };
        let mut sent = Vec::new();
        for which in [0, 1, 0, 0, 1] {
            let tcp = if which == 0 { &mut a } else { &mut b };
            tcp.sequence += 100;
            tcp.identification += 1;
            let packet = tcp.packet();
            let (form, octets) = from.compress(&packet);
            let octets = octets.to_vec();
            assert_eq!(restore(&mut to, form, &octets), Some(packet));
            sent.push((form, octets[0] & 0x40 != 0));
        }
        let first = [Form::Uncompressed, Form::Uncompressed];
        assert_eq!([sent[0].0, sent[1].0], first);
        let named: Vec<_> = sent[2..].iter().map(|(form, named)| (*form, *named)).collect();
        let c = Form::Compressed;
        assert_eq!(named, [(c, true), (c, !slot_id), (c, true)]);
    }
}

#[test]
fn after_a_loss_packets_are_tossed_until_one_names_its_slot() {
    let (mut from, mut to) = ends(VjConfig::default().into());
    let mut tcp = FIRST;
    let mut next = |connection| {
        tcp = Tcp {
            connection,
            sequence: tcp.sequence + 100,
            identification: tcp.identification + 1,
            ..tcp.clone()
        };
        tcp.packet()
    };
    for connection in [1, 1] {
        let packet = next(connection);
        let (form, octets) = from.compress(&packet);
        assert!(restore(&mut to, form, octets).is_some());
    }
    to.toss();
    let packet = next(1);
    let (form, octets) = from.compress(&packet);
    assert_eq!((form, to.compressed(octets)), (Form::Compressed, None));
    let packet = next(2);
    let (form, octets) = from.compress(&packet);
    assert_eq!(restore(&mut to, form, octets), Some(packet));
}

fn tcp() -> impl Strategy<Value = Tcp> {
    // Small steps from a common start, so that much is compressed; the fields are those of [`Tcp`].
    (
        (
            1_u8..6,
            0_u32..3000,
            0_u32..3000,
            prop_oneof![3 => Just(0x10_u8), 2 => Just(0x18), 1 => any::<u8>()],
        ),
        (0_u16..4, prop_oneof![9 => Just(0_u16), 1 => any::<u16>()], 0_u16..6, 63_u8..65, 0_u8..2, 0_u16..4),
    )
        .prop_map(|((connection, s, a, flags), (w, urgent, id, ttl, options, data))| Tcp {
            connection,
            sequence: s.wrapping_sub(1000),
            acknowledgement: a,
            flags,
            window: 65_534_u16.wrapping_add(w),
            urgent,
            identification: 65_533_u16.wrapping_add(id),
            ttl,
            options,
            data: data * 500,
        })
}

proptest! {
    #[test]
    fn what_arrives_is_what_was_sent(
        all in proptest::collection::vec(tcp(), 1..60), max_slot in 1_u8..16, slot_id: bool,
    ) {
        let (mut from, mut to) = ends(VjTerms { max_slot, slot_id });
        for tcp in all {
            let packet = tcp.packet();
            let (form, octets) = from.compress(&packet);
            prop_assert_eq!(restore(&mut to, form, octets), Some(packet));
        }
    }

    #[test]
    fn octets_of_any_kind_do_no_harm(
        all in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..90)), 1..40),
        max_slot: u8, slot_id: bool,
    ) {
        let (mut from, mut to) = ends(VjTerms { max_slot, slot_id });
        let first = FIRST.packet();
        let _ = to.uncompressed(from.compress(&first).1);
        for (compressed, octets) in all {
            let restored = if compressed { to.compressed(&octets) } else { to.uncompressed(&octets) };
            prop_assert!(restored.is_none_or(|packet| Header::parse_ipv4(packet).is_some()));
            let _ = from.compress(&octets);
        }
    }
}
