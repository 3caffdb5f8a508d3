//! The state of a suite: what is published in it, and the signed files that say so. Everything else in `dists/` follows.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RepoError, files, layout};
use crate::model::{
    Architecture, CommitId, DebianVersion, PluginVersion, Sha256, Suite, Timestamp,
};

/// The most bytes that a state may have.
const MAX_STATE: u64 = 1 << 30;

/// One package in a suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// Its architecture.
    pub architecture: Architecture,
    /// The version in the plugin's manifest; the farm's own packages have none.
    pub plugin_version: Option<PluginVersion>,
    /// The commit that it was built from, where there is one.
    pub commit: Option<CommitId>,
    /// What it holds, whatever its version.
    pub content: Sha256,
    /// The digest of the .deb.
    pub sha256: Sha256,
    /// Its size, in bytes.
    pub size: u64,
    /// Its place, relative to the repository's root.
    pub filename: String,
    /// When it was published.
    pub published: Timestamp,
    /// Its paragraph in `Packages`, without the empty line after it.
    pub stanza: String,
}

/// A suite as it was last committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteState {
    /// Which suite.
    pub suite: Suite,
    /// Counts publications, from 1.
    pub generation: u64,
    /// The `Date` of its Release.
    pub date: Timestamp,
    /// Everything in it, sorted by package and version.
    pub packages: Vec<Published>,
    /// Places by content that no longer are in use, relative to the suite's folder, and since when.
    pub(super) retired: Vec<(String, Timestamp)>,
    /// The Release file.
    pub(super) release: String,
    /// Its detached signature.
    pub(super) release_gpg: String,
    /// The clear-signed form.
    pub(super) in_release: String,
}

impl SuiteState {
    /// A suite that nothing was published in yet.
    pub(super) fn empty(suite: Suite) -> Self {
        Self {
            suite,
            generation: 0,
            date: Timestamp::from_seconds(0),
            packages: Vec::new(),
            retired: Vec::new(),
            release: String::new(),
            release_gpg: String::new(),
            in_release: String::new(),
        }
    }

    /// The last committed state of `suite`, if there is one.
    pub(super) fn load(root: &Path, suite: &str) -> Result<Option<Self>, RepoError> {
        let path = root.join(layout::state(suite));
        let Some(bytes) = files::read(&path, MAX_STATE)? else {
            return Ok(None);
        };
        let state: Self = serde_json::from_slice(&bytes).map_err(|error| RepoError::State {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        if state.suite.to_string() == suite {
            Ok(Some(state))
        } else {
            let reason = format!("it is the state of {}", state.suite);
            Err(RepoError::State { path, reason })
        }
    }

    /// Commits: from here on this is the suite, whatever happens.
    pub(super) fn commit(&self, root: &Path) -> Result<(), RepoError> {
        let path = root.join(layout::state(&self.suite.to_string()));
        let bytes = serde_json::to_vec(self).map_err(|error| RepoError::State {
            path: path.clone(),
            reason: error.to_string(),
        })?;
        files::replace(&path, &bytes)
    }

    /// The versions of a package in this suite, highest first.
    pub(super) fn versions(&self, package: &str) -> Vec<&Published> {
        let mut found: Vec<_> = self
            .packages
            .iter()
            .filter(|published| published.package == package)
            .collect();
        found.sort_by(|a, b| b.version.cmp(&a.version));
        found
    }
}
