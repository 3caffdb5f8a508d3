//! Everything that was ever published, whatever suite it is in now: what proves that a published version never changes.
//!
//! The ledger is sorted by package and version, and cut into leaves of about [`LEAF`] bytes, each an object of its own. So one
//! package is looked up, or added, by one leaf, however many there are.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::storage::{Expected, Storage, Write};
use super::{RepoError, object};
use crate::evidence::Artifact;
use crate::model::{
    Architecture, CommitId, DebianVersion, PluginVersion, Reason, Sha256, Suite, Target, Timestamp,
};

/// The most bytes that a leaf has as JSON, unless a single entry has more.
const LEAF: usize = 128 << 10;

/// One package as it was published. Nothing of this ever changes.
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
    /// Whether it is the preview of a branch, which is no release of its plugin's version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
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
    /// The .deb, named as statements name it.
    pub(super) fn artifact(&self) -> Artifact {
        let version = self.version.without_epoch();
        Artifact {
            name: format!("{}_{version}_{}.deb", self.package, self.architecture),
            sha256: self.sha256,
            size: self.size,
        }
    }

    /// What its bytes must be.
    pub(super) fn expected(&self) -> Expected {
        Expected {
            sha256: self.sha256,
            size: self.size,
        }
    }
}

/// A package in one suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// Counts what entered the suite: its indices have their paragraphs in this order.
    pub(super) serial: u64,
    /// Since when the suite has it.
    pub since: Timestamp,
    /// Since when the suite does not have it any more, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Timestamp>,
    /// The share of hosts that upgrade to it, in percent (`Phased-Update-Percentage`); all, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phased: Option<u8>,
    /// Why it was withdrawn from the suite, if it was. It never enters again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Reason>,
    /// The digests of the approvals that let it in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) approvals: Vec<Sha256>,
}

/// A package and every suite that it is, or was, in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The package.
    pub published: Published,
    /// Where it is, by suite.
    pub(super) listings: BTreeMap<String, Listing>,
}

impl Listing {
    /// A package that enters now.
    pub(super) fn new(serial: u64, since: Timestamp) -> Self {
        Self {
            serial,
            since,
            removed: None,
            phased: None,
            withdrawn: None,
            approvals: Vec::new(),
        }
    }
}

impl Entry {
    /// A package that is in no suite yet.
    pub(super) fn new(published: Published) -> Self {
        Self {
            published,
            listings: BTreeMap::new(),
        }
    }

    /// How it is in `suite`, if it is there now.
    #[must_use]
    pub fn listing(&self, suite: &Suite) -> Option<&Listing> {
        self.listed(suite)
            .filter(|listing| listing.removed.is_none())
    }

    /// How it is in `suite`, or was.
    pub(super) fn listed(&self, suite: &Suite) -> Option<&Listing> {
        self.listings.get(&suite.to_string())
    }

    /// Its paragraph in the indices of a suite that has it as `listing` says, without the empty line after it.
    pub(super) fn stanza(&self, listing: &Listing) -> String {
        let stanza = &self.published.stanza;
        match listing.phased {
            Some(percent) => format!("{stanza}Phased-Update-Percentage: {percent}\n"),
            None => stanza.clone(),
        }
    }

    /// The suites that have it now, of those in `suites`.
    pub(super) fn present_in<'a>(&self, suites: &'a [Suite]) -> Vec<&'a Suite> {
        let suites = suites.iter();
        suites
            .filter(|suite| self.listing(suite).is_some())
            .collect()
    }

    /// Whether it is, or was, in a suite of `target`.
    pub(super) fn is_for(&self, target: Target) -> bool {
        let suites = self.listings.keys();
        let name = target.codename();
        let mut own = suites.filter_map(|suite| suite.strip_prefix(name));
        own.any(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Whether any suite has withdrawn it.
    pub(super) fn was_withdrawn(&self) -> bool {
        self.listings.values().any(|own| own.withdrawn.is_some())
    }

    /// Why `suite` never takes it again, if so: it was withdrawn from there, or from everywhere.
    pub(super) fn withdrawn(&self, suite: &Suite) -> Option<&Reason> {
        let here = self.listed(suite).and_then(|own| own.withdrawn.as_ref());
        let present = self.listings.values().any(|own| own.removed.is_none());
        let mut withdrawn = self
            .listings
            .values()
            .filter_map(|own| own.withdrawn.as_ref());
        here.or_else(|| withdrawn.next().filter(|_| !present))
    }

    pub(super) fn key(&self) -> Key {
        Key {
            package: self.published.package.clone(),
            version: self.published.version.clone(),
        }
    }
}

/// What the ledger is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) package: String,
    pub(super) version: DebianVersion,
}

