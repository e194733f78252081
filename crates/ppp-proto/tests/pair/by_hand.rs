//! A link whose peer the test plays itself, packet by packet.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use ppp_proto::{
    Event, IpcpConfig, LcpConfig, Link, LinkConfig, LocalAddress, Timers,
    frame::{Accm, FrameDecoder, FrameEncoder, Framing},
    packet::{ControlPacket, TracePacket},
    protocol::{IPCP, LCP},
};

pub(crate) struct ByHand {
    pub(crate) link: Link,
    pub(crate) now: Instant,
    decoder: FrameDecoder,
    encoder: FrameEncoder,
}

impl ByHand {
    /// A link that has been opened and whose carrier is there.
    pub(crate) fn new(config: LinkConfig) -> ByHand {
        let now = Instant::now();
        let mut link = Link::new(config, now);
        link.open(now);
        link.lower_up(now);
        ByHand { link, now, decoder: FrameDecoder::new(1500), encoder: FrameEncoder::new(Framing::DEFAULT) }
    }

    /// From now on the link may send control characters bare.
    pub(crate) fn take_bare_control_characters(&mut self) {
        self.decoder.set_framing(Framing { accm: Accm::NONE, ..Framing::DEFAULT });
    }

    /// What the link has to say, as pppd would log it.
    pub(crate) fn said(&mut self) -> Vec<String> {
        self.packets()
            .iter()
            .map(|(number, octets)| TracePacket(*number, ControlPacket::parse(octets).unwrap()).to_string())
            .collect()
    }

    pub(crate) fn packets(&mut self) -> Vec<(u16, Vec<u8>)> {
        let mut out = BytesMut::new();
        self.link.poll_transmit(&mut out);
        let mut rest = &out[..];
        let mut packets = Vec::new();
        while let Some(frame) = self.decoder.next_frame(&mut rest) {
            packets.push((frame.protocol, frame.payload.to_vec()));
        }
        packets
    }

    /// Sends a control packet with a proper Length.
    pub(crate) fn say(&mut self, number: u16, code: u8, id: u8, data: &[u8]) {
        let mut packet = vec![code, id];
        packet.extend((data.len() as u16 + 4).to_be_bytes());
        packet.extend(data);
        self.say_raw(number, &packet);
    }

    pub(crate) fn say_raw(&mut self, number: u16, octets: &[u8]) {
        let mut out = BytesMut::new();
        self.encoder.encode_into(number, octets, &mut out);
        let mut chunk = &out[..];
        while self.link.receive(self.now, &mut chunk).is_some() {}
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.link.handle_timeout(self.now);
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.link.poll_event()).collect()
    }

    /// Sends all it says back to it for so long, as a loop or a terminal's echo does.
    pub(crate) fn echo_for(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let said = self.packets();
            for (number, octets) in &said {
                self.say_raw(*number, octets);
            }
            match self.link.poll_timeout().filter(|due| *due <= end) {
                _ if !said.is_empty() => {}
                Some(due) => self.pass(due - self.now),
                None => break,
            }
        }
        self.now = end;
    }

    /// Acknowledges the link's LCP request and has an empty one acknowledged.
    pub(crate) fn open_lcp(&mut self) {
        let request = self.packets().pop().unwrap().1;
        self.say(LCP, 2, request[1], &request[4..]);
        self.say(LCP, 1, 1, &[]);
        let answers = self.said();
        assert_eq!(answers[0], "[LCP ConfAck id=0x1]");
    }
}

/// Many small things the RFC wants of LCP.
#[test]
fn answers_count_only_for_the_request_that_is_out() {
    let mut hand = ByHand::new(LinkConfig::default());
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, request[1].wrapping_add(1), &request[4..]);
    hand.say(LCP, 2, request[1], &request[4..request.len() - 2]);
    let mut altered = request[4..].to_vec();
    altered[3] ^= 1;
    hand.say(LCP, 2, request[1], &altered);
    hand.say(LCP, 4, request[1], &[99, 2]);
    hand.say(LCP, 3, request[1], &[]);
    assert_eq!(hand.link.status().counters.rx_control_ignored, 5);
    assert_eq!(hand.link.status().lcp.state.to_string(), "Req-Sent");
    hand.say(LCP, 2, request[1], &request[4..]);
    assert_eq!(hand.link.status().lcp.state.to_string(), "Ack-Rcvd");
    hand.say(LCP, 2, request[1], &request[4..]);
    assert_eq!(hand.link.status().lcp.state.to_string(), "Ack-Rcvd", "a duplicate");
}

