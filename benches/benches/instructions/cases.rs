//! What is counted: every fast path, with what it is given most.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use credit::{Credit, CreditConfig};
use fairqueue::{Config, FairQueue};
use hdlc_simd::{Folding, Isa};
use ppp_proto::frame::{Accm, FrameDecoder, FrameEncoder, Framing};
use ppp_proto::{Express, Link, protocol};
use pppssh_benches::samples::{ipv4, link_pair, segments, syn, udp_flows, whole_tcp};
use pppssh_benches::{CHUNK_LEN, Fill};
use tunio::mss::{clamp, is_syn};
use tunio::offload::{Merger, VirtioHeader, ones_complement_sum, validate};

/// An acknowledgement's, and a usual MTU.
const LENS: [usize; 2] = [64, 1500];
/// The polynomial of the 16-bit FCS, reversed (RFC 1662 appendix C.2).
const FCS_16: u32 = 0x8408;

/// Counts an operation, given its name.
pub(crate) trait Counter {
    fn count(&mut self, name: &str, operation: &mut dyn FnMut());
}

/// All of them.
pub(crate) fn all(counter: &mut dyn Counter) {
    framing(counter);
    for (way, express) in [("frames", None), ("records", Some(Express::ALL))] {
        link(counter, way, express);
    }
    headers(counter);
    queue(counter);
    account(counter);
    offload(counter);
    segment_size(counter);
}

fn framing(counter: &mut dyn Counter) {
    let framing = Framing { accm: Accm::NONE, pfc: true, acfc: true, ..Framing::DEFAULT };
    for isa in Isa::available() {
        isa.prefer();
        for len in LENS {
            let packet = Fill::Random.packet(len);
            let encoder = FrameEncoder::new(framing);
            let mut wire = BytesMut::with_capacity(4 * len);
            counter.count(&format!("frame encode {len} {isa}"), &mut || {
                wire.clear();
                encoder.encode_into(protocol::IPV4, black_box(&packet), &mut wire);
            });
            let mut decoder = FrameDecoder::new(len);
            decoder.set_framing(framing);
            counter.count(&format!("frame decode {len} {isa}"), &mut || {
                let mut rest = black_box(&wire[..]);
                let frame = decoder.next_frame(&mut rest).expect("a whole frame");
                assert_eq!(frame.payload.len(), len);
            });
            let folding = Folding::new(FCS_16);
            if folding.update_with(isa, 0xffff, &packet).is_some() {
                counter.count(&format!("fcs {len} {isa}"), &mut || {
                    black_box(folding.update_with(isa, 0xffff, black_box(&packet)));
                });
            }
        }
    }
    // What follows runs with the best there is, as the program does.
    if let Some(best) = Isa::available().last() {
        best.prefer();
    }
}

fn link(counter: &mut dyn Counter, way: &str, express: Option<Express>) {
    let now = Instant::now();
    let [mut sender, mut receiver] = link_pair(now, express);
    for len in LENS {
        let packet = ipv4(Fill::Random, len);
        let mut chunk = BytesMut::with_capacity(3 * CHUNK_LEN);
        counter.count(&format!("link encode {len} in {way}"), &mut || {
            chunk.clear();
            sender.encode(black_box(&packet), &mut chunk).expect("the link is up and the packet fits");
        });
        chunk.clear();
        let packets = CHUNK_LEN / len;
        for _ in 0..packets {
            sender.encode(&packet, &mut chunk).expect("the link is up and the packet fits");
        }
        counter.count(&format!("link receive {packets} of {len} in {way}"), &mut || {
            assert_eq!(receive(&mut receiver, now, &chunk), packets);
        });
        // A packet at every border of a piece is put together from two.
        let piece = 2 * len + len / 2;
        counter.count(&format!("link receive {packets} of {len} in {way}, in pieces"), &mut || {
            let received: usize = chunk.chunks(piece).map(|piece| receive(&mut receiver, now, piece)).sum();
            assert_eq!(received, packets);
        });
    }
    if sender.takes_offload() {
        let (header, packet) = whole_tcp();
        let header = header.emit();
        let mut chunk = BytesMut::with_capacity(3 * CHUNK_LEN);
        counter.count("link encode 65535 with its header", &mut || {
            chunk.clear();
            sender.encode_offload(&header, black_box(&packet), &mut chunk).expect("the peer takes it");
        });
        counter.count("link receive 65535 with its header", &mut || {
            assert_eq!(receive(&mut receiver, now, &chunk), 1);
        });
    }
}

