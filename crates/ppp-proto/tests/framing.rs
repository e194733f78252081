//! Framing seen from outside: what goes in comes out, and nothing else does (RFC 1662).

use bytes::BytesMut;
use ppp_proto::{
    frame::{Accm, ExtraEscapes, Fcs, FrameDecoder, FrameEncoder, FrameStats, Framing},
    protocol,
};
use proptest::prelude::*;

const MRU: usize = 1500;

const BARE: Framing =
    Framing { accm: Accm::NONE, escape: ExtraEscapes::NONE, pfc: false, acfc: false, fcs: Fcs::Fcs16 };

/// pppd 2.4.9's first frame, `<asyncmap 0x0> <magic 0x1d7e8a7d> <pcomp> <accomp>`; its FCS was worked out bit by bit
/// outside of this crate.
const PPPD_FIRST_FRAME: [u8; 48] = [
    0x7e, 0xff, 0x7d, 0x23, 0xc0, 0x21, 0x7d, 0x21, 0x7d, 0x21, 0x7d, 0x20, 0x7d, 0x34, 0x7d, 0x22, 0x7d,
    0x26, 0x7d, 0x20, 0x7d, 0x20, 0x7d, 0x20, 0x7d, 0x20, 0x7d, 0x25, 0x7d, 0x26, 0x7d, 0x3d, 0x7d, 0x5e,
    0x8a, 0x7d, 0x5d, 0x7d, 0x27, 0x7d, 0x22, 0x7d, 0x28, 0x7d, 0x22, 0xcc, 0x22, 0x7e,
];

fn encode(framing: Framing, frames: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let encoder = FrameEncoder::new(framing);
    let mut out = BytesMut::new();
    for (protocol, info) in frames {
        encoder.encode_into(*protocol, info, &mut out);
    }
    out.to_vec()
}

fn decoder(framing: Framing) -> FrameDecoder {
    let mut decoder = FrameDecoder::new(MRU);
    decoder.set_framing(framing);
    decoder
}

/// Everything the decoder finds in `stream` when it comes in chunks of these lengths, over and over.
fn decode_chunked(decoder: &mut FrameDecoder, stream: &[u8], chunk_lens: &[usize]) -> Vec<(u16, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = stream;
    for &len in chunk_lens.iter().cycle() {
        let (mut chunk, later) = rest.split_at(len.min(rest.len()));
        rest = later;
        while let Some(frame) = decoder.next_frame(&mut chunk) {
            found.push((frame.protocol, frame.payload.to_vec()));
        }
        assert!(chunk.is_empty(), "a chunk was left over");
        if rest.is_empty() {
            break;
        }
    }
    found
}

fn decode(framing: Framing, stream: &[u8]) -> (Vec<(u16, Vec<u8>)>, FrameStats) {
    let mut decoder = decoder(framing);
    let found = decode_chunked(&mut decoder, stream, &[usize::MAX]);
    (found, decoder.stats())
}

/// `octets` and their FCS-16 between flags, not escaped.
fn plain_frame(octets: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x7e];
    frame.extend(octets);
    frame.extend((!register16(octets)).to_le_bytes());
    assert!(
        !frame[1..].iter().any(|octet| matches!(octet, 0x7d | 0x7e)),
        "choose octets that need no escape"
    );
    frame.push(0x7e);
    frame
}

fn register16(octets: &[u8]) -> u16 {
    octets.iter().fold(0xffff, |register, &octet| {
        (0..8).fold(register ^ u16::from(octet), |r, _| if r & 1 == 1 { r >> 1 ^ 0x8408 } else { r >> 1 })
    })
}

fn register32(octets: &[u8]) -> u32 {
    octets.iter().fold(u32::MAX, |register, &octet| {
        (0..8)
            .fold(register ^ u32::from(octet), |r, _| if r & 1 == 1 { r >> 1 ^ 0xedb8_8320 } else { r >> 1 })
    })
}

