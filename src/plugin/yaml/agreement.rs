//! The second reading: serde_yaml must see the same document as the farm.

use super::{Entry, Node, Value, last_line};
use crate::plugin::checks::{Check, Place, Report};
use crate::plugin::scalar;

/// Reads `text` again, and tells `report` if that gives another document than `node`.
pub(super) fn check(file: &str, text: &str, node: &Node, report: &mut Report) {
    match serde_yaml::from_str::<serde_yaml::Value>(text) {
        Ok(value) if is_same(node, &value) => {}
        Ok(_) => {
            let message = "two YAML readers understand the manifest differently, so a host might read other values";
            let place = Place { file, line: None };
            report.add(Check::ManifestAmbiguous, place, message, FIX);
        }
        Err(error) => {
            let line = error
                .location()
                .and_then(|place| u64::try_from(place.line()).ok())
                .map(|line| line.min(last_line(text)));
            let message = format!("hosts cannot read the manifest: {error}");
            report.add(Check::ManifestSyntax, Place { file, line }, &message, FIX);
        }
    }
}

const FIX: &str = "Write it more plainly: one `key: value` a line, texts in quotes, no tabs.";

fn is_same(node: &Node, other: &serde_yaml::Value) -> bool {
    use serde_yaml::Value as Yaml;
    match (&node.value, other) {
        (Value::Scalar(scalar), Yaml::String(text)) => scalar.text == *text,
        (Value::Scalar(scalar), Yaml::Null | Yaml::Bool(_) | Yaml::Number(_)) => {
            scalar.plain && !scalar::is_text(&scalar.text) && is_read_as(&scalar.text, other)
        }
        (Value::Sequence(items), Yaml::Sequence(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(a, b)| is_same(a, b))
        }
        (Value::Mapping(entries), Yaml::Mapping(others)) => {
            let is_same_entry = |entry: &Entry, key: &Yaml, value: &Yaml| {
                let key_is_same = match key {
                    Yaml::String(text) => entry.key == *text,
                    other => is_read_as(&entry.key, other),
                };
                key_is_same && is_same(&entry.value, value)
            };
            entries.len() == others.len()
                && entries
                    .iter()
                    .zip(others)
                    .all(|(entry, (key, value))| is_same_entry(entry, key, value))
        }
        _ => false,
    }
}

/// Whether serde_yaml reads the plain scalar `text`, on its own, as `value`.
fn is_read_as(text: &str, value: &serde_yaml::Value) -> bool {
    serde_yaml::from_str::<serde_yaml::Value>(text).is_ok_and(|read| read == *value)
}
