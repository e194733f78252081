//! Van Jacobson's compression: packets that are sent and must arrive as they were, and packets that nobody sent.
//!
//! ```text
//! | Max-Slot-Id, 1 octet | (what, 1 | length, 2 | octets …)* |
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use ppp_proto::vj::{Compressor, Decompressor, Form, VjTerms};

fuzz_target!(|input: &[u8]| {
    let Some((&max_slot, mut rest)) = input.split_first() else { return };
    let terms = VjTerms { max_slot, slot_id: max_slot & 1 == 0 };
    let (mut sender, mut receiver) = (Compressor::new(terms), Decompressor::new(terms));
    // One that hears nothing but what nobody sent.
    let mut misled = Decompressor::new(terms);
    while let Some((&[what, high, low], octets)) = rest.split_first_chunk() {
        let (octets, behind) = octets.split_at(octets.len().min(u16::from_be_bytes([high, low]).into()));
        rest = behind;
        match what % 4 {
            0 => {
                let _ = misled.uncompressed(octets);
            }
            1 => {
                let _ = misled.compressed(octets);
            }
            _ => {
                let (form, sent) = sender.compress(octets);
                let arrived = match form {
                    Form::Plain => Some(sent),
                    Form::Uncompressed => receiver.uncompressed(sent),
                    Form::Compressed => receiver.compressed(sent),
                };
                let arrived = arrived.expect("nothing was lost");
                assert_eq!(arrived.len(), octets.len());
                // The IPv4 checksum is made anew: a wrong one is mended on the way.
                let but_checksum = |packet: &[u8]| {
                    packet
                        .iter()
                        .enumerate()
                        .filter(|(at, _)| !(10..12).contains(at))
                        .map(|(_, o)| *o)
                        .collect::<Vec<_>>()
                };
                assert_eq!(but_checksum(arrived), but_checksum(octets));
            }
        }
    }
});
