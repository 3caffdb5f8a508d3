//! What can go wrong where the repository is kept.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::model::{FailureCode, Sha256};

/// The storage did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An object has more bytes than any real one.
    #[error("{place} has more than {limit} bytes, more than any real one")]
    TooLarge {
        /// The object.
        place: String,
        /// The most that it may have.
        limit: u64,
    },
    /// What was to be written is not what was announced.
    #[error("{place} would not be what was signed, but {found}")]
    Mismatch {
        /// The object.
        place: String,
        /// The digest of the bytes that came.
        found: Sha256,
    },
    /// What is to be copied is not what it should be.
    #[error("{place} is missing or damaged")]
    Damaged {
        /// The object.
        place: String,
    },
    /// Somebody else has the right to write.
    #[error("{holder} has held {place} for {seconds} seconds")]
    Held {
        /// The lock.
        place: String,
        /// Who holds it.
        holder: String,
        /// How long it was waited for.
        seconds: u64,
    },
}

impl StorageError {
    /// Names what was tried on which file when the system failed.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// Whose fault it is, and what to do.
    pub(in crate::repo) fn code_and_hint(&self) -> (FailureCode, &'static str) {
        match self {
            Self::Io { source, .. } if is_full(source) => (
                FailureCode::FarmDiskFull,
                "make room on the repository's disk and publish again; what is published is untouched",
            ),
            Self::Io { .. } => (
                FailureCode::StorageError,
                "check the rights of the repository's folder, and its disk",
            ),
            Self::TooLarge { .. } | Self::Damaged { .. } => (
                FailureCode::StorageError,
                "restore it from your backup; `plugfarm repo check` tells what else is wrong",
            ),
            Self::Mismatch { .. } => (
                FailureCode::EvidenceInvalid,
                "publish the package that the evidence is about, or build it again with this farm",
            ),
            Self::Held { .. } => (
                FailureCode::PublishConflict,
                "try again in a moment, or look at that process",
            ),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let code = |kind: ErrorKind| {
            let path = Path::new("/srv/apt/pool/x");
            let error = StorageError::io("write", path)(kind.into());
            error.code_and_hint().0
        };
        assert_eq!(code(ErrorKind::StorageFull), FailureCode::FarmDiskFull);
        assert_eq!(code(ErrorKind::PermissionDenied), FailureCode::StorageError);
    }
}
