//! IPCP options, on a link whose LCP is Opened: as `lcp_options`.
//!
//! ```text
//! | address policy, 1 octet | Code, 1 | options … |
//! ```

#![no_main]

use std::{net::Ipv4Addr, time::Instant};

use libfuzzer_sys::fuzz_target;
use ppp_proto::{
    IpcpConfig, Ipv4Range, LinkConfig, LocalAddress, RemoteAddress, VjConfig,
    ipcp::IpcpOption,
    packet::{Code, ControlPacket, Options},
    protocol,
};
use pppssh_fuzz::{Talker, check_answer_to_request, open_lcp};

fn config(policy: u8) -> IpcpConfig {
    let ours = Ipv4Addr::new(192, 168, 1, 1);
    let theirs = Ipv4Addr::new(192, 168, 2, 1);
    IpcpConfig {
        local: [LocalAddress::Ask, LocalAddress::Fixed(ours), LocalAddress::Prefer(ours)]
            [usize::from(policy % 3)],
        remote: match policy / 3 % 4 {
            0 => RemoteAddress::Any,
            1 => RemoteAddress::Fixed(theirs),
            2 => RemoteAddress::Prefer(theirs),
            _ => RemoteAddress::Ranges(vec![Ipv4Range::of_network(theirs, 24)]),
        },
        remote_fallback: None,
        ask_dns: policy & 0x40 != 0,
        ask_nbns: policy & 0x40 != 0,
        offer_dns: if policy & 0x80 != 0 { vec![ours] } else { Vec::new() },
        offer_nbns: if policy & 0x80 != 0 { vec![ours, theirs] } else { Vec::new() },
        vj: (policy & 0x20 != 0).then(VjConfig::default),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&[policy, code], options)) = input.split_first_chunk() else { return };
    if options.len() > 1400 {
        return;
    }
    if let Ok(options) = Options::parse(options) {
        for option in options.iter() {
            if let Some(understood) = IpcpOption::parse(option) {
                let mut emitted = Vec::new();
                understood.emit(&mut emitted);
                assert!(Options::parse(&emitted).unwrap().iter().eq([option]));
            }
        }
    }
    let config = LinkConfig { ipv4: Some(config(policy)), ..LinkConfig::default() };
    let mut talker = Talker::new(config, Instant::now());
    open_lcp(&mut talker);
    check_answer_to_request(&mut talker, protocol::IPCP, options);
    for id in 0..3 {
        let answer = ControlPacket { code: Code::from(code), id, data: options };
        talker.hear_control(protocol::IPCP, &answer.to_vec());
    }
    check_answer_to_request(&mut talker, protocol::IPCP, options);
});