/// The plain twin of the decoder: the whole stream at once, RFC 1662 §4 octet by octet.
fn decode_plainly(framing: Framing, stream: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut found = Vec::new();
    let Some(first_flag) = stream.iter().position(|&octet| octet == 0x7e) else { return found };
    let Some(last_flag) = stream.iter().rposition(|&octet| octet == 0x7e) else { return found };
    if first_flag == last_flag {
        return found;
    }
    for stuffed in stream[first_flag + 1..last_flag].split(|&octet| octet == 0x7e) {
        let mut octets = Vec::new();
        let mut escaped = false;
        for &octet in stuffed {
            if octet < 0x20 && framing.accm.0 >> octet & 1 == 1 {
                continue;
            }
            if escaped {
                octets.push(octet ^ 0x20);
                escaped = false;
            } else if octet == 0x7d {
                escaped = true;
            } else {
                octets.push(octet);
            }
        }
        if escaped {
            continue;
        }
        let good16 = octets.len() >= 4 && register16(&octets) == 0xf0b8;
        let good32 = octets.len() >= 6 && register32(&octets) == 0xdebb_20e3;
        let is_lcp = octets.starts_with(&[0xff, 0x03, 0xc0, 0x21]);
        let fcs_len = match framing.fcs {
            Fcs::Fcs16 if good16 => 2,
            Fcs::Fcs32 if good32 => 4,
            Fcs::Fcs32 if good16 && is_lcp && octets.len() >= 6 => 2,
            Fcs::Null if octets.len() >= 2 => 0,
            _ => continue,
        };
        let header_and_info = &octets[..octets.len() - fcs_len];
        let rest = match header_and_info {
            [0xff, 0x03, rest @ ..] => rest,
            [0xff, ..] => continue,
            rest => rest,
        };
        let (protocol, mut info) = match rest {
            [low, info @ ..] if low % 2 == 1 => (u16::from(*low), info),
            [high, low, info @ ..] => (u16::from_be_bytes([*high, *low]), info),
            _ => continue,
        };
        if framing.fcs == Fcs::Null && protocol >= 0x8000 {
            if !good16 {
                continue;
            }
            let Some(without_fcs) = info.len().checked_sub(2) else { continue };
            info = &info[..without_fcs];
        }
        if info.len() <= MRU {
            found.push((protocol, info.to_vec()));
        }
    }
    found
}

#[test]
fn pppds_first_frame_is_understood_and_would_be_sent_alike() {
    let packet = [1, 1, 0, 20, 2, 6, 0, 0, 0, 0, 5, 6, 0x1d, 0x7e, 0x8a, 0x7d, 7, 2, 8, 2];
    assert_eq!(encode(Framing::DEFAULT, &[(protocol::LCP, packet.to_vec())]), PPPD_FIRST_FRAME);
    let (found, stats) = decode(Framing::DEFAULT, &PPPD_FIRST_FRAME);
    assert_eq!(found, [(protocol::LCP, packet.to_vec())]);
    assert_eq!(stats, FrameStats { frames: 1, ..FrameStats::default() });
}

#[test]
fn a_frame_whole_in_the_chunk_and_without_escapes_is_not_copied() {
    let stream = plain_frame(&[0xff, 0x03, 0x00, 0x21, 0x45, 0x00]);
    let mut decoder = decoder(BARE);
    let mut rest = &stream[..];
    let payload = decoder.next_frame(&mut rest).unwrap().payload;
    assert_eq!(payload.as_ptr_range(), stream[5..7].as_ptr_range());
}

#[test]
fn banners_before_the_first_flag_are_skipped_and_counted() {
    let banner = b"Welcome to saturn\r\nLast login: never\r\n";
    let mut stream = banner.to_vec();
    stream.extend(PPPD_FIRST_FRAME);
    let (found, stats) = decode(Framing::DEFAULT, &stream);
    assert_eq!(found.len(), 1);
    assert_eq!(stats, FrameStats { frames: 1, skipped_octets: banner.len() as u64, ..FrameStats::default() });
}

