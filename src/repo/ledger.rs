//! Everything that was ever published, whatever suite it is in now: what proves that a published version never changes.
//!
//! The ledger is sorted by package and version, and cut into leaves of about [`LEAF`] bytes, each an object of its own. So one
//! package is looked up, or added, by one leaf, however many there are.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::{Entry, Key};
use super::storage::{Storage, Write};
use super::{RepoError, object};
use crate::model::{Architecture, Sha256, Suite};

/// The most bytes that a leaf has as JSON, unless a single entry has more.
const LEAF: usize = 128 << 10;

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
    use crate::model::{DebianVersion, Timestamp};
    use crate::repo::entry::Published;
    use crate::repo::storage::FsStorage;

    /// A package without anything that a test does not ask for.
    pub(in crate::repo) fn published(package: &str, version: &str, stanza: String) -> Published {
        Published {
            package: package.to_owned(),
            version: DebianVersion::new(version).unwrap(),
            architecture: Architecture::All,
            plugin_version: None,
            preview: false,
            imported: false,
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
