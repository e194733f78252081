//! Who proves what: `ppp.secret`, `set authname`, `set authkey`, and the options `pap`, `chap` and `mschapv2`.
//!
//! ```text
//! # name  key        [his address]
//! venus   "a key"    192.168.1.1
//! mars    another    10.0.0.1-10.0.0.9
//! ```

use ppp_proto::auth::{AuthConfig, AuthProtocol, Entropy, Name, Secret, SecretEntry, Secrets};
use ppp_proto::{AddressRule, Ipv4Range, RemoteAddress};

use super::{IfAddr, Place, Plan, Problem, Stance, split};

/// No file holds more secrets.
const MAX_SECRETS: usize = 10_000;

/// Reads the text of `ppp.secret`, and says what is wrong with its lines. No problem shows a key.
pub fn secrets(text: &str, file: &str) -> (Secrets, Vec<Problem>) {
    let (mut secrets, mut problems) = (Secrets::default(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let words = match split(line, true) {
            Ok(words) if words.is_empty() => continue,
            Ok(words) => words,
            Err(error) => {
                let place = Place { file: file.to_owned(), line: index + 1 };
                problems.push(Problem { place, command: "…".to_owned(), why: error.to_string() });
                continue;
            }
        };
        let entry = entry(&words).and_then(|entry| {
            let room = secrets.0.len() < MAX_SECRETS;
            room.then_some(entry).ok_or_else(|| format!("more than {MAX_SECRETS} secrets"))
        });
        match entry {
            Ok(entry) => secrets.0.push(entry),
            Err(why) => {
                let place = Place { file: file.to_owned(), line: index + 1 };
                problems.push(Problem { place, command: format!("{} …", words[0]), why });
            }
        }
    }
    (secrets, problems)
}

fn entry(words: &[String]) -> Result<SecretEntry, String> {
    let (name, key, address) = match words {
        [name, key] => (name, key, None),
        [name, key, address] => (name, key, Some(address)),
        [_] => return Err("a key is missing: write NAME KEY [HISADDR]".to_owned()),
        _ => return Err("labels and telephone numbers have no effect: write NAME KEY [HISADDR]".to_owned()),
    };
    if key == "*" {
        return Err("passwords of this host's users do not go through a link: write the key".to_owned());
    }
    let addresses = match address.map(String::as_str) {
        None | Some("*") => vec![AddressRule::ANY],
        Some(address) => rules(address)?,
    };
    let client = Name::Is(name.as_bytes().to_vec());
    Ok(SecretEntry { client, server: Name::Any, secret: Secret::from(key.as_str()), addresses })
}

/// HIS, as in `set ifaddr`.
fn rules(his: &str) -> Result<Vec<AddressRule>, String> {
    let ifaddr = IfAddr::parse(&["0".to_owned(), his.to_owned()])?;
    let allow = |range| AddressRule { allow: true, range };
    Ok(match ifaddr.remote {
        RemoteAddress::Any => vec![AddressRule::ANY],
        RemoteAddress::Fixed(address) => vec![allow(Ipv4Range { first: address, last: address })],
        RemoteAddress::Prefer(address) => {
            vec![allow(Ipv4Range { first: address, last: address }), AddressRule::ANY]
        }
        RemoteAddress::Ranges(ranges) => ranges.into_iter().map(allow).collect(),
    })
}

impl Plan {
    /// The methods, with what is said about them, in ppp's order.
    fn methods(&self) -> impl Iterator<Item = (AuthProtocol, Stance)> + '_ {
        AuthProtocol::ALL.iter().map(|method| {
            let stance = match method {
                AuthProtocol::Pap => self.negotiable.pap,
                AuthProtocol::ChapMd5 => self.negotiable.chap,
                #[cfg(feature = "legacy-auth")]
                AuthProtocol::MsChapV2 => self.negotiable.chap81,
            };
            (*method, stance)
        })
    }

    /// Whether the peer must prove who it is.
    pub fn requires_authentication(&self) -> bool {
        let negotiable = &self.negotiable;
        [negotiable.pap, negotiable.chap, negotiable.chap81].iter().any(|stance| stance.ask == Some(true))
    }

    /// What a link is told. `host` stands for `set authname` where there is none.
    pub fn auth_config(&self, secrets: Secrets, host: &str, entropy: Entropy) -> AuthConfig {
        let chosen = |wanted: &dyn Fn(Stance) -> bool| {
            self.methods().filter(|(_, stance)| wanted(*stance)).map(|(method, _)| method).collect()
        };
        let is_named = !self.authname.is_empty();
        let has_key = is_named && !self.authkey.0.is_empty();
        AuthConfig {
            require: chosen(&|stance| stance.ask == Some(true)),
            // ppp accepts all of them by itself.
            answer: chosen(&|stance| stance.grant != Some(false)),
            password: has_key.then(|| Secret::from(self.authkey.0.as_str())),
            pap: secrets.clone(),
            chap: secrets,
            ..AuthConfig::new(if is_named { &self.authname } else { host }, entropy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_ppp::tests::vpn;

    const FILE: &str = "\
# name key [address]
venus \"a key\" 192.168.1.1

mars another\t10.0.0.1-10.0.0.9,10.0.0.20 # a range
ceres x *
pluto
eris * 10.0.0.1
\"haumea x
makemake secretkey 300.1.1.1
sedna y 10.0.0.1 label
";

    #[test]
    fn a_file_is_read_as_ppp_reads_it_and_what_is_wrong_is_named_without_the_key() {
        let (secrets, problems) = secrets(FILE, "ppp.secret");
        let may = |name: &str, address: &str| {
            let entry = secrets.find(Some(name.as_bytes()), Some(b"any")).unwrap();
            AddressRule::allows(&entry.addresses, address.parse().unwrap())
        };
        assert_eq!(secrets.find(Some(b"venus"), None).unwrap().secret, Secret::from("a key"));
        assert!(may("venus", "192.168.1.1") && !may("venus", "192.168.1.2"));
        assert!(may("mars", "10.0.0.20") && may("mars", "10.0.0.3") && !may("mars", "10.0.0.10"));
        assert!(may("ceres", "10.9.9.9"));
        assert_eq!(secrets.0.len(), 3);
        let lines: Vec<_> = problems.iter().map(|problem| problem.place.line).collect();
        assert_eq!(lines, [6, 7, 8, 9, 10]);
        let text: String = problems.iter().map(ToString::to_string).collect();
        assert!(text.contains("`makemake …`") && !text.contains("secretkey"), "{text}");
    }

    fn config(lines: &str) -> AuthConfig {
        vpn(lines).auth_config(secrets(FILE, "").0, "host", Entropy::new([1; 32]))
    }

    #[test]
    fn enable_demands_and_deny_refuses() {
        let plain = config("");
        assert!(plain.require.is_empty() && plain.password.is_none());
        assert_eq!((plain.answer, plain.name.as_str()), (AuthProtocol::ALL.to_vec(), "host"));
        let config =
            config(" enable pap chap\n deny mschapv2 pap\n set authname venus\n set authkey secret\n");
        assert_eq!(config.require, [AuthProtocol::ChapMd5, AuthProtocol::Pap]);
        assert_eq!(config.answer, [AuthProtocol::ChapMd5]);
        assert_eq!((config.user.as_str(), config.password), ("venus", Some(Secret::from("secret"))));
        assert!(vpn(" enable chap81\n").requires_authentication());
        assert!(!vpn(" accept chap\n disable pap\n").requires_authentication());
    }
}
