//! Any octets, in any phase: no panic, and no output without bound.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use ppp_proto::{
    CcpConfig, LcpConfig, Link, LinkConfig, LqmConfig, QualityPolicy,
    frame::{Accm, FrameDecoder, FrameEncoder, Framing},
    protocol::{CCP, COMPRESSED, IPCP, IPV4, IPV6CP, LCP, LQR},
};
use proptest::prelude::*;

/// One thing that may happen to a link.
#[derive(Debug, Clone)]
enum Step {
    Soup(Vec<u8>),
    /// A good frame with any packet in it.
    Frame(u16, Vec<u8>),
    /// The peer's acknowledgment of whatever the link last requested.
    Agree,
    Wait(u16),
    Open,
    Close,
    LowerUp,
    LowerDown,
}

fn control_packet() -> impl Strategy<Value = Vec<u8>> {
    (0u8..16, 0u8..4, prop::collection::vec(option(), 0..6), any::<bool>()).prop_map(
        |(code, id, options, fits)| {
            let data: Vec<u8> = options.concat();
            let length = (data.len() + if fits { 4 } else { 9 }) as u16;
            [&[code, id][..], &length.to_be_bytes(), &data].concat()
        },
    )
}

fn option() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![0u8..20, 129u8..133, any::<u8>()], prop::collection::vec(any::<u8>(), 0..10)).prop_map(
        |(kind, data)| {
            let mut option = vec![kind, data.len() as u8 + 2];
            option.extend(data);
            option
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = prop_oneof![
        Just(LCP),
        Just(IPCP),
        Just(IPV6CP),
        Just(CCP),
        Just(COMPRESSED),
        Just(IPV4),
        Just(LQR),
        Just(0x4221)
    ];
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Step::Soup),
        6 => (numbers, control_packet()).prop_map(|(number, packet)| Step::Frame(number, packet)),
        4 => Just(Step::Agree),
        1 => any::<u16>().prop_map(Step::Wait),
        1 => prop_oneof![Just(Step::Open), Just(Step::Close), Just(Step::LowerUp), Just(Step::LowerDown)],
    ]
}

/// Acknowledges every Configure-Request among what the link sends, and asks for nothing itself.
fn agreement(sent: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    let encoder = FrameEncoder::new(Framing::DEFAULT);
    let mut decoder = FrameDecoder::new(1500);
    decoder.set_framing(Framing { accm: Accm::NONE, ..Framing::DEFAULT });
    let mut rest = sent;
    while let Some(frame) = decoder.next_frame(&mut rest) {
        if frame.payload.first() == Some(&1) {
            let mut ack = frame.payload.to_vec();
            ack[0] = 2;
            encoder.encode_into(frame.protocol, &ack, &mut out);
            encoder.encode_into(frame.protocol, &[1, 1, 0, 4], &mut out);
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_link_survives_anything(steps in prop::collection::vec(step(), 0..60), seed: u64, compress: bool) {
        let mut now = Instant::now();
        let lqm = LqmConfig {
            period: Some(Duration::from_secs(1)),
            policy: Some(QualityPolicy::default()),
            ..LqmConfig::default()
        };
        let lcp = LcpConfig { lqm, ..LcpConfig::default() };
        let ccp = compress.then(CcpConfig::default);
        let mut link = Link::new(LinkConfig { seed, lcp, ccp, ..LinkConfig::default() }, now);
        link.open(now);
        link.lower_up(now);
        let mut sent = BytesMut::new();
        for step in steps {
            let input = match step {
                Step::Soup(octets) => octets,
                Step::Frame(number, packet) => {
                    let mut out = BytesMut::new();
                    FrameEncoder::new(Framing::DEFAULT).encode_into(number, &packet, &mut out);
                    out.to_vec()
                }
                Step::Agree => agreement(&sent).to_vec(),
                Step::Wait(milliseconds) => {
                    now += Duration::from_millis(u64::from(milliseconds));
                    link.handle_timeout(now);
                    Vec::new()
                }
                Step::Open => { link.open(now); Vec::new() }
                Step::Close => { link.close(now, "soup"); Vec::new() }
                Step::LowerUp => { link.lower_up(now); Vec::new() }
                Step::LowerDown => { link.lower_down(now); Vec::new() }
            };
            let mut chunk = &input[..];
            while link.receive(now, &mut chunk).is_some() {}
            sent.clear();
            link.poll_transmit(&mut sent);
            prop_assert!(sent.len() <= 64 * 2 * 1600);
            prop_assert!(std::iter::from_fn(|| link.poll_event()).count() <= 80);
            prop_assert!(!link.status().explain().is_empty());
        }
    }
}
