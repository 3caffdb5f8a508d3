//! Paragraphs of Debian control files (Debian Policy 5.1, deb822(5)): fields in their order, unknown ones kept verbatim.

use std::fmt;

/// The largest paragraph that is read, in bytes.
const LIMIT: usize = 1 << 20;

/// The most fields that a paragraph may have.
const FIELDS: usize = 512;

/// A text that is no paragraph, or a field that cannot be part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A line that is neither a field, nor the continuation of one.
    #[error("line {line} is no field and continues none")]
    Line {
        /// The line's number, from 1.
        line: usize,
    },
    /// A field that comes twice.
    #[error("the field `{name}` comes twice")]
    Duplicate {
        /// The field's name.
        name: String,
    },
    /// A name that no field may have.
    #[error("`{name}` is no field name")]
    Name {
        /// The name, made printable.
        name: String,
    },
    /// A value that would end its field early, or holds a control character.
    #[error(
        "the value of `{name}` has an empty line, a line that is not indented, or a control character"
    )]
    Value {
        /// The field's name.
        name: String,
    },
    /// More than one paragraph, or none.
    #[error("there must be exactly one paragraph")]
    Count,
    /// Too large.
    #[error("the paragraph has more than 1 MiB or 512 fields")]
    Limit,
}

/// One paragraph: fields with their values, in order. Names compare without regard to case (Debian Policy 5.1).
///
/// A value of several lines keeps them as they are written: every line after the first starts with a space or a tab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paragraph {
    fields: Vec<(String, String)>,
}

impl Paragraph {
    /// Reads the one paragraph that `text` holds. Empty lines around it are skipped.
    ///
    /// # Errors
    /// Anything that dpkg would refuse or two readers could understand in two ways.
    pub fn parse(text: &str) -> Result<Self, ControlError> {
        if text.len() > LIMIT {
            return Err(ControlError::Limit);
        }
        let mut paragraph = Self::default();
        let mut ended = false;
        for (index, line) in text.lines().enumerate() {
            let line_error = ControlError::Line { line: index + 1 };
            if line.trim().is_empty() {
                ended = !paragraph.fields.is_empty();
            } else if ended {
                return Err(ControlError::Count);
            } else if line.starts_with([' ', '\t']) {
                let (_, value) = paragraph.fields.last_mut().ok_or(line_error)?;
                value.push('\n');
                value.push_str(line.trim_end());
            } else {
                let (name, value) = line.split_once(':').ok_or(line_error)?;
                paragraph.push(name, value.trim())?;
            }
        }
        paragraph
            .fields
            .iter()
            .try_for_each(|(name, value)| check_value(name, value))?;
        if paragraph.fields.is_empty() {
            return Err(ControlError::Count);
        }
        Ok(paragraph)
    }

    /// Appends a field.
    ///
    /// # Errors
    /// A name that is none or is taken; a value that would end its field early.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), ControlError> {
        if !is_field_name(name) {
            return Err(ControlError::Name {
                name: crate::model::printable(name, 80),
            });
        }
        if self.get(name).is_some() {
            return Err(ControlError::Duplicate {
                name: name.to_owned(),
            });
        }
        if self.fields.len() == FIELDS {
            return Err(ControlError::Limit);
        }
        check_value(name, value)?;
        self.fields.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    /// A field's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .fields
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Display for Paragraph {
    /// Writes the fields, each ended by a line end; no empty line after the last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            let space = if value.is_empty() || value.starts_with('\n') {
                ""
            } else {
                " "
            };
            writeln!(f, "{name}:{space}{value}")?;
        }
        Ok(())
    }
}

/// Printable ASCII but space and colon, and neither `#` nor `-` first (Debian Policy 5.1).
fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['#', '-'])
        && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

fn check_value(name: &str, value: &str) -> Result<(), ControlError> {
    let continues = |line: &str| line.starts_with([' ', '\t']) && !line.trim().is_empty();
    let plain = |c: char| !c.is_control() || c == '\t' || c == '\n';
    if value.split('\n').skip(1).all(continues) && value.chars().all(plain) {
        Ok(())
    } else {
        Err(ControlError::Value {
            name: name.to_owned(),
        })
    }
}

