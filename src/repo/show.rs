//! What is published, for whoever asks.

use std::collections::BTreeSet;
use std::vec;

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::entry::{Entry, Published};
use super::ledger::Leaf;
use super::migrate::OldSuite;
use super::root::Root;
use super::storage::Storage;
use super::{RepoError, Repository, layout};
use crate::model::{Sha256, Suite, Target, Timestamp};

/// The most bytes that a file of signed statements may have; [`evidence::trace`](crate::evidence::trace) has the same limit.
const MAX_STATEMENTS: u64 = 4 << 20;

/// The most approvals of one package that are looked at.
const MAX_APPROVALS: usize = 1000;

/// A suite in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteSummary {
    /// Which suite.
    pub suite: Suite,
    /// Counts its publications, from 1.
    pub generation: u64,
    /// The `Date` of its Release.
    pub date: Timestamp,
    /// How many packages it has.
    pub packages: u64,
}

impl Repository {
    /// The last commit, if there is one.
    pub(super) fn root(&self) -> Result<Option<Root>, RepoError> {
        Ok(Root::load(self.storage())?.map(|(root, _)| root))
    }

    /// Every suite that anything was published in, sorted by name.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`], [`RepoError::State`].
    pub fn suites(&self) -> Result<Vec<SuiteSummary>, RepoError> {
        let Some(root) = self.root()? else {
            return self.old_suites();
        };
        let summary = root.suites.into_values().map(|suite| SuiteSummary {
            suite: suite.suite,
            generation: suite.generation,
            date: suite.date,
            packages: suite.packages,
        });
        Ok(summary.collect())
    }

    fn old_suites(&self) -> Result<Vec<SuiteSummary>, RepoError> {
        let suites = OldSuite::all(self.storage())?.into_iter();
        let summary = suites.map(|old| SuiteSummary {
            packages: old.packages.len() as u64,
            suite: old.suite,
            generation: old.generation,
            date: old.date,
        });
        Ok(summary.collect())
    }

    /// One suite, if anything was published in it.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn suite(&self, suite: &Suite) -> Result<Option<SuiteSummary>, RepoError> {
        let mut suites = self.suites()?.into_iter();
        Ok(suites.find(|found| found.suite == *suite))
    }

    /// What `suite` has, sorted by package and version. It is read piece by piece.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn packages(&self, suite: &Suite) -> Result<Packages<'_>, RepoError> {
        let (leaves, entries) = match self.root()? {
            Some(root) => (
                root.catalog(self.storage())?.ledger.leaves().to_vec(),
                Vec::new(),
            ),
            None => (Vec::new(), self.old_entries()?),
        };
        Ok(Packages {
            storage: self.storage(),
            suite: suite.clone(),
            leaves: leaves.into_iter(),
            entries: entries.into_iter(),
        })
    }

    /// The names of the packages that hosts of `target` can get, in any channel.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn names(&self, target: Target) -> Result<BTreeSet<String>, RepoError> {
        let mut names = BTreeSet::new();
        let suites = self.suites()?.into_iter();
        for suite in suites.filter(|suite| suite.suite.target == target) {
            for entry in self.packages(&suite.suite)? {
                names.insert(entry?.published.package);
            }
        }
        Ok(names)
    }

    /// Whether hosts that follow `suite` can get `package`.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn offers(&self, suite: &Suite, package: &str) -> Result<bool, RepoError> {
        let found = self.versions(package)?;
        Ok(found.iter().any(|entry| entry.listing(suite).is_some()))
    }

    /// Every version of `package` that any suite has, or had, for any target, oldest first.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn versions(&self, package: &str) -> Result<Vec<Entry>, RepoError> {
        let mut found = match self.root()? {
            Some(root) => root
                .catalog(self.storage())?
                .ledger
                .of(self.storage(), package)?,
            None => self.old_entries()?,
        };
        found.retain(|entry| entry.published.package == package);
        found.sort_by_key(Entry::key);
        Ok(found)
    }

    /// What was ever published as `package` for `target`, in any channel, oldest first.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn history(&self, package: &str, target: Target) -> Result<Vec<Published>, RepoError> {
        let mut found = self.versions(package)?;
        let suites: Vec<_> = self.suites()?.into_iter().map(|one| one.suite).collect();
        let own = suites.iter().filter(|suite| suite.target == target);
        found.retain(|entry| own.clone().any(|suite| entry.listed(suite).is_some()));
        found.dedup_by(|a, b| a.published.sha256 == b.published.sha256);
        Ok(found.into_iter().map(|entry| entry.published).collect())
    }
}

impl Repository {
    /// A published package in a file, which goes away with the value.
    ///
    /// # Errors
    ///
    /// [`RepoError::Damaged`] where it is not there any more, or not what was published; [`RepoError::Storage`],
    /// [`RepoError::Io`].
    pub fn fetch(&self, published: &Published) -> Result<NamedTempFile, RepoError> {
        let folder = std::env::temp_dir();
        let file = tempfile::Builder::new().suffix(".deb").tempfile();
        let file = file.map_err(RepoError::io("write in", &folder))?;
        let (key, path) = (&published.filename, file.path());
        let found = self.storage().download(key, file.as_file(), path)?;
        if found == Some(published.expected()) {
            Ok(file)
        } else {
            let place = self.storage().place(key);
            Err(RepoError::Damaged { place })
        }
    }

    /// The file of signed statements about the package with this digest, if there is one.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`].
    pub fn attestation(&self, package: Sha256) -> Result<Option<Bytes>, RepoError> {
        let key = layout::attestation(package);
        Ok(self.storage().get(&key, MAX_STATEMENTS)?)
    }

    /// The files of approvals of the package with this digest, whoever has signed them.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`].
    pub fn approvals(&self, package: Sha256) -> Result<Vec<Bytes>, RepoError> {
        let folder = format!("{}/{package}", layout::APPROVALS);
        let mut found = Vec::new();
        for listed in self.storage().list(&folder)?.iter().take(MAX_APPROVALS) {
            found.extend(self.storage().get(&listed.key, MAX_STATEMENTS)?);
        }
        Ok(found)
    }

    /// What a repository of the first format has.
    fn old_entries(&self) -> Result<Vec<Entry>, RepoError> {
        let suites = OldSuite::all(self.storage())?;
        Ok(suites.iter().flat_map(OldSuite::entries).collect())
    }
}

/// The packages of a suite.
#[derive(Debug)]
pub struct Packages<'a> {
    storage: &'a dyn Storage,
    suite: Suite,
    leaves: vec::IntoIter<Leaf>,
    entries: vec::IntoIter<Entry>,
}

impl Iterator for Packages<'_> {
    type Item = Result<Entry, RepoError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self
                .entries
                .find(|entry| entry.listing(&self.suite).is_some())
            {
                return Some(Ok(entry));
            }
            match self.leaves.next()?.load(self.storage) {
                Ok(entries) => self.entries = entries.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