/// The paragraphs of a suite, by their serial numbers, with their packages' architectures.
pub(super) type Stanzas = BTreeMap<u64, (Architecture, String)>;

/// A piece of the ledger, from `first` to before the next one's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leaf {
    first: Key,
    entries: u64,
    pub(super) digest: Sha256,
}

/// The leaves of the ledger, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    leaves: Vec<Leaf>,
}

impl Ledger {
    /// The leaves, in order.
    pub(super) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Everything that was published as `package`, in dpkg's order of versions.
    pub(super) fn of(&self, storage: &dyn Storage, package: &str) -> Result<Vec<Entry>, RepoError> {
        let begin = self
            .leaves
            .partition_point(|leaf| leaf.first.package.as_str() < package);
        let mut found = Vec::new();
        let leaves = self.leaves.iter().skip(begin.saturating_sub(1));
        for leaf in leaves.take_while(|leaf| leaf.first.package.as_str() <= package) {
            let entries = leaf.load(storage)?.into_iter();
            found.extend(entries.filter(|entry| entry.published.package == package));
        }
        Ok(found)
    }

    /// The paragraphs of everything that `suite` has, by their serial numbers.
    pub(super) fn stanzas(
        &self,
        storage: &dyn Storage,
        suite: &Suite,
    ) -> Result<Stanzas, RepoError> {
        let mut found = Stanzas::new();
        for leaf in &self.leaves {
            for entry in leaf.load(storage)? {
                if let Some(listing) = entry.listing(suite) {
                    let stanza = entry.stanza(listing);
                    found.insert(listing.serial, (entry.published.architecture, stanza));
                }
            }
        }
        Ok(found)
    }

    /// The ledger with `changed` in it, new or in place of what has the same key. Its new leaves go to `wave`; the digests of
    /// those that it has no more are given.
    pub(super) fn update(
        &self,
        storage: &dyn Storage,
        changed: BTreeMap<Key, Entry>,
        wave: &mut Vec<Write>,
    ) -> Result<(Self, Vec<Sha256>), RepoError> {
        let (mut leaves, mut gone) = (Vec::new(), Vec::new());
        let mut changed = changed.into_iter().peekable();
        if self.leaves.is_empty() {
            cut(
                changed.by_ref().map(|(_, entry)| entry).collect(),
                &mut leaves,
                wave,
            )?;
        }
        for (n, leaf) in self.leaves.iter().enumerate() {
            let end = self.leaves.get(n + 1).map(|next| &next.first);
            let mut own = Vec::new();
            while let Some((_, entry)) = changed.next_if(|(key, _)| end.is_none_or(|end| key < end))
            {
                own.push(entry);
            }
            if own.is_empty() {
                leaves.push(leaf.clone());
            } else {
                cut(merge(leaf.load(storage)?, own), &mut leaves, wave)?;
                gone.push(leaf.digest);
            }
        }
        // What was changed to what it was is the same leaf.
        gone.retain(|digest| leaves.iter().all(|leaf| leaf.digest != *digest));
        Ok((Self { leaves }, gone))
    }
}

impl Leaf {
    /// Its entries, in order.
    pub(super) fn load(&self, storage: &dyn Storage) -> Result<Vec<Entry>, RepoError> {
        object::load(storage, self.digest)
    }
}

/// Two sorted lists as one; of two entries with one key the second list's stays.
fn merge(old: Vec<Entry>, new: Vec<Entry>) -> Vec<Entry> {
    let (mut old, mut merged) = (old.into_iter().peekable(), Vec::new());
    for entry in new {
        let key = entry.key();
        while let Some(before) = old.next_if(|one| one.key() < key) {
            merged.push(before);
        }
        if old.peek().map(|one| one.key().cmp(&key)) == Some(Ordering::Equal) {
            old.next();
        }
        merged.push(entry);
    }
    merged.extend(old);
    merged
}

