//! What can go wrong where the repository is kept.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Action, Trouble};
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
    /// An object whose place is named by its content has another content.
    #[error("{place} is there already, with other bytes than it should have")]
    Differs {
        /// The object.
        place: String,
    },
    /// An object store did not do what it was asked.
    #[error("cannot {} {place}: {}: {said}", action.verb(), trouble.words(*action))]
    Service {
        /// What was tried.
        action: Action,
        /// The object, or the bucket.
        place: String,
        /// What the answer means.
        trouble: Trouble,
        /// What the server said, or what kept it from answering.
        said: String,
    },
    /// An object store did not say whether it wrote what all depends on.
    #[error("whether {place} was written is not known: {source}")]
    InDoubt {
        /// The object.
        place: String,
        /// What kept it from being found out.
        source: Box<StorageError>,
    },
    /// An object store would let two farms overwrite each other.
    #[error("the server of {place} does not enforce conditional writes (If-Match, If-None-Match)")]
    Unconditional {
        /// The bucket.
        place: String,
    },
    /// An object store cannot be talked to as it is configured.
    #[error("the object store cannot be used: {reason}")]
    Setup {
        /// Why.
        reason: String,
    },
    /// The right to write was lost: it was not renewed in time.
    #[error("the right to write, {place}, was lost while publishing")]
    LeaseLost {
        /// The lease.
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

    /// Whether the same may go well later, with nothing changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Service { trouble, .. } => trouble.is_passing(),
            Self::Held { .. } | Self::LeaseLost { .. } | Self::InDoubt { .. } => true,
            _ => false,
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
            Self::Service { trouble, .. } => trouble.code_and_hint(),
            Self::InDoubt { source, .. } => (
                source.code_and_hint().0,
                "publish again: that finds out, and completes it or starts again",
            ),
            Self::Unconditional { .. } => (
                FailureCode::StorageError,
                "use a server that does; or set `repository.s3.single_writer: true`, if no other farm writes there",
            ),
            Self::Setup { .. } => (
                FailureCode::StorageError,
                "see `repository.s3` in the configuration",
            ),
            Self::LeaseLost { .. } => (FailureCode::PublishConflict, "publish again"),
            Self::TooLarge { .. } | Self::Damaged { .. } | Self::Differs { .. } => (
                FailureCode::StorageError,
                "`plugfarm repo check` tells what is wrong, and `plugfarm repo rebuild` makes indices again; restore anything else from your backup",
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