#[test]
fn empty_frames_are_normal_and_not_counted() {
    let (found, stats) = decode(BARE, &[0x7e; 100]);
    assert_eq!((found.len(), stats), (0, FrameStats::default()));
}

#[test]
fn frames_of_fewer_than_4_octets_are_runts_and_not_fcs_errors() {
    let (found, stats) = decode(BARE, &[0x7e, 1, 0x7e, 1, 2, 0x7e, 1, 2, 3, 0x7e, 0x7d, 0x21, 0x7e]);
    assert_eq!((found.len(), stats), (0, FrameStats { runts: 4, ..FrameStats::default() }));
}

#[test]
fn a_control_escape_before_the_flag_aborts_the_frame() {
    let mut stream = vec![0x7e, 0xff, 0x03, 0x00, 0x21, 0x45, 0x7d];
    stream.extend(plain_frame(&[0xff, 0x03, 0x00, 0x21, 0x45]));
    let (found, stats) = decode(BARE, &stream);
    assert_eq!(found, [(0x0021, vec![0x45])]);
    assert_eq!(stats, FrameStats { frames: 1, aborts: 1, ..FrameStats::default() });
}

#[test]
fn an_abort_is_seen_where_the_chunk_ends_between_its_octets() {
    let mut decoder = decoder(BARE);
    let found = decode_chunked(&mut decoder, &[0x7e, 0xff, 0x03, 0x7d, 0x7e], &[4, 1]);
    assert!(found.is_empty());
    assert_eq!(decoder.stats(), FrameStats { aborts: 1, ..FrameStats::default() });
}

#[test]
fn a_wrong_fcs_is_counted_and_the_next_frame_taken() {
    let good = plain_frame(&[0xff, 0x03, 0x00, 0x21, 0x45]);
    for at in 1..good.len() - 1 {
        let mut stream = good.clone();
        stream[at] ^= 0x80;
        stream.extend(&good);
        let (found, stats) = decode(BARE, &stream);
        assert_eq!(found, [(0x0021, vec![0x45])], "octet {at} altered");
        assert_eq!(
            stats,
            FrameStats { frames: 1, bad_fcs: 1, ..FrameStats::default() },
            "octet {at} altered"
        );
    }
}

#[test]
fn a_frame_of_the_mru_is_taken_and_a_longer_one_is_oversize_however_it_comes() {
    let header = [0xff, 0x03, 0x00, 0x21];
    for (len, expected) in [
        (MRU, FrameStats { frames: 2, ..FrameStats::default() }),
        (MRU + 1, FrameStats { frames: 1, oversize: 1, ..FrameStats::default() }),
        (MRU + 1000, FrameStats { frames: 1, oversize: 1, ..FrameStats::default() }),
    ] {
        let mut stream = plain_frame(&[&header[..], &vec![b'x'; len]].concat());
        stream.extend(plain_frame(&[0xff, 0x03, 0x00, 0x21, 0x45]));
        for chunk_lens in [&[usize::MAX][..], &[1], &[700, 3]] {
            let mut decoder = decoder(BARE);
            let found = decode_chunked(&mut decoder, &stream, chunk_lens);
            assert_eq!(found.last(), Some(&(0x0021, vec![0x45])));
            assert_eq!(decoder.stats(), expected, "{len} octets in chunks of {chunk_lens:?}");
        }
    }
}

#[test]
fn an_oversize_frame_is_oversize_and_not_an_fcs_error_whether_it_comes_whole_or_cut() {
    let stream = [&[0x7e][..], &[b'x'; MRU + 1000], &[0x7e]].concat();
    for chunk_lens in [&[usize::MAX][..], &[100]] {
        let mut decoder = decoder(BARE);
        decode_chunked(&mut decoder, &stream, chunk_lens);
        assert_eq!(decoder.stats(), FrameStats { oversize: 1, ..FrameStats::default() });
    }
}

