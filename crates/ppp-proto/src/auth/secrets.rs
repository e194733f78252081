//! Secrets, and whose they are: pppd's secrets files without the files.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::AddressRule;

/// A secret. It is wiped when it is dropped, and nothing prints it.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// These octets.
    pub fn new(octets: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(octets))
    }

    /// Whether there is nothing in it: then it proves nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        self.0[..].ct_eq(other).into()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.is(other.octets())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

/// The client or the server of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Whoever it is; `*` in a file.
    Any,
    /// This one.
    Is(Vec<u8>),
}

impl Name {
    /// Whether it may be this one (`None`: one that is not known), and how well it fits: an own name is better than `*`.
    fn fits(&self, name: Option<&[u8]>) -> Option<u8> {
        match (self, name) {
            (Name::Any, _) => Some(0),
            (Name::Is(_), None) => Some(1),
            (Name::Is(own), Some(name)) => (own == name).then_some(1),
        }
    }
}

impl From<&str> for Name {
    /// `*` is anybody.
    fn from(text: &str) -> Name {
        if text == "*" { Name::Any } else { Name::Is(text.as_bytes().to_vec()) }
    }
}

/// One line of a secrets file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretEntry {
    /// Who proves himself by it.
    pub client: Name,
    /// To whom.
    pub server: Name,
    /// The secret.
    pub secret: Secret,
    /// The addresses that the client may have; none at all without any rule.
    pub addresses: Vec<AddressRule>,
}

/// The secrets for one protocol, in the order of their file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets(pub Vec<SecretEntry>);

impl Secrets {
    /// The secret of `client` for `server`, either of which may not be known. The entry with the fewest `*` counts, one
    /// with its server by name rather than one with its client by name, and of equals the first (pppd(8), AUTHENTICATION).
    pub fn find(&self, client: Option<&[u8]>, server: Option<&[u8]>) -> Option<&SecretEntry> {
        let mut best: Option<(u8, &SecretEntry)> = None;
        for entry in &self.0 {
            let fit = entry.client.fits(client).zip(entry.server.fits(server));
            if let Some(fit) = fit.map(|(client, server)| client + 2 * server)
                && best.is_none_or(|(other, _)| fit > other)
            {
                best = Some((fit, entry));
            }
        }
        best.map(|(_, entry)| entry)
    }

    /// All entries by which `client`, or anybody if that is not known, might prove himself to `server`.
    pub fn of<'a>(
        &'a self,
        client: Option<&'a [u8]>,
        server: &'a [u8],
    ) -> impl Iterator<Item = &'a SecretEntry> {
        self.0.iter().filter(move |entry| {
            let fits = entry.client.fits(client).zip(entry.server.fits(Some(server)));
            fits.is_some() && !entry.secret.is_empty()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[[&str; 3]]) -> Secrets {
        let entry = |[client, server, secret]: &[&str; 3]| SecretEntry {
            client: Name::from(*client),
            server: Name::from(*server),
            secret: Secret::from(*secret),
            addresses: Vec::new(),
        };
        Secrets(lines.iter().map(entry).collect())
    }

    fn found(table: &Secrets, client: &str, server: &str) -> Option<String> {
        let entry = table.find(Some(client.as_bytes()), Some(server.as_bytes()))?;
        Some(String::from_utf8(entry.secret.octets().to_vec()).unwrap())
    }

    #[test]
    fn the_most_specific_secret_counts_and_of_equals_the_first() {
        let table = table(&[
            ["*", "*", "anybody"],
            ["venus", "*", "venus"],
            ["*", "saturn", "saturn"],
            ["venus", "saturn", "both"],
            ["venus", "saturn", "later"],
        ]);
        assert_eq!(found(&table, "mars", "earth").as_deref(), Some("anybody"));
        assert_eq!(found(&table, "venus", "earth").as_deref(), Some("venus"));
        assert_eq!(found(&table, "mars", "saturn").as_deref(), Some("saturn"));
        assert_eq!(found(&table, "venus", "saturn").as_deref(), Some("both"));
    }

    #[test]
    fn a_name_is_found_as_it_is_written_only() {
        let table = table(&[["venus", "saturn", "x"]]);
        for (client, server) in
            [("Venus", "saturn"), ("*", "saturn"), ("", "saturn"), ("venus", ""), ("venusx", "saturn")]
        {
            assert_eq!(found(&table, client, server), None, "{client:?} {server:?}");
        }
        assert!(table.find(Some(b"venus"), None).is_some(), "a server that is not known may be any");
    }

    #[test]
    fn a_secret_is_compared_as_a_whole_and_never_shown() {
        let secret = Secret::from("secret");
        assert!(secret.is(b"secret"));
        for other in [&b""[..], b"secre", b"secrets", b"Secret"] {
            assert!(!secret.is(other));
        }
        assert_eq!(format!("{secret:?} {:?}", table(&[["a", "b", "secret"]])).matches("secret").count(), 1);
    }
}
