//! What keeps a farm from being set up.

use std::io;
use std::path::PathBuf;

use crate::evidence::EvidenceError;
use crate::import::ImportError;
use crate::model::{FailureCode, SigningError};
use crate::repo::RepoError;
use crate::sandbox::SandboxError;
use crate::sign::KeyError;
use crate::store::StoreError;

/// The farm could not be set up on this machine.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// There is no place for the farm's state.
    #[error("there is no home folder to keep the farm's state in; name a folder with --data-dir")]
    NoHome,
    /// The configuration file cannot be read.
    #[error("cannot read the configuration {path}")]
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The configuration file's text is wrong.
    #[error("the configuration {path} is wrong")]
    ConfigInvalid {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: crate::config::ConfigError,
    },
    /// The farm's state cannot be written.
    #[error("cannot use the data folder {path}")]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The engine cannot be used.
    #[error(transparent)]
    Engine {
        /// Why.
        #[from]
        source: SandboxError,
    },
    /// The statement key is none.
    #[error(transparent)]
    StatementKey {
        /// Why.
        #[from]
        source: EvidenceError,
    },
    /// The repository's object store is not configured well.
    #[error(transparent)]
    Repository {
        /// Why.
        #[from]
        source: RepoError,
    },
    /// The keys cannot be used.
    #[error(transparent)]
    Keys {
        /// Why.
        #[from]
        source: KeyError,
    },
    /// The farm's state cannot be used.
    #[error(transparent)]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The repository's public address is none.
    #[error(transparent)]
    Address {
        /// Why.
        #[from]
        source: ImportError,
    },
    /// Nobody can be served.
    #[error("cannot serve")]
    Listen {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The signer cannot be asked.
    #[error(transparent)]
    Signer {
        /// Why.
        #[from]
        source: SigningError,
    },
}

impl AppError {
    /// Nobody can be served.
    #[must_use]
    pub fn listen(source: io::Error) -> Self {
        Self::Listen { source }
    }

    /// The code that programs compare, and with it the blame.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self {
            Self::NoHome | Self::ConfigUnreadable { .. } | Self::ConfigInvalid { .. } => {
                FailureCode::Usage
            }
            Self::DataFolder { .. } => FailureCode::StorageError,
            Self::Store { source } => source.code(),
            Self::Listen { .. } => FailureCode::NotReady,
            Self::Address { source } => source.code_and_hint().0,
            Self::Engine { source } => source.code(),
            Self::Repository { source } => source.code_and_hint().0,
            Self::StatementKey { .. } | Self::Keys { .. } | Self::Signer { .. } => {
                FailureCode::SignUnavailable
            }
        }
    }

    /// What to do next, in one sentence, where the error's own words do not say it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoHome | Self::StatementKey { .. } | Self::Keys { .. } | Self::Signer { .. } => {
                None
            }
            Self::ConfigUnreadable { .. } => Some("name a file that is there with --config"),
            Self::ConfigInvalid { .. } => {
                Some("correct the file, or leave the setting out: each has a default")
            }
            Self::DataFolder { .. } => {
                Some("check its rights and its disk, or name another folder with --data-dir")
            }
            Self::Store { source } => Some(source.hint()),
            Self::Listen { .. } => {
                Some("see that nothing else listens there, or name another address with --listen")
            }
            Self::Engine { source } => Some(source.hint()),
            Self::Repository { source } => Some(source.code_and_hint().1),
            Self::Address { .. } => Some("correct `repository.url` in the configuration"),
        }
    }
}
