//! Any octets as a file of secrets, and as `ppp.secret`: no panic, and no secret in what is said about the lines.

#![no_main]

use std::net::Ipv4Addr;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use ppp_proto::{AddressRule, auth::Secrets};
use pppssh::secrets::{Surroundings, parse};
use zeroize::Zeroizing;

struct World;

impl Surroundings for World {
    fn indirect(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        match path.as_os_str().len() {
            length if length % 2 == 0 => Ok(Zeroizing::new(b"# \n 'a secret' more".to_vec())),
            _ => Err("it is not there".to_owned()),
        }
    }

    fn resolve(&mut self, host: &str) -> Option<Ipv4Addr> {
        (host.len() == 3).then_some(Ipv4Addr::LOCALHOST)
    }
}

/// Every entry is found by its own names, unless an earlier one has them too.
fn check(secrets: &Secrets) {
    for entry in &secrets.0 {
        let _ = AddressRule::allows(&entry.addresses, Ipv4Addr::new(10, 0, 0, 1));
        assert!(secrets.find(None, None).is_some());
        assert!(format!("{entry:?}").contains("<hidden>"));
    }
}

fuzz_target!(|text: &[u8]| {
    let parsed = parse(text, "secrets", &mut World);
    check(&parsed.secrets);
    assert!(parsed.warnings.len() <= text.len() + 1);
    if let Ok(text) = std::str::from_utf8(text) {
        let (secrets, problems) = pppssh::user_ppp::secrets(text, "ppp.secret");
        check(&secrets);
        for problem in problems {
            assert!((1..=text.lines().count()).contains(&problem.place.line), "{problem}");
        }
    }
});
