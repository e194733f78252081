//! LCP options: what is understood is written as it was read, and every Configure packet gets an answer the RFC allows.
//!
//! ```text
//! | Code, 1 octet | options … |
//! ```

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use ppp_proto::{
    LinkConfig,
    lcp::LcpOption,
    packet::{Code, ControlPacket, Options},
    protocol,
};
use pppssh_fuzz::{Talker, check_answer_to_request};

fuzz_target!(|input: &[u8]| {
    let Some((&code, options)) = input.split_first() else { return };
    if options.len() > 1400 {
        return;
    }
    if let Ok(options) = Options::parse(options) {
        for option in options.iter() {
            if let Some(understood) = LcpOption::parse(option) {
                let mut emitted = Vec::new();
                understood.emit(&mut emitted);
                assert!(Options::parse(&emitted).unwrap().iter().eq([option]));
            }
        }
    }
    let mut talker = Talker::new(LinkConfig::default(), Instant::now());
    check_answer_to_request(&mut talker, protocol::LCP, options);
    // Answers count when they carry the identifier of the request, which is the first one said.
    for id in 0..3 {
        let answer = ControlPacket { code: Code::from(code), id, data: options };
        talker.hear_control(protocol::LCP, &answer.to_vec());
    }
    check_answer_to_request(&mut talker, protocol::LCP, options);
});
