//! `-o KEY=VALUE`, as on ssh's command line.

use std::str::FromStr;

use toml::{Table, Value};

use super::given::Given;
use super::profile::{KEYS, Key, Profile};

/// `-o KEY=VALUE`: any key of the profile.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyValue {
    key: String,
    value: Value,
}

impl KeyValue {
    /// The key that it sets.
    pub(super) fn given(&self) -> Given {
        Given { flag: format!("-o {}", self.key), key: self.key.clone(), value: self.value.clone() }
    }
}

/// Why a text is no [`KeyValue`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyValue {
    /// There is no `=`.
    #[error("`{0}` is not KEY=VALUE")]
    NoEquals(String),
    /// No key of that name.
    #[error("there is no key `{key}`; did you mean `{nearest}`? `pppssh config --example` lists all")]
    UnknownKey {
        /// What was given.
        key: String,
        /// The most similar key.
        nearest: String,
    },
    /// The key does not take that value.
    #[error("{key}: {why}")]
    BadValue {
        /// The key.
        key: String,
        /// What it expects.
        why: String,
    },
}

impl FromStr for KeyValue {
    type Err = BadKeyValue;

    fn from_str(text: &str) -> Result<Self, BadKeyValue> {
        let (key, value) = text.split_once('=').ok_or_else(|| BadKeyValue::NoEquals(text.to_owned()))?;
        if Key::find(key).is_none() {
            return Err(BadKeyValue::UnknownKey { key: key.to_owned(), nearest: nearest_key(key) });
        }
        // As TOML first (numbers, lists, true); else as the string that a shell user means.
        let as_toml =
            toml::from_str::<Table>(&format!("v = {value}")).ok().and_then(|mut table| table.remove("v"));
        let as_text = Value::from(value);
        let accepts = |value: &Value| {
            Table::from_iter([(key.to_owned(), value.clone())]).try_into::<Profile>().map_err(|error| {
                BadKeyValue::BadValue { key: key.to_owned(), why: error.message().to_owned() }
            })
        };
        let value = match as_toml {
            Some(value) if accepts(&value).is_ok() => value,
            Some(value) => match accepts(&as_text) {
                Ok(_) => as_text,
                Err(_) => return Err(accepts(&value).expect_err("checked in the arm above")),
            },
            None => accepts(&as_text).map(|_| as_text)?,
        };
        Ok(Self { key: key.to_owned(), value })
    }
}

/// The key most like `word`.
pub(super) fn nearest_key(word: &str) -> String {
    let word = word.replace('_', "-").to_ascii_lowercase();
    let likeness = |name: &String| strsim::jaro_winkler(name, &word);
    let names = KEYS.iter().map(Key::name);
    names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
}
