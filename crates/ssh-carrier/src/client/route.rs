//! The way to a host: itself, or over jump hosts.

use super::ClientConfig;
use super::target::Target;
use crate::CarrierError;

/// Longer ways are taken for a configuration that leads in a circle.
const MOST_HOPS: usize = 8;

/// All hosts to log in to, the nearest first and the called one last.
pub(super) async fn plan(config: &ClientConfig) -> Result<Vec<Target>, CarrierError> {
    let mut way = vec![Target::resolve(config).await?];
    // From the far end backwards: each host may name those before it.
    while let Some(jumps) = way.last_mut().and_then(|nearest| nearest.jump.take()) {
        let jumps = jumps.split(',').map(str::trim).map(Jump::parse).collect::<Result<Vec<_>, _>>()?;
        for (index, jump) in jumps.iter().enumerate().rev() {
            let mut hop = Target::resolve(&jump.config(config)).await?;
            if index > 0 {
                // It is reached over the one before it in the list, whatever its own configuration says.
                hop.jump = None;
                hop.proxy_command = None;
            }
            way.push(hop);
        }
        if way.len() > MOST_HOPS {
            return Err(CarrierError::Config(format!(
                "the way to {} has more than {MOST_HOPS} hops; does ProxyJump lead in a circle?",
                config.host
            )));
        }
    }
    way.reverse();
    Ok(way)
}

/// One host of a ProxyJump list: `[user@]host[:port]` or `ssh://[user@]host[:port]`.
#[derive(Debug, PartialEq, Eq)]
struct Jump {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Jump {
    fn parse(text: &str) -> Result<Self, CarrierError> {
        let bad = || CarrierError::Config(format!("{text:?} is no jump host: expected [user@]host[:port]"));
        let rest = text.strip_prefix("ssh://").map_or(text, |uri| uri.trim_end_matches('/'));
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user.to_owned()), rest),
            None => (None, rest),
        };
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']').ok_or_else(bad)?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(bad)?) })
        } else {
            match rest.split_once(':') {
                // More than one colon: an IPv6 address by itself.
                Some((_, port)) if port.contains(':') => (rest, None),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let port = port.map(str::parse).transpose().map_err(|_| bad())?;
        if host.is_empty() { Err(bad()) } else { Ok(Self { user, host: host.to_owned(), port }) }
    }

    /// Jump hosts have a configuration of their own; of the caller's, only where to find it counts.
    fn config(&self, caller: &ClientConfig) -> ClientConfig {
        ClientConfig {
            user: self.user.clone(),
            port: self.port,
            config_file: caller.config_file.clone(),
            ssh_program: caller.ssh_program.clone(),
            window: caller.window,
            ..ClientConfig::new(&self.host)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_are_read_as_ssh_writes_them() {
        let jump = |user: Option<&str>, host: &str, port| Jump {
            user: user.map(Into::into),
            host: host.into(),
            port,
        };
        for (text, expected) in [
            ("venus", jump(None, "venus", None)),
            ("me@venus:2222", jump(Some("me"), "venus", Some(2222))),
            ("ssh://me@venus:2222/", jump(Some("me"), "venus", Some(2222))),
            ("[2001:db8::1]:2222", jump(None, "2001:db8::1", Some(2222))),
            ("2001:db8::1", jump(None, "2001:db8::1", None)),
        ] {
            assert_eq!(Jump::parse(text).unwrap(), expected, "{text}");
        }
        for bad in ["", "venus:ssh", "venus:99999", "[::1", "me@"] {
            assert!(Jump::parse(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_way_in_a_circle_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(&file, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n").unwrap();
        let mut config = ClientConfig::new("a");
        config.config_file = Some(file);
        assert!(plan(&config).await.unwrap_err().to_string().contains("circle"));
    }

    #[tokio::test]
    async fn the_nearest_of_several_jump_hosts_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        std::fs::write(&file, "Host a\n ProxyJump zero\nHost b\n ProxyCommand false\n").unwrap();
        let mut config = ClientConfig::new("saturn");
        config.config_file = Some(file);
        config.jump = Some("a,me@b:2222".into());
        let way = plan(&config).await.unwrap();
        assert_eq!(way.iter().map(|hop| hop.host.as_str()).collect::<Vec<_>>(), ["zero", "a", "b", "saturn"]);
        assert_eq!((way[2].user.as_str(), way[2].port, &way[2].proxy_command), ("me", 2222, &None));
    }
}
