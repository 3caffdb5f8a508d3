//! From the texts of the files to one mapping.

use serde_json::{Map, Number, Value};

use super::SAMPLE;
use super::check::HostConfigError;

/// Bytes that one file may have.
const MAX_SIZE: usize = 256 << 10;
/// Levels of mappings and lists inside each other.
const MAX_DEPTH: usize = 32;
/// Values in one file, those that aliases repeat included.
const MAX_VALUES: usize = 20_000;

/// What one file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer(pub(super) Map<String, Value>);

impl Layer {
    /// A text that the file says, at its top.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_owned)
    }
}

/// Reads the text of a file; an empty one says nothing.
///
/// # Errors
///
/// [`HostConfigError`], without the file's name.
pub fn layer(text: &str) -> Result<Layer, HostConfigError> {
    if text.len() > MAX_SIZE {
        return Err(HostConfigError::TooLarge {
            limit: "262144 bytes",
        });
    }
    let value: serde_yaml::Value =
        serde_yaml::from_str(text).map_err(|error| HostConfigError::Syntax {
            message: error.to_string(),
        })?;
    let mut left = MAX_VALUES;
    match plain(value, 0, &mut left)? {
        Value::Object(layer) => Ok(Layer(layer)),
        Value::Null => Ok(Layer(Map::new())),
        _ => Err(HostConfigError::Syntax {
            message: "it must be a mapping of settings".to_owned(),
        }),
    }
}

/// YAML as JSON. What needs a program to be run, or anything else that only a tag could mean, is refused.
fn plain(
    value: serde_yaml::Value,
    depth: usize,
    left: &mut usize,
) -> Result<Value, HostConfigError> {
    *left = left.checked_sub(1).ok_or(HostConfigError::TooLarge {
        limit: "20000 values",
    })?;
    if depth > MAX_DEPTH {
        return Err(HostConfigError::TooLarge { limit: "32 levels" });
    }
    Ok(match value {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(value) => Value::Bool(value),
        serde_yaml::Value::Number(number) => number_of(&number),
        serde_yaml::Value::String(text) => Value::String(text),
        serde_yaml::Value::Sequence(items) => {
            let items = items.into_iter().map(|item| plain(item, depth + 1, left));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        serde_yaml::Value::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key_of(&key)?, plain(value, depth + 1, left)?);
            }
            Value::Object(map)
        }
        serde_yaml::Value::Tagged(tagged) => {
            return Err(HostConfigError::Tag {
                tag: tagged.tag.to_string(),
            });
        }
    })
}

fn number_of(number: &serde_yaml::Number) -> Value {
    let float = || Number::from_f64(number.as_f64()?);
    let whole = number.as_i64().map(Number::from);
    let number = whole
        .or_else(|| number.as_u64().map(Number::from))
        .or_else(float);
    number.map_or(Value::Null, Value::Number)
}

fn key_of(key: &serde_yaml::Value) -> Result<String, HostConfigError> {
    match key {
        serde_yaml::Value::String(text) => Ok(text.clone()),
        serde_yaml::Value::Number(number) => Ok(number.to_string()),
        serde_yaml::Value::Bool(value) => Ok(value.to_string()),
        _ => Err(HostConfigError::Syntax {
            message: "a setting's name is not a text".to_owned(),
        }),
    }
}

/// One mapping of all layers, the strongest first, and the defaults below them.
pub(super) fn merge(layers: Vec<Layer>) -> Result<Map<String, Value>, HostConfigError> {
    let mut merged = Map::new();
    for Layer(stronger) in std::iter::once(layer(SAMPLE)?).chain(layers.into_iter().rev()) {
        lay(&mut merged, stronger);
    }
    Ok(merged)
}

/// Lays one mapping over another: mappings are merged, everything else is replaced.
fn lay(below: &mut Map<String, Value>, above: Map<String, Value>) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}
