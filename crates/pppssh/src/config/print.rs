//! `pppssh config`: the commented example, and an effective profile with the origin of its values.

use std::fmt::Write as _;

use super::load::{Effective, to_table};
use super::profile::{KEYS, Profile};
use super::sources::Source;

/// A complete profile with every key commented out, and what each means.
pub fn example() -> String {
    let defaults = to_table(&Profile::default());
    let mut out = String::from(
        "# A pppssh profile: /etc/pppssh/NAME.toml, then ~/.config/pppssh/NAME.toml; flags override both.\n\
         # Where a default differs from the value shown, it is named.\n",
    );
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            let _ = write!(out, "\n# ── {section} ──\n");
        }
        out.push('\n');
        for line in key.doc {
            let _ = writeln!(out, "#{line}");
        }
        let default = defaults.get(&key.name()).map(ToString::to_string);
        if default.as_deref() != Some(key.sample) {
            let _ = writeln!(out, "# Default: {}", default.as_deref().unwrap_or("not set"));
        }
        let _ = writeln!(out, "#{} = {}", key.name(), key.sample);
    }
    out
}

impl Effective {
    /// The profile as TOML, with the origin of each value.
    pub fn show(&self) -> String {
        let values = to_table(&self.profile);
        let mut out = format!("# The profile `{}`", self.name);
        for (position, file) in self.files.iter().enumerate() {
            let word = if position == 0 { " from" } else { ", then" };
            let _ = write!(out, "{word} {}", file.display());
        }
        out.push('\n');
        let set: Vec<_> =
            KEYS.iter().filter_map(|key| Some((key.name(), values.get(&key.name())?))).collect();
        let lines: Vec<_> = set.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        // Long lists would push every comment off the screen.
        let width =
            lines.iter().map(|line| line.chars().count()).filter(|width| *width <= 48).max().unwrap_or(0);
        for ((name, _), line) in set.iter().zip(&lines) {
            let _ = writeln!(out, "{line:width$}  # {}", self.sources.of(name));
        }
        for key in KEYS.iter().filter(|key| !values.contains_key(&key.name())) {
            let _ = writeln!(out, "# {} is not set", key.name());
        }
        out
    }

    /// Whether anything but a default was said about `key`.
    pub fn is_set(&self, key: &str) -> bool {
        self.sources.of(key) != Source::Default
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::{Table, Value};

    fn uncommented() -> Vec<(String, Value, Option<String>)> {
        let text = example();
        let mut default = None;
        let mut keys = Vec::new();
        for line in text.lines() {
            if let Some(value) = line.strip_prefix("# Default: ") {
                default = Some(value.to_owned());
            } else if let Some(line) =
                line.strip_prefix('#').filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            {
                let table: Table = toml::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
                let (key, value) = table.into_iter().next().unwrap();
                keys.push((key, value, default.take()));
            }
        }
        keys
    }

    #[test]
    fn every_key_of_a_profile_occurs_in_the_example_once() {
        let names: Vec<_> = uncommented().into_iter().map(|(key, ..)| key).collect();
        assert_eq!(names, KEYS.iter().map(super::super::profile::Key::name).collect::<Vec<_>>());
    }

    #[test]
    fn the_example_with_everything_uncommented_is_a_good_profile() {
        let table: Table = uncommented().into_iter().map(|(key, value, _)| (key, value)).collect();
        let profile: Profile = toml::from_str(&table.to_string()).unwrap();
        super::super::check::check(&profile).unwrap();
        assert_eq!(to_table(&profile), table, "each value is written back as the example writes it");
    }

    #[test]
    fn the_defaults_that_the_example_names_are_the_real_ones() {
        let defaults = to_table(&Profile::default());
        for (key, shown, named) in uncommented() {
            match (named.as_deref(), defaults.get(&key)) {
                (None, default) => assert_eq!(Some(&shown), default, "{key}"),
                (Some("not set"), default) => assert_eq!(default, None, "{key}"),
                (Some(named), default) => {
                    let table: Table = toml::from_str(&format!("{key} = {named}")).unwrap();
                    assert_eq!(table.get(&key), default, "{key}");
                }
            }
        }
    }
}
