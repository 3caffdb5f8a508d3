//! Metadata as it is on a host: what YAML 1.1 makes of it, as hosts read it (PyYAML), told in JSON.
//!
//! It was installed, so it is shown, whatever is strange in it; what would grow without an end is refused. This is no check of a
//! plugin: that is what the rest of this module is for.

mod scalar;

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Value};

use scalar::json;

/// The most bytes that metadata may have.
const SIZE: usize = 256 << 10;
/// Levels of mappings and lists inside each other.
const DEPTH: usize = 32;
/// Values, those that aliases repeat included.
const NODES: usize = 10_000;

/// Why installed metadata cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstalledError {
    /// It is larger, deeper or has more values than any real one.
    #[error("the metadata has more than {limit}")]
    TooLarge {
        /// How much it may have.
        limit: &'static str,
    },
    /// It is no YAML that hosts could read, or no mapping.
    #[error("the metadata cannot be read: {message}")]
    Syntax {
        /// What is wrong.
        message: String,
    },
}

/// Reads the metadata of an installed plugin. The last of two equal keys counts; dates are texts (ISO 8601).
///
/// # Errors
///
/// [`InstalledError`].
pub fn installed(bytes: &[u8]) -> Result<Map<String, Value>, InstalledError> {
    if bytes.len() > SIZE {
        return Err(InstalledError::TooLarge {
            limit: "262144 bytes",
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| syntax("it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        left: NODES,
    };
    match reader.document()? {
        Value::Object(map) => Ok(map),
        _ => Err(syntax("it is no mapping")),
    }
}

fn syntax(message: &str) -> InstalledError {
    InstalledError::Syntax {
        message: message.to_owned(),
    }
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Values with a name, and how many values each has.
    anchors: HashMap<usize, (Value, usize)>,
    left: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Event<'t>, InstalledError> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(syntax(&format!(
                "{} in line {}",
                error.info(),
                error.marker().line()
            ))),
            None => Ok(Event::StreamEnd),
        }
    }

    fn take(&mut self, values: usize) -> Result<(), InstalledError> {
        self.left = self
            .left
            .checked_sub(values)
            .ok_or(InstalledError::TooLarge {
                limit: "10000 values",
            })?;
        Ok(())
    }

    fn document(&mut self) -> Result<Value, InstalledError> {
        let mut root = None;
        loop {
            match self.next()? {
                Event::StreamEnd => return root.ok_or_else(|| syntax("it is empty")),
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
                _ if root.is_some() => return Err(syntax("it has more than one document")),
                event => root = Some(self.node(event, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, depth: usize) -> Result<Value, InstalledError> {
        if depth > DEPTH {
            return Err(InstalledError::TooLarge { limit: "32 levels" });
        }
        self.take(1)?;
        let before = self.left;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = tag.is_some_and(|tag| tag.suffix == "str");
                let value = match style {
                    ScalarStyle::Plain if !text_tag => json(&text),
                    _ => Value::String(text.into_owned()),
                };
                (anchor, value)
            }
            Event::SequenceStart(anchor, _) => (anchor, self.sequence(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.mapping(depth)?),
            Event::Alias(anchor) => {
                let known = self.anchors.get(&anchor).cloned();
                let (value, size) = known.ok_or_else(|| syntax("an alias names itself"))?;
                self.take(size)?;
                (0, value)
            }
            _ => (0, Value::Null),
        };
        if anchor > 0 {
            let size = before - self.left + 1;
            self.take(size)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, InstalledError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.node(event, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, InstalledError> {
        let (mut merged, mut own) = (Map::new(), Map::new());
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let merges =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, depth + 1)?;
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            match key {
                _ if merges => merge(&mut merged, value)?,
                Value::String(key) => {
                    own.insert(key, value);
                }
                Value::Array(_) | Value::Object(_) => return Err(syntax("a key is no text")),
                // As Python's JSON writes it.
                other => {
                    own.insert(other.to_string(), value);
                }
            }
        }
        for (key, value) in own {
            merged.insert(key, value);
        }
        Ok(Value::Object(merged))
    }
}

/// The entries of a mapping, or of several of which the first counts, below those that are written out.
fn merge(into: &mut Map<String, Value>, value: Value) -> Result<(), InstalledError> {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                into.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            items.into_iter().try_for_each(|item| merge(into, item))
        }
        _ => Err(syntax("only mappings can be merged")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        match installed(text.as_bytes()) {
            Ok(map) => Value::Object(map).to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values_are_what_pyyaml_makes_of_them() {
        for (text, json) in [
            ("1.10", "1.1"),
            ("1.0", "1.0"),
            ("1", "1"),
            ("-7", "-7"),
            ("010", "8"),
            ("08", "\"08\""),
            ("0x1F", "31"),
            ("-0x_1", "-1"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("1:2", "62"),
            ("-1:2", "-62"),
            ("1:2.0", "62.0"),
            ("190:20:30", "685230"),
            ("1:2.0.0", "\"1:2.0.0\""),
            ("1e3", "\"1e3\""),
            ("1.5e+3", "1500.0"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("yes", "true"),
            ("Off", "false"),
            ("y", "\"y\""),
            ("True", "true"),
            ("~", "null"),
            ("", "null"),
            ("NULL", "null"),
            (".inf", "\".inf\""),
            (".nan", "\".nan\""),
            ("2020-01-31", "\"2020-01-31\""),
            ("2020-1-2 3:04:05", "\"2020-01-02T03:04:05\""),
            (
                "2001-12-14t21:59:43.10-05:00",
                "\"2001-12-14T21:59:43.100000-05:00\"",
            ),
            ("2001-12-14 21:59:43 Z", "\"2001-12-14T21:59:43+00:00\""),
            ("2020-99-99", "\"2020-99-99\""),
            ("1.0.0", "\"1.0.0\""),
            ("'1.0'", "\"1.0\""),
            ("!!str 1.0", "\"1.0\""),
            ("=", "\"=\""),
            (
                "123456789012345678901234567890",
                "\"123456789012345678901234567890\"",
            ),
        ] {
            assert_eq!(
                shown(&format!("v: {text}")),
                format!("{{\"v\":{json}}}"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_last_of_two_keys_counts_and_keys_are_texts() {
        assert_eq!(shown("a: 1\nb: 2\na: 3"), r#"{"a":3,"b":2}"#);
        assert_eq!(
            shown("1: a\nyes: b\n~: c\n1.5: d"),
            r#"{"1":"a","true":"b","null":"c","1.5":"d"}"#
        );
        assert_eq!(
            shown("? [a]\n: b"),
            "the metadata cannot be read: a key is no text"
        );
    }

    #[test]
    fn anchors_and_merges_are_followed_as_far_as_they_stay_small() {
        assert_eq!(
            shown("a: &x {b: 1, c: 2}\nd: *x\ne: {<<: *x, c: 3}"),
            r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":2},"e":{"b":1,"c":3}}"#
        );
        assert_eq!(
            shown("a: &x {b: 1}\nc: {<<: [*x, {b: 2, d: 3}]}"),
            r#"{"a":{"b":1},"c":{"b":1,"d":3}}"#
        );
        assert!(shown("a: &x [*x]").contains("an alias names itself"));
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..9 {
            let names = vec![format!("*a{}", n - 1); 10].join(",");
            bomb.push_str(&format!("a{n}: &a{n} [{names}]\n"));
        }
        assert_eq!(shown(&bomb), "the metadata has more than 10000 values");
    }

    #[test]
    fn what_is_no_metadata_is_an_error() {
        assert!(shown("").contains("it is empty"));
        assert!(shown("- a").contains("it is no mapping"));
        assert!(shown("a: 1\n---\nb: 2").contains("more than one document"));
        assert!(shown("a: [").contains("in line"));
        assert!(shown(&format!("a: {}", "[".repeat(99))).contains("32 levels"));
        assert_eq!(
            installed(b"a: \xff").unwrap_err(),
            syntax("it is not UTF-8")
        );
        assert!(shown(&"#".repeat(SIZE + 1)).contains("262144 bytes"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a-z0-9:.&*<>!~' \\-\\[\\]{}\n_+xeE]{0,60}") {
            drop(installed(text.as_bytes()));
        }

        #[test]
        fn no_scalar_panics(text in "[0-9:._+eExbTtZ -]{1,30}") {
            drop(installed(format!("v: {text}").as_bytes()));
        }
    }
}
