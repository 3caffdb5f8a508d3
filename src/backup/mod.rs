//! A farm in one file: its state, its keys, its repository where that is a folder, what builds left. Made while the farm works,
//! read back into an empty folder.
//!
//! The file is a tar, compressed with zstd (RFC 8878), that only its owner can read: it holds the secret keys as they are on
//! disk. Its last member lists the SHA-256 of every other one, so that a file that was cut short, or changed by accident, is
//! not taken for a whole one. What can be had again (sources, caches, images) is left out.
//!
//! The order is what makes it consistent. The state comes first: a build that it has not as done is done again, and gives the
//! same bytes. Then the repository, its root before what the root names, which is kept for days. The keys come last: what the
//! signer's journal has more than the repository was signed and not published, which is no harm.

mod error;
mod read;
mod write;

use std::path::{Component, Path};

use crate::store::DATABASE;

pub use error::BackupError;
pub use read::{Restored, restore};
pub use write::{Contents, backup};

/// The state, as [`crate::store::Store::dump`] writes it.
const STATE: &str = "state.jsonl";
/// The last member.
const DIGESTS: &str = "SHA256SUMS";
/// What stands before the path of a file of the data folder.
const DATA: &str = "data";

/// What of the data folder is not kept: the database is, as lines; the rest can be had again, or is nothing without its
/// process.
const LEFT_OUT: &[&str] = &[
    DATABASE,
    "farm.sqlite-wal",
    "farm.sqlite-shm",
    "farm.lock",
    "serve.lock",
    "sources",
    "cache",
    "imports",
    "images",
];

/// What comes first in the data folder, and what last; the rest is in between.
const FIRST: &str = "repository";
const LAST: &str = "keys";

/// Whether a path stays below the folder that it is relative to.
fn is_inside(path: &Path) -> bool {
    let mut parts = path.components();
    parts.clone().next().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}
