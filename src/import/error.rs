//! Why nothing was imported, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::FailureCode;
use crate::repo::RepoError;
use crate::sign::VerifyError;

/// Another repository that cannot be imported from.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The address is none.
    #[error("`{text}` is no repository: {reason}")]
    Address {
        /// What was named.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A pattern of names is none.
    #[error("`{text}` is no pattern of package names: a-z, 0-9, and . + - with * and ?")]
    Pattern {
        /// What was named.
        text: String,
    },
    /// A file of this machine could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server did not give what it was asked for.
    #[error("cannot fetch {url}: {reason}")]
    Fetch {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// Something that must be there is not.
    #[error("{place} is not there")]
    Missing {
        /// What, and where.
        place: String,
    },
    /// Something has more bytes, lines or packages than are read.
    #[error("{place} has more than {limit} {what}")]
    TooLarge {
        /// What it is.
        place: String,
        /// The most that it may have.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// Nobody trusted has signed it.
    #[error("{place} is not signed by the named key: {source}")]
    Signature {
        /// What was to be verified.
        place: String,
        /// Why it does not.
        source: VerifyError,
    },
    /// Bytes are not what what was signed says of them.
    #[error("{place} is not what the signed Release leads to: {reason}")]
    Differs {
        /// What it is.
        place: String,
        /// In what it differs.
        reason: String,
    },
    /// A text is not what apt would read.
    #[error("{place} cannot be read: {reason}")]
    Invalid {
        /// What it is.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The farm's repository does not take what was found.
    #[error(transparent)]
    Repository {
        /// Why not.
        #[from]
        source: RepoError,
    },
    /// The package is none that the farm's repository takes.
    #[error("{package}: {source}")]
    Package {
        /// Which package.
        package: String,
        /// Why not.
        source: RepoError,
    },
}

impl ImportError {
    /// Names what was tried on which file when the system failed.
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
            Self::Address { .. } | Self::Pattern { .. } => {
                (FailureCode::Usage, "name a folder, or an http or https URL")
            }
            Self::Io { .. } => (
                FailureCode::StorageError,
                "check the rights of the file or folder, and the free space",
            ),
            Self::Fetch { .. } => (
                FailureCode::SourceUnreachable,
                "try again: what was fetched already is kept",
            ),
            Self::Missing { .. } => (
                FailureCode::SourceUnreachable,
                "check the address, --suite and --component: they are what a line of sources.list has",
            ),
            Self::TooLarge { .. } | Self::Invalid { .. } => (
                FailureCode::SourceInvalid,
                "ask whoever runs that repository; nothing was imported",
            ),
            Self::Signature { .. } => (
                FailureCode::EvidenceInvalid,
                "name the key that its hosts trust with --key; nothing was imported",
            ),
            Self::Differs { .. } => (
                FailureCode::EvidenceInvalid,
                "try again, should it have changed meanwhile; if it stays, do not trust that repository",
            ),
            Self::Repository { source } | Self::Package { source, .. } => source.code_and_hint(),
        }
    }
}
