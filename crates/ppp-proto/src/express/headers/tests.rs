use proptest::prelude::*;

use super::*;
use crate::{express::record::Form, tcp_header::ACK};

type Offload = [u8; OFFLOAD_HEADER_LEN];

/// One direction: what goes in at one end comes out at the other.
#[derive(Default)]
struct Ends(HeaderCompressor, HeaderDecompressor);

impl Ends {
    /// Sends a packet; how many octets stood in the place of its headers, if any did.
    #[track_caller]
    fn pass(&mut self, offload: Option<&Offload>, packet: &[u8]) -> Option<usize> {
        let headers = self.0.tell(offload, packet);
        match headers.form {
            Form::Plain => assert_eq!(headers, Headers::PLAIN),
            Form::Remembered => self.1.remember(headers.before[0], offload, packet),
            Form::Changed => {
                let told = [headers.before, &packet[headers.replaced..]].concat();
                assert_eq!(self.1.restore(&told), Some(packet));
                assert!(offload.is_none() || self.1.offload().as_ref() == offload);
                return Some(headers.before.len());
            }
        }
        None
    }
}

/// A packet of TCP, as Linux sends them.
#[derive(Debug, Clone)]
struct Segment {
    v6: bool,
    port: u16,
    identification: u16,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    window: u16,
    timestamps: Option<[u32; 2]>,
    data: Vec<u8>,
}

impl Segment {
    fn new(v6: bool, data: usize) -> Segment {
        Segment {
            v6,
            port: 5201,
            identification: 7,
            sequence: 1_000_000,
            acknowledgement: 2_000_000,
            flags: ACK,
            window: 501,
            timestamps: Some([3_000_000, 4_000_000]),
            data: vec![0xda; data],
        }
    }

    fn packet(&self) -> Vec<u8> {
        let options = if self.timestamps.is_some() { 12 } else { 0 };
        let tcp_len = 20 + options + self.data.len();
        let mut packet = Vec::new();
        if self.v6 {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((tcp_len as u16).to_be_bytes());
            packet.extend([6, 64]);
            packet.extend([0x20; 16]);
            packet.extend([0x21; 16]);
        } else {
            packet.extend([0x45, 0]);
            packet.extend((20 + tcp_len as u16).to_be_bytes());
            packet.extend(self.identification.to_be_bytes());
            packet.extend([0x40, 0, 64, 6, 0, 0, 192, 168, 1, 1, 192, 168, 2, 1]);
            let words = packet.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
            let sum: u32 = words.sum();
            let sum = (sum & 0xffff) + (sum >> 16);
            packet[10..12].copy_from_slice(&(!sum as u16).to_be_bytes());
        }
        packet.extend(self.port.to_be_bytes());
        packet.extend([0x30, 0x39]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.acknowledgement.to_be_bytes());
        packet.extend([(20 + options as u8) << 2, self.flags]);
        packet.extend(self.window.to_be_bytes());
        packet.extend([self.port as u8, self.data.len() as u8, 0, 0]);
        if let Some([value, echo]) = self.timestamps {
            packet.extend([1, 1, 8, 10]);
            packet.extend(value.to_be_bytes());
            packet.extend(echo.to_be_bytes());
        }
        packet.extend(&self.data);
        packet
    }
}

#[test]
fn a_segment_in_its_turn_has_six_octets_of_headers_and_an_acknowledgement_ten() {
    for v6 in [false, true] {
        let mut ends = Ends::default();
        let mut data = Segment::new(v6, 1448);
        assert_eq!(ends.pass(None, &data.packet()), None, "there is nothing to differ from");
        data.sequence += 1448;
        data.identification += 1;
        data.timestamps = Some([3_000_003, 4_000_000]);
        assert_eq!(ends.pass(None, &data.packet()), Some(1 + 1 + 2 + 1));
        data.sequence += 1448;
        data.identification += 1;
        data.timestamps = Some([3_000_006, 4_000_090]);
        assert_eq!(ends.pass(None, &data.packet()), Some(1 + 1 + 2 + 1 + 1));

        let mut acknowledgement = Segment { port: 1, ..Segment::new(v6, 0) };
        assert_eq!(ends.pass(None, &acknowledgement.packet()), None);
        acknowledgement.identification += 1;
        acknowledgement.acknowledgement += 2 * 1448;
        acknowledgement.window += 300;
        acknowledgement.timestamps = Some([3_000_003, 4_000_003]);
        assert_eq!(ends.pass(None, &acknowledgement.packet()), Some(1 + 1 + 2 + 2 + 2 + 1 + 1));
    }
}

