//! Turns YAML events into a tree, and refuses what a manifest has no need of.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use super::{DEPTH, Entry, NODES, Node, Scalar, Value, last_line};
use crate::plugin::checks::{Check, Place, Report, quote};

/// Why reading cannot go on.
pub(super) enum Stop {
    Syntax { line: u64, info: String },
    TooLarge { line: u64, limit: String },
}

impl Stop {
    pub(super) fn tell(self, file: &str, report: &mut Report) {
        match self {
            Self::Syntax { line, info } => report.add(
                Check::ManifestSyntax,
                Place {
                    file,
                    line: Some(line),
                },
                &format!("the manifest is not valid YAML: {info}"),
                "Mend the line; quote a text that holds `:`, `#`, `{`, `[`, `*`, `&`, `!` or `%`.",
            ),
            Self::TooLarge { line, limit } => report.add(
                Check::ManifestTooLarge,
                Place {
                    file,
                    line: Some(line),
                },
                &format!("the manifest has more than {limit}"),
                "Keep only metadata in the manifest.",
            ),
        }
    }
}

pub(super) struct Reader<'t, 'r> {
    parser: Parser<'t, StrInput<'t>>,
    /// The number of the last line: the parser names the one after it when something is missing at the end.
    last: u64,
    file: &'r str,
    report: &'r mut Report,
    nodes: usize,
    clean: bool,
}

impl<'t, 'r> Reader<'t, 'r> {
    /// A reader of `text`, the content of `file`.
    pub(super) fn new(text: &'t str, file: &'r str, report: &'r mut Report) -> Self {
        Self {
            parser: Parser::new_from_str(text),
            last: last_line(text),
            file,
            report,
            nodes: 0,
            clean: true,
        }
    }

    /// Whether nothing was refused so far.
    pub(super) fn is_clean(&self) -> bool {
        self.clean
    }

    fn next(&mut self) -> Result<(Event<'t>, u64), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.line(&span.start))),
            Some(Err(error)) => Err(Stop::Syntax {
                line: self.line(error.marker()),
                info: error.info().to_owned(),
            }),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn line(&self, place: &Marker) -> u64 {
        u64::try_from(place.line())
            .unwrap_or(u64::MAX)
            .clamp(1, self.last)
    }

    fn refuse(&mut self, check: Check, line: u64, message: &str, fix: &str) {
        self.clean = false;
        let place = Place {
            file: self.file,
            line: Some(line),
        };
        self.report.add(check, place, message, fix);
    }

    /// The only document of the stream.
    pub(super) fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    let info = "it has more than one document".to_owned();
                    return Err(Stop::Syntax { line, info });
                }
                event => root = Some(self.node(event, line, 0)?),
            }
        }
        root.ok_or_else(|| Stop::Syntax {
            line: 1,
            info: "it is empty".to_owned(),
        })
    }

    fn node(&mut self, event: Event<'t>, line: u64, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if depth > DEPTH {
            return Err(Stop::TooLarge {
                line,
                limit: format!("{DEPTH} levels"),
            });
        }
        if self.nodes > NODES {
            return Err(Stop::TooLarge {
                line,
                limit: format!("{NODES} values"),
            });
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_marks(anchor, tag.is_some(), line);
                Value::Scalar(Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                    block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded),
                })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_marks(anchor, tag.is_some(), line);
                self.sequence(depth)?
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_marks(anchor, tag.is_some(), line);
                self.mapping(depth)?
            }
            _ => {
                self.refuse_marks(1, false, line);
                Value::Scalar(Scalar {
                    text: String::new(),
                    plain: true,
                    block: false,
                })
            }
        };
        Ok(Node { line, value })
    }

    fn refuse_marks(&mut self, anchor: usize, tagged: bool, line: u64) {
        let (mark, fix) = match (anchor > 0, tagged) {
            (true, _) => (
                "an anchor or an alias (`&`, `*`)",
                "Write the value out where it is used, or quote the text.",
            ),
            (false, true) => (
                "a tag (`!`)",
                "Remove the tag; quote the value if it is a text.",
            ),
            (false, false) => return,
        };
        let message =
            format!("the manifest uses {mark}, which hosts and the farm could follow differently");
        self.refuse(Check::ManifestAnchor, line, &message, fix);
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(items)),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut entries = Vec::new();
        let mut lines = BTreeMap::new();
        loop {
            let (event, line) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Mapping(entries));
            }
            let key = self.node(event, line, depth + 1)?;
            let (event, value_line) = self.next()?;
            let value = self.node(event, value_line, depth + 1)?;
            let Value::Scalar(key) = key.value else {
                let fix = "Write the key as one word.";
                self.refuse(
                    Check::ManifestSyntax,
                    line,
                    "a key of the manifest is not a text",
                    fix,
                );
                continue;
            };
            if key.plain && key.text == "<<" {
                let fix = "Write the fields out instead of merging them.";
                self.refuse(
                    Check::ManifestMergeKey,
                    line,
                    "the manifest merges one mapping into another (`<<`)",
                    fix,
                );
            } else if let Some(first) = lines.insert(key.text.clone(), line) {
                let message = format!(
                    "the key {} stands here and in line {first}",
                    quote(&key.text)
                );
                self.refuse(
                    Check::ManifestDuplicateKey,
                    line,
                    &message,
                    "Keep one of the two.",
                );
            } else {
                entries.push(Entry {
                    key: key.text,
                    line,
                    value,
                });
            }
        }
    }
}
