//! Takes single fields out of a manifest's tree, and says what is wrong with each that cannot be taken.

use crate::model::printable;

use crate::plugin::checks::{Check, Place, Report, quote};
use crate::plugin::scalar;
use crate::plugin::yaml::{Entry, Node, Scalar, Value};

/// Characters of one field.
const LENGTH: usize = 2000;
/// Items of one list.
const ITEMS: usize = 200;

/// What a scalar may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text to YAML too: a number or a truth value must stand in quotes.
    Word,
    /// Anything; what was written counts.
    AsWritten,
    /// As [`Kind::AsWritten`], and the line break that ends a `|` or `>` block is dropped.
    Prose,
}

/// A scalar that was taken.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) line: u64,
    /// Written without quotes.
    pub(super) plain: bool,
}

/// The fields of one mapping of `file`.
pub(super) struct Fields<'a, 'r> {
    pub(super) file: &'a str,
    pub(super) entries: &'a [Entry],
    /// What stands before a field's name in words, such as `depends[0].`.
    pub(super) prefix: String,
    pub(super) report: &'r mut Report,
}

impl<'a> Fields<'a, '_> {
    /// Adds a finding about a line of this file.
    pub(super) fn add(&mut self, check: Check, line: Option<u64>, message: &str, fix: &str) {
        let field = line.and_then(|line| self.field_at(line));
        self.add_about(check, line, field, message, fix);
    }

    fn add_about(
        &mut self,
        check: Check,
        line: Option<u64>,
        field: Option<String>,
        message: &str,
        fix: &str,
    ) {
        let place = Place {
            file: self.file,
            line,
        };
        self.report.add_about(check, place, field, message, fix);
    }

    /// The one field whose value begins on a line.
    fn field_at(&self, line: u64) -> Option<String> {
        let mut found = self.entries.iter().filter(|one| one.value.line == line);
        let one = found.next().filter(|_| found.next().is_none())?;
        Some(printable(&format!("{}{}", self.prefix, one.key), 100))
    }

    /// The value of `key`, whatever it is.
    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map(|entry| &entry.value)
    }

    /// The text of `key`, which must be there and not empty.
    pub(super) fn required(&mut self, key: &str, kind: Kind) -> Option<Text> {
        let node = self.node(key);
        if node.is_none_or(is_null) {
            let name = format!("{}{key}", self.prefix);
            let message = format!("the field `{name}` is missing");
            let fix = format!("Add a line `{key}: …`.");
            self.add_about(
                Check::FieldMissing,
                node.map(|node| node.line),
                Some(name),
                &message,
                &fix,
            );
            return None;
        }
        self.optional(key, kind)
    }

    /// The text of `key`, if it is there and not null.
    pub(super) fn optional(&mut self, key: &str, kind: Kind) -> Option<Text> {
        let node = self.node(key).filter(|node| !is_null(node))?;
        self.text(node, &format!("{}{key}", self.prefix), kind)
    }

    /// The items of the list `key`, if it is there; null is an empty list where `null_is_empty`.
    pub(super) fn list(&mut self, key: &str, null: Null) -> &'a [Node] {
        match self.node(key) {
            None => &[],
            Some(node) if null == Null::IsEmpty && is_null(node) => &[],
            Some(Node {
                value: Value::Sequence(items),
                ..
            }) if items.len() <= ITEMS => items,
            Some(node) => {
                let line = Some(node.line);
                if let Value::Sequence(items) = &node.value {
                    let message = format!(
                        "the list `{key}` has {} items; at most {ITEMS} are read",
                        items.len()
                    );
                    self.add(Check::FieldTooLong, line, &message, "Shorten the list.");
                } else {
                    let message = format!("the field `{key}` must be a list");
                    let fix = format!(
                        "Write each item on a line of its own after `{key}:`, with `- ` before it."
                    );
                    self.add(Check::FieldType, line, &message, &fix);
                }
                &[]
            }
        }
    }

    /// The text of one node, called `name` in findings.
    pub(super) fn text(&mut self, node: &Node, name: &str, kind: Kind) -> Option<Text> {
        let line = Some(node.line);
        let Value::Scalar(scalar) = &node.value else {
            let message = format!("the field `{name}` must be a text, and is a list or a mapping");
            self.add(Check::FieldType, line, &message, "Write one value.");
            return None;
        };
        let shown = quote(&scalar.text);
        let quoted = format!("Put it in quotes: `\"{}\"`.", printable(&scalar.text, 80));
        if scalar.plain && scalar::is_ambiguous(&scalar.text) {
            let message =
                format!("YAML 1.1 and YAML 1.2 read {shown} in the field `{name}` differently");
            self.add(Check::FieldAmbiguous, line, &message, &quoted);
            return None;
        }
        if kind == Kind::Word && scalar.plain && !scalar::is_text(&scalar.text) {
            let message = format!(
                "the field `{name}` must be a text, and YAML reads {shown} as another type"
            );
            self.add(Check::FieldType, line, &message, &quoted);
            return None;
        }
        let text = prose(scalar, kind);
        if printable(text, usize::MAX) != text {
            let message =
                format!("the field `{name}` holds a line break or a control character: {shown}");
            let fix = "Write it on one line; fold a long text with `>-`.";
            self.add(Check::FieldControlCharacter, line, &message, fix);
            return None;
        }
        if text.chars().nth(LENGTH).is_some() {
            let message = format!("the field `{name}` has more than {LENGTH} characters");
            self.add(Check::FieldTooLong, line, &message, "Shorten it.");
            return None;
        }
        Some(Text {
            text: text.to_owned(),
            line: node.line,
            plain: scalar.plain,
        })
    }
}

/// What null means to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Null {
    IsEmpty,
    IsRefused,
}

fn prose(scalar: &Scalar, kind: Kind) -> &str {
    if kind == Kind::Prose && scalar.block {
        scalar.text.trim_end_matches('\n')
    } else {
        &scalar.text
    }
}

/// Whether both versions of YAML read the node as null.
pub(super) fn is_null(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(scalar) => scalar.plain && scalar::is_null(&scalar.text),
        Value::Sequence(_) | Value::Mapping(_) => false,
    }
}
