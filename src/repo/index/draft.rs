//! Changes of the texts of shards, before anything is compressed.

use super::error::IndexError;
use super::log::Change;
use super::shard::{Effort, Packed, Piece, SEALED, lines};

/// Lines of a text that others took the place of. Those before it in a list have happened already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineEdit {
    pub(super) at: u64,
    pub(super) removed: u64,
    pub(super) inserted: u64,
}

/// The end of a log, from some shard on.
pub(super) struct Draft {
    /// The last is the open one.
    shards: Vec<DraftShard>,
    /// How many lines come before the first.
    before: u64,
    next: u64,
    edits: Vec<LineEdit>,
}

#[derive(Default)]
struct DraftShard {
    packed: Packed,
    /// How it is to be compressed, if it has changed.
    effort: Option<Effort>,
    /// How many lines its text has now.
    lines: u64,
}

impl DraftShard {
    /// A new shard, for the stanzas from this serial number on.
    fn open(first: u64) -> Self {
        let mut open = Self {
            effort: Some(Effort::Quick),
            ..Self::default()
        };
        open.packed.shard.first = first;
        open
    }
}

/// What comes of a draft.
pub(super) struct Drafted {
    /// The last is the open shard.
    pub(super) pieces: Vec<Piece>,
    pub(super) next: u64,
    pub(super) edits: Vec<LineEdit>,
}

impl Draft {
    /// The end of a log with `before` lines before it. Without any shard, it is a whole log that is empty.
    pub(super) fn new(packed: Vec<Packed>, before: u64, next: u64) -> Self {
        let mut shards: Vec<_> = packed
            .into_iter()
            .map(|packed| DraftShard {
                lines: packed.shard.lines,
                effort: None,
                packed,
            })
            .collect();
        if shards.is_empty() {
            shards.push(DraftShard::open(next));
        }
        Self {
            shards,
            before,
            next,
            edits: Vec::new(),
        }
    }

    pub(super) fn apply(&mut self, change: &Change) -> Result<(), IndexError> {
        match change {
            Change::Append { serial, stanza } => self.append(*serial, stanza),
            Change::Replace { serial, old, new } => self.replace(*serial, old, Some(new)),
            Change::Remove { serial, stanza } => self.replace(*serial, stanza, None),
        }
    }

    fn append(&mut self, serial: u64, stanza: &str) -> Result<(), IndexError> {
        check(serial, stanza)?;
        if serial < self.next {
            return Err(IndexError::Order {
                serial,
                next: self.next,
            });
        }
        self.next = serial.saturating_add(1);
        let at = self.before + self.shards.iter().map(|shard| shard.lines).sum::<u64>();
        let inserted = lines(stanza) + 1;
        self.edits.push(LineEdit {
            at,
            removed: 0,
            inserted,
        });
        let Some(open) = self.shards.last_mut() else {
            return Ok(());
        };
        open.packed.text.push_str(stanza);
        open.packed.text.push('\n');
        open.lines += inserted;
        open.effort = Some(Effort::Quick);
        if open.packed.text.len() >= SEALED {
            open.effort = Some(Effort::Best);
            self.shards.push(DraftShard::open(self.next));
        }
        Ok(())
    }

    /// Puts `new`, or nothing, in the place of `old`.
    fn replace(&mut self, serial: u64, old: &str, new: Option<&str>) -> Result<(), IndexError> {
        new.map_or(Ok(()), |new| check(serial, new))?;
        let missing = || IndexError::Missing { serial };
        let holder = |shard: &DraftShard| shard.packed.shard.first <= serial;
        let number = self.shards.iter().rposition(holder).unwrap_or(0);
        let (earlier, rest) = self.shards.split_at_mut(number);
        let shard = rest.first_mut().ok_or_else(missing)?;
        let text = &mut shard.packed.text;
        let place = find(text, old).ok_or_else(missing)?;
        let head = text.get(..place).unwrap_or_default();
        let above: u64 = earlier.iter().map(|shard| shard.lines).sum();
        let edit = LineEdit {
            at: self.before + above + lines(head),
            removed: lines(old) + 1,
            inserted: new.map_or(0, |new| lines(new) + 1),
        };
        let new = new.map(|new| format!("{new}\n")).unwrap_or_default();
        text.replace_range(place..place + old.len() + 1, &new);
        shard.lines = shard.lines - edit.removed + edit.inserted;
        shard.effort.get_or_insert(Effort::Quick);
        self.edits.push(edit);
        Ok(())
    }

    /// What is to be compressed. A sealed shard that was emptied goes.
    pub(super) fn finish(self) -> Drafted {
        let last = self.shards.len().saturating_sub(1);
        let mut pieces = Vec::new();
        for (number, shard) in self.shards.into_iter().enumerate() {
            let first = shard.packed.shard.first;
            match shard.effort {
                None => pieces.push(Piece::Ready(shard.packed)),
                Some(_) if number < last && shard.packed.text.is_empty() => {}
                Some(effort) => pieces.push(Piece::Text {
                    first,
                    text: shard.packed.text,
                    effort,
                }),
            }
        }
        Drafted {
            pieces,
            next: self.next,
            edits: self.edits,
        }
    }
}

/// A stanza is one paragraph, of lines that an ed script can hold.
fn check(serial: u64, stanza: &str) -> Result<(), IndexError> {
    let reason = if !stanza.ends_with('\n') {
        "its last line does not end"
    } else if stanza.lines().any(str::is_empty) {
        "it has an empty line"
    } else if stanza.lines().any(|line| line == ".") {
        "a line of it is a single dot"
    } else {
        return Ok(());
    };
    Err(IndexError::Stanza { serial, reason })
}

/// Where in a text of stanzas this whole one begins.
fn find(text: &str, stanza: &str) -> Option<usize> {
    let whole = |place: &usize| {
        let start = *place == 0
            || text
                .get(..*place)
                .is_some_and(|head| head.ends_with("\n\n"));
        let tail = text.get(place + stanza.len()..);
        start && tail.is_some_and(|tail| tail.starts_with('\n'))
    };
    if !stanza.ends_with('\n') {
        return None;
    }
    text.match_indices(stanza)
        .map(|(place, _)| place)
        .find(whole)
}
