//! A past text as a table of pieces of the present one, and the ed script that leads from the one to the other.

use serde::{Deserialize, Serialize};

use super::draft::LineEdit;
use super::error::IndexError;

/// The most lines that a patch may add, and runs that a table may have: with more, the whole index is as good.
const MAX_LINES: u64 = 8_000;
const MAX_RUNS: usize = 200;

/// How the present text comes of a past one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pieces {
    /// How many lines the past text has.
    lines: u64,
    runs: Vec<Run>,
}

/// A run of lines of the present index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Run {
    /// The past one had them, from this line on.
    Copy(u64, u64),
    /// New lines.
    Insert(u64),
}

impl Run {
    fn lines(self) -> u64 {
        match self {
            Self::Copy(_, lines) | Self::Insert(lines) => lines,
        }
    }

    /// The run's first lines, and the others.
    fn split(self, at: u64) -> (Self, Self) {
        match self {
            Self::Copy(from, lines) => (Self::Copy(from, at), Self::Copy(from + at, lines - at)),
            Self::Insert(lines) => (Self::Insert(at), Self::Insert(lines - at)),
        }
    }
}

impl Pieces {
    /// That nothing has changed in a text of so many lines.
    pub(super) fn unchanged(lines: u64) -> Self {
        Self {
            lines,
            runs: vec![Run::Copy(0, lines)],
        }
    }

    /// Whether a patch can be worth its bytes.
    pub(super) fn is_small(&self) -> bool {
        let inserted = self.runs.iter().map(|piece| match piece {
            Run::Copy(..) => 0,
            Run::Insert(lines) => *lines,
        });
        self.runs.len() <= MAX_RUNS && inserted.sum::<u64>() <= MAX_LINES
    }

    /// The ed script: the last change first, so that line numbers stay what they are. `text` gives lines of the present.
    pub(super) fn script(
        &self,
        mut text: impl FnMut(u64, u64) -> Result<String, IndexError>,
    ) -> Result<String, IndexError> {
        let mut script = String::new();
        for hunk in self.hunks().iter().rev() {
            let (first, last) = (hunk.old + 1, hunk.old + hunk.removed);
            let place = if hunk.removed > 1 {
                format!("{first},{last}")
            } else {
                last.max(hunk.old).to_string()
            };
            let verb = match (hunk.removed, hunk.inserted) {
                (0, _) => 'a',
                (_, 0) => 'd',
                _ => 'c',
            };
            script.push_str(&format!("{place}{verb}\n"));
            if hunk.inserted > 0 {
                script.push_str(&text(hunk.new, hunk.inserted)?);
                script.push_str(".\n");
            }
        }
        Ok(script)
    }

    /// The present text is edited.
    pub(super) fn edit(&mut self, edit: LineEdit) {
        self.runs = edited(&self.runs, edit);
    }

    /// What has changed, in the order of the text.
    fn hunks(&self) -> Vec<Hunk> {
        let (mut hunks, mut old, mut new, mut inserted) = (Vec::new(), 0, 0, 0);
        for run in self.runs.iter().copied().chain([Run::Copy(self.lines, 0)]) {
            match run {
                Run::Insert(lines) => inserted += lines,
                Run::Copy(from, lines) => {
                    if from > old || inserted > 0 {
                        hunks.push(Hunk {
                            old,
                            removed: from - old,
                            new,
                            inserted,
                        });
                    }
                    old = from + lines;
                    new += inserted + lines;
                    inserted = 0;
                }
            }
        }
        hunks
    }
}

/// Lines of the past, from `old` on, in whose place are lines of the present, from `new` on. Lines count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hunk {
    old: u64,
    removed: u64,
    new: u64,
    inserted: u64,
}

/// The runs after an edit of the text that they make.
fn edited(runs: &[Run], edit: LineEdit) -> Vec<Run> {
    let (mut made, mut line) = (Vec::new(), 0);
    let (start, end) = (edit.at, edit.at + edit.removed);
    let mut tail = Vec::new();
    for piece in runs {
        let (first, last) = (line, line + piece.lines());
        line = last;
        push(&mut made, piece.split(start.clamp(first, last) - first).0);
        push(&mut tail, piece.split(end.clamp(first, last) - first).1);
    }
    push(&mut made, Run::Insert(edit.inserted));
    for piece in tail {
        push(&mut made, piece);
    }
    made
}

/// Adds a run, or makes the last one longer.
fn push(pieces: &mut Vec<Run>, run: Run) {
    match (pieces.last_mut(), run) {
        (_, run) if run.lines() == 0 => {}
        (Some(Run::Insert(lines)), Run::Insert(more)) => *lines += more,
        (Some(Run::Copy(from, lines)), Run::Copy(next, more)) if *from + *lines == next => {
            *lines += more;
        }
        (_, run) => pieces.push(run),
    }
}
