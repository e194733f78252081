use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use ppp_proto::AddressRule;

use super::*;

/// Files behind an `@`, and hosts.
struct World(HashMap<&'static str, &'static str>);

impl Surroundings for World {
    fn indirect(&mut self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        let text = self.0.get(path.to_str().unwrap()).ok_or("it is not there")?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn resolve(&mut self, host: &str) -> Option<Ipv4Addr> {
        self.0.get(host).and_then(|address| address.parse().ok())
    }
}

fn parsed(text: &str) -> Parsed {
    let world =
        [("/etc/key", "# a key\n 'from a file' more\n"), ("/etc/empty", "#\n"), ("venus", "10.0.0.9")];
    parse(text.as_bytes(), "chap-secrets", &mut World(world.into_iter().collect()))
}

/// The secret of a client for a server, found by trying: nothing tells it.
fn secret<'a>(parsed: &Parsed, client: &str, server: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let entry = parsed.secrets.find(Some(client.as_bytes()), Some(server.as_bytes()))?;
    candidates.iter().copied().find(|candidate| entry.secret == Secret::from(*candidate))
}

/// A file as pppd(8) describes it, with all that may stand in one.
const GOLDEN: &str = r#"
# Secrets for authentication using CHAP
# client	server	secret			IP addresses
venus		saturn	"pass word"		192.168.1.1
"my laptop"	*	tab\there		*
*		saturn	'quo"te'		-
mars		saturn	@/etc/key		!10.0.0.7 10.0.0.0/24   # all but one
pluto		saturn	\
  continued	venus
@at		saturn	@home
short		saturn
"\052"		saturn	star
ceres		saturn	x			10.0.0.1 10.0.0.0/33 10.0.0.2
eris		saturn	x			10.0.0.1/24+
lost		saturn	@/etc/none		*
none		saturn	@/etc/empty		*
pallas		saturn	x			10.0.0.1 -- mru 1400
"#;

#[test]
fn a_file_is_read_as_pppd_reads_it() {
    let all = parsed(GOLDEN);
    for (client, server, expected) in [
        ("venus", "saturn", Some("pass word")),
        ("my laptop", "anything", Some("tab\there")),
        // A star by any other name; the server counts for more than the client, and of equals the first does.
        ("my laptop", "saturn", Some("quo\"te")),
        ("stranger", "saturn", Some("quo\"te")),
        ("mars", "saturn", Some("from a file")),
        ("pluto", "saturn", Some("continued")),
        ("@at", "saturn", Some("@home")),
        ("Venus", "earth", None),
    ] {
        let candidates =
            ["pass word", "tab\there", "quo\"te", "from a file", "continued", "@home", "star", "x", ""];
        assert_eq!(secret(&all, client, server, &candidates), expected, "{client} {server}");
    }
    let warnings = [
        "chap-secrets, secret 7: not counted: write CLIENT SERVER SECRET [ADDRESS …]",
        "chap-secrets, secret 9: invalid address length 33 in auth. address list; this address and those behind it do not count",
        "chap-secrets, secret 10: 10.0.0.1/24+ depends on the number of the interface, which is not known before the \
         link: write the address; this address and those behind it do not count",
        "chap-secrets, secret 11: not counted: can't open indirect secret file /etc/none: it is not there",
        "chap-secrets, secret 12: not counted: no secret in indirect secret file /etc/empty",
        "chap-secrets, secret 13: the options behind `--` have no effect",
    ];
    assert_eq!(all.warnings, warnings);
    assert_eq!(all.secrets.0.len(), 10);
}

#[test]
fn the_addresses_of_a_secret_are_pppds() {
    let all = parsed(GOLDEN);
    let may = |client: &str, address: &str| {
        let entry = all.secrets.find(Some(client.as_bytes()), Some(b"saturn")).unwrap();
        AddressRule::allows(&entry.addresses, address.parse().unwrap())
    };
    assert!(may("venus", "192.168.1.1") && !may("venus", "192.168.1.2"));
    assert!(!may("stranger", "192.168.1.1"), "a dash is for none");
    assert!(may("mars", "10.0.0.8") && !may("mars", "10.0.0.7") && !may("mars", "10.0.1.1"));
    assert!(may("pluto", "10.0.0.9") && !may("pluto", "10.0.0.8"), "a host's name");
    assert!(!may("@at", "10.0.0.1"), "three words give no address");
    assert!(may("ceres", "10.0.0.1") && !may("ceres", "10.0.0.2"), "nothing behind a mistake counts");
    assert!(!may("eris", "10.0.0.1"));
    assert!(may("pallas", "10.0.0.1"));
}

#[test]
fn the_files_of_a_directory_may_be_missing_and_are_not_for_others() {
    let dir = tempfile::tempdir().unwrap();
    let nobody = |_: &str| None;
    let read = || SecretsFiles::read(&Trust::Own, dir.path(), &nobody);
    let files = read().unwrap();
    assert!(files.pap.0.is_empty() && files.chap.0.is_empty() && files.warnings.is_empty());

    let path = dir.path().join("chap-secrets");
    let mode = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let key = dir.path().join("key");
    fs::write(&key, "secret\n").unwrap();
    mode(&key, 0o600);
    fs::write(&path, format!("venus saturn @{}\n", key.display())).unwrap();
    mode(&path, 0o600);
    let files = read().unwrap();
    assert_eq!(files.chap.0[0].secret, Secret::from("secret"));
    assert!(files.pap.0.is_empty() && files.warnings.is_empty(), "{:?}", files.warnings);

    mode(&path, 0o644);
    mode(&key, 0o640);
    let warnings = read().unwrap().warnings;
    for file in [&path, &key] {
        let warning = format!("Warning - secret file {} has world and/or group access", file.display());
        assert!(warnings.contains(&warning), "{warnings:?}");
    }
    mode(&key, 0o666);
    assert!(read().unwrap().chap.0.is_empty(), "whoever may write the key may let himself in");
    mode(&path, 0o666);
    assert!(matches!(read(), Err(ConfigError::Unsafe { .. })));
}

#[test]
fn no_warning_and_no_debug_output_shows_a_secret() {
    let all = parsed("a b topsecret 10.0.0.1/99\nc d\n");
    assert!(!format!("{all:?}").contains("topsecret"));
    assert_eq!(all.warnings.len(), 2);
}
