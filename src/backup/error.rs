//! What keeps a backup from being made or read.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::FailureCode;
use crate::store::StoreError;

/// A farm could not be written to a file, or read from one.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, such as "read".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is no backup, or not a whole one. Nothing was restored.
    #[error("{path} is no whole backup: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder has a farm already. Nothing was changed.
    #[error("{path} is there already: a farm is restored into an empty folder")]
    Occupied {
        /// What is there.
        path: PathBuf,
    },
    /// The state does not do what it was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// The code that programs compare, and what to do next.
    #[must_use]
    pub fn code_and_hint(&self) -> (FailureCode, &'static str) {
        match self {
            Self::Io { .. } => (
                FailureCode::StorageError,
                "see to the file's rights and its disk, and try again",
            ),
            Self::Damaged { .. } => (FailureCode::Usage, "take another backup"),
            Self::Occupied { .. } => (
                FailureCode::Usage,
                "name an empty folder with --data-dir, or move away what is there",
            ),
            Self::Store(error) => (error.code(), error.hint()),
        }
    }
}
