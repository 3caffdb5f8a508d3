//! Where the repository's objects are kept: a handful of verbs over keys, which are paths relative to the repository's root.
//!
//! [`FsStorage`] is a folder of this machine, [`S3Storage`] a bucket of an object store. Nothing here knows what is published, or in which order: a caller writes in
//! waves, each durable before the next begins, and changes what others may change too by compare-and-swap.

mod error;
mod fs;
mod fs_folder;
mod fs_lock;
mod fs_sync;
mod fs_written;
mod s3;
#[cfg(test)]
mod suite;
mod trouble;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{Sha256, Timestamp};

pub use error::StorageError;
pub(super) use fs::FsStorage;
pub(super) use s3::S3Storage;
pub use trouble::{Action, Trouble};

/// Is told how much of a wave was sent, and how much there is to send, in bytes.
#[derive(Clone)]
pub struct Progress(pub Arc<dyn Fn(u64, u64) + Send + Sync>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// What bytes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Expected {
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

impl Expected {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::of(bytes),
            size: bytes.len() as u64,
        }
    }
}

/// What tells one content of a key from the next. Only the storage that gave it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag(String);

/// An object, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) bytes: Bytes,
    pub(super) tag: Tag,
}

/// An object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) size: u64,
    /// When it was last written, or the date that it was given.
    pub(super) modified: Timestamp,
}

/// One object that is to be written.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) key: String,
    pub(super) content: Content,
    /// What the bytes must be. Others are never seen at the key.
    pub(super) expected: Expected,
    pub(super) kind: Kind,
}

impl Write {
    /// An object whose place is named by what it holds.
    pub(super) fn immutable(key: String, content: Content, expected: Expected) -> Self {
        Self {
            key,
            content,
            expected,
            kind: Kind::Immutable,
        }
    }

    /// An object that stands for what is published now.
    pub(super) fn replaced(key: String, bytes: Bytes, date: Timestamp) -> Self {
        Self {
            key,
            expected: Expected::of(&bytes),
            content: Content::Bytes(bytes),
            kind: Kind::Replaced { date },
        }
    }
}

/// Where the bytes of an object come from.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// From here.
    Bytes(Bytes),
    /// From a file of this machine.
    File(PathBuf),
    /// From another key of the same storage, which must be there: no bytes are sent.
    Copy(String),
}

/// How long an object means what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// For ever: its place is named by its content. It is created only.
    Immutable,
    /// Until the next one replaces it. A web server tells clients the date, and they come back for what is later.
    Replaced {
        /// When it was published.
        date: Timestamp,
    },
}

/// Where a repository's objects are kept.
///
/// Every verb may fail with [`StorageError`]. None blocks for ever; none is async: publishing has threads of its own.
pub(super) trait Storage: Send + Sync + fmt::Debug {
    /// What is at `key`; `None` when there is nothing. More than `limit` bytes are an error.
    fn get(&self, key: &str, limit: u64) -> Result<Option<Bytes>, StorageError>;

    /// Likewise, with the tag by which it is replaced.
    fn tagged(&self, key: &str, limit: u64) -> Result<Option<Object>, StorageError>;

    /// What is at `key`, without its bytes.
    fn head(&self, key: &str) -> Result<Option<Listed>, StorageError>;

    /// What the bytes at `key` really are: reads all of them, of any number.
    fn digest(&self, key: &str) -> Result<Option<Expected>, StorageError>;

    /// Likewise, and writes them to `file`, which is at `path`. After an error it holds anything.
    fn download(
        &self,
        key: &str,
        file: &File,
        path: &Path,
    ) -> Result<Option<Expected>, StorageError>;

    /// Writes everything in `wave`, in any order and at once; it is durable when this returns. An immutable object that is
    /// there already stays. After an error some may be written.
    fn write(&self, wave: Vec<Write>) -> Result<(), StorageError>;

    /// Replaces what has the tag `seen` (`None`: there must be nothing) by `bytes`, and gives their tag. `None` when
    /// somebody else was faster; then nothing has changed.
    fn swap(
        &self,
        key: &str,
        bytes: &[u8],
        seen: Option<&Tag>,
        date: Timestamp,
    ) -> Result<Option<Tag>, StorageError>;

    /// Everything below the folder `folder`, at any depth, sorted by key.
    fn list(&self, folder: &str) -> Result<Vec<Listed>, StorageError>;

    /// Removes what is at `keys`; it is no error that there is nothing.
    fn delete(&self, keys: &[String]) -> Result<(), StorageError>;

    /// The right to be the one who writes, waited for at most `patience`.
    fn acquire(&self, patience: Duration) -> Result<Box<dyn Lease>, StorageError>;

    /// How a message names `key`.
    fn place(&self, key: &str) -> String;

    /// The repository's folder, where it is one of this machine.
    fn folder(&self) -> Option<&Path>;
}

/// The right to be the one who writes; it ends when it is dropped, or when its holder dies. What it protects is the order of
/// publications; that none is lost is what [`Storage::swap`] protects.
pub(super) trait Lease: Send + Sync + fmt::Debug {
    /// Fails when the right was lost: somebody else may be writing by now.
    fn check(&self) -> Result<(), StorageError>;
}
