//! An index of a source tar: every path with its kind, mode and size, and the text of the few files that checks read.
//!
//! The tar is a stranger's. It is read once, as a stream; nothing is unpacked, and what is kept is small.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::model::printable;
use indexer::Indexer;

mod indexer;

/// How large a source may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// All files together, in bytes.
    pub size: u64,
    /// Files, folders and links.
    pub entries: u64,
}

impl Default for TreeLimits {
    fn default() -> Self {
        Self {
            size: 512 << 20,
            entries: 50_000,
        }
    }
}

/// One path of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// What it is.
    pub kind: EntryKind,
    /// Its permission bits.
    pub mode: u32,
    /// Its content, in bytes.
    pub size: u64,
}

/// What a path of a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link to this text.
    Link(String),
    /// A device, a pipe or something else that no source needs.
    Other,
}

/// Why a source tar cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The stream broke, or is no tar.
    #[error("the source tar could not be read")]
    Read {
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// The files together are too large.
    #[error("the source has more than {limit} bytes")]
    TooLarge {
        /// [`TreeLimits::size`].
        limit: u64,
    },
    /// There are too many files, or their names are too long.
    #[error("the source has more than {limit} files, or too long names")]
    TooMany {
        /// [`TreeLimits::entries`].
        limit: u64,
    },
    /// A path is absolute, too long, or leads out of the source.
    #[error("the source tar holds `{path}`, a path that is too long or leads out of the source")]
    UnsafePath {
        /// The path, made printable.
        path: String,
    },
    /// An entry uses a feature of tar that no source needs and that readers understand differently.
    #[error("the source tar holds `{path}` as {feature}, which is not accepted")]
    Unsupported {
        /// The path, made printable.
        path: String,
        /// The feature.
        feature: &'static str,
    },
}

impl From<io::Error> for TreeError {
    fn from(source: io::Error) -> Self {
        Self::Read { source }
    }
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, TreeEntry>,
    texts: BTreeMap<String, Vec<u8>>,
    unreadable: u64,
}

impl Tree {
    /// Reads a tar whose paths are relative to the plugin's root; a leading `./` is dropped.
    pub fn read(reader: impl Read, limits: TreeLimits) -> Result<Self, TreeError> {
        let mut archive = tar::Archive::new(reader);
        let mut indexer = Indexer::new(limits);
        // Raw: the crate's own handling of long names reads as many bytes as the archive asks for.
        for entry in archive.entries()?.raw(true) {
            indexer.take(&mut entry?)?;
        }
        indexer.tree.refuse_entries_below_links()?;
        Ok(indexer.tree)
    }

    /// Readers disagree about an entry whose folder is a link: some follow it, some replace it.
    fn refuse_entries_below_links(&self) -> Result<(), TreeError> {
        for path in self.entries.keys() {
            let mut folder = path.as_str();
            while let Some((above, _)) = folder.rsplit_once('/') {
                folder = above;
                if self
                    .entries
                    .get(folder)
                    .is_some_and(|entry| entry.kind != EntryKind::Folder)
                {
                    return Err(TreeError::UnsafePath {
                        path: printable(path, 200),
                    });
                }
            }
        }
        Ok(())
    }

    /// The entry at `path`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&TreeEntry> {
        self.entries.get(path)
    }

    /// Whether the folder `path` holds anything.
    #[must_use]
    pub fn has_entries_below(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        let next = self.entries.range(prefix.clone()..).next();
        next.is_some_and(|(path, _)| path.starts_with(&prefix))
    }

    /// All entries, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TreeEntry)> {
        self.entries
            .iter()
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// The first 256 KiB of the file at `path`, if it is one of those that checks read.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&[u8]> {
        self.texts.get(path).map(Vec::as_slice)
    }

    /// How many paths are no UTF-8 and are therefore not in the index.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

#[cfg(test)]
mod tests;