#[test]
fn what_is_sent_again_and_what_goes_back_is_told_too() {
    let mut ends = Ends::default();
    let mut data = Segment::new(false, 1448);
    ends.pass(None, &data.packet());
    data.window -= 1;
    data.sequence -= 14480;
    data.identification = 0;
    assert!(ends.pass(None, &data.packet()).is_some());
    data.flags |= 0x09;
    assert!(ends.pass(None, &data.packet()).is_some());
}

#[test]
fn what_no_change_can_tell_goes_whole() {
    let turns: [fn(&mut Vec<u8>); 5] = [
        // DSCP, TTL, urgent pointer, another kind of option, and a wrong checksum.
        |packet| packet[1] = 0x10,
        |packet| packet[8] = 3,
        |packet| packet[39] = 1,
        |packet| packet[42] = 5,
        |packet| packet[10] ^= 1,
    ];
    for (number, turn) in turns.into_iter().enumerate() {
        let mut ends = Ends::default();
        let usual = Segment::new(false, 100).packet();
        ends.pass(None, &usual);
        let mut packet = usual.clone();
        turn(&mut packet);
        assert_eq!(ends.pass(None, &packet), None, "{number}");
    }
}

#[test]
fn what_is_no_whole_tcp_packet_is_not_remembered() {
    let packet = Segment::new(false, 20).packet();
    let with = |at: usize, octet: u8| {
        let mut packet = packet.clone();
        packet[at] = octet;
        packet
    };
    let mut longest = Segment::new(false, MAX_PACKET - 51);
    for (what, packet) in [
        ("nothing", Vec::new()),
        ("half a header", packet[..30].to_vec()),
        ("padded", [&packet[..], &[0]].concat()),
        ("cut", packet[..packet.len() - 1].to_vec()),
        ("UDP", with(9, 17)),
        ("a fragment", with(7, 1)),
        ("more fragments", with(6, 0x20)),
        ("no room for options", with(32, 0xf0)),
        ("too few", with(32, 0x40)),
        ("large", longest.packet()),
    ] {
        assert_eq!(HeaderCompressor::default().tell(None, &packet), Headers::PLAIN, "{what}");
    }
    longest.data.pop();
    assert_eq!(HeaderCompressor::default().tell(None, &longest.packet()).form, Form::Remembered);
}

#[test]
fn virtio_headers_are_told_once_until_they_change() {
    let mut ends = Ends::default();
    let mut data = Segment::new(true, 2896);
    let (first, second) = ([1; OFFLOAD_HEADER_LEN], [2; OFFLOAD_HEADER_LEN]);
    let mut pass = |offload: Option<&Offload>| {
        let told = ends.pass(offload, &data.packet());
        data.sequence += 2896;
        told.is_some()
    };
    assert!(!pass(None), "the first");
    assert!(!pass(Some(&first)), "the first with one");
    assert!(pass(Some(&first)));
    assert!(pass(None), "one without in between");
    assert!(pass(Some(&first)));
    assert!(!pass(Some(&second)));
    assert!(pass(Some(&second)));
}

