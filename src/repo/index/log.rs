//! The log of shards, and how a change of it changes the files.

use serde::{Deserialize, Serialize};

use super::draft::{Draft, Drafted, LineEdit};
use super::error::IndexError;
use super::shard::{Effort, Packed, Piece, Shard, groups, pack_all};
use super::texts::{Texts, slice};
use super::{gzip, xz};
use crate::model::Sha256Midstate;
use crate::repo::storage::Expected;

/// What an index is: its shards, and what its files must be. It is part of what a repository commits, and takes some 60 bytes
/// for each shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::repo) struct IndexState {
    sealed: Vec<Shard>,
    open: Shard,
    /// Above every serial number that was ever in it.
    next: u64,
    ends: Ends,
    files: Digests,
}

/// What the three files of an index must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::repo) struct Digests {
    /// `Packages`.
    pub(in crate::repo) plain: Expected,
    /// `Packages.gz`.
    pub(in crate::repo) gz: Expected,
    /// `Packages.xz`.
    pub(in crate::repo) xz: Expected,
}

/// The digests' states where the sealed part of each file ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    plain: Sha256Midstate,
    gz: Sha256Midstate,
    xz: Sha256Midstate,
}

impl Ends {
    fn start() -> Self {
        let mut xz = Sha256Midstate::default();
        xz.update(xz::HEADER);
        Self {
            plain: Sha256Midstate::default(),
            gz: Sha256Midstate::default(),
            xz,
        }
    }
}

/// The present compressed files, whole.
#[derive(Debug, Clone, Copy)]
pub(in crate::repo) struct Present<'a> {
    /// `Packages.gz`.
    pub(in crate::repo) gz: &'a [u8],
    /// `Packages.xz`.
    pub(in crate::repo) xz: &'a [u8],
}

/// One change of an index. A stanza is a paragraph without the empty line after it, each of its lines with its line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::repo) enum Change {
    /// A new stanza at the end. Serial numbers rise, and are never used again.
    Append { serial: u64, stanza: String },
    /// Another text in the place of a stanza. It costs as much as the index is long.
    Replace {
        serial: u64,
        old: String,
        new: String,
    },
    /// A stanza goes. It costs as much as the index is long.
    Remove { serial: u64, stanza: String },
}

/// A file of the changed index: the first `kept` bytes of the present one, and `rest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::repo) struct NewFile {
    pub(in crate::repo) kept: u64,
    pub(in crate::repo) rest: Vec<u8>,
    /// What it all must be.
    pub(in crate::repo) expected: Expected,
}

impl NewFile {
    /// The whole file, of which `present` is the form that was.
    pub(in crate::repo) fn whole(&self, present: &[u8]) -> Result<Vec<u8>, IndexError> {
        let kept = slice(present, 0, self.kept)?;
        Ok([kept, &self.rest].concat())
    }
}

/// An index after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::repo) struct Edited {
    /// What it is now.
    pub(in crate::repo) state: IndexState,
    pub(in crate::repo) plain: NewFile,
    pub(in crate::repo) gz: NewFile,
    pub(in crate::repo) xz: NewFile,
    pub(super) edits: Vec<LineEdit>,
}

impl IndexState {
    /// An index without any stanza, and its files.
    pub(in crate::repo) fn empty() -> Result<Edited, IndexError> {
        let drafted = Draft::new(Vec::new(), 0, 0).finish();
        Self::write(&[], Ends::start(), drafted)
    }

    /// An index of these stanzas, from nothing.
    #[cfg(test)]
    pub(in crate::repo) fn of(
        stanzas: impl IntoIterator<Item = (u64, String)>,
    ) -> Result<Edited, IndexError> {
        let empty = Self::empty()?;
        let present = Present {
            gz: &empty.gz.rest,
            xz: &empty.xz.rest,
        };
        let changes = stanzas
            .into_iter()
            .map(|(serial, stanza)| Change::Append { serial, stanza });
        empty.state.edit(&changes.collect::<Vec<_>>(), present)
    }

    /// What the files must be.
    pub(in crate::repo) fn files(&self) -> Digests {
        self.files
    }

    /// Where the sealed part of the plain text ends: what comes before changes seldom.
    pub(in crate::repo) fn sealed_plain(&self) -> u64 {
        self.ends.plain.length()
    }