/// Cuts sorted entries into leaves of about the same size.
fn cut(
    entries: Vec<Entry>,
    leaves: &mut Vec<Leaf>,
    wave: &mut Vec<Write>,
) -> Result<(), RepoError> {
    let sizes: Vec<usize> = entries.iter().map(size).collect();
    let total: usize = sizes.iter().sum();
    let size_of_each = total / total.div_ceil(LEAF).max(1);
    let (mut leaf, mut filled) = (Vec::new(), 0);
    for (entry, size) in entries.into_iter().zip(sizes) {
        if !leaf.is_empty() && filled + size / 2 > size_of_each {
            seal(std::mem::take(&mut leaf), leaves, wave)?;
            filled = 0;
        }
        filled += size;
        leaf.push(entry);
    }
    seal(leaf, leaves, wave)
}

/// About how many bytes an entry has as JSON: its paragraph, and the rest, of which there is about as much in each.
fn size(entry: &Entry) -> usize {
    entry.published.stanza.len() + 800 + 60 * entry.listings.len()
}

fn seal(
    entries: Vec<Entry>,
    leaves: &mut Vec<Leaf>,
    wave: &mut Vec<Write>,
) -> Result<(), RepoError> {
    let Some(first) = entries.first().map(Entry::key) else {
        return Ok(());
    };
    leaves.push(Leaf {
        first,
        entries: entries.len() as u64,
        digest: object::add(&entries, wave)?,
    });
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::repo::storage::FsStorage;

    /// A package without anything that a test does not ask for.
    pub(in crate::repo) fn published(package: &str, version: &str, stanza: String) -> Published {
        Published {
            package: package.to_owned(),
            version: DebianVersion::new(version).unwrap(),
            architecture: Architecture::All,
            plugin_version: None,
            preview: false,
            commit: None,
            source: None,
            content: Sha256::of(stanza.as_bytes()),
            statement: None,
            sha256: Sha256::of(stanza.as_bytes()),
            size: 1,
            filename: format!("pool/{package}/{version}"),
            published: Timestamp::from_seconds(0),
            stanza,
        }
    }

    fn entry((package, version, size): (u8, u8, usize)) -> Entry {
        let (package, version) = (format!("p{package}"), format!("{version}.0"));
        let line = format!("Package: {package}\nX: {}\n", "x".repeat(size));
        Entry::new(published(&package, &version, line))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_ledger_is_a_map_whose_leaves_stay_small(
            batches in proptest::collection::vec(
                proptest::collection::vec((0..5u8, 0..20u8, 0..50_000usize), 1..12),
                1..8,
            ),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let storage = FsStorage::new(folder.path().to_owned());
            let (mut ledger, mut model) = (Ledger::default(), BTreeMap::new());
            for batch in batches {
                let changed: BTreeMap<_, _> =
                    batch.into_iter().map(entry).map(|entry| (entry.key(), entry)).collect();
                model.extend(changed.clone());
                let mut wave = Vec::new();
                let (next, gone) = ledger.update(&storage, changed, &mut wave).unwrap();
                storage.write(wave).unwrap();
                prop_assert!(next.leaves.iter().all(|leaf| !gone.contains(&leaf.digest)));
                ledger = next;
                let mut all = Vec::new();
                for leaf in ledger.leaves() {
                    let entries = leaf.load(&storage).unwrap();
                    prop_assert_eq!(&leaf.first, &entries[0].key());
                    prop_assert_eq!(leaf.entries, entries.len() as u64);
                    let bytes: usize = entries.iter().map(size).sum();
                    prop_assert!(entries.len() == 1 || bytes <= LEAF * 3 / 2);
                    all.extend(entries);
                }
                prop_assert_eq!(all, model.values().cloned().collect::<Vec<_>>());
                for package in 0..6 {
                    let package = format!("p{package}");
                    let own = model.values().filter(|entry| entry.published.package == package);
                    let found = ledger.of(&storage, &package).unwrap();
                    prop_assert_eq!(found, own.cloned().collect::<Vec<_>>());
                }
            }
        }
    }
}
