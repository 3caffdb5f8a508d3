//! Reads a manifest's YAML into a small tree that keeps what was written: each scalar's text, its style and its line.
//!
//! The text is a stranger's, so nothing that can grow or surprise is taken: no anchors, aliases, tags, merge keys or
//! duplicate keys, and little size and depth. It is read event by event, and then serde_yaml, whose scanner descends
//! from the one that hosts use, must see the same document: no value can mean one thing here and another there.

use super::checks::{Check, Place, Report};
use reader::Reader;

mod agreement;
mod reader;

/// Bytes of a manifest.
const SIZE: usize = 64 << 10;
/// Levels of mappings and sequences inside each other.
const DEPTH: usize = 16;
/// Scalars, sequences and mappings together.
const NODES: usize = 5000;

/// One value of the document, and the line where it starts (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) value: Value,
}

/// What a [`Node`] holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A text as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes, so that YAML may read it as another type.
    pub(super) plain: bool,
    /// Written as a `|` or `>` block, which ends in a line break of its own.
    pub(super) block: bool,
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// The line of the key.
    pub(super) line: u64,
    pub(super) value: Node,
}

/// Reads `bytes`, the content of `file`, as one mapping. What is wrong goes to `report`; the result is `None` if no
/// mapping could be read at all.
pub(super) fn read(file: &str, bytes: &[u8], report: &mut Report) -> Option<Vec<Entry>> {
    // The two readers disagree about a block at the end of a file without a last line break, and nothing else does.
    let text = format!("{}\n", decode(file, bytes, report)?);
    let mut reader = Reader::new(&text, file, report);
    let node = match reader.document() {
        Ok(node) => node,
        Err(stop) => {
            stop.tell(file, report);
            return None;
        }
    };
    if reader.is_clean() {
        agreement::check(file, &text, &node, report);
    }
    match node.value {
        Value::Mapping(entries) => Some(entries),
        Value::Scalar(_) | Value::Sequence(_) => {
            let place = Place {
                file,
                line: Some(node.line),
            };
            let message = "the manifest is not a mapping of fields to values";
            report.add(
                Check::ManifestSyntax,
                place,
                message,
                "Write one `field: value` a line.",
            );
            None
        }
    }
}

/// The number of the last line of `text`.
fn last_line(text: &str) -> u64 {
    (text.lines().count() as u64).max(1)
}

/// The text of `bytes` without its byte order mark, if it has a manifest's size and characters.
fn decode<'b>(file: &str, bytes: &'b [u8], report: &mut Report) -> Option<&'b str> {
    let whole = Place { file, line: None };
    if bytes.len() > SIZE {
        let message = format!(
            "the manifest has {} bytes; at most {SIZE} are read",
            bytes.len()
        );
        report.add(
            Check::ManifestTooLarge,
            whole,
            &message,
            "Keep only metadata in the manifest.",
        );
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        report.add(
            Check::ManifestNotText,
            whole,
            "the manifest is not UTF-8",
            "Save it as UTF-8.",
        );
        return None;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(line) = tab(text) {
        let place = Place {
            file,
            line: Some(line),
        };
        let message = "the manifest holds a tab, which hosts refuse";
        report.add(
            Check::ManifestSyntax,
            place,
            message,
            "Write spaces instead of the tab.",
        );
        return None;
    }
    let mut line = 1;
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
            let message = format!(
                "the manifest holds the control character U+{:04X}",
                u32::from(c)
            );
            let place = Place {
                file,
                line: Some(line),
            };
            report.add(
                Check::ManifestNotText,
                place,
                &message,
                "Remove the character.",
            );
            return None;
        }
        line += u64::from(c == '\n');
    }
    Some(text)
}

