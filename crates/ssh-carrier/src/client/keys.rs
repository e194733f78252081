//! Private key files.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, decode_secret_key, load_public_key};
use zeroize::Zeroizing;

use super::prompt::{Prompt, Question};

/// A configured identity.
#[derive(Clone)]
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    pub(super) public: PublicKey,
    pub(super) certificate: Option<Certificate>,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    /// Only an agent has the private key.
    Elsewhere,
    Open(Arc<PrivateKey>),
    /// The file's text, still encrypted.
    Locked(Arc<Zeroizing<String>>),
}

/// Why a file gives no key, in words that follow its name.
pub(super) type Reason = String;

impl KeyFile {
    /// Reads a private key, or a public one whose private part an agent holds. `Ok(None)`: there is no such file.
    pub(super) fn load(path: &Path, certificates: &[Certificate]) -> Result<Option<Self>, Reason> {
        let text = match read_private(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(public_beside(path, certificates));
            }
            Err(error) => return Err(error.to_string()),
        };
        if let Ok(public) = PublicKey::from_openssh(text.lines().next().unwrap_or_default()) {
            return Ok(Some(Self::new(path, public, Secret::Elsewhere, certificates)));
        }
        if let Ok(private) = decode_secret_key(&text, None) {
            let public = private.public_key().clone();
            return Ok(Some(Self::new(path, public, Secret::Open(Arc::new(private)), certificates)));
        }
        // OpenSSH's own format holds the public key in the clear; others need the file beside it.
        let public = PrivateKey::from_openssh(&*text)
            .map(|private| private.public_key().clone())
            .or_else(|_| load_public_key(with_suffix(path, ".pub")));
        match public {
            Ok(public) => Ok(Some(Self::new(path, public, Secret::Locked(Arc::new(text)), certificates))),
            Err(_) => {
                Err("cannot be read as a private key; if it is encrypted, put its .pub beside it".to_owned())
            }
        }
    }

    fn new(path: &Path, public: PublicKey, secret: Secret, certificates: &[Certificate]) -> Self {
        let beside = russh::keys::load_openssh_certificate(with_suffix(path, "-cert.pub")).ok();
        let certificate = certificates
            .iter()
            .chain(&beside)
            .find(|certificate| certificate.public_key() == public.key_data())
            .cloned();
        Self { path: path.to_owned(), public, certificate, secret }
    }

    /// Whether the private key is in this file, and not only in an agent.
    pub(super) fn has_private(&self) -> bool {
        !matches!(self.secret, Secret::Elsewhere)
    }

    /// The private key, for which the user may be asked for a passphrase.
    async fn unlock(&mut self, prompt: &Arc<dyn Prompt>, tries: u32) -> Result<Arc<PrivateKey>, Reason> {
        let text = match &self.secret {
            Secret::Open(key) => return Ok(Arc::clone(key)),
            Secret::Elsewhere => return Err("only its public half is here".to_owned()),
            Secret::Locked(text) => Arc::clone(text),
        };
        let question =
            Question { text: format!("Passphrase for key {}: ", self.path.display()), echo: false };
        let prompt = Arc::clone(prompt);
        let unlocked = tokio::task::spawn_blocking(move || {
            for _ in 0..tries {
                let Some(passphrase) = prompt.ask(&question) else {
                    return Err(
                        "is encrypted, and nobody can be asked for its passphrase: load it with ssh-add",
                    );
                };
                if let Ok(key) = decode_secret_key(&text, Some(passphrase.expose())) {
                    return Ok(Arc::new(key));
                }
            }
            Err(if tries == 0 {
                "is encrypted, and BatchMode forbids to ask for its passphrase: load it with ssh-add"
            } else {
                "is encrypted, and the passphrase was wrong"
            })
        });
        let key = unlocked.await.map_err(|error| error.to_string())??;
        self.secret = Secret::Open(Arc::clone(&key));
        Ok(key)
    }
}

/// As OpenSSH does: a private key that others can read is not used.
fn read_private(path: &Path) -> io::Result<Zeroizing<String>> {
    let meta = path.metadata()?;
    let text = Zeroizing::new(std::fs::read_to_string(path)?);
    let own = meta.uid() == rustix::process::getuid().as_raw();
    if own && meta.mode() & 0o077 != 0 && text.contains("PRIVATE KEY") {
        return Err(io::Error::other("can be read by others and is not used: chmod 600 it"));
    }
    Ok(text)
}

/// The public key of a private key that is only in an agent.
fn public_beside(path: &Path, certificates: &[Certificate]) -> Option<KeyFile> {
    let public = load_public_key(with_suffix(path, ".pub")).ok()?;
    Some(KeyFile::new(path, public, Secret::Elsewhere, certificates))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Signs with a key file, once the server has said that it would accept the key.
pub(super) struct FileSigner<'a> {
    pub(super) file: &'a mut KeyFile,
    pub(super) prompt: &'a Arc<dyn Prompt>,
    pub(super) tries: u32,
}

/// A signature that was not made.
#[derive(Debug)]
pub(super) enum SignError {
    /// The connection is gone.
    Gone,
    /// The key could not be used.
    Key(Reason),
}

impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> Self {
        Self::Gone
    }
}

impl russh::Signer for FileSigner<'_> {
    type Error = SignError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        let key = self.file.unlock(self.prompt, self.tries).await.map_err(SignError::Key)?;
        let wrong = |error: &dyn std::fmt::Display| SignError::Key(format!("cannot sign: {error}"));
        let signature: Signature = match key.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(&data),
            other => other.try_sign(&data),
        }
        .map_err(|error| wrong(&error))?;
        // RFC 4252 §7: the signature follows what was signed.
        signature.encode_prefixed(&mut data).map_err(|error| wrong(&error))?;
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keygen(dir: &Path, args: &[&str]) -> PathBuf {
        let path = dir.join("key");
        let status =
            std::process::Command::new("ssh-keygen").args(["-q", "-f"]).arg(&path).args(args).status();
        assert!(status.expect("ssh-keygen must be installed").success());
        path
    }

    #[test]
    fn a_missing_file_is_no_key_and_an_exposed_one_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        assert!(KeyFile::load(&dir.path().join("none"), &[]).unwrap().is_none());
        let path = keygen(dir.path(), &["-t", "ed25519", "-N", ""]);
        assert!(KeyFile::load(&path, &[]).unwrap().unwrap().has_private());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(KeyFile::load(&path, &[]).err().unwrap().contains("chmod 600"));
    }

    #[test]
    fn the_public_half_alone_names_a_key_of_the_agent() {
        let dir = tempfile::tempdir().unwrap();
        let path = keygen(dir.path(), &["-t", "ecdsa", "-N", ""]);
        std::fs::remove_file(&path).unwrap();
        assert!(!KeyFile::load(&path, &[]).unwrap().unwrap().has_private());
        assert!(!KeyFile::load(&with_suffix(&path, ".pub"), &[]).unwrap().unwrap().has_private());
    }

    #[test]
    fn the_public_half_of_an_encrypted_key_is_known_without_its_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        for format in [&["-t", "rsa", "-N", "secret"][..], &["-t", "rsa", "-m", "PEM", "-N", "secret"]] {
            let path = keygen(dir.path(), format);
            let file = KeyFile::load(&path, &[]).unwrap().unwrap();
            assert!(file.has_private());
            assert!(matches!(file.secret, Secret::Locked(_)));
            std::fs::remove_file(path).unwrap();
        }
    }
}
