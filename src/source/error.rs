//! What can be wrong with the files of a source.

use std::io;

use crate::model::{Failure, FailureCode, Stage, printable};

/// A tree of files that the farm does not take.
#[derive(Debug, thiserror::Error)]
pub(super) enum TreeError {
    #[error("the source has more than {limit} files and folders")]
    TooManyEntries { limit: u64 },
    #[error("the files of the source have more than {limit} bytes together")]
    TooLarge { limit: u64 },
    #[error("`{path}` cannot be in a source: {rule}")]
    Name { path: String, rule: &'static str },
    #[error("the symbolic link `{path}` leads out of the source, to `{target}`")]
    LinkOutside { path: String, target: String },
    #[error("the repository's data is broken: {reason}")]
    Broken { reason: String },
    #[error("the farm could not {action}: {source}")]
    Storage {
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

impl TreeError {
    pub(super) fn name(path: &str, rule: &'static str) -> Self {
        Self::Name {
            path: printable(path, 200),
            rule,
        }
    }

    pub(super) fn broken(reason: impl Into<String>) -> Self {
        Self::Broken {
            reason: reason.into(),
        }
    }

    pub(super) fn storage(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Storage { action, source }
    }

    /// The failure of the fetch, with words for whoever must act.
    pub(super) fn failure(&self) -> Failure {
        let (code, hint) = match self {
            Self::TooManyEntries { .. } | Self::TooLarge { .. } => (
                FailureCode::SourceTooLarge,
                "take what the build does not need out of the repository, or ask for a higher `source` limit",
            ),
            Self::Name { .. } => (FailureCode::SourceInvalid, "rename or remove it"),
            Self::LinkOutside { .. } => (
                FailureCode::SourceInvalid,
                "make it point inside the repository, or let `package` create it below pkgdir",
            ),
            Self::Broken { .. } => (
                FailureCode::SourceInvalid,
                "see what `git fsck --full` says about the repository",
            ),
            Self::Storage { .. } => (
                FailureCode::StorageError,
                "check the free space and the rights of the farm's data folder",
            ),
        };
        Failure::new(Stage::Fetch, code, printable(&self.to_string(), 500), hint)
    }
}