/// The value of a `Description` field (Debian Policy 5.6.13): the synopsis, and below it the text with its paragraphs,
/// wrapped at 79 characters. A line that is longer as one word stays whole.
#[must_use]
pub fn description(synopsis: &str, text: &str) -> String {
    let mut value = one_line(synopsis);
    for line in text.trim().lines() {
        let words = one_line(line);
        if words.is_empty() {
            value.push_str("\n .");
            continue;
        }
        let mut width = usize::MAX;
        for word in words.split(' ') {
            let length = word.chars().count();
            if width.saturating_add(length) >= 79 {
                // A dot must not come first in a line; a line that is indented once more is shown as it is.
                value.push_str(if word.starts_with('.') { "\n  " } else { "\n " });
                width = length + 1;
            } else {
                value.push(' ');
                width += length + 1;
            }
            value.push_str(word);
        }
    }
    value
}

/// `text` on one line: every run of white space and control characters becomes one space.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_keep_their_order_and_their_text() {
        let text = "Package: a\nX-Odd_Field: 1: 2\nDescription: short\n long\n .\n\tmore\n";
        let paragraph = Paragraph::parse(text).unwrap();
        assert_eq!(paragraph.get("package"), Some("a"));
        assert_eq!(paragraph.get("X-Odd_Field"), Some("1: 2"));
        assert_eq!(
            paragraph.get("Description"),
            Some("short\n long\n .\n\tmore")
        );
        assert_eq!(paragraph.to_string(), text);
    }

    #[test]
    fn what_is_no_paragraph_is_refused() {
        for (text, error) in [
            ("", ControlError::Count),
            ("\n\n", ControlError::Count),
            ("A: 1\n\nB: 2\n", ControlError::Count),
            (" A: 1\n", ControlError::Line { line: 1 }),
            ("A: 1\nB\n", ControlError::Line { line: 2 }),
            (
                "A: 1\na: 2\n",
                ControlError::Duplicate {
                    name: "a".to_owned(),
                },
            ),
            (
                "-A: 1\n",
                ControlError::Name {
                    name: "-A".to_owned(),
                },
            ),
            (
                "A: \u{1b}\n",
                ControlError::Value {
                    name: "A".to_owned(),
                },
            ),
        ] {
            assert_eq!(Paragraph::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_value_cannot_smuggle_in_a_field() {
        for value in ["1\nDepends: evil", "1\n\n 2", "1\r2", "1\n"] {
            assert!(
                Paragraph::default().push("Version", value).is_err(),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_description_is_wrapped() {
        let text = format!("{}\n\n.dotted line\n", "word ".repeat(20));
        insta::assert_snapshot!(description("says\n hello", &text), @r"
        says hello
         word word word word word word word word word word word word word word word
         word word word word word
         .
          .dotted line
        ");
    }

    proptest! {
        #[test]
        fn a_paragraph_reads_what_it_writes(fields in prop::collection::btree_map("[A-Za-z][A-Za-z0-9-]{0,9}", "([ -~é]{0,19}[!-~é])?(\n [!-~]{1,20}){0,3}", 1..5)) {
            let mut paragraph = Paragraph::default();
            for (name, value) in &fields {
                // Names that differ in case alone are one field.
                if paragraph.get(name).is_none() {
                    paragraph.push(name, value.trim_start_matches(' ').trim_end()).unwrap();
                }
            }
            let text = paragraph.to_string();
            let again = Paragraph::parse(&text).unwrap();
            prop_assert_eq!(again.to_string(), text);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|[A-Z: \t\n.]{0,60}") {
            let parsed = Paragraph::parse(&text);
            if let Ok(paragraph) = parsed {
                prop_assert!(Paragraph::parse(&paragraph.to_string()).is_ok());
            }
        }
    }
}