    /// How many shards are sealed.
    #[cfg(test)]
    pub(super) fn sealed(&self) -> usize {
        self.sealed.len()
    }

    pub(super) fn lines(&self) -> u64 {
        self.shards().map(|shard| shard.lines).sum()
    }

    fn shards(&self) -> impl DoubleEndedIterator<Item = &Shard> {
        self.sealed.iter().chain([&self.open])
    }

    /// The index after `changes`, which happen one after the other, all or none.
    ///
    /// # Errors
    ///
    /// See [`IndexError`].
    pub(in crate::repo) fn edit(
        &self,
        changes: &[Change],
        present: Present<'_>,
    ) -> Result<Edited, IndexError> {
        let from = changes.iter().filter_map(|change| match change {
            Change::Append { .. } => None,
            Change::Replace { serial, .. } | Change::Remove { serial, .. } => {
                Some(self.holder(*serial))
            }
        });
        let from = from.min().unwrap_or(self.sealed.len());
        let kept = self.sealed.get(..from).unwrap_or_default();
        let before = kept.iter().map(|shard| shard.lines).sum();
        let mut draft = Draft::new(self.packed(from, present)?, before, self.next);
        for change in changes {
            draft.apply(change)?;
        }
        let drafted = draft.finish();
        Self::write(kept, self.ends_at(from, present)?, drafted)
    }

    /// The same index in fewer shards, in smaller files; `None` where that would gain little. It may take seconds, and is for when
    /// nobody waits for a publication.
    ///
    /// # Errors
    ///
    /// See [`IndexError`].
    pub(in crate::repo) fn compact(
        &self,
        present: Present<'_>,
    ) -> Result<Option<Edited>, IndexError> {
        let groups = groups(&self.sealed);
        let worth = |group: &&[Shard]| group.len() > 1 || group.iter().any(|shard| shard.quick);
        let Some(first) = groups.iter().position(|group| worth(&group.as_slice())) else {
            return Ok(None);
        };
        let from = groups.iter().take(first).map(Vec::len).sum();
        let mut shards = self.packed(from, present)?.into_iter();
        let mut pieces = Vec::new();
        for group in groups.iter().skip(first) {
            let mut own: Vec<_> = shards.by_ref().take(group.len()).collect();
            if worth(&group.as_slice()) {
                let first = group.first().map_or(0, |shard| shard.first);
                let text = own.into_iter().map(|packed| packed.text).collect();
                pieces.push(Piece::Text {
                    first,
                    text,
                    effort: Effort::Best,
                });
            } else {
                pieces.extend(own.drain(..).map(Piece::Ready));
            }
        }
        pieces.extend(shards.map(Piece::Ready));
        let kept = self.sealed.get(..from).unwrap_or_default();
        let ends = self.ends_at(from, present)?;
        Self::write(kept, ends, self.drafted(pieces)).map(Some)
    }

    /// The files of this index from its stanzas alone, in the order of their serial numbers, byte for byte as they are
    /// published. Whether they are what the state says is for the caller to compare.
    ///
    /// # Errors
    ///
    /// [`IndexError::Compress`].
    pub(in crate::repo) fn rebuild(
        &self,
        stanzas: impl IntoIterator<Item = (u64, String)>,
    ) -> Result<Edited, IndexError> {
        let mut texts = vec![String::new(); self.sealed.len() + 1];
        for (serial, stanza) in stanzas {
            if let Some(text) = texts.get_mut(self.holder(serial)) {
                text.push_str(&stanza);
                text.push('\n');
            }
        }
        let pieces = self.shards().zip(texts).map(|(shard, text)| Piece::Text {
            first: shard.first,
            text,
            effort: if shard.quick {
                Effort::Quick
            } else {
                Effort::Best
            },
        });
        Self::write(&[], Ends::start(), self.drafted(pieces.collect()))
    }

    /// The same text in other pieces.
    fn drafted(&self, pieces: Vec<Piece>) -> Drafted {
        Drafted {
            pieces,
            next: self.next,
            edits: Vec::new(),
        }
    }

    /// The whole plain text.
    ///
    /// # Errors
    ///
    /// [`IndexError::Damaged`].
    pub(in crate::repo) fn text(&self, present: Present<'_>) -> Result<String, IndexError> {
        let packed = self.packed(0, present)?;
        Ok(packed.into_iter().map(|packed| packed.text).collect())
    }