#[test]
fn an_endless_frame_is_counted_once_and_the_link_recovers() {
    let mut decoder = decoder(BARE);
    assert!(decoder.next_frame(&mut &[0x7e][..]).is_none());
    for _ in 0..1000 {
        assert!(decoder.next_frame(&mut &[b'x'; 4096][..]).is_none());
    }
    let found = decode_chunked(&mut decoder, &plain_frame(&[0xff, 0x03, 0x00, 0x21, 0x45]), &[2]);
    assert_eq!(found, [(0x0021, vec![0x45])]);
    assert_eq!(decoder.stats(), FrameStats { frames: 1, oversize: 1, ..FrameStats::default() });
}

#[test]
fn an_address_and_control_other_than_ff_03_is_dropped() {
    let (found, stats) = decode(BARE, &plain_frame(&[0xff, 0x13, 0x00, 0x21, 0x45]));
    assert_eq!((found.len(), stats), (0, FrameStats { bad_address: 1, ..FrameStats::default() }));
}

#[test]
fn frames_that_end_within_their_protocol_number_are_dropped() {
    for octets in [&[0xff, 0x03][..], &[0xff, 0x03, 0xc0]] {
        let (found, stats) = decode(BARE, &plain_frame(octets));
        assert_eq!(
            (found.len(), stats),
            (0, FrameStats { bad_protocol: 1, ..FrameStats::default() }),
            "{octets:02x?}"
        );
    }
}

#[test]
fn a_malformed_protocol_number_is_left_to_whoever_knows_protocols() {
    for octets in [&[0xff, 0x03, 0x00, 0x20, 0x45][..], &[0x00, 0x20, 0x45]] {
        let (found, stats) = decode(BARE, &plain_frame(octets));
        assert_eq!(found, [(0x0020, vec![0x45])]);
        assert_eq!(stats, FrameStats { frames: 1, ..FrameStats::default() });
    }
}

#[test]
fn both_forms_of_address_and_protocol_are_taken_whatever_was_negotiated() {
    for header in [&[0xff, 0x03, 0x00, 0x21][..], &[0xff, 0x03, 0x21], &[0x00, 0x21], &[0x21]] {
        let (found, _) = decode(BARE, &plain_frame(&[header, &[0x45, 0x01]].concat()));
        assert_eq!(found, [(0x0021, vec![0x45, 0x01])], "{header:02x?}");
    }
}

#[test]
fn bare_octets_of_the_receive_accm_are_dropped_before_the_fcs() {
    let xon_xoff = Framing { accm: Accm(1 << 0x11 | 1 << 0x13), ..BARE };
    let frame = encode(xon_xoff, &[(0x0021, vec![0x45, 0x11, 0x7e, 0x00, 0x13])]);
    let mut disturbed = vec![0x7e];
    for &octet in &frame[1..] {
        disturbed.extend([0x13, octet, 0x11]);
    }
    let (found, stats) = decode(xon_xoff, &disturbed);
    assert_eq!(found, [(0x0021, vec![0x45, 0x11, 0x7e, 0x00, 0x13])]);
    let inserted_octets = 2 * (frame.len() as u64 - 1);
    // The last one stands behind the closing flag, in a frame that never ends.
    assert_eq!(stats, FrameStats { frames: 1, inserted_octets, ..FrameStats::default() });
}

#[test]
fn bare_control_characters_outside_the_receive_accm_are_data() {
    let (found, stats) = decode(BARE, &plain_frame(&[0xff, 0x03, 0x00, 0x21, 0x11, 0x00, 0x13]));
    assert_eq!(found, [(0x0021, vec![0x11, 0x00, 0x13])]);
    assert_eq!(stats.inserted_octets, 0);
}

