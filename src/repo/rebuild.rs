//! What follows from the state, made again: indices that are missing or damaged come back byte for byte.

use std::collections::BTreeSet;

use super::contents::Contents;
use super::root::{Root, SuiteRoot};
use super::storage::{Storage, Write};
use super::table::Table;
use super::{RepoError, Repository, layout, object};

impl Repository {
    /// Makes the indices of every suite again from the ledger, and writes what is not as the Release lists it; then the
    /// signed files and what hosts take as their first trust. Gives what was missing or damaged.
    ///
    /// # Errors
    ///
    /// [`RepoError::State`] when the state is damaged, or gives other indices than those that were signed;
    /// [`RepoError::Storage`].
    pub fn rebuild(&self) -> Result<Vec<String>, RepoError> {
        let lock = self.acquire()?;
        let Some(root) = self.root()? else {
            return Ok(Vec::new());
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
        Ok(mended)
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
