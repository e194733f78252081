//! `from=`: addresses, networks and wildcard patterns, as sshd's `match_host_and_ip` reads them.

use std::fmt;
use std::net::IpAddr;

/// A list such as `10.0.0.0/8,192.168.1.?,!10.1.2.3,2001:db8::/32`.
///
/// Patterns are compared with the peer's address alone. Names are never looked up (sshd's `UseDNS no`), so a host
/// name in the list matches nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromPatterns {
    text: String,
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    negated: bool,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Network {
        address: IpAddr,
        length: u8,
    },
    /// `*` is any run of characters, `?` is one.
    Wildcard(String),
}

/// What is wrong with a `from=` list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FromError {
    /// Two commas in a row, or one at an end.
    #[error("expected a pattern between the commas, found nothing")]
    Empty,
    /// The part before or after the slash is no address or length.
    #[error("expected ADDRESS/LENGTH, found `{0}`")]
    Network(String),
    /// The address has bits behind the length.
    #[error("`{0}` has bits set beyond its length; write the network's own address")]
    HostBits(String),
}

impl FromPatterns {
    /// Reads the list between the quotes.
    pub fn parse(text: &str) -> Result<Self, FromError> {
        let patterns = text.split(',').map(Pattern::parse).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), patterns })
    }

    /// Whether some pattern matches `address` and no negated one does.
    pub fn matches(&self, address: IpAddr) -> bool {
        // A dual-stack socket shows an IPv4 peer as ::ffff:a.b.c.d.
        let address = address.to_canonical();
        let text = address.to_string();
        let mut allowed = false;
        for pattern in &self.patterns {
            if pattern.what.matches(address, &text) {
                if pattern.negated {
                    return false;
                }
                allowed = true;
            }
        }
        allowed
    }
}

impl fmt::Display for FromPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, FromError> {
        let (negated, text) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if text.is_empty() {
            return Err(FromError::Empty);
        }
        Ok(Self { negated, what: What::parse(text)? })
    }
}

impl What {
    fn parse(text: &str) -> Result<Self, FromError> {
        let malformed = || FromError::Network(text.to_owned());
        if let Some((address, length)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| malformed())?;
            if length.is_empty() || !length.bytes().all(|octet| octet.is_ascii_digit()) {
                return Err(malformed());
            }
            let length: u8 = length.parse().map_err(|_| malformed())?;
            if length > bits(address) {
                return Err(malformed());
            }
            if prefix(address, length) != number(address) {
                return Err(FromError::HostBits(text.to_owned()));
            }
            return Ok(Self::Network { address, length });
        }
        Ok(match text.parse() {
            Ok(address) => Self::Network { address, length: bits(address) },
            Err(_) => Self::Wildcard(text.to_ascii_lowercase()),
        })
    }

    fn matches(&self, address: IpAddr, text: &str) -> bool {
        match self {
            Self::Network { address: network, length } => {
                network.is_ipv4() == address.is_ipv4() && prefix(address, *length) == number(*network)
            }
            Self::Wildcard(pattern) => wildcard(pattern.as_bytes(), text.as_bytes()),
        }
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address with all behind its first `length` bits cleared.
fn prefix(address: IpAddr, length: u8) -> u128 {
    let host = u32::from(bits(address) - length);
    number(address).checked_shr(host).and_then(|network| network.checked_shl(host)).unwrap_or(0)
}

/// Matches with one point to come back to, the last `*`: linear in the product of the lengths, never worse.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&octet) if octet == b'?' || octet == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((after, taken)) => {
                    p = after + 1;
                    t = taken + 1;
                    star = Some((after, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&octet| octet == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(list: &str, address: &str) -> bool {
        FromPatterns::parse(list).unwrap().matches(address.parse().unwrap())
    }

    #[test]
    fn networks_match_what_lies_in_them() {
        assert!(matches("10.0.0.0/8", "10.255.0.1"));
        assert!(!matches("10.0.0.0/8", "11.0.0.1"));
        assert!(matches("0.0.0.0/0", "203.0.113.9"));
        assert!(!matches("0.0.0.0/0", "2001:db8::1"));
        assert!(matches("2001:db8::/32", "2001:db8:1::9"));
        assert!(!matches("2001:db8::/32", "2001:db9::9"));
        assert!(matches("::/0", "2001:db8::1"));
    }

    #[test]
    fn single_addresses_match_in_any_spelling() {
        assert!(matches("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(matches("2001:db8:0::1", "2001:db8::1"));
        assert!(!matches("192.0.2.1", "192.0.2.10"));
    }

    #[test]
    fn wildcards_match_the_address_as_text() {
        assert!(matches("192.0.2.*", "192.0.2.77"));
        assert!(matches("192.0.?.1", "192.0.2.1"));
        assert!(!matches("192.0.?.1", "192.0.22.1"));
        assert!(matches("*", "2001:db8::1"));
        assert!(matches("2001:DB8:*", "2001:db8::1"));
        assert!(!matches("saturn.example.net", "192.0.2.1"));
        assert!(matches("*.2.*7*", "192.0.2.177"));
    }

    #[test]
    fn one_negated_match_outweighs_all_others() {
        assert!(!matches("10.0.0.0/8,!10.1.2.3", "10.1.2.3"));
        assert!(!matches("!10.1.2.3,10.0.0.0/8", "10.1.2.3"));
        assert!(matches("!10.1.2.3,10.0.0.0/8", "10.1.2.4"));
        assert!(!matches("!10.1.2.3", "10.1.2.4"), "a negation alone allows nobody");
    }

    #[test]
    fn malformed_lists_are_refused() {
        assert_eq!(FromPatterns::parse(""), Err(FromError::Empty));
        assert_eq!(FromPatterns::parse("10.0.0.1,,"), Err(FromError::Empty));
        assert_eq!(FromPatterns::parse("!"), Err(FromError::Empty));
        assert_eq!(FromPatterns::parse("10.0.0.1/8"), Err(FromError::HostBits("10.0.0.1/8".into())));
        for bad in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "host/8", "10.0.0.0/8/8"] {
            assert_eq!(FromPatterns::parse(bad), Err(FromError::Network(bad.into())), "{bad}");
        }
    }
}
