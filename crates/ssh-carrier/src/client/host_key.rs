//! Whether a host key may be trusted. Whatever is not clearly the host's key is refused.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::known_hosts::{self, KnownHosts, Marker, name_of};
use super::target::{Allowed, Target, Unknown};
use crate::{CarrierError, HostKeyError, HostKeyProblem};

/// First bytes of a key revocation list, which only `ssh` can read: OpenSSH's PROTOCOL.krl.
const KRL_MAGIC: &[u8] = b"SSHKRL\n\0";

/// Host key algorithms in the order of preference. RSA with SHA-1 is not among them.
const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// Judges the keys that one host shows.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    known: KnownHosts,
    revoked: Vec<KeyData>,
    /// The name to look keys up by.
    name: String,
    /// OpenSSH also accepts a key recorded for the host on the standard port.
    plain_name: Option<String>,
    /// The principal that a host certificate must name.
    principal: String,
    /// Names for the address, whose recorded key must not differ.
    address_name: Option<String>,
    unknown: Unknown,
    hash: bool,
    file: PathBuf,
}

impl Verifier {
    /// Reads the files that say which keys the target has.
    pub(super) fn new(target: &Target) -> Result<Self, CarrierError> {
        let policy = &target.host_keys;
        let mut known = KnownHosts::default();
        for file in policy.user_files.iter().chain(&policy.global_files) {
            known
                .read(file)
                .map_err(|error| CarrierError::io(format!("reading {}", file.display()), error))?;
        }
        // ssh_config(5), HostKeyAlias: the alias stands alone, without a port.
        let (name, plain_name) = match &policy.alias {
            Some(alias) => (alias.clone(), None),
            None if target.port == 22 => (name_of(&target.host, 22), None),
            None => (name_of(&target.host, target.port), Some(name_of(&target.host, 22))),
        };
        Ok(Self {
            known,
            revoked: policy.revoked.as_deref().map_or(Ok(Vec::new()), revoked_keys)?,
            name,
            plain_name,
            principal: policy.alias.clone().unwrap_or_else(|| target.host.to_lowercase()),
            address_name: None,
            unknown: policy.unknown,
            hash: policy.hash,
            file: policy.user_files.first().cloned().unwrap_or_else(|| "known_hosts".into()),
        })
    }

    /// Has the key recorded for this address checked too (CheckHostIP).
    pub(super) fn check_address(&mut self, address: std::net::SocketAddr) {
        let name = name_of(&address.ip().to_string(), address.port());
        self.address_name = (name != self.name).then_some(name);
    }

    /// The host key algorithms to ask for, as plain keys and as certificates. Those of recorded keys come first, so
    /// that the host shows a key that can be compared; certificates are asked for only where an authority is known.
    pub(super) fn algorithms(&self, allowed: &Allowed) -> (Vec<Algorithm>, Vec<Algorithm>) {
        let recorded: Vec<Algorithm> = self
            .entries()
            .filter(|(marker, _, _)| *marker == Marker::HostKey)
            .map(|(_, key, _)| key.algorithm())
            .collect();
        let is_recorded = |algorithm: &Algorithm| {
            recorded
                .iter()
                .any(|known| known == algorithm || (known.clone().is_rsa() && algorithm.clone().is_rsa()))
        };
        let (mut plain, others): (Vec<_>, Vec<_>) = ALGORITHMS.into_iter().partition(is_recorded);
        plain.extend(others);
        plain.retain(|algorithm| allowed.contains(algorithm.as_str()));
        let has_authority = self.entries().any(|(marker, _, _)| marker == Marker::CertAuthority);
        let certificates = ALGORITHMS
            .into_iter()
            .filter(|algorithm| has_authority && allowed.contains(&algorithm.to_certificate_type()))
            .collect();
        (plain, certificates)
    }

    /// Judges what the host showed. A new key is recorded where the user asked for that.
    pub(super) fn verify(&self, shown: &PublicKeyOrCertificate) -> Result<(), Box<HostKeyError>> {
        let key = shown.public_key();
        let mut refused = None;
        if let Some(certificate) = shown.certificate() {
            match self.judge_certificate(certificate, now()) {
                Ok(()) => return Ok(()),
                Err(CertificateProblem::Revoked(at)) => {
                    return Err(self.error(&key, HostKeyProblem::Revoked { at }, None));
                }
                // As OpenSSH does: the key inside may be known by itself.
                Err(CertificateProblem::Refused(why)) => refused = Some(why),
            }
        }
        match self.judge_key(&key) {
            Ok(()) => Ok(()),
            Err(HostKeyProblem::Unknown) if self.unknown == Unknown::Accept && refused.is_none() => {
                self.record(&key);
                Ok(())
            }
            Err(problem) => Err(self.error(&key, problem, refused)),
        }
    }

    /// All entries for this host, under each of its names: marker, key, place.
    fn entries(&self) -> impl Iterator<Item = (Marker, &PublicKey, &str)> {
        std::iter::once(&self.name)
            .chain(&self.plain_name)
            .flat_map(|name| self.known.of(name))
            .map(|entry| (entry.marker, &entry.key, entry.at.as_str()))
    }

    /// Where a key is marked as revoked.
    fn revoked_at(&self, key: &KeyData) -> Option<String> {
        if self.revoked.contains(key) {
            return Some("RevokedHostKeys".to_owned());
        }
        self.entries()
            .find(|(marker, known, _)| *marker == Marker::Revoked && known.key_data() == key)
            .map(|(_, _, at)| at.to_owned())
    }

