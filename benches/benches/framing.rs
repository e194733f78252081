//! Framing alone: packets to octets and back, without negotiation and I/O, with each instruction set that the processor
//! has. Prints a table; words given as arguments choose the rows that have one of them.
//!
//! Rates count packet octets, not wire octets, and are the best of many passes, each over more packets than a branch
//! predictor can learn by heart.

use std::{hint::black_box, time::Instant};

use bytes::BytesMut;
use hdlc_simd::Isa;
use ppp_proto::{
    frame::{Accm, FrameDecoder, FrameEncoder, Framing},
    protocol,
};
use pppssh_benches::Fill;

/// An acknowledgement's, a usual MTU, a jumbo one and the longest.
const PACKET_LENS: [usize; 4] = [64, 1500, 9000, 65535];
/// What a transparent carrier negotiates, and what holds before negotiation.
const ACCMS: [Accm; 2] = [Accm::NONE, Accm::DEFAULT];
/// Packet octets of one pass: they fit the second cache, stuffed too.
const PASS_LEN: usize = 512 * 1024;
const PASSES: usize = 60;

fn main() {
    // Cargo adds --bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let isas: Vec<Isa> = Isa::available().collect();
    println!("GB/s, encoding / decoding:\n");
    print!("| ACCM | payload | octets |");
    for isa in &isas {
        print!(" {isa} |");
    }
    println!("\n|---|---|---|{}", "---|".repeat(isas.len()));
    for accm in ACCMS {
        for fill in Fill::ALL {
            for len in PACKET_LENS {
                let row = format!("| {:08x} | {} | {len} |", accm.0, fill.name());
                if !words.is_empty() && !words.iter().any(|word| row.contains(word)) {
                    continue;
                }
                let octets = fill.packet(PASS_LEN);
                let packets: Vec<&[u8]> = octets.chunks_exact(len).collect();
                print!("{row}");
                for isa in &isas {
                    isa.prefer();
                    let (encoding, decoding) = measure(accm, &packets);
                    print!(" {encoding:.2} / {decoding:.2} |");
                }
                println!();
            }
        }
    }
}

/// GB/s of encoding and of decoding.
fn measure(accm: Accm, packets: &[&[u8]]) -> (f64, f64) {
    let framing = Framing { accm, pfc: true, acfc: true, ..Framing::DEFAULT };
    let octets: usize = packets.iter().map(|packet| packet.len()).sum();

    let encoder = FrameEncoder::new(framing);
    let mut stream = BytesMut::with_capacity(3 * PASS_LEN);
    let encoding = rate(octets, || {
        stream.clear();
        for packet in packets {
            encoder.encode_into(protocol::IPV4, black_box(packet), &mut stream);
        }
    });

    let mut decoder = FrameDecoder::new(packets[0].len());
    decoder.set_framing(framing);
    let decoding = rate(octets, || {
        let mut rest = black_box(&stream[..]);
        let mut decoded = 0;
        while let Some(frame) = decoder.next_frame(&mut rest) {
            decoded += black_box(frame.payload).len();
        }
        assert_eq!(decoded, octets, "not all was decoded");
    });
    (encoding, decoding)
}

/// In GB/s, of the quickest pass: what other processes take is none of ours.
fn rate(octets: usize, mut pass: impl FnMut()) -> f64 {
    let quickest = (0..PASSES)
        .map(|_| {
            let begin = Instant::now();
            pass();
            begin.elapsed()
        })
        .min()
        .expect("there are passes");
    octets as f64 / quickest.as_secs_f64() / 1e9
}
