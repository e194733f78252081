//! known_hosts files: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_encoding::base64::{Base64, Encoding};
use russh::keys::{PublicKey, parse_public_key_base64};
use sha1::Sha1;

/// Before a hashed name: `|1|salt|hash`.
const HASHED: &str = "|1|";

/// A SHA-1 digest's length; ssh-keygen takes a salt of the same size.
const HASH_LEN: usize = 20;

/// What a line says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// It is a host's key.
    HostKey,
    /// It may sign host certificates.
    CertAuthority,
    /// It must never be accepted.
    Revoked,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) marker: Marker,
    names: Names,
    pub(super) key: PublicKey,
    /// `file:line`.
    pub(super) at: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Names {
    Patterns(Vec<String>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

/// The lines of all files, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownHosts(Vec<Entry>);

impl KnownHosts {
    /// Adds a file. One that does not exist has no lines.
    pub(super) fn read(&mut self, file: &Path) -> io::Result<()> {
        match std::fs::read(file) {
            Ok(bytes) => {
                self.parse(&String::from_utf8_lossy(&bytes), &file.display().to_string());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds a file's text. A line that cannot be read is left out, as OpenSSH does, with a warning where that
    /// could let a revoked key pass.
    pub(super) fn parse(&mut self, text: &str, file: &str) {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = format!("{file}:{}", number + 1);
            match Entry::parse(line, &at) {
                Some(entry) => self.0.push(entry),
                None if line.starts_with("@revoked") => tracing::warn!(at, "cannot read this @revoked line"),
                None => tracing::debug!(at, "cannot read this line of known_hosts"),
            }
        }
    }

    /// The entries for a name, which must be in lower case: `host`, or `[host]:port` if the port is not 22.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().filter(move |entry| entry.names.match_name(name))
    }
}

impl Entry {
    fn parse(line: &str, at: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let mut first = fields.next()?;
        let marker = match first {
            "@cert-authority" => Marker::CertAuthority,
            "@revoked" => Marker::Revoked,
            other if other.starts_with('@') => return None,
            _ => Marker::HostKey,
        };
        if marker != Marker::HostKey {
            first = fields.next()?;
        }
        let names = Names::parse(first)?;
        let algorithm = fields.next()?;
        let key = parse_public_key_base64(fields.next()?).ok()?;
        // The name must be the key's own, or a line could be taken for what it does not look like.
        (key.algorithm().as_str() == algorithm).then(|| Self { marker, names, key, at: at.to_owned() })
    }
}

impl Names {
    fn parse(field: &str) -> Option<Self> {
        let Some(hashed) = field.strip_prefix(HASHED) else {
            return Some(Self::Patterns(field.split(',').map(str::to_lowercase).collect()));
        };
        let (salt, hash) = hashed.split_once('|')?;
        let hash = Base64::decode_vec(hash).ok()?;
        (hash.len() == HASH_LEN).then_some(Self::Hashed { salt: Base64::decode_vec(salt).ok()?, hash })
    }

    fn match_name(&self, name: &str) -> bool {
        match self {
            Self::Patterns(patterns) => {
                let mut found = false;
                for pattern in patterns {
                    match pattern.strip_prefix('!') {
                        // A negated match rules the line out, whatever else matches.
                        Some(negated) if wildcard(negated, name) => return false,
                        Some(_) => {}
                        None => found |= wildcard(pattern, name),
                    }
                }
                found
            }
            Self::Hashed { salt, hash } => hmac(salt, name).is_some_and(|mac| mac.verify_slice(hash).is_ok()),
        }
    }
}

fn hmac(salt: &[u8], name: &str) -> Option<Hmac<Sha1>> {
    Some(Hmac::<Sha1>::new_from_slice(salt).ok()?.chain_update(name))
}

/// `*` stands for any text, `?` for any one octet.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                // Let the last star stand for one octet more.
                let Some((star_p, star_t)) = star else { return false };
                star = Some((star_p, star_t + 1));
                (p, t) = (star_p + 1, star_t + 1);
            }
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

/// `host`, or `[host]:port` if the port is not 22, in lower case.
pub(super) fn name_of(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// The line that records a key.
pub(super) fn line(name: &str, key: &PublicKey) -> String {
    let mut key = key.clone();
    key.set_comment("");
    format!("{name} {}", key.to_openssh().unwrap_or_default().trim_end())
}

/// The name hashed with a fresh salt, so that who reads the file learns no names.
pub(super) fn hashed(name: &str) -> Option<String> {
    let mut salt = [0; HASH_LEN];
    getrandom::fill(&mut salt).ok()?;
    let hash = hmac(&salt, name)?.finalize().into_bytes();
    Some(format!("{HASHED}{}|{}", Base64::encode_string(&salt), Base64::encode_string(&hash)))
}

/// Appends a line to a file, which is made if need be.
pub(super) fn append(file: &Path, line: &str) -> io::Result<()> {
    if let Some(dir) = file.parent()
        && !dir.exists()
    {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    let start = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(format!("{start}{line}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with `ssh-keygen -t ed25519`.
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn hosts(text: &str) -> KnownHosts {
        let mut hosts = KnownHosts::default();
        hosts.parse(text, "known_hosts");
        hosts
    }

    fn finds(names: &str, name: &str) -> bool {
        hosts(&format!("{names} {KEY}")).of(name).next().is_some()
    }

    #[test]
    fn names_ports_wildcards_and_negation_match_as_in_openssh() {
        assert!(finds("saturn,10.10.10.1", "10.10.10.1"));
        assert!(finds("Saturn.Example", "saturn.example"));
        assert!(!finds("saturn", "[saturn]:2222"));
        assert!(finds("[saturn]:2222", "[saturn]:2222"));
        assert!(finds("*.example", "a.b.example"));
        assert!(!finds("*.example", "example"));
        assert!(finds("10.10.10.?", "10.10.10.1"));
        assert!(!finds("10.10.10.?", "10.10.10.11"));
        assert!(!finds("*.example,!secret.example", "secret.example"));
        assert!(!finds("!secret.example,*.example", "secret.example"));
        assert!(finds("*.example,!secret.example", "open.example"));
        assert!(!finds("!secret.example", "open.example"));
        assert!(finds("[*]:2222", "[saturn]:2222"));
        assert!(finds("a*b*c", "a-bb-c-c"));
    }

    #[test]
    fn hashed_names_match_only_their_name() {
        let hashed = hashed("saturn.example").unwrap();
        assert!(finds(&hashed, "saturn.example"));
        assert!(!finds(&hashed, "saturn"));
        // Made with `ssh-keygen -H` (OpenSSH 9.2) of the name `saturn.example`.
        let vector = "|1|E8lRlVF7amuk6bBBv2pxYSFAPrw=|JHSlcfk2JnYmvVHcvdgQ68sqST0=";
        assert!(finds(vector, "saturn.example"));
        assert!(!finds(vector, "saturn"));
        assert!(Names::parse("|1|short|YWJj").is_none());
    }

    #[test]
    fn markers_comments_and_nonsense_are_told_apart() {
        let hosts = hosts(&format!(
            "# comment\n\n@cert-authority *.example {KEY}\n@revoked\t* {KEY} old one\n@new-marker * {KEY}\nsaturn {KEY} x y\n\
             saturn ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\ngarbage\n"
        ));
        let markers: Vec<_> = hosts.0.iter().map(|entry| (entry.marker, entry.at.as_str())).collect();
        assert_eq!(
            markers,
            [
                (Marker::CertAuthority, "known_hosts:3"),
                (Marker::Revoked, "known_hosts:4"),
                (Marker::HostKey, "known_hosts:6")
            ]
        );
    }

    #[test]
    fn appending_makes_the_file_private_and_ends_an_open_last_line() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/.ssh/known_hosts");
        append(&file, "one").unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(&file, "open end").unwrap();
        append(&file, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "open end\ntwo\n");
    }
}
