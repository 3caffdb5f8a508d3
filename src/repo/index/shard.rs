//! Shards: runs of stanzas that are compressed by themselves.

use std::num::NonZeroUsize;
use std::thread;

use serde::{Deserialize, Serialize};

use super::error::IndexError;
use super::xz::Record;
use super::{gzip, xz};

/// The open shard is sealed when it has so many bytes of text: what a publication compresses is half of that on average.
pub(super) const SEALED: usize = 128 << 10;

/// The most bytes of text in a shard that others were merged into: xz -6 sees no further.
const MERGED: u64 = 8 << 20;

/// How hard the compressors try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// For what will be compressed again soon.
    Quick,
    /// For what stays.
    Best,
}

/// One shard in the state: all that is needed to find its bytes in the files. Sizes are in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shard {
    /// It holds the stanzas whose serial numbers are from this on, up to the next shard's.
    pub(super) first: u64,
    pub(super) lines: u64,
    pub(super) plain: u64,
    /// Of its gzip member.
    pub(super) gz: u64,
    /// Of its xz block, unpadded.
    pub(super) xz: u64,
    /// It was compressed quickly, and can become smaller.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) quick: bool,
}

impl Shard {
    pub(super) fn record(&self) -> Record {
        Record {
            unpadded: self.xz,
            plain: self.plain,
        }
    }
}

/// A shard with its bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Packed {
    pub(super) shard: Shard,
    pub(super) text: String,
    pub(super) gz: Vec<u8>,
    pub(super) xz: Vec<u8>,
}

/// A shard that is to be compressed, or was before.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Ready(Packed),
    Text {
        first: u64,
        text: String,
        effort: Effort,
    },
}

impl Piece {
    fn pack(self) -> Result<Packed, IndexError> {
        match self {
            Self::Ready(packed) => Ok(packed),
            Self::Text {
                first,
                text,
                effort,
            } => pack(first, text, effort),
        }
    }
}

/// Compresses one shard.
fn pack(first: u64, text: String, effort: Effort) -> Result<Packed, IndexError> {
    let gz = gzip::member(text.as_bytes(), effort)?;
    let (xz, record) = xz::block(text.as_bytes(), effort)?;
    let shard = Shard {
        first,
        lines: lines(&text),
        plain: record.plain,
        gz: gz.len() as u64,
        xz: record.unpadded,
        quick: effort == Effort::Quick,
    };
    Ok(Packed {
        shard,
        text,
        gz,
        xz,
    })
}

/// Compresses what has to be, on all processors: shards know nothing of each other.
pub(super) fn pack_all(pieces: Vec<Piece>) -> Result<Vec<Packed>, IndexError> {
    let waiting = |piece: &&Piece| matches!(piece, Piece::Text { .. });
    if pieces.iter().filter(waiting).count() < 2 {
        return pieces.into_iter().map(Piece::pack).collect();
    }
    let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let part = pieces.len().div_ceil(processors);
    let mut pieces = pieces.into_iter();
    thread::scope(|scope| {
        let mut workers = Vec::new();
        loop {
            let own: Vec<_> = pieces.by_ref().take(part).collect();
            if own.is_empty() {
                break;
            }
            workers.push(scope.spawn(move || {
                own.into_iter()
                    .map(Piece::pack)
                    .collect::<Result<Vec<_>, _>>()
            }));
        }
        let mut packed = Vec::new();
        for worker in workers {
            packed.extend(worker.join().map_err(|_| IndexError::Compress {
                source: std::io::Error::other("a compressing thread died"),
            })??);
        }
        Ok(packed)
    })
}

/// Which neighbours should be one shard. A shard is merged into the one before it while that is not more than twice as
/// large, so that each stanza is compressed again but a few times in its life.
pub(super) fn groups(shards: &[Shard]) -> Vec<Vec<Shard>> {
    let size = |group: &Vec<Shard>| group.iter().map(|shard| shard.plain).sum::<u64>();
    let mut groups: Vec<Vec<Shard>> = Vec::new();
    for shard in shards {
        let mut last = vec![*shard];
        while let Some(before) = groups.pop() {
            let (left, right) = (size(&before), size(&last));
            if left > 2 * right || left + right > MERGED {
                groups.push(before);
                break;
            }
            last = [before, last].concat();
        }
        groups.push(last);
    }
    groups
}

/// How many lines a text has; each ends with a line feed.
pub(super) fn lines(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}
