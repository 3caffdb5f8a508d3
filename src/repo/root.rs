//! The commit: one small object that says what the repository is. Whoever replaces it has published; everything else follows.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use super::contents::Contents;
use super::log::Log;
use super::storage::{Expected, Storage, Tag};
use super::{RepoError, layout, object};
use crate::model::{FarmName, Sha256, Suite, Timestamp};

/// The most bytes that the root may have.
const MAX_ROOT: u64 = 64 << 20;

/// The form of the root. A higher one was written by a later program, which this one must not overwrite.
const FORMAT: u32 = 2;

/// The repository as it was last committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    format: u32,
    /// Whose repository it is, as hosts know it.
    pub(super) farm: FarmName,
    /// Counts commits.
    pub(super) generation: u64,
    /// The object of the [`Catalog`]; none before the first commit.
    pub(super) catalog: Option<Sha256>,
    /// The audit log; none before its first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<Log>,
    /// The suites, by name.
    pub(super) suites: BTreeMap<String, SuiteRoot>,
    /// The suites that this commit changed: those that hosts may not see yet, should it have been interrupted.
    pub(super) changed: BTreeSet<String>,
}

/// A suite as it was last committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuiteRoot {
    /// Which suite.
    pub(super) suite: Suite,
    /// Counts its publications, from 1.
    pub(super) generation: u64,
    /// The `Date` of its Release.
    pub(super) date: Timestamp,
    /// How many packages it has.
    pub(super) packages: u64,
    /// The object of its [`Table`](super::table::Table).
    pub(super) table: Sha256,
    /// The keyring package that hosts of its target take as their first trust: its place, and what its bytes are.
    pub(super) keyring: Option<Placed>,
    /// The Contents indices; none before the first `repo refresh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) contents: Option<Contents>,
    /// The patches that `Packages.diff/Index` names.
    pub(super) patches: Vec<Placed>,
    /// The Release file.
    pub(super) release: String,
    /// Its detached signature.
    pub(super) release_gpg: String,
    /// The clear-signed form.
    pub(super) in_release: String,
}

/// A file at its place, relative to the repository's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Placed {
    pub(super) key: String,
    pub(super) content: Expected,
}

impl Root {
    /// A repository that nothing was published in yet.
    pub(super) fn empty(farm: FarmName) -> Self {
        Self {
            format: FORMAT,
            farm,
            generation: 0,
            catalog: None,
            log: None,
            suites: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// The last commit, if there is one, and the tag by which it is replaced.
    pub(super) fn load(storage: &dyn Storage) -> Result<Option<(Self, Tag)>, RepoError> {
        let Some(found) = storage.tagged(layout::ROOT, MAX_ROOT)? else {
            return Ok(None);
        };
        let unusable = |reason: String| RepoError::State {
            place: storage.place(layout::ROOT),
            reason,
        };
        // The format comes first: another one may have other fields.
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let form: Form =
            serde_json::from_slice(&found.bytes).map_err(|error| unusable(error.to_string()))?;
        if form.format != FORMAT {
            let format = form.format;
            return Err(unusable(format!(
                "its format is {format}, and this program knows {FORMAT}"
            )));
        }
        let root: Self =
            serde_json::from_slice(&found.bytes).map_err(|error| unusable(error.to_string()))?;
        match root
            .suites
            .iter()
            .find(|(name, one)| **name != one.suite.to_string())
        {
            Some((name, one)) => Err(unusable(format!("{name} is the state of {}", one.suite))),
            None => Ok(Some((root, found.tag))),
        }
    }

    /// Its bytes.
    pub(super) fn bytes(&self, storage: &dyn Storage) -> Result<Vec<u8>, RepoError> {
        serde_json::to_vec(self).map_err(|error| RepoError::State {
            place: storage.place(layout::ROOT),
            reason: error.to_string(),
        })
    }

    /// What its suites have in common.
    pub(super) fn catalog(&self, storage: &dyn Storage) -> Result<Catalog, RepoError> {
        self.catalog.map_or(Ok(Catalog::default()), |digest| {
            object::load(storage, digest)
        })
    }
}

impl SuiteRoot {
    /// The objects that it names.
    pub(super) fn objects(&self) -> impl Iterator<Item = Sha256> {
        let contents = self.contents.as_ref().map(|contents| contents.packages);
        [self.table].into_iter().chain(contents)
    }

    /// What the suite's Release lists.
    pub(super) fn listed(&self) -> Vec<(String, Expected)> {
        listed(&self.release)
    }

    /// What the Release lists and the repository has: the largest files are there in compressed form only.
    pub(super) fn stored(&self) -> impl Iterator<Item = (String, Expected)> {
        let listed = self.listed().into_iter();
        listed.filter(|(path, content)| layout::is_stored(path, content.size))
    }

    /// The suite's files that never change, and what they are: indices at their places by content, and patches.
    pub(super) fn keys(&self) -> BTreeMap<String, Sha256> {
        let folder = layout::dists(&self.suite);
        let place = |(path, content): (String, Expected)| {
            let place = layout::by_hash(&path, content.sha256);
            (format!("{folder}/{place}"), content.sha256)
        };
        let mut keys: BTreeMap<_, _> = self.stored().map(place).collect();
        let patches = self.patches.iter();
        keys.extend(patches.map(|patch| (patch.key.clone(), patch.content.sha256)));
        keys
    }

    /// The indices at the names that each publication replaces.
    pub(super) fn plain(&self) -> BTreeMap<String, Sha256> {
        let folder = layout::dists(&self.suite);
        let plain =
            |(path, content): (String, Expected)| (format!("{folder}/{path}"), content.sha256);
        self.stored().map(plain).collect()
    }
}

/// What a Release lists: places relative to the suite's folder, and the bytes there.
pub(super) fn listed(release: &str) -> Vec<(String, Expected)> {
    let lines = release.lines().filter_map(|line| line.strip_prefix(' '));
    lines
        .filter_map(|line| {
            let mut words = line.split(' ');
            let sha256 = words.next()?.parse().ok()?;
            let size = words.next()?.parse().ok()?;
            Some((words.next()?.to_owned(), Expected { sha256, size }))
        })
        .collect()
}