/// The first line with a tab outside a comment of its own. PyYAML takes no tab where libyaml takes one.
fn tab(text: &str) -> Option<u64> {
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let line = (1..)
        .zip(text.lines())
        .find(|(_, line)| line.contains('\t') && !is_comment(line));
    line.map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The entries, and the findings as `code:line`.
    fn read_text(text: &str) -> (Option<Vec<Entry>>, Vec<String>) {
        let mut report = Report::default();
        let entries = read("wazo/plugin.yml", text.as_bytes(), &mut report);
        let findings = report.into_findings();
        let place =
            |line: Option<u64>| line.map_or_else(|| "-".to_owned(), |line| line.to_string());
        let codes = findings
            .iter()
            .map(|finding| format!("{}:{}", finding.code, place(finding.line)));
        (entries, codes.collect())
    }

    fn scalar(text: &str) -> Scalar {
        let entries = read_text(text).0.unwrap();
        match &entries[0].value.value {
            Value::Scalar(scalar) => scalar.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_what_was_written() {
        for (yaml, text, plain) in [
            ("a: 24.10", "24.10", true),
            ("a: 010 # comment", "010", true),
            ("a: \"24.10\"", "24.10", false),
            ("a: 'it''s'", "it's", false),
            ("a: >-\n  two\n  words\n", "two words", false),
            ("a: two\n  words\n", "two words", true),
            ("a:", "", true),
            ("{a: 1.10}", "1.10", true),
            ("\u{feff}a: é🎉", "é🎉", true),
            ("---\r\na: b\r\n", "b", true),
        ] {
            let scalar = scalar(yaml);
            assert_eq!(
                (scalar.text.as_str(), scalar.plain),
                (text, plain),
                "{yaml:?}"
            );
        }
    }

    #[test]
    fn lines_count_from_one() {
        let (entries, _) = read_text("# comment\na: b\n\nc:\n  - d\n");
        let entries = entries.unwrap();
        assert_eq!((entries[0].line, entries[1].line), (2, 4));
        assert_eq!(entries[1].value.line, 5);
    }

    #[test]
    fn what_can_surprise_is_refused_with_its_line() {
        for (text, expected) in [
            ("a: 1\nb: 2\na: 3\n", "manifest-duplicate-key:3"),
            ("a:\n  b: 1\n  \"b\": 2\n", "manifest-duplicate-key:3"),
            ("b: 1\n<<: {a: 1}\n", "manifest-merge-key:2"),
            ("a: &x 1\nb: 2\n", "manifest-anchor:1"),
            ("a: !!str 1.10\n", "manifest-anchor:1"),
            ("a: !!python/object:os.system x\n", "manifest-anchor:1"),
            ("? [a]\n: b\n", "manifest-syntax:1"),
            ("a: b\n---\nc: d\n", "manifest-syntax:3"),
            ("", "manifest-syntax:1"),
            ("# only a comment\n", "manifest-syntax:1"),
            ("- a\n", "manifest-syntax:1"),
            ("just words\n", "manifest-syntax:1"),
            ("a: b\nc: \td\n", "manifest-syntax:2"),
            (": a\n", "manifest-syntax:1"),
            ("a: b\u{2028} c\n", "manifest-ambiguous:-"),
            ("a: b\u{7}\n", "manifest-not-text:1"),
            ("a: 1\nb: \u{1b}[31m\n", "manifest-not-text:2"),
        ] {
            assert_eq!(read_text(text).1, [expected], "{text:?}");
        }
    }

    #[test]
    fn broken_yaml_is_refused_with_its_line() {
        for text in [
            "a: [b\n",
            "a: b\n c: d\n",
            "a: \"b\n",
            "\ta: b\n",
            "a: 'b' c\n",
            "a: b: c\n",
            "a: @b\n",
            "}",
            "a: %b\n",
        ] {
            let (_, findings) = read_text(text);
            assert!(
                findings.iter().any(|code| code.starts_with("manifest-")),
                "{text:?}: {findings:?}"
            );
        }
    }

    #[test]
    fn a_bomb_of_aliases_never_grows() {
        let mut text = "a0: &a0 [x, x]\n".to_owned();
        for level in 1..30 {
            let below = level - 1;
            text.push_str(&format!("a{level}: &a{level} [*a{below}, *a{below}]\n"));
        }
        let (_, findings) = read_text(&text);
        assert_eq!(findings[0], "manifest-anchor:1");
    }

    #[test]
    fn size_depth_and_number_of_values_are_limited() {
        let deep = format!("a: {}", "[".repeat(100));
        assert_eq!(read_text(&deep).1, ["manifest-too-large:1"]);
        let deep: String = (0..100)
            .map(|level| format!("{}a:\n", " ".repeat(level)))
            .collect();
        assert_eq!(read_text(&deep).1, ["manifest-too-large:17"]);
        let many = format!("a: [{}]", "x,".repeat(6000));
        assert_eq!(read_text(&many).1, ["manifest-too-large:1"]);
        let large = format!("a: {}", "x".repeat(SIZE));
        assert_eq!(read_text(&large).1, ["manifest-too-large:-"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_text_is_read_or_refused(text in "([a-c ~:?,'\"&*!|>#%@`{}\\[\\]0-9.\n\t-]|\\PC|\r\n|---\n|: |- |<<: ){0,60}") {
            let (entries, findings) = read_text(&text);
            prop_assert!(entries.is_some() || !findings.is_empty());
        }

        #[test]
        fn what_is_read_without_complaint_is_what_serde_yaml_reads(
            keys in prop::collection::vec("[a-z_]{1,8}", 1..6),
            values in prop::collection::vec("[0-9.]{1,6}|[a-z0-9 :,'\"#-]{0,12}|true|null|~|0x1f|1e3", 6),
        ) {
            let lines = keys.iter().zip(&values).map(|(key, value)| format!("{key}: {value}\n"));
            let text: String = lines.collect();
            let (entries, findings) = read_text(&text);
            if let (Some(entries), true) = (entries, findings.is_empty()) {
                let typed: std::collections::BTreeMap<String, serde_yaml::Value> = serde_yaml::from_str(&text).unwrap();
                prop_assert_eq!(entries.len(), typed.len());
                for entry in entries {
                    let Value::Scalar(scalar) = &entry.value.value else { continue };
                    if let serde_yaml::Value::String(text) = &typed[&entry.key] {
                        prop_assert_eq!(text, &scalar.text);
                    } else {
                        // serde_yaml hands out a plain scalar's own text where a string is asked for.
                        let written: Result<std::collections::BTreeMap<String, String>, _> = serde_yaml::from_str(&text);
                        if let Ok(written) = written {
                            prop_assert_eq!(&written[&entry.key], &scalar.text);
                        }
                    }
                }
            }
        }
    }
}
