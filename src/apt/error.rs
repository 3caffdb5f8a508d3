//! What keeps this machine's packages from being known.

use std::io;
use std::path::PathBuf;

/// apt or dpkg could not be asked, or what they know cannot be relied on.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// A program cannot be run.
    #[error("cannot run {program}: {source}; this needs Debian's own apt and dpkg")]
    Run {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("{program} failed with status {status}: {said}")]
    Failed {
        /// The program.
        program: &'static str,
        /// Its exit status; none, if a signal ended it.
        status: i32,
        /// The end of what it said.
        said: String,
    },
    /// A program says more, or takes longer, than anything real.
    #[error("{program} is over its limit of {limit}, and was ended")]
    Limit {
        /// The program.
        program: &'static str,
        /// The limit, in words.
        limit: String,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An index that claims to be the farm's is not.
    #[error(
        "the index {path} is not what the farm {farm} has signed: {reason}; fetch it again, and look for a source that pretends to be the farm's"
    )]
    NotTheFarms {
        /// The index.
        path: PathBuf,
        /// The farm.
        farm: String,
        /// What is wrong.
        reason: String,
    },
    /// This host follows no farm.
    #[error(
        "this host follows no farm: install a farm's keyring package first (plugfarm-<farm>-keyring)"
    )]
    NoFarm,
    /// No source of the farm's is set up.
    #[error("no source of the farm {farm} is set up: install its keyring package again")]
    NoSource {
        /// The farm.
        farm: String,
    },
}

impl AptError {
    pub(super) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Read { path, source }
    }
}
