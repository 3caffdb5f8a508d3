//! Settings as they may be shown.

use serde_json::{Map, Value};

/// What stands where a secret does.
const MASK: &str = "********";
/// What the name of a secret ends with.
const SECRET: [&str; 6] = [
    "password",
    "secret",
    "token",
    "sha256",
    "_key",
    "passphrase",
];

/// All settings as one mapping. They may hold secrets: nothing but [`Merged::masked`] shows them.
#[derive(Clone, PartialEq)]
pub struct Merged(pub(super) Map<String, Value>);

impl Merged {
    /// As they may be shown.
    #[must_use]
    pub fn masked(&self) -> Map<String, Value> {
        masked(&self.0)
    }
}

impl std::fmt::Debug for Merged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.masked().fmt(f)
    }
}

/// `settings` without their secrets: passwords, tokens and keys by the names that settings have for them, and the credentials
/// in addresses, wherever they are.
fn masked(settings: &Map<String, Value>) -> Map<String, Value> {
    let entries = settings.iter();
    entries
        .map(|(key, value)| {
            let name = key.to_ascii_lowercase();
            let secret = SECRET.iter().any(|end| name.ends_with(end)) && !value.is_null();
            let shown = match secret && !value.is_array() {
                true => MASK.into(),
                false => mask(value),
            };
            (key.clone(), shown)
        })
        .collect()
}

fn mask(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(masked(map)),
        Value::Array(items) => items.iter().map(mask).collect(),
        Value::String(text) => Value::String(without_credentials(text)),
        other => other.clone(),
    }
}

/// `scheme://user:password@host` without what is before the `@`.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((credentials, _)) = authority.rsplit_once('@') else {
        return text.to_owned();
    };
    let after = rest.strip_prefix(credentials).unwrap_or_default();
    format!("{scheme}://{MASK}{after}")
}
