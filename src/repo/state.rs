//! The state of a suite: what is published in it, and the signed files that say so. Everything else in `dists/` follows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::storage::{Expected, Storage, Tag};
use super::{RepoError, layout};
use crate::model::{
    Architecture, CommitId, DebianVersion, FarmName, PluginVersion, Sha256, Suite, Timestamp,
};

/// The most bytes that a state may have.
const MAX_STATE: u64 = 1 << 30;

/// The form of the state's file. A higher one was written by a later program, which this one must not overwrite.
const FORMAT: u32 = 1;

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
    /// The source tar that it was built from; the farm's own packages have none.
    pub source: Option<Sha256>,
    /// What it holds, whatever its version.
    pub content: Sha256,
    /// The digest of its signed statement's file; only a keyring package of the first version has none.
    pub statement: Option<Sha256>,
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

impl Published {
    /// What its bytes must be.
    pub(super) fn expected(&self) -> Expected {
        Expected {
            sha256: self.sha256,
            size: self.size,
        }
    }
}

/// A suite as it was last committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteState {
    format: u32,
    /// Whose repository it is, as hosts know it.
    pub(super) farm: FarmName,
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
    /// What it was read as; nothing when there was none.
    #[serde(skip)]
    seen: Option<Tag>,
}

impl SuiteState {
    /// A suite that nothing was published in yet.
    pub(super) fn empty(farm: FarmName, suite: Suite) -> Self {
        Self {
            format: FORMAT,
            farm,
            suite,
            generation: 0,
            date: Timestamp::from_seconds(0),
            packages: Vec::new(),
            retired: Vec::new(),
            release: String::new(),
            release_gpg: String::new(),
            in_release: String::new(),
            seen: None,
        }
    }

    /// The last committed state of `suite`, if there is one.
    pub(super) fn load(storage: &dyn Storage, suite: &str) -> Result<Option<Self>, RepoError> {
        let key = layout::state(suite);
        let Some(found) = storage.get(&key, MAX_STATE)? else {
            return Ok(None);
        };
        let unusable = |reason: String| RepoError::State {
            place: storage.place(&key),
            reason,
        };
        let mut state: Self =
            serde_json::from_slice(&found.bytes).map_err(|error| unusable(error.to_string()))?;
        if state.format != FORMAT {
            let format = state.format;
            return Err(unusable(format!(
                "its format is {format}, and this program knows {FORMAT}"
            )));
        }
        if state.suite.to_string() != suite {
            return Err(unusable(format!("it is the state of {}", state.suite)));
        }
        state.seen = Some(found.tag);
        Ok(Some(state))
    }

    /// Commits: from here on this is the suite, whatever happens.
    pub(super) fn commit(&mut self, storage: &dyn Storage) -> Result<(), RepoError> {
        let key = layout::state(&self.suite.to_string());
        let bytes = serde_json::to_vec(self).map_err(|error| RepoError::State {
            place: storage.place(&key),
            reason: error.to_string(),
        })?;
        let swapped = storage.swap(&key, &bytes, self.seen.as_ref(), self.date)?;
        self.seen = Some(swapped.ok_or_else(|| RepoError::Conflict {
            suite: self.suite.to_string(),
        })?);
        Ok(())
    }

    /// What the suite's Release lists: places relative to the suite's folder, and the bytes there.
    pub(super) fn listed(&self) -> Vec<(String, Expected)> {
        let lines = self
            .release
            .lines()
            .filter_map(|line| line.strip_prefix(' '));
        lines
            .filter_map(|line| {
                let mut words = line.split(' ');
                let sha256 = words.next()?.parse().ok()?;
                let size = words.next()?.parse().ok()?;
                Some((words.next()?.to_owned(), Expected { sha256, size }))
            })
            .collect()
    }

    /// The places by content of what the Release lists, relative to the suite's folder.
    pub(super) fn places(&self) -> BTreeSet<String> {
        let listed = self.listed();
        listed
            .iter()
            .map(|(path, expected)| layout::by_hash(path, expected.sha256))
            .collect()
    }

    /// The highest version of a package in this suite.
    pub(super) fn highest(&self, package: &str) -> Option<&Published> {
        self.packages
            .iter()
            .filter(|published| published.package == package)
            .max_by(|a, b| a.version.cmp(&b.version))
    }

    /// Whether these bytes are in this suite.
    pub(super) fn holds(&self, sha256: Sha256) -> bool {
        self.packages
            .iter()
            .any(|published| published.sha256 == sha256)
    }
}
