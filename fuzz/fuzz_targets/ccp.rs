//! Compression: requests that nobody would make, datagrams that nobody packed, and packets that must arrive as they were.
//!
//! ```text
//! | window, 1 octet | (what, 1 | length, 2 | octets …)* |
//! ```

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use ppp_proto::{
    CcpConfig, LinkConfig,
    ccp::deflate::{Compressor, Decompressor},
    protocol::{CCP, COMPRESSED, IPV4},
};
use pppssh_fuzz::{Talker, check_answer_to_request, open_lcp};

const LIMIT: usize = 1500;

fuzz_target!(|input: &[u8]| {
    let Some((&window, mut rest)) = input.split_first() else { return };
    let config = LinkConfig { seed: 1, ccp: Some(CcpConfig::default()), ..LinkConfig::default() };
    let mut talker = Talker::new(config, Instant::now());
    open_lcp(&mut talker);
    let (mut sender, mut receiver) = (Compressor::new(window), Decompressor::new(window, LIMIT));
    // One that hears nothing but what nobody sent.
    let mut misled = Decompressor::new(window, LIMIT);
    while let Some((&[what, high, low], octets)) = rest.split_first_chunk() {
        let (octets, behind) = octets.split_at(octets.len().min(u16::from_be_bytes([high, low]).into()));
        rest = behind;
        match what % 8 {
            0 => check_answer_to_request(&mut talker, CCP, octets),
            1 => talker.hear_control(CCP, octets),
            2 => talker.hear_control(COMPRESSED, octets),
            // The peer grants all that is asked for, so that its datagrams count.
            3 => {
                for (number, mut packet) in talker.control_packets_said() {
                    if number == CCP && packet[0] == 1 {
                        packet[0] = 2;
                        talker.hear_control(CCP, &packet);
                    }
                }
            }
            4 => {
                if let Ok((_, packet)) = misled.decompress(octets) {
                    assert!(packet.len() <= LIMIT);
                }
            }
            5 => drop(misled.incompressible(IPV4, octets)),
            6 => misled.reset(),
            _ => {
                let octets = &octets[..octets.len().min(LIMIT)];
                match sender.compress(IPV4, octets) {
                    Some(datagram) => {
                        assert!(datagram.len() < octets.len());
                        assert_eq!(receiver.decompress(datagram), Ok((IPV4, octets)));
                    }
                    None => receiver.incompressible(IPV4, octets).expect("nothing was lost"),
                }
            }
        }
    }
});
