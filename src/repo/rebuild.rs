//! What follows from the state, made again: indices that are missing or damaged come back byte for byte.

use std::collections::BTreeSet;

use super::contents::Contents;
use super::root::{Root, SuiteRoot};
use super::storage::{Content, Storage, Write};
use super::table::Table;
use super::{RepoError, Repository, layout, object};

/// What was missing or damaged, by its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// What is as it was.
    pub mended: Vec<String>,
    /// The files of dated publications whose bytes are nowhere else: what they were made from has changed since, and a
    /// signature is never the same twice.
    pub lost: Vec<String>,
}

impl Repository {
    /// Makes the indices of every suite again from the ledger, and writes what is not as the Release lists it; then the
    /// signed files and what hosts take as their first trust. Files of dated publications come back from wherever else the
    /// same bytes are. Gives what was missing or damaged.
    ///
    /// # Errors
    ///
    /// [`RepoError::State`] when the state is damaged, or gives other indices than those that were signed;
    /// [`RepoError::Storage`].
    pub fn rebuild(&self) -> Result<Rebuilt, RepoError> {
        let lock = self.acquire()?;
        let Some(root) = self.root()? else {
            return Ok(Rebuilt::default());
        };
        let mut mended = Vec::new();
        for suite in root.suites.values() {
            let (wave, copies) = self.rebuild_suite(&root, suite)?;
            lock.check()?;
            for wave in [wave, copies] {
                let bad = damaged(self.storage(), wave)?;
                mended.extend(bad.iter().map(|write| write.key.clone()));
                self.storage().write(bad)?;
            }
            for (key, sha256) in suite.plain() {
                let found = self.storage().digest(&key)?;
                if found.is_none_or(|found| found.sha256 != sha256) {
                    mended.push(key);
                }
            }
            if !self.is_followed(suite)? {
                mended.push(super::follow::in_release(suite));
            }
        }
        let names: BTreeSet<String> = root.suites.keys().cloned().collect();
        self.follow(&root, &names, true)?;
        let (copies, lost) = self.rebuild_snapshots()?;
        lock.check()?;
        mended.extend(copies.iter().map(|write| write.key.clone()));
        self.storage().write(copies)?;
        Ok(Rebuilt { mended, lost })
    }

    /// What is missing or damaged of dated publications: copies of the same bytes, and the keys of what there are none of.
    fn rebuild_snapshots(&self) -> Result<(Vec<Write>, Vec<String>), RepoError> {
        let snapshots = self.snapshots()?;
        let (mut wave, mut lost) = (Vec::new(), Vec::new());
        for snapshot in &snapshots {
            for file in &snapshot.files {
                let is_good = |key: &str| -> Result<bool, RepoError> {
                    Ok(self.storage().digest(key)? == Some(file.content))
                };
                if is_good(&file.key)? {
                    continue;
                }
                let others = snapshots.iter().flat_map(|other| &other.files);
                let others = others.filter(|other| other.content == file.content);
                let others = others.map(|other| other.key.clone());
                let mut same = snapshot.origin(file).into_iter().chain(others);
                let from = same.find_map(|key| match is_good(&key) {
                    Ok(false) => None,
                    found => Some(found.map(|_| Content::Copy(key))),
                });
                match from.transpose()? {
                    Some(from) => {
                        wave.push(Write::immutable(file.key.clone(), from, file.content));
                    }
                    None => lost.push(file.key.clone()),
                }
            }
        }
        Ok((wave, lost))
    }

    /// The suite's files at their places by content, and copies of those.
    fn rebuild_suite(
        &self,
        root: &Root,
        suite: &SuiteRoot,
    ) -> Result<(Vec<Write>, Vec<Write>), RepoError> {
        let storage = self.storage();
        let table: Table = object::load(storage, suite.table)?;
        let ledger = root.catalog(storage)?.ledger;
        let stanzas = ledger.stanzas(storage, &suite.suite)?;
        let indexed = table.rebuild(&layout::dists(&suite.suite), &stanzas)?;
        let mut listed = indexed.listed;
        listed.extend(suite.contents.iter().flat_map(Contents::listed));
        if listed != suite.listed() {
            return Err(RepoError::State {
                place: storage.place(&layout::object(suite.table)),
                reason: format!("{} would not be what was signed", suite.suite),
            });
        }
        let mut wave = indexed.wave;
        wave.append(&mut self.rebuild_contents(suite)?);
        Ok((wave, indexed.copies))
    }
}

/// Those that are missing or have other bytes.
fn damaged(storage: &dyn Storage, wave: Vec<Write>) -> Result<Vec<Write>, RepoError> {
    let mut bad = Vec::new();
    for write in wave {
        if storage.digest(&write.key)? != Some(write.expected) {
            bad.push(write);
        }
    }
    Ok(bad)
}
