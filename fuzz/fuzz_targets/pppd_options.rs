//! Any octets as a file of pppd's options: no panic; words are bounded, and options that are taken make a link and a dump.

#![no_main]

use std::net::Ipv4Addr;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use ppp_proto::link::Link;
use pppssh::pppd::{DefaultRoute, MAX_WORD, Places, Reader, Words};
use pppssh::session::link_config;

fuzz_target!(|text: &[u8]| {
    let mut before = String::new();
    for word in Words::new(text) {
        // An octet that is not UTF-8 becomes a character of three.
        assert!(word.len() <= 3 * MAX_WORD);
        let sides = word.split(':').all(|side| side.is_empty() || side.parse::<Ipv4Addr>().is_ok());
        let names_a_host = match before.as_str() {
            "ms-dns" | "ms-wins" | "allow-ip" => word.parse::<Ipv4Addr>().is_err(),
            _ => word.contains(':') && !sides,
        };
        // Other files and other hosts are not the fuzzer's.
        if word == "file" || word == "+ua" || names_a_host {
            return;
        }
        before = word;
    }
    let mut reader = Reader::new(Places { system: "/nonexistent".into(), home: None });
    let taken = reader.text(text, "options");
    let lines = reader.dump();
    assert!(lines.starts_with("pppd options in effect:\n"));
    if let Err(error) = taken {
        assert!(!error.to_string().is_empty());
        return;
    }
    let options = reader.options;
    if options.check().is_ok() {
        let mut config = link_config(&options.profile, "fuzz", 1);
        options.adjust(&mut config, None, "ppp0");
        let gateway = Ipv4Addr::LOCALHOST.into();
        let there = DefaultRoute { interface: "eth0".to_owned(), gateway, metric: 0 };
        options.routes(&[there], &[]);
        Link::new(config, Instant::now());
    }
});
