//! The apt repository: what is published, in the form that apt reads, and the protocol by which it changes.
//!
//! One small object, the [`root`], says what the repository is; what it names is immutable. Publishing writes immutable
//! objects first (pool, evidence, indices by their content, the parts of the state), then commits by replacing the root
//! ([`commit`]), then writes what follows from it, `InRelease` last ([`follow`]). Whoever is interrupted before the commit
//! has changed nothing that a host can see; whoever is interrupted after it is completed by the next who comes.
//!
//! Every package that was ever published is in the [`ledger`]; a change of what the suites have is a [`draft`].
//!
//! Only what comes with an [`evidence::VerifiedStatement`](crate::evidence::VerifiedStatement) gets in. No secret key is
//! known here: a [`Signer`](crate::model::Signer) is handed in.

mod admit;
mod approvals;
mod audit;
mod catalog;
mod check;
mod check_index;
mod collect;
mod commit;
mod contents;
mod downloads;
mod draft;
mod entry;
mod error;
mod event;
mod files;
mod follow;
mod import;
mod index;
mod keyring;
mod layout;
mod ledger;
mod lock;
mod log;
mod lookup;
mod migrate;
mod object;
mod phase;
mod preview;
mod promote;
#[cfg(test)]
mod protocol_tests;
mod publish;
mod rebuild;
mod refresh;
mod release;
mod retention;
mod rollback;
mod root;
mod shelf;
mod show;
mod snapshot;
mod storage;
mod suite_draft;
mod table;
mod withdraw;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::S3Config;
use crate::model::{Actor, Channel, FarmName, Sha256, Suite, Target};
use storage::{FsStorage, S3Storage, Storage};

pub use admit::Publishable;
pub use approvals::{Pending, Standing};
pub use audit::{AuditQuery, Audited};
pub use check::{Checked, Verifier};
pub use downloads::downloads;
pub use entry::{Entry, Listing, Published};
pub use error::RepoError;
pub use event::{About, Action as AuditAction, Event};
pub use import::{Importable, Importing};
pub use layout::{
    approval as approval_path, attestation as attestation_path, evidence as evidence_path,
};
pub use lock::RepoLock;
pub use lookup::Known;
pub use phase::{Halting, Phasing};
pub use promote::{Promoted, Promotion};
pub use publish::{Batch, Publication};
pub use rebuild::Rebuilt;
pub use retention::{Retention, Retired};
pub use rollback::{RollbackRequest, RolledBack};
pub use shelf::{Highest, Shelf};
pub use show::{Packages, SuiteSummary};
pub use snapshot::Snapshot;
pub use storage::{Action, Progress, StorageError, Trouble};
pub use withdraw::{Withdrawal, Withdrawn};
pub use writer::Writer;

/// The most bytes that an `InRelease` may have.
const MAX_IN_RELEASE: u64 = 2 << 20;

/// What the repository says of itself to hosts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The farm's name: the repository's `Origin`, and part of its keyring package's name.
    pub farm: FarmName,
    /// Where hosts reach the repository; without it, its folder on this machine.
    pub url: Option<String>,
    /// The channels, in the order that packages go through them. The keyring package names the suite of the last.
    pub channels: Vec<Channel>,
    /// How many people must approve that a package goes to the next channel.
    pub approvals: usize,
    /// How long a preview is kept after its last publication.
    pub preview_time: Duration,
    /// How long hosts accept a publication (`Valid-Until`); without it, for ever.
    pub valid_for: Option<Duration>,
    /// The fingerprints of the keys of which one must sign the next publication (`Signed-By`): hosts that have seen a
    /// publication refuse the next one by any other key, even by one that they trust for another repository. apt heeds it
    /// until the publication's `Valid-Until`; hosts with the keyring package are told by that.
    pub signed_by: Vec<String>,
    /// Who answers for the keyring package.
    pub maintainer: String,
    /// The archive key's public half, as a binary keyring.
    pub archive_keyring: Vec<u8>,
    /// The statement key's public half, in PEM.
    pub statement_pem: String,
}

