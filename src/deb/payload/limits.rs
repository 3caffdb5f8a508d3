//! How large a payload may be. Each limit that is reached is an error with the name of the entry that reached it.

use std::fmt;

/// The limits of one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadLimits {
    /// All files together, in bytes as they are read: holes of sparse files and hardlinks count in full.
    pub bytes: u64,
    /// One file, in bytes.
    pub file_bytes: u64,
    /// Entries.
    pub entries: u64,
    /// One path, in bytes.
    pub path_bytes: u64,
    /// All paths together, in bytes: they stay in memory, unlike contents.
    pub names_bytes: u64,
    /// Directories above an entry.
    pub depth: u64,
    /// The notes beside the tree, in bytes each.
    pub note_bytes: u64,
}

impl Default for PayloadLimits {
    fn default() -> Self {
        Self {
            bytes: 2 << 30,
            file_bytes: 2 << 30,
            entries: 100_000,
            path_bytes: 1024,
            names_bytes: 12 << 20,
            depth: 64,
            note_bytes: 64 << 10,
        }
    }
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// [`PayloadLimits::bytes`].
    Bytes,
    /// [`PayloadLimits::file_bytes`].
    FileBytes,
    /// [`PayloadLimits::entries`].
    Entries,
    /// [`PayloadLimits::path_bytes`].
    PathBytes,
    /// [`PayloadLimits::names_bytes`].
    NamesBytes,
    /// [`PayloadLimits::depth`].
    Depth,
    /// [`PayloadLimits::note_bytes`].
    NoteBytes,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes in all files together",
            Self::FileBytes => "bytes in one file",
            Self::Entries => "files and directories",
            Self::PathBytes => "bytes in a path",
            Self::NamesBytes => "bytes in all paths together",
            Self::Depth => "directories above an entry",
            Self::NoteBytes => "bytes in a note beside the tree",
        })
    }
}
