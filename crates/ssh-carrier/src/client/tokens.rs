//! `~`, `%h` and `${NAME}` in ssh_config: ssh_config(5), TOKENS.

use std::path::PathBuf;

use crate::CarrierError;

/// What the tokens stand for.
pub(super) struct Tokens<'a> {
    given: &'a str,
    host: &'a str,
    port: u16,
    user: &'a str,
    alias: Option<&'a str>,
    home: Option<PathBuf>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(
        given: &'a str,
        host: &'a str,
        port: u16,
        user: &'a str,
        alias: Option<&'a str>,
        home: Option<PathBuf>,
    ) -> Self {
        Self { given, host, port, user, alias, home }
    }

    /// A file name, with `~` for the home directory.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, CarrierError> {
        let text = self.expand(text)?;
        match text.strip_prefix("~/") {
            Some(rest) => Ok(self.home()?.join(rest)),
            None => Ok(text.into()),
        }
    }

    fn home(&self) -> Result<&PathBuf, CarrierError> {
        self.home
            .as_ref()
            .ok_or_else(|| CarrierError::Config("the home directory is not known; set HOME".to_owned()))
    }

    /// Any text, with the tokens replaced.
    pub(super) fn expand(&self, text: &str) -> Result<String, CarrierError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['%', '$']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("${") {
                let (name, after) = after.split_once('}').ok_or_else(|| bad(text, "an unclosed ${"))?;
                out.push_str(&std::env::var(name).map_err(|_| bad(text, "a variable that is not set"))?);
                rest = after;
            } else if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else {
                let token = rest[1..].chars().next().ok_or_else(|| bad(text, "a % at the end"))?;
                out.push_str(&self.token(token).ok_or_else(|| bad(text, "a token that is not supported"))?);
                rest = &rest[1 + token.len_utf8()..];
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn token(&self, token: char) -> Option<String> {
        Some(match token {
            '%' => "%".to_owned(),
            'd' => self.home.as_ref()?.to_str()?.to_owned(),
            'h' => self.host.to_owned(),
            'i' => rustix::process::getuid().as_raw().to_string(),
            'k' => self.alias.unwrap_or(self.given).to_owned(),
            'l' => rustix::system::uname().nodename().to_str().ok()?.to_owned(),
            'L' => rustix::system::uname().nodename().to_str().ok()?.split('.').next()?.to_owned(),
            'n' => self.given.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => std::env::var("USER").ok()?,
            _ => return None,
        })
    }
}

fn bad(text: &str, what: &str) -> CarrierError {
    CarrierError::Config(format!("{text:?} in the ssh configuration has {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_stands_for_its_value_and_unknown_ones_are_errors() {
        let tokens = Tokens::new("saturn", "10.0.0.1", 2222, "vpn", None, Some("/home/me".into()));
        assert_eq!(
            tokens.expand("%n %h %p %r %k 100%% $x").unwrap(),
            "saturn 10.0.0.1 2222 vpn saturn 100% $x"
        );
        assert!(tokens.expand("%Z").is_err());
        assert!(tokens.expand("%").is_err());
        assert!(tokens.expand("${UNCLOSED").is_err());
        assert_eq!(tokens.path("~/.ssh/%r").unwrap(), PathBuf::from("/home/me/.ssh/vpn"));
        assert_eq!(tokens.path("/abs/~/x").unwrap(), PathBuf::from("/abs/~/x"));
    }
}
