//! What the command line sets.

use serde::Serialize;
use toml::Value;

use super::profile::Key;

/// A key that the command line sets, and the flag that did it.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The flag as the user wrote it, for messages: `--route`.
    pub flag: String,
    /// The key that it sets: `routes`.
    pub key: String,
    /// The value, as it would stand in the file.
    pub value: Value,
}

impl Given {
    /// A flag's value for a key.
    pub fn new(flag: &str, key: &str, value: impl Serialize) -> Self {
        debug_assert!(Key::find(key).is_some(), "{key} is not a key");
        // Every value here is one that a profile can hold, and a profile is TOML.
        let value = Value::try_from(value).expect("a profile's values have a TOML form");
        Self { flag: flag.to_owned(), key: key.to_owned(), value }
    }
}
