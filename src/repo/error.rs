//! What can go wrong with a repository, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::Published;
use super::index::IndexError;
use super::storage::StorageError;
use crate::deb::control::ControlError;
use crate::deb::package::AssembleError;
use crate::deb::payload::PayloadError;
use crate::deb::read::ReadError;
use crate::evidence::EvidenceError;
use crate::model::{
    DebianVersion, Failure, FailureCode, InvalidValue, Reason, SigningError, Stage, Suite,
    Timestamp, printable,
};

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
    /// The repository's storage did not do what it was asked.
    #[error(transparent)]
    Storage {
        /// Why.
        #[from]
        source: StorageError,
    },
    /// A suite's state is not what this program wrote.
    #[error("the state {place} cannot be used: {reason}")]
    State {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was published is not there any more, or is something else.
    #[error("{place} is missing or damaged")]
    Damaged {
        /// Where it is.
        place: String,
    },
    /// An index could not be changed.
    #[error("the index cannot be changed: {reason}")]
    Index {
        /// Why.
        reason: String,
    },
    /// Other publications were faster, again and again.
    #[error("others published meanwhile, again and again")]
    Conflict,
    /// The repository was made by a farm of another name, which hosts know it by.
    #[error("the repository belongs to the farm `{found}`, and this farm is `{farm}`")]
    OtherFarm {
        /// Whose it is.
        found: String,
        /// Who wants to publish.
        farm: String,
    },
    /// The clock is behind the last publication, and apt does not go back.
    #[error(
        "the clock says {now}, and the last publication is of {last}: apt would not see the new one"
    )]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// The date of the last publication.
        last: Timestamp,
    },
    /// The .deb is none, or not what its statement says.
    #[error("the package does not fit its evidence: {reason}")]
    Mismatch {
        /// How.
        reason: String,
    },
    /// The evidence beside the .deb does not verify with the farm's own key.
    #[error("the package's evidence is not this farm's: {source}")]
    Evidence {
        /// Why.
        #[from]
        source: EvidenceError,
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
    /// Versions that are to be imported are published already, with other bytes.
    #[error("published already, with other bytes: {}", packages.join(", "))]
    ImportConflict {
        /// The packages and their versions.
        packages: Vec<String>,
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
    /// No suite that was asked about has the package.
    #[error("{package} is not published in {suites}")]
    NotThere {
        /// The package, with its version if one was named.
        package: String,
        /// The suites that were looked at.
        suites: String,
    },
    /// The version was withdrawn.
    #[error("{package} {version} was withdrawn: {reason}")]
    Withdrawn {
        /// The package.
        package: String,
        /// The version.
        version: String,
        /// Why.
        reason: String,
    },
    /// Packages do not go this way.
    #[error(
        "a package does not go from {from} to {to}: the channels are {channels}, in this order"
    )]
    ChannelOrder {
        /// Where it was to come from.
        from: String,
        /// Where it was to go.
        to: String,
        /// The channels, in their order.
        channels: String,
    },
    /// The channel takes only what was approved.
    #[error("{suite} takes only what {approvals} people have approved")]
    ApprovalNeeded {
        /// The suite.
        suite: String,
        /// How many must approve.
        approvals: usize,
    },
    /// The second approval came from the first person.
    #[error("{by} has approved {package} already: somebody else must, too")]
    SamePerson {
        /// The package and its version.
        package: String,
        /// Who came twice.
        by: String,
    },
    /// The farm's own package is nobody's to move.
    #[error("{package} is the farm's own package, and follows the farm by itself")]
    OwnPackage {
        /// The package.
        package: String,
    },
    /// There is no version to go back to.
    #[error("there is nothing to roll back to: {reason}")]
    NothingOlder {
        /// Why.
        reason: String,
    },
    /// The old package cannot be packed again.
    #[error("the older package cannot be brought back: {reason}")]
    Repack {
        /// Why.
        reason: String,
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
    /// Too many requests wait for the repository's writer.
    #[error("{waiting} requests wait to be published already")]
    WriterBusy {
        /// How many.
        waiting: usize,
    },
    /// The repository's writer accepts nothing more.
    #[error("the farm is shutting down, and publishes nothing more")]
    WriterGone,
    /// What was asked for was to be committed together with other things, and none of it was, or hosts do not see it yet.
    #[error(transparent)]
    Together {
        /// Why.
        source: Arc<RepoError>,
    },
    /// The publication is committed, and hosts do not see it yet.
    #[error(
        "the repository is committed as generation {generation}, but hosts do not see it yet: {source}"
    )]
    Unfinished {
        /// The repository's generation.
        generation: u64,
        /// What stopped it.
        source: Box<RepoError>,
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

    /// The same error, for one of several whom it befell.
    pub(super) fn together(error: &Arc<Self>) -> Self {
        Self::Together {
            source: Arc::clone(error),
        }
    }

    /// Whether a single package can be why a commit of several things failed: whether it is worth to try them apart.
    pub(super) fn may_be_of_one_package(&self) -> bool {
        match self {
            Self::Storage { source } => !source.is_retryable(),
            Self::Sign { source } => !matches!(source, SigningError::Unavailable { .. }),
            Self::Conflict | Self::OtherFarm { .. } | Self::ClockBehind { .. } => false,
            _ => true,
        }
    }

    /// The failure of the stage that this happened in.
    #[must_use]
    pub fn failure(&self, stage: Stage) -> Failure {
        let (code, hint) = self.code_and_hint();
        Failure::new(stage, code, self.to_string(), hint)
    }

    /// No suite in `suites` has the package.
    pub(super) fn not_there(
        package: &str,
        version: Option<&DebianVersion>,
        suites: &[Suite],
    ) -> Self {
        let version = version.map_or(String::new(), |version| format!(" {version}"));
        let names: Vec<_> = suites.iter().map(ToString::to_string).collect();
        Self::NotThere {
            package: format!("{}{version}", printable(package, 200)),
            suites: if names.is_empty() {
                "any suite".to_owned()
            } else {
                names.join(", ")
            },
        }
    }

    /// The package was withdrawn.
    pub(super) fn withdrawn(published: &Published, reason: &Reason) -> Self {
        Self::Withdrawn {
            package: published.package.clone(),
            version: published.version.to_string(),
            reason: reason.to_string(),
        }
    }

    /// The code that programs compare, and what to do next.
    #[must_use]
    pub fn code_and_hint(&self) -> (FailureCode, &'static str) {
        match self {
            Self::Io { .. } => (
                FailureCode::StorageError,
                "check that the package and its evidence are there, and may be read",
            ),
            Self::Storage { source } => source.code_and_hint(),
            Self::State { .. } => (
                FailureCode::StorageError,
                "restore the file from your backup; no publication changes the repository until then",
            ),
            Self::OtherFarm { .. } => (
                FailureCode::StorageError,
                "name another folder, or give the farm its old name: hosts refuse a repository whose Origin changes",
            ),
            Self::ClockBehind { .. } => (
                FailureCode::StorageError,
                "set this machine's clock; if the last publication's is the wrong one, wait until it has passed",
            ),
            Self::Damaged { .. } | Self::Index { .. } => (
                FailureCode::StorageError,
                "`plugfarm repo rebuild` writes indices again from the state; `plugfarm repo check` tells what else is wrong",
            ),
            Self::Conflict => (FailureCode::PublishConflict, "try again"),
            Self::WriterBusy { .. } => (FailureCode::PublishConflict, "try again in a minute"),
            Self::WriterGone => (
                FailureCode::PublishConflict,
                "try again when the farm is back",
            ),
            Self::Together { source } => source.code_and_hint(),
            Self::Mismatch { .. } | Self::Read { .. } | Self::Evidence { .. } => (
                FailureCode::EvidenceInvalid,
                "publish the package that the evidence is about, or build it again with this farm",
            ),
            Self::VersionUsed { .. } => (
                FailureCode::VersionUsed,
                "raise `version` in wazo/plugin.yml: a published version never changes",
            ),
            Self::ImportConflict { .. } => (
                FailureCode::VersionUsed,
                "a published version never changes, and nothing was imported; name what you want beside them with --package",
            ),
            Self::VersionNotHigher { .. } => (
                FailureCode::VersionNotHigher,
                "raise `version` in wazo/plugin.yml above the published one, in dpkg's order",
            ),
            Self::NotThere { .. } => (
                FailureCode::NotPublished,
                "see `plugfarm repo show` for what is published, and where",
            ),
            Self::Withdrawn { .. } => (
                FailureCode::VersionWithdrawn,
                "raise `version` in wazo/plugin.yml: a withdrawn version never comes back",
            ),
            Self::ChannelOrder { .. } => (
                FailureCode::Usage,
                "name two of `repository.channels` in their order, with --from and --to",
            ),
            Self::ApprovalNeeded { .. } => (
                FailureCode::ApprovalNeeded,
                "publish it in the first channel, and have it promoted from there",
            ),
            Self::SamePerson { .. } => (
                FailureCode::ApprovalNeeded,
                "ask somebody else to promote it too",
            ),
            Self::OwnPackage { .. } => (FailureCode::Usage, "name a plugin's package"),
            Self::NothingOlder { .. } => (
                FailureCode::NotPublished,
                "name another version with --to, or withdraw the bad one",
            ),
            Self::Repack { .. } => (
                FailureCode::StorageError,
                "name another version with --to; if it stays, this is a defect of plugfarm worth reporting",
            ),
            Self::Sign { .. } => (FailureCode::SignUnavailable, "see `plugfarm doctor`"),
            Self::Keyring { .. } => (FailureCode::StorageError, "see `plugfarm doctor`"),
            Self::Unfinished { source, .. } => {
                let (code, _) = source.code_and_hint();
                (code, "mend the cause and publish again: that completes it")
            }
        }
    }
}

impl From<IndexError> for RepoError {
    fn from(error: IndexError) -> Self {
        let reason = error.to_string();
        Self::Index { reason }
    }
}

/// What goes wrong in making the keyring package is the farm's own mistake.
macro_rules! keyring_error {
    ($($source:ty),*) => {$(
        impl From<$source> for RepoError {
            fn from(error: $source) -> Self {
                Self::Keyring { reason: error.to_string() }
            }
        }
    )*};
}
keyring_error!(AssembleError, PayloadError, ControlError, InvalidValue);