#[test]
fn lcp_with_the_default_fcs_is_taken_after_32_bits_were_negotiated() {
    let lcp = (protocol::LCP, vec![5, 1, 0, 4]);
    let traffic = (protocol::IPV4, vec![0x45, 0]);
    let stream = encode(Framing::DEFAULT, &[lcp.clone(), traffic]);
    let (found, stats) = decode(Framing { fcs: Fcs::Fcs32, ..Framing::DEFAULT }, &stream);
    assert_eq!(found, [lcp]);
    assert_eq!(stats, FrameStats { frames: 1, bad_fcs: 1, ..FrameStats::default() });
}

#[test]
fn with_a_null_fcs_control_packets_are_still_checked() {
    let null = Framing { fcs: Fcs::Null, ..BARE };
    let traffic = (protocol::IPV4, vec![0x45, 0]);
    let control = (protocol::IPCP, vec![1, 1, 0, 4]);
    let (found, _) = decode(null, &encode(null, &[traffic.clone(), control.clone()]));
    assert_eq!(found, [traffic, control.clone()]);

    let mut stream = encode(null, &[control]);
    stream[5] ^= 4;
    let (found, stats) = decode(null, &stream);
    assert_eq!((found.len(), stats.bad_fcs), (0, 1));
}

#[test]
fn framing_may_change_between_two_frames_of_a_chunk() {
    let mut stream = encode(Framing::DEFAULT, &[(protocol::LCP, vec![2, 1, 0, 4])]);
    let negotiated = Framing { fcs: Fcs::Fcs32, ..BARE };
    stream.extend(encode(negotiated, &[(protocol::IPV4, vec![0x45, 0x11])]));
    let mut decoder = FrameDecoder::new(MRU);
    let mut rest = &stream[..];
    assert_eq!(decoder.next_frame(&mut rest).map(|frame| frame.protocol), Some(protocol::LCP));
    decoder.set_framing(negotiated);
    assert_eq!(decoder.next_frame(&mut rest).map(|frame| frame.payload), Some(&[0x45, 0x11][..]));
}

fn any_framing() -> impl Strategy<Value = Framing> {
    (
        prop_oneof![Just(0), Just(u32::MAX), any::<u32>()],
        proptest::collection::vec(prop_oneof![0u8..0x20, 0x40u8..0x5e, 0x5fu8..=0xff], 0..4),
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(Fcs::Null), Just(Fcs::Fcs16), Just(Fcs::Fcs32)],
    )
        .prop_map(|(accm, escape, pfc, acfc, fcs)| Framing {
            accm: Accm(accm),
            escape: ExtraEscapes::new(&escape).unwrap(),
            pfc,
            acfc,
            fcs,
        })
}

fn any_protocol() -> impl Strategy<Value = u16> {
    prop_oneof![
        Just(protocol::IPV4),
        Just(protocol::IPV6),
        Just(protocol::LCP),
        Just(protocol::IPCP),
        Just(0x00ff),
        any::<u16>().prop_map(|n| n & 0xfefe | 1),
    ]
}

/// Never empty: with everything compressed, an empty packet would be a runt (RFC 1662 §4.3).
fn any_info() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        6 => any::<u8>(),
        1 => Just(0x7e),
        1 => Just(0x7d),
        2 => 0u8..0x20,
        6 => Just(b'x'),
    ];
    prop_oneof![
        4 => proptest::collection::vec(octet, 1..200),
        1 => proptest::collection::vec(any::<u8>(), MRU - 2..=MRU),
        1 => (1..=MRU).prop_map(|len| vec![0x7e; len]),
        1 => (1..=MRU).prop_map(|len| vec![b'x'; len]),
    ]
}

fn any_frames() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    proptest::collection::vec((any_protocol(), any_info()), 0..8)
}

fn any_chunk_lens() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        Just(vec![usize::MAX]),
        Just(vec![1]),
        proptest::collection::vec(prop_oneof![0usize..4, 1usize..40, 1usize..2000], 1..20).prop_map(
            |mut lens| {
                lens.push(1);
                lens
            }
        ),
    ]
}

