//! An authorized_keys file of any octets: no panic, and whom it lets in it also lets in when read alone.

#![no_main]

use std::{
    net::{IpAddr, Ipv4Addr},
    time::SystemTime,
};

use libfuzzer_sys::fuzz_target;
use ssh_carrier::authorized_keys::AuthorizedKeys;

fuzz_target!(|octets: &[u8]| {
    let keys = AuthorizedKeys::parse(octets);
    for warning in &keys.warnings {
        assert!(!warning.to_string().is_empty());
    }
    let address = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1));
    for entry in &keys.entries {
        let line = octets.split(|&octet| octet == b'\n').nth(entry.line - 1).expect("an entry is of a line");
        let alone = AuthorizedKeys::parse(line);
        assert_eq!(alone.entries.len(), 1);
        let now = SystemTime::now();
        if let Ok(by) = keys.authorize(&entry.key, address, now) {
            assert!(keys.entries.iter().any(|entry| entry.line == by.line));
        }
    }
});