#[test]
fn what_cannot_be_restored_is_refused_and_changes_nothing() {
    let mut ends = Ends::default();
    let mut data = Segment::new(false, 100);
    assert_eq!(ends.1.restore(&[0, 0, 0, 0]), None, "nothing is remembered");
    ends.pass(None, &data.packet());
    data.sequence += 100;
    let headers = ends.0.tell(None, &data.packet());
    assert_eq!(headers.form, Form::Changed);
    let slot = headers.before[0];
    let told = [headers.before, &data.packet()[headers.replaced..]].concat();
    for (what, wrong) in [
        ("no slot", vec![]),
        ("no change", vec![slot]),
        ("another slot", vec![slot ^ 1, 0, 0, 0]),
        ("a slot that there is not", vec![SLOTS as u8, 0, 0, 0]),
        ("half a change", vec![slot, 0x02, 0, 0]),
        ("a difference without end", vec![slot, 0x01, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
        ("a difference of more than 32 bits", vec![slot, 0x01, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x1f]),
        ("a window of more than 16", vec![slot, 0x04, 0, 0, 0x80, 0x80, 0x04]),
        ("a bit of times to come", vec![slot, 0x80, 0, 0]),
        ("too long for a packet", [&[slot, 0, 0, 0][..], &vec![0; 65535]].concat()),
    ] {
        assert_eq!(ends.1.restore(&wrong), None, "{what}");
    }
    ends.1.remember(slot, None, &[0x45; 10]);
    ends.1.remember(SLOTS as u8, None, &data.packet());
    assert_eq!(ends.1.restore(&told), Some(&data.packet()[..]));
}

fn segments() -> impl Strategy<Value = Vec<(Option<Offload>, Vec<u8>)>> {
    let step = (
        (any::<bool>(), 0..6_u16, any::<bool>()),
        (prop_oneof![Just(0_u32), Just(1448), any::<u32>()], prop_oneof![0..9000_u32, any::<u32>()]),
        (prop_oneof![Just(1_u16), any::<u16>()], prop_oneof![Just(0_u16), 0..700_u16, any::<u16>()]),
        (0..300_u32, 0..300_u32, prop_oneof![4 => Just(ACK), 1 => any::<u8>()]),
        (0..2000_usize, prop_oneof![3 => Just(None), 1 => (0..2_u8).prop_map(|octet| Some([octet; 10]))]),
        // Now and then an octet that is not what it should be.
        prop_oneof![4 => Just(None), 1 => (0..80_usize, any::<u8>()).prop_map(Some)],
    );
    prop::collection::vec(step, 1..80).prop_map(|steps| {
        let mut last = Segment::new(false, 0);
        let packets = steps.into_iter().map(|(which, numbers, small, times, data, damage)| {
            (last.v6, last.port) = (which.0, which.1);
            last.sequence = last.sequence.wrapping_add(numbers.0);
            last.acknowledgement = last.acknowledgement.wrapping_add(numbers.1);
            last.identification = last.identification.wrapping_add(small.0);
            last.window = last.window.wrapping_add(small.1);
            let [value, echo] = last.timestamps.unwrap_or_default();
            last.timestamps = which.2.then_some([value.wrapping_add(times.0), echo.wrapping_add(times.1)]);
            last.flags = times.2;
            last.data = vec![data.0 as u8; data.0];
            let mut packet = last.packet();
            if let Some((at, octet)) = damage
                && let Some(place) = packet.get_mut(at)
            {
                *place = octet;
            }
            (data.1, packet)
        });
        packets.collect()
    })
}

proptest! {
    #[test]
    fn packets_come_out_as_they_went_in(packets in segments()) {
        let mut ends = Ends::default();
        for (offload, packet) in packets {
            ends.pass(offload.as_ref(), &packet);
        }
    }

    #[test]
    fn no_octets_of_a_peer_do_harm(
        packets in segments(),
        told in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..40),
    ) {
        let mut decompressor = HeaderDecompressor::default();
        for (slot, (offload, packet)) in packets.iter().enumerate() {
            decompressor.remember(slot as u8, offload.as_ref(), packet);
        }
        for told in told {
            prop_assert!(decompressor.restore(&told).is_none_or(|packet| packet.len() <= told.len() + 120));
        }
    }
}