#[test]
fn malformed_packets_are_silently_discarded() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.packets();
    hand.say_raw(LCP, &[1, 1, 0]);
    hand.say_raw(LCP, &[1, 1, 0, 200, 1, 4, 5, 220]);
    hand.say_raw(LCP, &[1, 1, 0, 8, 1, 9, 5, 220]);
    hand.say_raw(LCP, &[1, 1, 0, 6, 1, 1]);
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(hand.link.status().counters.rx_control_ignored, 4);
}

#[test]
fn unknown_codes_and_protocols_are_rejected() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.open_lcp();
    hand.say(LCP, 77, 9, b"what");
    assert_eq!(hand.said(), ["[LCP CodeRej id=0x2 4d 09 00 08 77 68 61 74]"]);
    hand.say(0x80fd, 1, 1, &[0x1a, 4, 0x78, 0]);
    assert_eq!(hand.said(), ["[LCP ProtRej id=0x3 80 fd 01 01 00 08 1a 04 78 00]"]);
    hand.say(IPCP, 9, 4, &[]);
    assert_eq!(hand.said(), ["[IPCP CodeRej id=0x2 09 04 00 04]"]);
}

#[test]
fn rejected_packets_are_cut_to_what_the_peer_takes() {
    let mut hand = ByHand::new(LinkConfig::default());
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 2, request[1], &request[4..]);
    hand.say(LCP, 1, 1, &[1, 4, 0, 200]);
    hand.packets();
    hand.say(LCP, 77, 9, &[1; 1000]);
    hand.say_raw(0x80fd, &[1; 1000]);
    hand.say(LCP, 9, 9, &[1; 1000]);
    let lengths: Vec<usize> = hand.packets().iter().map(|(_, octets)| octets.len()).collect();
    assert_eq!(lengths, [200, 200, 200]);
}

#[test]
fn other_protocols_are_ignored_before_lcp_is_opened() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.packets();
    hand.say(0x80fd, 1, 1, &[]);
    hand.say(IPCP, 1, 1, &[]);
    hand.say(LCP, 9, 1, &[0, 0, 0, 0]);
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn echo_discard_identification_and_time_remaining() {
    let mut hand = ByHand::new(LinkConfig { echo: None, ..LinkConfig::default() });
    hand.open_lcp();
    hand.events();
    hand.say(LCP, 9, 7, &[0, 0, 0, 0, b'x']);
    assert_eq!(hand.said().len(), 1);
    hand.say(LCP, 11, 8, &[0, 0, 0, 0, b'x']);
    hand.say(LCP, 12, 9, b"\0\0\0\0MSRASV5.20\x1b");
    hand.say(LCP, 13, 10, &[0, 0, 0, 0, 0, 0, 1, 0, b'h', b'i']);
    hand.say(LCP, 10, 11, &[0, 0, 0, 0]);
    assert_eq!(hand.said(), [""; 0]);
    assert_eq!(
        hand.events(),
        [
            Event::PeerIdentification(String::from("MSRASV5.20\\x1b")),
            Event::TimeRemaining { seconds: 256, message: String::from("hi") },
        ]
    );
}

#[test]
fn options_of_a_wrong_length_are_naked_with_a_proper_one() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.packets();
    hand.say(LCP, 1, 1, &[1, 3, 5, 2, 4, 0, 0]);
    assert_eq!(hand.said(), ["[LCP ConfNak id=0x1 <mru 1500> <asyncmap 0x0>]"]);
}

#[test]
fn options_without_a_value_are_rejected_and_never_naked() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.packets();
    hand.say(LCP, 1, 1, &[1, 3, 5, 7, 3, 1, 8, 3, 1]);
    assert_eq!(hand.said(), ["[LCP ConfRej id=0x1 < 07 03 01> < 08 03 01>]"]);
}

#[test]
fn rejects_go_before_naks_and_all_at_once() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.packets();
    hand.say(LCP, 1, 1, &[13, 3, 0, 1, 4, 0, 1, 17, 4, 5, 220, 7, 2]);
    assert_eq!(hand.said(), ["[LCP ConfRej id=0x1 < 0d 03 00> < 11 04 05 dc>]"]);
    hand.say(LCP, 1, 2, &[1, 4, 0, 1, 7, 2]);
    assert_eq!(hand.said(), ["[LCP ConfNak id=0x2 <mru 128>]"]);
}