/// How a piece of soup is harmed, and where.
#[derive(Debug, Clone, Copy)]
enum Harm {
    None,
    CutOff,
    Altered,
    Inserted,
}

/// Frames in the decoder's framing and in others, whole and harmed, and noise.
fn any_soup() -> impl Strategy<Value = (Framing, Vec<u8>)> {
    any_framing().prop_flat_map(|framing| {
        let piece = prop_oneof![
            4 => any_frames().prop_map(move |frames| encode(framing, &frames)),
            1 => any_frames().prop_map(|frames| encode(Framing::DEFAULT, &frames)),
            1 => (any_framing(), any_frames()).prop_map(|(framing, frames)| encode(framing, &frames)),
            1 => proptest::collection::vec(any::<u8>(), 0..100),
            1 => proptest::collection::vec(prop::sample::select(&[0x7e, 0x7d, 0xff, 0x03, 0x21][..]), 0..40),
        ];
        let harm = prop_oneof![
            4 => Just(Harm::None),
            1 => Just(Harm::CutOff),
            1 => Just(Harm::Altered),
            1 => Just(Harm::Inserted),
        ];
        let pieces = proptest::collection::vec((piece, any::<prop::sample::Index>(), harm), 0..6);
        (Just(framing), pieces.prop_map(|pieces| pieces.into_iter().flat_map(harmed).collect()))
    })
}

fn harmed((mut piece, at, harm): (Vec<u8>, prop::sample::Index, Harm)) -> Vec<u8> {
    if !piece.is_empty() {
        let at = at.index(piece.len());
        match harm {
            Harm::None => {}
            Harm::CutOff => piece.truncate(at),
            Harm::Altered => piece[at] ^= 0x10,
            Harm::Inserted => piece.insert(at, 0x11),
        }
    }
    piece
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_however_it_is_cut(
        framing in any_framing(),
        frames in any_frames(),
        chunk_lens in any_chunk_lens(),
    ) {
        let stream = encode(framing, &frames);
        let mut decoder = decoder(framing);
        prop_assert_eq!(&decode_chunked(&mut decoder, &stream, &chunk_lens), &frames);
        prop_assert_eq!(decoder.stats(), FrameStats { frames: frames.len() as u64, ..FrameStats::default() });
    }

    #[test]
    fn no_octet_of_the_accm_is_sent_bare_and_flags_stand_only_at_the_ends(
        framing in any_framing(),
        protocol in any_protocol(),
        info in any_info(),
    ) {
        let frame = encode(framing, &[(protocol, info)]);
        let (inner, last) = (&frame[1..frame.len() - 1], frame[frame.len() - 1]);
        prop_assert_eq!((frame[0], last), (0x7e, 0x7e));
        prop_assert!(!inner.contains(&0x7e));
        prop_assert!(!inner.iter().any(|&octet| framing.accm.contains(octet)));
    }

    #[test]
    fn any_octets_however_cut_give_just_the_good_frames_in_them(
        (framing, soup) in any_soup(),
        chunk_lens in any_chunk_lens(),
    ) {
        let mut decoder = decoder(framing);
        let found = decode_chunked(&mut decoder, &soup, &chunk_lens);
        prop_assert_eq!(found, decode_plainly(framing, &soup));
    }

    #[test]
    fn counters_do_not_depend_on_how_the_stream_is_cut((framing, soup) in any_soup(), chunk_lens in any_chunk_lens()) {
        let (_, whole) = decode(framing, &soup);
        let mut decoder = decoder(framing);
        decode_chunked(&mut decoder, &soup, &chunk_lens);
        let mut cut = decoder.stats();
        if whole.oversize > 0 {
            // Where in an oversize frame the decoder gives up, and counts no more, is its own affair.
            cut.inserted_octets = whole.inserted_octets;
        }
        prop_assert_eq!(cut, whole);
    }
}
