//! Any octets as an authorized_keys file: no panic, every line accounted for, and a key gets in only by a line that
//! a reader would find it in.
//!
//! ```text
//! | address kind, 1 octet | address, 16 | seconds since 1970, 8 | file … |
//! ```

#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use ssh_carrier::authorized_keys::AuthorizedKeys;

/// The year 9999: beyond it `SystemTime` itself may overflow.
const LAST_SECOND: u64 = 253_402_300_799;

fuzz_target!(|input: &[u8]| {
    let Some((&[kind, ref rest @ ..], file)) = input.split_at_checked(25) else {
        return;
    };
    let (address, seconds) = rest.split_at(16);
    let address: [u8; 16] = address.try_into().unwrap();
    let address = if kind % 2 == 0 {
        IpAddr::V4(Ipv4Addr::new(address[0], address[1], address[2], address[3]))
    } else {
        IpAddr::V6(Ipv6Addr::from(address))
    };
    let seconds = u64::from_be_bytes(seconds.try_into().unwrap()) % LAST_SECOND;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);

    let keys = AuthorizedKeys::parse(file);
    let lines = file.split(|&octet| octet == b'\n').count();
    assert!(keys.entries.len() <= lines);
    for warning in &keys.warnings {
        assert!((1..=lines).contains(&warning.line));
        let _ = warning.to_string();
    }
    for entry in &keys.entries {
        if let Ok(admitting) = keys.authorize(&entry.key, address, now) {
            assert!(admitting.line <= lines);
            assert_eq!(admitting.key.key_data(), entry.key.key_data());
            assert!(admitting.options.from.as_ref().is_none_or(|from| from.matches(address)));
            assert!(admitting.options.expiry.is_none_or(|expiry| now < expiry));
            let line = file.split(|&octet| octet == b'\n').nth(admitting.line - 1).unwrap();
            let text = String::from_utf8_lossy(line);
            assert!(text.contains(admitting.key.algorithm().as_str()));
        }
    }
});
