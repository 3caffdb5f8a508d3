//! Fields of bodies and queries, and what is said of wrong ones: the words and the shapes that clients know.

use serde_json::{Map, Value, json};

/// What is wrong with one field.
pub(super) type Wrong = Value;

fn wrong(message: &str, id: &str, constraint: Value) -> Wrong {
    json!({"message": message, "constraint_id": id, "constraint": constraint})
}

pub(super) fn required() -> Wrong {
    wrong(
        "Missing data for required field.",
        "required",
        "required".into(),
    )
}

pub(super) fn not_null() -> Wrong {
    wrong("Field may not be null.", "not_null", "not_null".into())
}

/// `kind` is string, integer, boolean, list or dict.
pub(super) fn not_a(kind: &str) -> Wrong {
    let message = match kind {
        "dict" => "Invalid type.".to_owned(),
        kind => format!("Not a valid {kind}."),
    };
    wrong(&message, "type", kind.into())
}

pub(super) fn choices(choices: &[&str]) -> Wrong {
    let message = format!("Must be one of: {}.", choices.join(", "));
    wrong(&message, "enum", json!({ "choices": choices }))
}

pub(super) fn too_short() -> Wrong {
    let constraint = json!({"min": 1, "max": null});
    wrong("Shorter than minimum length 1.", "length", constraint)
}

pub(super) fn too_small(min: u64) -> Wrong {
    let message = format!("Must be greater than or equal to {min}.");
    wrong(&message, "range", json!({ "min": min }))
}

/// What must be said of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
    /// It may be left out, and it may be null.
    Nullable,
}

/// Reads the fields of an object, and notes what is wrong with them.
pub(super) struct Fields<'b> {
    body: &'b Map<String, Value>,
    pub(super) wrong: Map<String, Value>,
}

impl<'b> Fields<'b> {
    pub(super) fn new(body: &'b Map<String, Value>) -> Self {
        Self {
            body,
            wrong: Map::new(),
        }
    }

    /// A text of at least `min` characters, which is 0 or 1. What is too short stands in a list: fields inside of another
    /// one keep the list that others lose.
    pub(super) fn text(&mut self, name: &str, need: Need, min: usize) -> Option<String> {
        let found = match self.body.get(name) {
            None if need == Need::Required => Err(required()),
            None => return None,
            Some(Value::Null) if need == Need::Nullable => return None,
            Some(Value::Null) => Err(not_null()),
            Some(Value::String(text)) if text.len() < min => Err(json!([too_short()])),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(not_a("string")),
        };
        match found {
            Ok(text) => Some(text),
            Err(wrong) => {
                self.wrong.insert(name.to_owned(), wrong);
                None
            }
        }
    }
}

/// A boolean of a query, in the words that clients have for it.
pub(super) fn boolean(text: &str) -> Result<bool, Wrong> {
    const TRUE: &[&str] = &[
        "t", "T", "true", "True", "TRUE", "on", "On", "ON", "y", "Y", "yes", "Yes", "YES", "1",
    ];
    const FALSE: &[&str] = &[
        "f", "F", "false", "False", "FALSE", "off", "Off", "OFF", "n", "N", "no", "No", "NO", "0",
    ];
    match text {
        text if TRUE.contains(&text) => Ok(true),
        text if FALSE.contains(&text) => Ok(false),
        _ => Err(not_a("boolean")),
    }
}

/// A number of a query that is 0 or more. What is larger than any number here is as good as the largest.
pub(super) fn number(text: &str) -> Result<usize, Wrong> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(not_a("integer"));
    }
    let number = digits.parse().unwrap_or(usize::MAX);
    match text.starts_with('-') && number > 0 {
        true => Err(too_small(0)),
        false => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_booleans_of_queries() {
        assert_eq!(number("5"), Ok(5));
        assert_eq!(number(" +5 "), Ok(5));
        assert_eq!(number("-0"), Ok(0));
        assert_eq!(number("-1"), Err(too_small(0)));
        assert_eq!(number(&"9".repeat(99)), Ok(usize::MAX));
        for bad in ["", "x", "1.5", "--1", "é"] {
            assert_eq!(number(bad), Err(not_a("integer")), "{bad}");
        }
        assert_eq!(boolean("True"), Ok(true));
        assert_eq!(boolean("off"), Ok(false));
        for bad in ["", "tRUE", "2"] {
            assert_eq!(boolean(bad), Err(not_a("boolean")), "{bad}");
        }
    }
}