/// Segments of TCP, whose headers are told by their difference.
fn headers(counter: &mut dyn Counter) {
    let now = Instant::now();
    let [mut sender, mut receiver] = link_pair(now, Some(Express::ALL));
    let segments = segments(21);
    let mut chunk = BytesMut::with_capacity(3 * CHUNK_LEN);
    sender.encode(&segments[0], &mut chunk).expect("the link is up and the packet fits");
    assert_eq!(receive(&mut receiver, now, &chunk), 1);
    counter.count("link encode 20 segments of TCP", &mut || {
        chunk.clear();
        for segment in black_box(&segments[1..]) {
            sender.encode(segment, &mut chunk).expect("the link is up and the packet fits");
        }
    });
    assert!(chunk.len() < 20 * 1460, "told in full: {} octets", chunk.len());
    counter.count("link receive 20 segments of TCP", &mut || {
        assert_eq!(receive(&mut receiver, now, &chunk), 20);
    });
}

fn receive(link: &mut Link, now: Instant, chunk: &[u8]) -> usize {
    let mut rest = black_box(chunk);
    let mut packets = 0;
    while link.receive(now, &mut rest).is_some() {
        packets += 1;
    }
    packets
}

fn queue(counter: &mut dyn Counter) {
    let now = Instant::now();
    for len in LENS {
        for flows in [1, 16] {
            let packets = udp_flows(flows, len);
            let mut queue = FairQueue::new(Config::default());
            for packet in &packets {
                queue.enqueue(now, packet, ());
            }
            let mut packets = packets.iter().cycle();
            counter.count(&format!("queue {len} in and out, {flows} waiting"), &mut || {
                if let Some(packet) = packets.next() {
                    queue.enqueue(now, black_box(packet), ());
                }
                black_box(queue.peek(now).map(|packet| packet.bytes.len()));
                black_box(queue.dequeue(now).map(|packet| packet.bytes[0]));
            });
        }
    }
}

fn account(counter: &mut dyn Counter) {
    let mut credit = Credit::new(CreditConfig::default());
    let (mut now, mut total, mut clock) = (Instant::now(), 0, 0_u32);
    counter.count("credit: 16 sent, one report", &mut || {
        for _ in 0..16 {
            credit.sent(now, black_box(1500));
            black_box(credit.available());
        }
        total += 16 * 1500;
        now += Duration::from_millis(10);
        clock = clock.wrapping_add(10_000);
        credit.delivered(now + Duration::from_millis(40), black_box(total), Duration::ZERO, Some(clock));
    });
}

fn offload(counter: &mut dyn Counter) {
    for len in LENS {
        let packet = Fill::Random.packet(len);
        counter.count(&format!("checksum {len}"), &mut || {
            black_box(ones_complement_sum(black_box(&packet)));
        });
    }
    let (header, packet) = whole_tcp();
    counter.count("validate 65535", &mut || {
        black_box(validate(black_box(&header), black_box(&packet)).is_ok());
    });
    let mut segment = Vec::new();
    counter.count("split 65535", &mut || {
        let mut split = validate(&header, black_box(&packet)).expect("a true header").split();
        while split.next_into(&mut segment) {}
    });
    let mut split = validate(&header, &packet).expect("a true header").split();
    let mut segments = Vec::new();
    while split.next_into(&mut segment) {
        segments.push(segment.clone());
    }
    let mut merger = Merger::default();
    counter.count("merge 65535", &mut || {
        let mut sent = 0;
        let mut send = |_: &VirtioHeader, packet: &[u8]| {
            sent += packet.len();
            Ok::<(), Infallible>(())
        };
        for segment in black_box(&segments) {
            let Ok(()) = merger.push(&VirtioHeader::NONE, segment, &mut send);
        }
        let Ok(()) = merger.flush(&mut send);
        assert_eq!(sent, packet.len());
    });
}

fn segment_size(counter: &mut dyn Counter) {
    let (_, data) = whole_tcp();
    counter.count("mss: no SYN", &mut || {
        assert!(!is_syn(black_box(&data)));
    });
    let syn = syn();
    let mut packet = syn.clone();
    counter.count("mss: SYN", &mut || {
        packet.copy_from_slice(black_box(&syn));
        assert!(is_syn(&packet) && clamp(&mut packet, 1400, false));
    });
}