    fn judge_key(&self, key: &PublicKey) -> Result<(), HostKeyProblem> {
        if let Some(at) = self.revoked_at(key.key_data()) {
            return Err(HostKeyProblem::Revoked { at });
        }
        if let Some(name) = &self.address_name
            && let Some(at) = self.conflict(name, key)
        {
            return Err(HostKeyProblem::Changed { at });
        }
        let mut host_keys = self.entries().filter(|(marker, _, _)| *marker == Marker::HostKey);
        if host_keys.any(|(_, known, _)| known.key_data() == key.key_data()) {
            return Ok(());
        }
        // Only the host's own name speaks of a change: another port may be another sshd.
        if let Some(at) = self.conflict(&self.name, key) {
            return Err(HostKeyProblem::Changed { at });
        }
        let recorded = self.known.of(&self.name).find(|entry| entry.marker != Marker::Revoked);
        Err(match recorded {
            Some(entry) => HostKeyProblem::OtherRecorded { at: entry.at.clone() },
            None => HostKeyProblem::Unknown,
        })
    }

    /// Where a different key of the same type is recorded for a name, with this key not being recorded for it.
    fn conflict(&self, name: &str, key: &PublicKey) -> Option<String> {
        let same_type = || {
            self.known
                .of(name)
                .filter(|entry| entry.marker == Marker::HostKey && entry.key.algorithm() == key.algorithm())
        };
        if same_type().any(|entry| entry.key.key_data() == key.key_data()) {
            return None;
        }
        same_type().next().map(|entry| entry.at.clone())
    }

    /// OpenSSH's PROTOCOL.certkeys, and what ssh-key leaves to the caller.
    fn judge_certificate(&self, certificate: &Certificate, now: u64) -> Result<(), CertificateProblem> {
        let authority = certificate.signature_key();
        for key in [certificate.public_key(), authority] {
            if let Some(at) = self.revoked_at(key) {
                return Err(CertificateProblem::Revoked(at));
            }
        }
        let refuse = |why: String| Err(CertificateProblem::Refused(why));
        let trusted = self
            .entries()
            .any(|(marker, key, _)| marker == Marker::CertAuthority && key.key_data() == authority);
        let fingerprint = authority.fingerprint(HashAlg::Sha256);
        if !trusted {
            return refuse(format!("its authority {fingerprint} is not a @cert-authority for this host"));
        }
        if certificate.cert_type() != CertType::Host {
            return refuse("it is a user certificate".to_owned());
        }
        if certificate.signature().algorithm() == (Algorithm::Rsa { hash: None }) {
            return refuse("it is signed with RSA and SHA-1".to_owned());
        }
        if !certificate.critical_options().is_empty() {
            return refuse("it has critical options, and none is known for hosts".to_owned());
        }
        // An empty list would mean any host.
        if !certificate.valid_principals().iter().any(|name| name.eq_ignore_ascii_case(&self.principal)) {
            let names = certificate.valid_principals().join(", ");
            return refuse(format!("it is for [{names}] and not for {}", self.principal));
        }
        if now < certificate.valid_after() || now >= certificate.valid_before() {
            return refuse(
                "it is not valid at this time; check the clock here, or have it renewed there".to_owned(),
            );
        }
        if certificate.validate_at(now, [&fingerprint]).is_err() {
            return refuse("its signature is wrong".to_owned());
        }
        Ok(())
    }

    fn record(&self, key: &PublicKey) {
        let name = self.hash.then(|| known_hosts::hashed(&self.name)).flatten();
        let line = known_hosts::line(name.as_deref().unwrap_or(&self.name), key);
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        match known_hosts::append(&self.file, &line) {
            Ok(()) => {
                tracing::warn!(host = self.name, %fingerprint, file = %self.file.display(), "recorded a new host key");
            }
            Err(error) => {
                tracing::warn!(host = self.name, %fingerprint, file = %self.file.display(), %error, "cannot record a new host key");
            }
        }
    }

    fn error(
        &self,
        key: &PublicKey,
        problem: HostKeyProblem,
        certificate: Option<String>,
    ) -> Box<HostKeyError> {
        Box::new(HostKeyError {
            host: self.name.clone(),
            problem,
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            line: known_hosts::line(&self.name, key),
            file: self.file.clone(),
            certificate,
        })
    }
}

enum CertificateProblem {
    /// The key or the authority is marked as revoked here.
    Revoked(String),
    Refused(String),
}

fn now() -> u64 {
    // A clock before 1970 makes every certificate invalid.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// ssh_config(5), RevokedHostKeys: one public key a line, or a KRL. Not readable means that nothing may be trusted.
fn revoked_keys(file: &Path) -> Result<Vec<KeyData>, CarrierError> {
    let bytes = std::fs::read(file)
        .map_err(|error| CarrierError::io(format!("reading RevokedHostKeys {}", file.display()), error))?;
    if bytes.starts_with(KRL_MAGIC) {
        return Err(CarrierError::Config(format!(
            "RevokedHostKeys {} is a key revocation list, which only ssh can read: use the openssh carrier",
            file.display()
        )));
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            PublicKey::from_openssh(line).map(|key| key.key_data().clone()).map_err(|error| {
                CarrierError::Config(format!("RevokedHostKeys {}: {line:?}: {error}", file.display()))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
