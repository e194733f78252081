//! Reading one profile file: TOML in, a checked table and the line of each key out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;
use toml::{Spanned, Table};

use super::ConfigError;
use super::key_value::nearest_key;
use super::profile::{Key, Profile};

/// The keys that one file sets.
#[derive(Debug)]
pub(super) struct Layer {
    /// Key and value, each known to be good by itself.
    pub(super) values: Table,
    /// The line of each key, counted from 1.
    pub(super) lines: BTreeMap<String, usize>,
}

impl Layer {
    /// Parses the text of `path`.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let line_of = |offset: usize| 1 + text.get(..offset).unwrap_or(text).matches('\n').count();
        let in_file = |span: Option<Range<usize>>, message: String| ConfigError::InFile {
            path: path.to_owned(),
            line: line_of(span.map_or(0, |span| span.start)),
            message,
        };
        let broken = |error: &toml::de::Error| in_file(error.span(), error.message().to_owned());

        let tree = DeTable::parse(text).map_err(|error| broken(&error))?;
        let mut lines = BTreeMap::new();
        for key in tree.get_ref().keys() {
            let name: &str = key.get_ref();
            if Key::find(name).is_none() {
                let nearest = nearest_key(name);
                let message = format!(
                    "there is no key `{name}`; did you mean `{nearest}`? `pppssh config --example` lists all"
                );
                return Err(in_file(Some(key.span()), message));
            }
            lines.insert(name.to_owned(), line_of(key.span().start));
        }
        toml::from_str::<Profile>(text).map_err(|error| {
            let key = error.span().and_then(|span| key_around(tree.get_ref(), &span));
            let key = key.map(|key| format!("`{key}`: ")).unwrap_or_default();
            in_file(error.span(), format!("{key}{}", error.message()))
        })?;
        let values = toml::from_str(text).map_err(|error| broken(&error))?;
        Ok(Self { values, lines })
    }
}

/// The key whose value contains the span.
fn key_around(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let around = |value: &Spanned<toml::de::DeValue<'_>>| {
        value.span().start <= span.start && span.end <= value.span().end
    };
    table.iter().find(|(_, value)| around(value)).map(|(key, _)| key.get_ref().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Layer::parse(Path::new("/etc/pppssh/saturn.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_one() {
        assert_eq!(
            error("host = \"saturn\"\n\nroute = [\"192.168.2.0/24\"]\n"),
            "/etc/pppssh/saturn.toml:3: there is no key `route`; did you mean `routes`? `pppssh config --example` \
             lists all"
        );
        assert!(error("lcp_echo_intervall = 3").contains("`lcp-echo-interval`"));
    }

    #[test]
    fn a_bad_value_is_named_with_its_key_and_line() {
        let message = error("# a comment\nmtu = 1500\nmru = 20\n");
        assert!(
            message.starts_with("/etc/pppssh/saturn.toml:3: `mru`: `20` is not a packet size"),
            "{message}"
        );
        let message = error("routes = [\n  \"10.0.0.0/8\",\n  \"10.0.0.1/8\",\n]\n");
        assert!(message.starts_with("/etc/pppssh/saturn.toml:3: `routes`: 10.0.0.1/8 has bits"), "{message}");
        let message = error("persist = \"yes\"");
        assert!(message.starts_with("/etc/pppssh/saturn.toml:1: `persist`: invalid type"), "{message}");
        let message = error("addresses = \"192.168.1.1\"");
        assert!(message.contains("write for example 192.168.1.1:192.168.2.1"), "{message}");
    }

    #[test]
    fn broken_toml_is_named_with_its_line() {
        assert!(error("mtu = 1500\nmtu = 1400\n").starts_with("/etc/pppssh/saturn.toml:2: "));
        assert!(error("host = ").starts_with("/etc/pppssh/saturn.toml:1: "));
    }
}
