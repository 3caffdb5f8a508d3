//! The payload: the file tree that a package holds, as checked values. Names and modes live here, contents in a spool.
//!
//! A payload is made by reading the hostile tar that a build leaves behind ([`read_output`]), by adding a folder of a
//! source tar ([`add_folder`]), and from files of the farm's own ([`Payload::insert_file`]). An entry that is in a payload
//! has passed every rule of [`Rule`]; what is merely suspicious is for [`inspect`](super::inspect) to judge.

use std::collections::BTreeMap;
use std::io::{Read, Seek, Write};

mod error;
mod limits;
mod path;
mod reader;
#[cfg(test)]
mod tests;

pub use error::{PayloadError, Rule};
pub use limits::{Budget, PayloadLimits};
pub use reader::{BuildOutput, FolderCopy, Notes, add_folder, read_output};

use super::spool::{Content, Spool};

/// One entry of a payload. Its owner is root, its time the package's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A directory, with its permission bits.
    Directory {
        /// Permission bits.
        mode: u32,
    },
    /// A regular file.
    File(File),
    /// A symbolic link, whose target is as Debian Policy 10.5 wants it.
    Symlink {
        /// Relative within one top-level directory, absolute otherwise.
        target: String,
    },
}

/// A regular file of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Permission bits.
    pub mode: u32,
    /// What it holds.
    pub content: Content,
}

impl File {
    /// Whether anybody may execute it.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

/// A file tree, sorted by path. Paths have no leading slash; the root itself has no entry. Every entry's parent is a
/// directory of the same payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    entries: BTreeMap<String, Entry>,
    bytes: u64,
    world_writable: Vec<String>,
}

impl Payload {
    /// The entries, in the order of their paths' bytes.
    #[must_use]
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// The regular files, in the same order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &File)> {
        self.entries.iter().filter_map(|(path, entry)| match entry {
            Entry::File(file) => Some((path.as_str(), file)),
            _ => None,
        })
    }

    /// The regular file at `path`, if there is one.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        match self.entries.get(path) {
            Some(Entry::File(file)) => Some(file),
            _ => None,
        }
    }

    /// The size of all files together, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The paths that everybody could have written to, before their modes were made safe.
    #[must_use]
    pub fn world_writable(&self) -> &[String] {
        &self.world_writable
    }

    /// Adds a file of the farm's own: `path` and `mode` obey the same rules as a stranger's.
    ///
    /// # Errors
    /// A path that is taken or breaks a [`Rule`], or a spool that cannot be written.
    pub fn insert_file<S: Read + Write + Seek>(
        &mut self,
        path: &str,
        mode: u32,
        bytes: &[u8],
        spool: &mut Spool<S>,
    ) -> Result<(), PayloadError> {
        let limits = PayloadLimits::default();
        path::check_path(path, &limits)?;
        let content = spool
            .append(&mut &*bytes, bytes.len() as u64)
            .map_err(|error| PayloadError::of_append(path, error))?;
        let mode = file_mode(mode);
        for parent in self.missing_parents(path)? {
            let directory = Entry::Directory { mode: 0o755 };
            self.entries.insert(parent, directory);
        }
        self.insert(path, Entry::File(File { mode, content }))
    }

    /// The directories above `path` that have no entry yet, from the top.
    fn missing_parents(&self, path: &str) -> Result<Vec<String>, PayloadError> {
        let mut missing = Vec::new();
        for parent in path::parents(path) {
            match self.entries.get(parent) {
                Some(Entry::Directory { .. }) => {}
                Some(_) => return Err(PayloadError::refused(path, Rule::ParentIsNoDirectory)),
                None => missing.push(parent.to_owned()),
            }
        }
        Ok(missing)
    }

    /// Adds an entry whose path was checked and whose parents are there.
    fn insert(&mut self, path: &str, entry: Entry) -> Result<(), PayloadError> {
        let bytes = match &entry {
            Entry::File(file) => file.content.size,
            _ => 0,
        };
        if self.entries.contains_key(path) {
            return Err(PayloadError::refused(path, Rule::Duplicate));
        }
        self.entries.insert(path.to_owned(), entry);
        self.bytes += bytes;
        Ok(())
    }
}

/// A file's mode as Debian Policy 10.9 wants it: its owner may read and write, nobody else may write. What was private
/// stays private, what was executable stays executable.
fn file_mode(mode: u32) -> u32 {
    ((mode & 0o777) | 0o600) & !0o022
}

/// A directory's mode, likewise; its owner may also enter.
fn directory_mode(mode: u32) -> u32 {
    ((mode & 0o777) | 0o700) & !0o022
}
