//! Reading an index out of its compressed file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::error::IndexError;
use super::gzip;
use super::shard::Shard;

/// So many bytes of a file, which must have them.
pub(super) fn slice(bytes: &[u8], from: u64, size: u64) -> Result<&[u8], IndexError> {
    let range = as_usize(from)..as_usize(from.saturating_add(size));
    bytes.get(range).ok_or(IndexError::Damaged {
        what: "the index",
        reason: format!("it has {} bytes, and should have more", bytes.len()),
    })
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The text of an index by its lines; each shard is read once at most.
pub(super) struct Texts<'a> {
    shards: Vec<&'a Shard>,
    gz: &'a [u8],
    read: BTreeMap<u64, String>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(shards: Vec<&'a Shard>, gz: &'a [u8]) -> Self {
        let read = BTreeMap::new();
        Self { shards, gz, read }
    }

    /// The lines `at..at + count`.
    pub(super) fn lines(&mut self, at: u64, count: u64) -> Result<String, IndexError> {
        let (mut line, mut offset, mut found) = (0, 0, String::new());
        for shard in &self.shards {
            let end = line + shard.lines;
            if line < at + count && at < end {
                let text = match self.read.entry(offset) {
                    Entry::Occupied(there) => there.into_mut(),
                    Entry::Vacant(place) => {
                        let member = slice(self.gz, offset, shard.gz)?;
                        place.insert(gzip::text(member, shard.plain)?)
                    }
                };
                let skip = at.saturating_sub(line);
                let take = (at + count).min(end) - (line + skip);
                let (skip, take) = (as_usize(skip), as_usize(take));
                found.extend(text.split_inclusive('\n').skip(skip).take(take));
            }
            line = end;
            offset += shard.gz;
        }
        Ok(found)
    }
}
