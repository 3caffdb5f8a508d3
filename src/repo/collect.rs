//! What nobody needs: objects of publications that were interrupted before their commit.

use std::collections::HashSet;

use super::log::Log;
use super::migrate::old_name;
use super::root::{Root, SuiteRoot};
use super::{RepoError, RepoLock, Repository, layout};
use crate::model::{Sha256, Timestamp};

/// How old what is in no use must be before it goes, in seconds: it may belong to a publication that is under way.
const AGE: i64 = 24 * 3600;

/// What is in use, by its key.
#[derive(Default)]
struct Reachable {
    /// Digests of keys, which are shorter than the keys.
    keys: HashSet<Sha256>,
    /// The packages whose evidence is kept.
    packages: HashSet<String>,
}

impl Reachable {
    fn add(&mut self, key: &str) {
        self.keys.insert(Sha256::of(key.as_bytes()));
    }

    fn holds(&self, key: &str) -> bool {
        let folder = key.strip_prefix(layout::EVIDENCE);
        let package = folder.and_then(|rest| rest.split('/').next());
        match package {
            Some(package) => self.packages.contains(package),
            None => self.keys.contains(&Sha256::of(key.as_bytes())),
        }
    }
}

impl Repository {
    /// Removes what no commit has named for a day: what publications left that were interrupted. Gives how many files went.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`], [`RepoError::State`]. Nothing is removed unless the whole state could be read.
    pub fn collect(&self, lock: &RepoLock, now: Timestamp) -> Result<u64, RepoError> {
        let Some(root) = self.root()? else {
            return Ok(0);
        };
        let reachable = self.reachable(&root)?;
        let mut orphans = Vec::new();
        for folder in layout::IMMUTABLE {
            for found in self.storage().list(folder)? {
                let old = found.modified.seconds().saturating_add(AGE) < now.seconds();
                let immutable = *folder != layout::DISTS
                    || layout::is_by_content(&found.key)
                    || layout::is_of_snapshot(&found.key);
                if old && immutable && !reachable.holds(&found.key) {
                    orphans.push(found.key);
                }
            }
        }
        let left = self.storage().list(layout::STATE)?.into_iter();
        orphans.extend(
            left.map(|found| found.key)
                .filter(|key| old_name(key).is_some()),
        );
        lock.check()?;
        self.storage().delete(&orphans)?;
        Ok(orphans.len() as u64)
    }

    fn reachable(&self, root: &Root) -> Result<Reachable, RepoError> {
        let mut reachable = Reachable::default();
        let catalog = root.catalog(self.storage())?;
        for leaf in catalog.ledger.leaves() {
            reachable.add(&layout::object(leaf.digest));
            for entry in leaf.load(self.storage())? {
                let approvals = entry.listings.values().flat_map(|own| &own.approvals);
                let published = &entry.published;
                for digest in approvals {
                    reachable.add(&layout::approval(published.sha256, *digest));
                }
                reachable.add(&layout::attestation(published.sha256));
                if entry.erased.is_none() {
                    reachable.add(&published.filename);
                    reachable.packages.insert(published.sha256.to_string());
                }
            }
        }
        for pending in &catalog.pending {
            for standing in &pending.approvals {
                reachable.add(&layout::approval(pending.sha256, standing.digest));
            }
        }
        for segment in Log::segments(root.log.as_ref(), self.storage()) {
            reachable.add(&layout::object(segment?.digest));
        }
        for unused in catalog.retired.keys(self.storage())? {
            reachable.add(&unused.key);
        }
        for snapshot in self.snapshots()? {
            for file in &snapshot.files {
                reachable.add(&file.key);
            }
        }
        let objects = catalog.retired.objects();
        let objects = objects.chain(root.catalog).chain(catalog.snapshots);
        let tables = root.suites.values().flat_map(SuiteRoot::objects);
        for digest in objects.chain(tables) {
            reachable.add(&layout::object(digest));
        }
        for key in root
            .suites
            .values()
            .flat_map(|suite| suite.keys().into_keys())
        {
            reachable.add(&key);
        }
        Ok(reachable)
    }
}
