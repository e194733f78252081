//! Links to throw things at.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use ppp_proto::{
    Event, Link, LinkConfig, Phase,
    frame::{FrameDecoder, FrameEncoder, Framing},
    packet::{Code, ControlPacket, Options},
    protocol,
};

/// A link, and all that it has said.
pub struct Talker {
    pub link: Link,
    pub now: Instant,
    pub said: BytesMut,
}

impl Talker {
    /// A link whose carrier is up.
    pub fn new(config: LinkConfig, now: Instant) -> Talker {
        let mut link = Link::new(config, now);
        link.open(now);
        link.lower_up(now);
        Talker { link, now, said: BytesMut::new() }
    }

    /// Takes what the link has to say, and checks that it is whole frames.
    pub fn drain(&mut self) -> Vec<Event> {
        while self.link.poll_transmit(&mut self.said) {}
        if let (Some(first), Some(last)) = (self.said.first(), self.said.last()) {
            assert_eq!((*first, *last), (0x7e, 0x7e));
        }
        std::iter::from_fn(|| self.link.poll_event()).collect()
    }

    /// Gives the link octets from the wire; returns how many packets were in them.
    pub fn hear(&mut self, mut octets: &[u8]) -> usize {
        let mut packets = 0;
        while let Some(packet) = self.link.receive(self.now, &mut octets) {
            assert!(packet.payload.len() <= 0xffff);
            packets += 1;
        }
        assert!(octets.is_empty());
        self.drain();
        packets
    }

    /// Gives the link one control packet in default framing.
    pub fn hear_control(&mut self, protocol: u16, packet: &[u8]) {
        let mut frame = BytesMut::new();
        FrameEncoder::new(Framing::DEFAULT).encode_into(protocol, packet, &mut frame);
        self.hear(&frame);
    }

    /// Lets time pass, and does what falls due meanwhile.
    pub fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        // A link that is due again and again without time passing would hang its owner.
        for _ in 0..10_000 {
            match self.link.poll_timeout().filter(|&due| due <= until) {
                None => {
                    self.now = until;
                    return;
                }
                Some(due) => {
                    self.now = self.now.max(due);
                    self.link.handle_timeout(self.now);
                    self.drain();
                }
            }
        }
        panic!("always due: {:?}", self.link);
    }

    /// The control packets among what was said, as octets with their protocol; forgets all that was said.
    pub fn control_packets_said(&mut self) -> Vec<(u16, Vec<u8>)> {
        let mut decoder = FrameDecoder::new(0xffff);
        decoder.set_framing(self.link.status().tx_framing);
        let said = self.said.split();
        let mut rest = &said[..];
        let mut packets = Vec::new();
        while let Some(frame) = decoder.next_frame(&mut rest) {
            if protocol::is_control(frame.protocol) {
                packets.push((frame.protocol, frame.payload.to_vec()));
            }
        }
        packets
    }
}

/// Passes what each has said to the other until both are silent.
pub fn converse(a: &mut Talker, b: &mut Talker) {
    for _ in 0..100 {
        let (from_a, from_b) = (a.said.split(), b.said.split());
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        a.hear(&from_b);
        b.hear(&from_a);
    }
}

/// Gives the talker a peer that answers LCP and then falls silent: what its NCPs hear is up to the caller.
pub fn open_lcp(talker: &mut Talker) {
    let mut peer = Talker::new(LinkConfig { seed: !0, ..LinkConfig::default() }, talker.now);
    talker.drain();
    peer.drain();
    while talker.link.phase() != Phase::Network {
        peer.hear(&talker.said.split());
        assert!(!peer.said.is_empty(), "the peer does not open LCP: {}", talker.link.status().explain());
        talker.hear(&peer.said.split());
    }
}

/// Says a Configure-Request with these options to `talker` and checks that its answer is one that RFC 1661 §5.2 to §5.4
/// allow: Ack with just these options, Reject with some of them as they were, or Nak.
pub fn check_answer_to_request(talker: &mut Talker, protocol: u16, options: &[u8]) {
    const ID: u8 = 0xa5;
    talker.drain();
    talker.said.clear();
    talker.hear_control(
        protocol,
        &ControlPacket { code: Code::ConfigureRequest, id: ID, data: options }.to_vec(),
    );
    for (answered, octets) in talker.control_packets_said() {
        let answer = ControlPacket::parse(&octets).expect("a link says whole control packets");
        if answered != protocol || answer.id != ID {
            continue;
        }
        match answer.code {
            Code::ConfigureAck => assert_eq!(answer.data, options),
            Code::ConfigureReject => {
                let asked: Vec<_> =
                    Options::parse(options).expect("answered though malformed").iter().collect();
                let rejected: Vec<_> =
                    Options::parse(answer.data).expect("a malformed answer").iter().collect();
                assert!(!rejected.is_empty());
                let mut left = asked.iter();
                for option in &rejected {
                    assert!(
                        left.any(|asked| asked == option),
                        "rejected what was not asked, or in another order"
                    );
                }
            }
            Code::ConfigureNak => {
                assert!(!Options::parse(answer.data).expect("a malformed answer").is_empty())
            }
            _ => {}
        }
    }
}
