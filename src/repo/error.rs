//! What can go wrong with a repository, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::deb::package::AssembleError;
use crate::deb::payload::PayloadError;
use crate::deb::read::ReadError;
use crate::model::{Failure, FailureCode, SigningError, Stage};

/// A publication that did not happen, or a repository that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
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
    /// A suite's state is not what this program wrote.
    #[error("the state {} cannot be read: {reason}", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another publication holds the lock.
    #[error("another publication has held {} for {seconds} seconds", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The .deb is none, or not what its statement says.
    #[error("the package does not fit its evidence: {reason}")]
    Mismatch {
        /// How.
        reason: String,
    },
    /// The version is published already, from another commit or with other bytes.
    #[error("{package} {version} is published already, {reason}")]
    VersionUsed {
        /// The package.
        package: String,
        /// The version that is taken.
        version: String,
        /// From what, in words that follow a comma.
        reason: String,
    },
    /// The version is not higher than what is published.
    #[error("{package} {version} is not higher than {published}, which is published in {suite}")]
    VersionNotHigher {
        /// The package.
        package: String,
        /// The version that was to be published.
        version: String,
        /// The highest version in the suite.
        published: String,
        /// The suite.
        suite: String,
    },
    /// The signer did not sign.
    #[error(transparent)]
    Sign {
        /// Why.
        #[from]
        source: SigningError,
    },
    /// The .deb could not be read.
    #[error("the package cannot be read: {source}")]
    Read {
        /// Why.
        #[from]
        source: ReadError,
    },
    /// The keyring package could not be written.
    #[error("the keyring package cannot be written: {reason}")]
    Keyring {
        /// Why.
        reason: String,
    },
}

impl RepoError {
    /// Names what was tried on which file when the system failed.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// The failure of the stage that this happened in.
    #[must_use]
    pub fn failure(&self, stage: Stage) -> Failure {
        let (code, hint) = match self {
            Self::Io { .. } | Self::State { .. } => (
                FailureCode::StorageError,
                "check the free space and the rights of the repository's folder",
            ),
            Self::Locked { .. } => (FailureCode::PublishConflict, "try again in a moment"),
            Self::Mismatch { .. } | Self::Read { .. } => (
                FailureCode::EvidenceInvalid,
                "publish the package that the evidence is about, or build it again",
            ),
            Self::VersionUsed { .. } => (
                FailureCode::VersionUsed,
                "raise `version` in wazo/plugin.yml: a published version never changes",
            ),
            Self::VersionNotHigher { .. } => (
                FailureCode::VersionNotHigher,
                "raise `version` in wazo/plugin.yml above the published one, in dpkg's order",
            ),
            Self::Sign { .. } => (FailureCode::SignUnavailable, "see `plugfarm doctor`"),
            Self::Keyring { .. } => (FailureCode::StorageError, "see `plugfarm doctor`"),
        };
        Failure::new(stage, code, self.to_string(), hint)
    }
}

impl From<AssembleError> for RepoError {
    fn from(error: AssembleError) -> Self {
        Self::Keyring {
            reason: error.to_string(),
        }
    }
}

impl From<PayloadError> for RepoError {
    fn from(error: PayloadError) -> Self {
        Self::Keyring {
            reason: error.to_string(),
        }
    }
}