/// A repository, wherever it is kept.
#[derive(Debug, Clone)]
pub struct Repository {
    storage: Arc<dyn Storage>,
    settings: Settings,
    operator: Option<Actor>,
}

impl Repository {
    /// The repository in the folder `root`, made by its first publication.
    #[must_use]
    pub fn new(root: PathBuf, settings: Settings) -> Self {
        // A relative path means what it means now, and hosts are told the whole one.
        let storage = FsStorage::new(std::path::absolute(&root).unwrap_or(root));
        Self {
            storage: Arc::new(storage),
            settings,
            operator: None,
        }
    }

    /// The repository in a bucket, which must be there. What never changes is kept in the folder `cache` too; `progress` is
    /// told what is sent.
    ///
    /// # Errors
    ///
    /// [`StorageError::Setup`], [`StorageError::Io`]. Nothing is asked of the server yet.
    pub fn in_bucket(
        config: &S3Config,
        cache: Option<PathBuf>,
        progress: Option<Progress>,
        settings: Settings,
    ) -> Result<Self, RepoError> {
        let storage = Arc::new(S3Storage::new(config, cache, progress)?);
        Ok(Self {
            storage,
            settings,
            operator: None,
        })
    }

    /// Likewise, for whoever runs this program: who publishes, unless somebody else is named.
    #[must_use]
    pub fn operated_by(self, operator: Option<Actor>) -> Self {
        Self { operator, ..self }
    }

    /// The repository's folder, where it is one of this machine.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.storage.folder()
    }

    /// The address at which hosts reach the repository.
    #[must_use]
    pub fn url(&self) -> String {
        let folder = self.folder().map(url::Url::from_file_path);
        match (&self.settings.url, folder) {
            (Some(url), _) => url.clone(),
            (None, Some(Ok(url))) => url.to_string(),
            (None, _) => self.storage.place(""),
        }
    }

    /// The keyring package of `target`, for a host's first trust: its name in the repository, and its digest. It is there
    /// after the first publication.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`].
    pub fn keyring(&self, target: Target) -> Result<Option<(String, Sha256)>, RepoError> {
        let key = layout::keyring(&self.settings.farm, target);
        let found = self.storage.digest(&key)?;
        Ok(found.map(|found| (key, found.sha256)))
    }

    /// The `InRelease` that hosts find now in `suite`, if there is one.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`].
    pub fn in_release(&self, suite: &Suite) -> Result<Option<Vec<u8>>, RepoError> {
        let key = format!("{}/InRelease", layout::dists(suite));
        let found = self.storage().get(&key, MAX_IN_RELEASE)?;
        Ok(found.map(|bytes| bytes.to_vec()))
    }

    fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    fn operator(&self) -> Option<&Actor> {
        self.operator.as_ref()
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repository that nothing was published in, whose keys are none.
    pub(super) fn repository() -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            farm: FarmName::local(),
            url: None,
            channels: vec![Channel::stable()],
            approvals: 1,
            preview_time: Duration::from_secs(60),
            valid_for: None,
            signed_by: Vec::new(),
            maintainer: "Nobody <nobody@example.org>".to_owned(),
            archive_keyring: Vec::new(),
            statement_pem: String::new(),
        };
        let repository = Repository::new(folder.path().join("a b"), settings);
        (folder, repository)
    }

    #[test]
    fn a_folder_without_an_address_is_its_own_address() {
        let (_folder, repository) = repository();
        let url = repository.url();
        assert!(
            url.starts_with("file:///") && url.ends_with("/a%20b"),
            "{url}"
        );
    }

    #[test]
    fn what_was_never_published_in_is_empty() {
        let (_folder, repository) = repository();
        assert!(repository.suites().unwrap().is_empty());
        assert!(
            repository
                .history("wazo-plugind-a-b", Target::Trixie)
                .unwrap()
                .is_empty()
        );
    }
}