    /// The text by its lines, out of the compressed file.
    pub(super) fn texts<'a>(&'a self, gz: &'a [u8]) -> Texts<'a> {
        Texts::new(self.shards().collect(), gz)
    }

    /// Which shard holds, or would hold, the stanza with this serial number.
    fn holder(&self, serial: u64) -> usize {
        let after = self.shards().filter(|shard| shard.first <= serial).count();
        after.saturating_sub(1)
    }

    /// The digests' states where the shard `from` begins.
    fn ends_at(&self, from: usize, present: Present<'_>) -> Result<Ends, IndexError> {
        if from == self.sealed.len() {
            return Ok(self.ends.clone());
        }
        let mut ends = Ends::start();
        for shard in self.sealed.iter().take(from) {
            let gz = slice(present.gz, ends.gz.length(), shard.gz)?;
            ends.plain.update(gzip::text(gz, shard.plain)?.as_bytes());
            let xz = slice(present.xz, ends.xz.length(), shard.record().size())?;
            ends.gz.update(gz);
            ends.xz.update(xz);
        }
        Ok(ends)
    }

    /// The shards from `from` on, with their bytes.
    fn packed(&self, from: usize, present: Present<'_>) -> Result<Vec<Packed>, IndexError> {
        let (mut gz, mut xz) = (0, xz::HEADER.len() as u64);
        let mut found = Vec::new();
        for (number, shard) in self.shards().enumerate() {
            if number >= from {
                let member = slice(present.gz, gz, shard.gz)?;
                found.push(Packed {
                    shard: *shard,
                    text: gzip::text(member, shard.plain)?,
                    gz: member.to_vec(),
                    xz: slice(present.xz, xz, shard.record().size())?.to_vec(),
                });
            }
            gz += shard.gz;
            xz += shard.record().size();
        }
        Ok(found)
    }

    /// The state and the files of the shards `kept`, where the digests are at `ends`, and of what was drafted after them: the
    /// last piece is the open shard.
    fn write(kept: &[Shard], mut ends: Ends, drafted: Drafted) -> Result<Edited, IndexError> {
        let Drafted {
            pieces,
            next,
            edits,
        } = drafted;
        let mut packed = pack_all(pieces)?;
        let open = packed.pop().unwrap_or_default();
        let from = (ends.plain.length(), ends.gz.length(), ends.xz.length());
        let start = kept.is_empty();
        let (mut plain, mut gz) = (Vec::new(), Vec::new());
        let mut xz = if start {
            xz::HEADER.to_vec()
        } else {
            Vec::new()
        };
        let mut sealed = kept.to_vec();
        for one in packed {
            ends.plain.update(one.text.as_bytes());
            ends.gz.update(&one.gz);
            ends.xz.update(&one.xz);
            plain.extend(one.text.as_bytes());
            gz.extend(one.gz);
            xz.extend(one.xz);
            sealed.push(one.shard);
        }
        let shards = sealed.iter().chain([&open.shard]);
        let trailer = xz::trailer(shards.map(Shard::record));
        let tail = [open.xz, trailer].concat();
        let files = Digests {
            plain: finish(&ends.plain, open.text.as_bytes()),
            gz: finish(&ends.gz, &open.gz),
            xz: finish(&ends.xz, &tail),
        };
        plain.extend(open.text.as_bytes());
        gz.extend(open.gz);
        xz.extend(tail);
        let file = |kept, rest, expected| NewFile {
            kept,
            rest,
            expected,
        };
        Ok(Edited {
            plain: file(from.0, plain, files.plain),
            gz: file(from.1, gz, files.gz),
            xz: file(if start { 0 } else { from.2 }, xz, files.xz),
            state: Self {
                sealed,
                open: open.shard,
                next,
                ends,
                files,
            },
            edits,
        })
    }
}

/// What a file must be whose sealed part has this state, with `rest` after it.
fn finish(sealed: &Sha256Midstate, rest: &[u8]) -> Expected {
    let mut whole = sealed.clone();
    whole.update(rest);
    Expected {
        sha256: whole.digest(),
        size: whole.length(),
    }
}
