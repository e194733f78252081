//! A peer that may say anything to a link that demands a proof of it and owes it one: it never gets in, as it does not know
//! the secret, and it never sees the answer to a Challenge of ours.
//!
//! ```text
//! | methods, 1 octet | operation, 1 | length, 1 | octets … |   over and over
//! ```

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use ppp_proto::{
    AddressRule, AuthConfig, AuthProtocol, Event, LinkConfig, Phase,
    auth::{Entropy, Name, Secret, SecretEntry, Secrets},
    packet::{Code, ControlPacket},
    protocol,
};
use pppssh_fuzz::Talker;

/// Nobody guesses it.
const SECRET: &str = "a secret of 24 characters";
/// LCP's options by which a peer demands each method.
const DEMANDS: [&[u8]; 4] = [&[3, 4, 0xc0, 0x23], &[3, 5, 0xc2, 0x23, 5], &[3, 5, 0xc2, 0x23, 0x81], &[]];

fn config(methods: u8) -> LinkConfig {
    let entry = |client: &str, server: &str| SecretEntry {
        client: Name::from(client),
        server: Name::from(server),
        secret: Secret::from(SECRET),
        addresses: vec![AddressRule::ANY],
    };
    // The same one in both directions: the worst that somebody could configure.
    let secrets = Secrets(vec![entry("venus", "saturn"), entry("saturn", "*")]);
    let mut auth = AuthConfig::new("saturn", Entropy::new([7; 32]));
    auth.require = vec![AuthProtocol::ALL[usize::from(methods) % AuthProtocol::ALL.len()]];
    (auth.pap, auth.chap) = (secrets.clone(), secrets);
    auth.timers.chap_interval = (methods & 0x40 != 0).then(|| Duration::from_secs(1));
    LinkConfig { auth: Some(auth), echo: None, seed: 1, ..LinkConfig::default() }
}

/// Acknowledges what the link asks, and demands a proof; what the link says comes back.
fn open(link: &mut Talker, demand: &[u8]) {
    link.drain();
    for (number, packet) in link.control_packets_said() {
        if number == protocol::LCP && packet[0] == 1 {
            let ack = ControlPacket { code: Code::ConfigureAck, id: packet[1], data: &packet[4..] };
            link.hear_control(protocol::LCP, &ack.to_vec());
        }
    }
    let request = ControlPacket { code: Code::ConfigureRequest, id: 1, data: demand };
    link.hear_control(protocol::LCP, &request.to_vec());
}

fuzz_target!(|input: &[u8]| {
    let Some((&methods, mut rest)) = input.split_first() else { return };
    let mut link = Talker::new(config(methods), Instant::now());
    open(&mut link, DEMANDS[usize::from(methods >> 4) % DEMANDS.len()]);
    let mut last = Vec::new();
    while let Some((&[operation, len], tail)) = rest.split_first_chunk() {
        let (octets, tail) = tail.split_at(usize::from(len).min(tail.len()));
        rest = tail;
        let number = if operation & 8 == 0 { protocol::CHAP } else { protocol::PAP };
        match operation % 8 {
            0 | 1 => link.hear_control(number, octets),
            2 => {
                let code = Code::from(operation >> 4);
                let id = last.get(1).copied().unwrap_or_default();
                link.hear_control(number, &ControlPacket { code, id, data: octets }.to_vec());
            }
            // What it said last, as it is: a reflection.
            3 => link.hear_control(number, &last),
            4 => link.hear_control(protocol::IPCP, octets),
            5 => link.hear_control(protocol::LCP, octets),
            6 => link.wait(Duration::from_secs(len.into())),
            _ => open(&mut link, DEMANDS[usize::from(operation >> 4) % DEMANDS.len()]),
        }
        let status = link.link.status();
        assert_eq!(status.peer, None, "the peer does not know the secret");
        assert_ne!(status.phase, Phase::Network);
        let _ = status.explain();
        for (number, packet) in link.control_packets_said() {
            assert!(
                number == protocol::LCP || number == protocol::PAP || number == protocol::CHAP,
                "{number:#06x}"
            );
            if number != protocol::LCP {
                last = packet;
            }
        }
        let up = |event: &Event| matches!(event, Event::PeerAuthenticated { .. } | Event::Ipv4Up(_));
        assert!(!link.drain().iter().any(up));
    }
});