#[test]
fn after_max_failure_naks_become_rejects_and_after_that_the_link_gives_up() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.packets();
    let mut said = Vec::new();
    for id in 1..=21 {
        hand.say(LCP, 1, id, &[1, 4, 0, 1]);
        said.extend(hand.said());
    }
    assert_eq!(said.iter().filter(|line| line.contains("ConfNak")).count(), 5);
    assert_eq!(said.iter().filter(|line| line.contains("ConfRej")).count(), 15);
    assert!(said.last().unwrap().contains("TermReq"), "{said:?}");
}

#[test]
fn each_network_protocol_may_have_counters_of_its_own() {
    let own = |max_configure, seconds| {
        Some(Timers { max_configure, restart: Duration::from_secs(seconds), ..Timers::default() })
    };
    let config = LinkConfig { ipcp_timers: own(2, 10), ipv6cp_timers: own(6, 1), ..LinkConfig::default() };
    let mut hand = ByHand::new(config);
    hand.open_lcp();
    let (mut ipcp, mut ipv6cp) = (0, 0);
    for _ in 0..60 {
        for line in hand.said() {
            ipcp += u32::from(line.starts_with("[IPCP ConfReq"));
            ipv6cp += u32::from(line.starts_with("[IPV6CP ConfReq"));
        }
        hand.pass(Duration::from_secs(1));
    }
    // The first ones went out when LCP was Opened.
    assert_eq!((ipcp, ipv6cp), (1, 5));
}

#[test]
fn naks_with_options_we_did_not_send_are_taken_where_they_suit() {
    let mut hand = ByHand::new(LinkConfig::default());
    let request = hand.packets().pop().unwrap().1;
    hand.say(LCP, 3, request[1], &[1, 4, 2, 0, 3, 4, 0xc0, 0x23, 7, 2]);
    let said = hand.said();
    assert!(
        said[0].contains("<mru 512>") && !said[0].contains("pcomp") && !said[0].contains("auth"),
        "{said:?}"
    );
}

#[test]
fn a_flood_of_requests_without_a_carrier_that_drains_grows_nothing() {
    let mut hand = ByHand::new(LinkConfig::default());
    hand.open_lcp();
    for id in 0..=255 {
        for _ in 0..40 {
            hand.say(LCP, 9, id, &[0; 1000]);
            hand.say(LCP, 77, id, &[0; 1000]);
            hand.say(LCP, 12, id, &[0; 1000]);
        }
    }
    let status = hand.link.status();
    assert!(status.counters.tx_control_dropped + status.counters.rx_control_ignored > 20_000);
    assert!(hand.packets().len() <= 64);
    assert!(hand.events().len() <= 70);
}

#[test]
fn with_a_start_delay_it_keeps_silent_until_the_peer_says_something_or_the_time_is_over() {
    let delayed = || LinkConfig {
        lcp: LcpConfig { start_delay: Duration::from_secs(1), ..LcpConfig::default() },
        ..LinkConfig::default()
    };
    let mut hand = ByHand::new(delayed());
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(Duration::from_millis(999));
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(Duration::from_millis(1));
    assert_eq!(hand.said().len(), 1, "its request");
    assert_eq!(hand.link.poll_timeout(), Some(hand.now + Duration::from_secs(3)));

    let mut hand = ByHand::new(delayed());
    hand.say(LCP, 1, 1, &[]);
    assert_eq!(hand.said().last().unwrap(), "[LCP ConfAck id=0x1]");
    hand.pass(Duration::from_secs(1));
    assert_eq!(hand.said(), [""; 0], "not once more");

    let mut hand = ByHand::new(delayed());
    hand.link.close(hand.now, "no more");
    assert_eq!(hand.link.status().lcp.state.to_string(), "Closing");
}

#[test]
fn a_peer_that_names_no_address_gets_the_fallback() {
    let ipv4 = IpcpConfig {
        local: LocalAddress::Fixed([192, 168, 1, 1].into()),
        remote_fallback: Some([10, 64, 64, 64].into()),
        ..IpcpConfig::default()
    };
    let mut hand = ByHand::new(LinkConfig { ipv4: Some(ipv4), ipv6: None, ..LinkConfig::default() });
    hand.open_lcp();
    hand.say(IPCP, 2, 1, &[3, 6, 192, 168, 1, 1]);
    hand.say(IPCP, 1, 1, &[]);
    assert_eq!(hand.said(), ["[IPCP ConfNak id=0x1 <addr 0.0.0.0>]"], "asked once");
    hand.say(IPCP, 1, 2, &[]);
    assert_eq!(hand.said(), ["[IPCP ConfAck id=0x2]"]);
    assert_eq!(hand.link.status().ipv4.unwrap().remote.to_string(), "10.64.64.64");
}
