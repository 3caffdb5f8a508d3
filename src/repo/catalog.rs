//! What all suites have in common: the ledger of every package, and what went out of use.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::approvals::Pending;
use super::ledger::Ledger;
use super::storage::{Storage, Write};
use super::{RepoError, object};
use crate::model::{DebianVersion, Sha256, Target, Timestamp};

/// How long what went out of use is kept, in seconds: a host that fetched an old `InRelease`, perhaps through a cache, still
/// finds what it lists.
pub(super) const KEEP: i64 = 7 * 24 * 3600;

/// How many keys one part of the list of what is retired holds.
const PART: usize = 256;

/// The object that the root names beside the suites' tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalog {
    pub(super) ledger: Ledger,
    pub(super) retired: Retired,
    /// The versions that hosts must not install, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) withdrawn: Vec<Banned>,
    /// What waits for one more person to approve it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pending: Vec<Pending>,
    /// The object of the list of [`Snapshot`](super::snapshot::Snapshot)s; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) snapshots: Option<Sha256>,
    /// When previews are over, by suite.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) previews: BTreeMap<String, Timestamp>,
}

/// A version that was withdrawn from everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Banned {
    pub(super) target: Target,
    pub(super) package: String,
    pub(super) version: DebianVersion,
}

/// Keys that are not in use any more, oldest first. All but the newest are in objects of their own, so that a busy week costs
/// the next publication nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retired {
    sealed: Vec<Part>,
    open: Vec<Unused>,
}

/// A key, and what is there. It was in use until `since`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unused {
    pub(super) key: String,
    pub(super) sha256: Sha256,
    since: Timestamp,
}

/// An object with keys, and when the last of them went out of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    digest: Sha256,
    last: Timestamp,
}

impl Retired {
    /// Notes that `keys` are in use no more since `now`.
    pub(super) fn add(
        &mut self,
        keys: impl IntoIterator<Item = (String, Sha256)>,
        now: Timestamp,
        wave: &mut Vec<Write>,
    ) -> Result<(), RepoError> {
        // The list is in order of time, even where the clock was not.
        let now = self.open.last().map_or(now, |last| now.max(last.since));
        self.open
            .extend(keys.into_iter().map(|(key, sha256)| Unused {
                key,
                sha256,
                since: now,
            }));
        while self.open.len() > PART {
            let rest = self.open.split_off(PART);
            let full = std::mem::replace(&mut self.open, rest);
            self.sealed.push(Part {
                digest: object::add(&full, wave)?,
                last: full.last().map_or(now, |last| last.since),
            });
        }
        Ok(())
    }

    /// Forgets what was retired long before `now`, and gives the keys that may be removed: those among them that are neither
    /// `in_use` again nor retired once more since.
    pub(super) fn expire(
        &mut self,
        storage: &dyn Storage,
        now: Timestamp,
        in_use: &BTreeSet<String>,
    ) -> Result<Vec<String>, RepoError> {
        let old = |since: Timestamp| since.seconds().saturating_add(KEEP) <= now.seconds();
        let mut expired = BTreeSet::new();
        let parts = self.sealed.partition_point(|part| old(part.last));
        for part in self.sealed.drain(..parts) {
            let keys: Vec<Unused> = object::load(storage, part.digest)?;
            expired.extend(keys.into_iter().map(|unused| unused.key));
            expired.insert(super::layout::object(part.digest));
        }
        if self.sealed.is_empty() {
            let open = self.open.partition_point(|unused| old(unused.since));
            expired.extend(self.open.drain(..open).map(|unused| unused.key));
        }
        if !expired.is_empty() {
            for unused in self.keys(storage)? {
                expired.remove(&unused.key);
            }
        }
        Ok(expired.difference(in_use).cloned().collect())
    }

    /// Everything that is kept, oldest first.
    pub(super) fn keys(&self, storage: &dyn Storage) -> Result<Vec<Unused>, RepoError> {
        let mut keys = Vec::new();
        for part in &self.sealed {
            keys.extend(object::load::<Vec<Unused>>(storage, part.digest)?);
        }
        keys.extend(self.open.iter().cloned());
        Ok(keys)
    }

    /// The objects that the list itself is in.
    pub(super) fn objects(&self) -> impl Iterator<Item = Sha256> + '_ {
        self.sealed.iter().map(|part| part.digest)
    }
}
