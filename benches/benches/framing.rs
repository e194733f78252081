//! Framing alone: packets to octets and back, without negotiation and I/O. Rates count packet octets, not wire octets.

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ppp_proto::{
    frame::{Accm, FrameDecoder, FrameEncoder, Framing},
    protocol,
};
use pppssh_benches::{CHUNK_LEN, Fill, PACKET_LENS};

/// What a transparent carrier negotiates, and what a fearful one keeps.
const ACCMS: [(&str, Accm); 2] = [("accm-none", Accm::NONE), ("accm-all", Accm::DEFAULT)];

fn framing(accm: Accm) -> Framing {
    Framing { accm, pfc: true, acfc: true, ..Framing::DEFAULT }
}

fn fill_chunk(encoder: &FrameEncoder, packet: &[u8], chunk: &mut BytesMut) {
    for _ in 0..CHUNK_LEN / packet.len() {
        encoder.encode_into(protocol::IPV4, packet, chunk);
    }
}

fn each_case(mut measure: impl FnMut(BenchmarkId, Throughput, Accm, &[u8])) {
    for (accm_name, accm) in ACCMS {
        for fill in Fill::ALL {
            for len in PACKET_LENS {
                let id = BenchmarkId::new(format!("{accm_name}/{}", fill.name()), len);
                let packet_octets = (CHUNK_LEN / len * len) as u64;
                measure(id, Throughput::Bytes(packet_octets), accm, &fill.packet(len));
            }
        }
    }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    each_case(|id, throughput, accm, packet| {
        let encoder = FrameEncoder::new(framing(accm));
        let mut chunk = BytesMut::with_capacity(3 * CHUNK_LEN);
        group.throughput(throughput).bench_function(id, |bencher| {
            bencher.iter(|| {
                chunk.clear();
                fill_chunk(&encoder, std::hint::black_box(packet), &mut chunk);
                chunk.len()
            });
        });
    });
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    each_case(|id, throughput, accm, packet| {
        let mut chunk = BytesMut::new();
        fill_chunk(&FrameEncoder::new(framing(accm)), packet, &mut chunk);
        let mut decoder = FrameDecoder::new(packet.len());
        decoder.set_framing(framing(accm));
        group.throughput(throughput).bench_function(id, |bencher| {
            bencher.iter(|| {
                let mut rest = std::hint::black_box(&chunk[..]);
                let mut octets = 0;
                while let Some(frame) = decoder.next_frame(&mut rest) {
                    octets += frame.payload.len();
                }
                octets
            });
        });
        assert!(decoder.stats().frames > 0, "nothing was decoded");
    });
    group.finish();
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
