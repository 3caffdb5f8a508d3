//! Repositories of the first format, which had a file with every package for each suite. The next commit brings them forward.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::draft::Draft;
use super::entry::{Entry, Listing, Published};
use super::follow::{MAX_SIGNED, date};
use super::index::Change;
use super::root::listed;
use super::storage::Storage;
use super::suite_draft::SuiteDraft;
use super::{RepoError, Repository, layout};
use crate::model::{FarmName, Sha256, Signer, Suite, Timestamp};

/// The most bytes that a suite's file may have.
const MAX_STATE: u64 = 1 << 30;

/// The format of such a file.
const FORMAT: u32 = 1;

/// A suite, as the first format had it.
#[derive(Debug, Deserialize)]
pub(super) struct OldSuite {
    format: u32,
    pub(super) farm: FarmName,
    pub(super) suite: Suite,
    pub(super) generation: u64,
    pub(super) date: Timestamp,
    pub(super) packages: Vec<Published>,
    /// Places that are in use no more, relative to the suite's folder.
    retired: Vec<(String, Timestamp)>,
    release: String,
}

impl OldSuite {
    /// Every suite of a repository of the first format; none, if it is none.
    pub(super) fn all(storage: &dyn Storage) -> Result<Vec<Self>, RepoError> {
        let mut found = Vec::new();
        for listed in storage.list(layout::STATE)? {
            let key = listed.key;
            let unusable = |reason: String| RepoError::State {
                place: storage.place(&key),
                reason,
            };
            let Some(name) = old_name(&key) else {
                continue;
            };
            let Some(bytes) = storage.get(&key, MAX_STATE)? else {
                continue;
            };
            let suite: Self =
                serde_json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
            if suite.format != FORMAT {
                let format = suite.format;
                return Err(unusable(format!(
                    "its format is {format}, and this program knows {FORMAT}"
                )));
            }
            if suite.suite.to_string() != name {
                return Err(unusable(format!("it is the state of {}", suite.suite)));
            }
            found.push(suite);
        }
        Ok(found)
    }
}

impl OldSuite {
    /// Its packages, as the ledger has them.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.packages.iter().zip(0..).map(|(published, serial)| {
            let mut entry = Entry::new(published.clone());
            let listing = Listing::new(serial, published.published);
            entry.listings.insert(self.suite.to_string(), listing);
            entry
        })
    }
}

impl OldSuite {
    /// The places by content of what it lists and listed, and what is there.
    fn places(&self) -> BTreeMap<String, Sha256> {
        let folder = layout::dists(&self.suite);
        let listed = listed(&self.release).into_iter();
        let listed = listed.map(|(path, content)| layout::by_hash(&path, content.sha256));
        let places = listed.chain(self.retired.iter().map(|(place, _)| place.clone()));
        let digest = |place: &str| place.rsplit('/').next()?.parse().ok();
        places
            .filter_map(|place| Some((format!("{folder}/{place}"), digest(&place)?)))
            .collect()
    }
}

/// The suite whose state of the first format is at `key`, if it is one.
pub(super) fn old_name(key: &str) -> Option<&str> {
    let name = key.strip_prefix(layout::STATE)?.strip_prefix('/')?;
    let name = name.strip_suffix(".json")?;
    (key != layout::ROOT && key != layout::LEASE && !name.contains('/')).then_some(name)
}

impl Repository {
    /// Takes everything that a repository of the first format has into `draft`, which must be of an empty one.
    pub(super) fn migrate(
        &self,
        draft: &mut Draft<'_>,
        signer: &dyn Signer,
    ) -> Result<(), RepoError> {
        for old in OldSuite::all(self.storage())? {
            self.check_old(&old)?;
            tracing::info!(suite = %old.suite, "bringing the suite's state forward");
            let name = old.suite.to_string();
            let mut suite = SuiteDraft::new(old.suite.clone())?;
            (suite.generation, suite.date) = (old.generation, Some(old.date));
            suite.packages = old.packages.len() as u64;
            suite.table.next = suite.packages;
            suite.retired = old.places();
            for mut entry in old.entries() {
                let published = &mut entry.published;
                if published.statement.is_none() {
                    let (digest, evidence) = self.attest_keyring(published, signer)?;
                    published.statement = Some(digest);
                    draft.wave.push(evidence);
                }
                for listing in entry.listings.values() {
                    let (serial, stanza) = (listing.serial, entry.stanza(listing));
                    let edit = Change::Append { serial, stanza };
                    suite.edits.push(entry.published.architecture, edit);
                }
                let known = draft
                    .entries
                    .entry(entry.key())
                    .or_insert_with(|| entry.clone());
                known.listings.extend(entry.listings);
            }
            draft.gone.push(format!("{}/{name}.json", layout::STATE));
            draft.suites.insert(name, suite);
        }
        Ok(())
    }

    fn check_old(&self, old: &OldSuite) -> Result<(), RepoError> {
        self.check_farm(&old.farm)?;
        let signed = format!("{}/InRelease", layout::dists(&old.suite));
        let seen = self.storage().get(&signed, MAX_SIGNED)?;
        match seen.and_then(|seen| date(&seen)) {
            Some(seen) if seen > old.date => Err(RepoError::State {
                place: self.storage().place(layout::ROOT),
                reason: format!("it is gone, and yet {signed} is of {seen}"),
            }),
            _ => Ok(()),
        }
    }
}
