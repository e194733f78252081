//! The keys by which clients know this server.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use zeroize::Zeroizing;

use crate::CarrierError;

/// Any permission of group and others.
const OPEN_TO_OTHERS: u32 = 0o077;

/// A larger file is no key.
const MAX_FILE: u64 = 64 * 1024;

/// A server's private key. What it prints is never the private part.
#[derive(Clone)]
pub struct HostKey(PrivateKey);

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostKey").field(&self.fingerprint()).finish()
    }
}

impl HostKey {
    /// Reads an OpenSSH private key without a passphrase, which nobody but its owner may read.
    pub fn load(path: &Path) -> Result<Self, CarrierError> {
        let failed =
            |source| CarrierError::io(format!("cannot read the host key {}", path.display()), source);
        let refuse = |what: String| CarrierError::Config(format!("the host key {} {what}", path.display()));
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.mode() & OPEN_TO_OTHERS != 0 {
            let mode = about.mode() & 0o7777;
            return Err(refuse(format!(
                "is open to others (mode {mode:04o}), so it is no secret; chmod it to 0600"
            )));
        }
        let mut text = Zeroizing::new(Vec::new());
        file.take(MAX_FILE).read_to_end(&mut text).map_err(failed)?;
        let key = PrivateKey::from_openssh(&*text)
            .map_err(|error| refuse(format!("is no OpenSSH private key ({error}); ssh-keygen makes one")))?;
        if key.is_encrypted() {
            return Err(refuse(
                "has a passphrase; a host key needs to be without (ssh-keygen -p removes it)".into(),
            ));
        }
        Ok(Self(key))
    }

    /// Makes an Ed25519 key that lives only in memory.
    pub fn generate() -> Result<Self, CarrierError> {
        PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
            .map(Self)
            .map_err(|error| CarrierError::Config(format!("cannot make a host key: {error}")))
    }

    /// `SHA256:…`, as ssh shows it at the first connection.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The public key as `ssh-ed25519 AAAA…`: what follows the host's name in a known_hosts line.
    pub fn public_line(&self) -> String {
        // A key that was read or made can be written.
        self.0.public_key().to_openssh().unwrap_or_default()
    }

    pub(super) fn private(&self) -> PrivateKey {
        self.0.clone()
    }
}

/// Makes an Ed25519 host key in a new file of mode 0600. The file appears whole or not at all, and one that is there
/// already is never touched.
pub fn generate_host_key(path: &Path) -> Result<HostKey, CarrierError> {
    let key = HostKey::generate()?;
    let text = key.0.to_openssh(LineEnding::LF);
    let text = text.map_err(|error| CarrierError::Config(format!("cannot encode a host key: {error}")))?;
    write_new(path, text.as_bytes()).map_err(|source| {
        CarrierError::io(format!("cannot write the host key {}", path.display()), source)
    })?;
    Ok(key)
}

fn write_new(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(io::Error::from)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:016x}", u64::from_le_bytes(suffix)));
    let temporary = PathBuf::from(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    // Unlike a rename, a link fails if the name is taken.
    let written =
        file.write_all(octets).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    written?;
    removed?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}
