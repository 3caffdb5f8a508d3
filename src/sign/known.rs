//! What follows from the signer's journal: how far each suite is, and which packages a statement was signed for. Kept beside
//! the journal now and then, so that not all of it is read at each start; without that file it follows again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::KeyError;
use super::folder::write_whole;
use super::journal::{JournalEntry, JournalKind, SignedPackage, changed, open_to_read};
use super::release_check::SNAPSHOTS;
use crate::model::{Sha256, Sha256Midstate, Timestamp};

/// How many states of an index's digest are kept: a publication that was interrupted goes on from an earlier one.
const KEPT: usize = 4;

/// The most bytes that the file of what is known may have: a million packages.
const MAX_FILE: u64 = 64 << 20;

/// How far a suite is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SuiteRecord {
    pub(super) generation: u64,
    pub(super) date: Timestamp,
    /// The Release that has them.
    pub(super) release: Sha256,
    /// The states of its indices' digests, the newest last.
    kept: BTreeMap<String, Vec<Sha256Midstate>>,
    /// Since when hosts get each key with the suite's keyring package.
    shipped: BTreeMap<String, Timestamp>,
}

impl SuiteRecord {
    /// The state of an index's digest after its first `length` bytes.
    pub(super) fn kept(&self, path: &str, length: u64) -> Option<&Sha256Midstate> {
        let kept = self.kept.get(path)?;
        kept.iter().rev().find(|state| state.length() == length)
    }
}

/// Everything but the packages, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Summary {
    /// How much of the journal was read, in bytes.
    position: u64,
    /// Where its last entry is: its first byte, and its length without the line feed.
    last: (u64, u64),
    /// The digest of the last entry's line.
    head: Option<Sha256>,
    /// Whether entries hold the digest of the one before.
    chained: bool,
    suites: BTreeMap<String, SuiteRecord>,
    /// The keys in each keyring package.
    keyrings: BTreeMap<Sha256, Vec<String>>,
    /// The archive keys that sign, since they were changed.
    #[serde(default)]
    archive: Vec<String>,
    /// The last change of the keys.
    #[serde(default)]
    change: Option<Sha256>,
}

/// What follows from the journal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Known {
    summary: Summary,
    /// The packages that were written down, sorted.
    written: Vec<Sha256>,
    /// The packages since.
    fresh: BTreeSet<Sha256>,
    /// How much of the journal was written down.
    saved: u64,
}

impl Known {
    /// What was written down about the journal at `path`, which must still begin as it did.
    pub(super) fn load(path: &Path) -> Result<Self, KeyError> {
        let Some(known) = read(&beside(path)) else {
            return Ok(Self::default());
        };
        let Some(mut journal) = open_to_read(path)? else {
            return Err(changed(path, "it is gone, and its index is there"));
        };
        let (start, length) = known.summary.last;
        let mut last = Vec::new();
        journal
            .seek(SeekFrom::Start(start))
            .and_then(|_| journal.take(length).read_to_end(&mut last))
            .map_err(KeyError::io("read", path))?;
        if known.summary.head == Some(Sha256::of(&last)) {
            Ok(known)
        } else {
            Err(changed(path, "it is not the one that its index is of"))
        }
    }

    /// Writes down what is known.
    pub(super) fn save(&mut self, path: &Path) -> Result<(), KeyError> {
        self.written.extend(std::mem::take(&mut self.fresh));
        self.written.sort_unstable();
        self.written.dedup();
        let file = beside(path);
        let failed = || KeyError::io("write", &file);
        let mut bytes =
            serde_json::to_vec(&self.summary).map_err(|error| failed()(error.into()))?;
        bytes.push(b'\n');
        for package in &self.written {
            bytes.extend_from_slice(package.bytes());
        }
        write_whole(&file, &bytes, 0o600).map_err(failed())?;
        self.saved = self.summary.position;
        Ok(())
    }

    /// How much of the journal was read, in bytes.
    pub(super) fn position(&self) -> u64 {
        self.summary.position
    }

    /// How much of that is not written down.
    pub(super) fn behind(&self) -> u64 {
        self.summary.position - self.saved
    }

    /// The digest of the last entry's line, which stands for the journal up to it.
    pub(super) fn head(&self) -> Sha256 {
        self.summary.head.unwrap_or_else(|| Sha256::of(b""))
    }

    /// A suite that something was signed for.
    pub(super) fn suite(&self, name: &str) -> Option<&SuiteRecord> {
        self.summary.suites.get(name)
    }

    /// Whether a statement about the package was signed.
    pub(super) fn is_signed_for(&self, package: &SignedPackage) -> bool {
        let has = |place: &Sha256| {
            self.fresh.contains(place) || self.written.binary_search(place).is_ok()
        };
        has(&place(package)) || has(&package.sha256)
    }

    /// The keys in the keyring package with this digest.
    pub(super) fn keyring(&self, package: Sha256) -> &[String] {
        self.summary
            .keyrings
            .get(&package)
            .map_or(&[], Vec::as_slice)
    }

    /// Whether a Release was ever signed.
    pub(super) fn has_suites(&self) -> bool {
        !self.summary.suites.is_empty()
    }

    /// For each suite whose keyring package was seen, since when hosts get each key with it. A dated publication never gets
    /// another.
    pub(super) fn shipped(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, Timestamp>)> {
        let suites = self.summary.suites.iter();
        let shipped = suites.map(|(name, suite)| (name.as_str(), &suite.shipped));
        shipped.filter(|(name, shipped)| !name.starts_with(SNAPSHOTS) && !shipped.is_empty())
    }

    /// The fingerprints of the archive keys that sign; nothing, if they are those that were made first.
    pub(super) fn archive(&self) -> Option<&[String]> {
        self.summary.change.map(|_| self.summary.archive.as_slice())
    }

    /// The digest of the list of files of the last change of the keys.
    pub(super) fn change(&self) -> Option<Sha256> {
        self.summary.change
    }

    /// Refuses a journal that has become shorter.
    pub(super) fn check_length(&self, path: &Path, length: u64) -> Result<(), KeyError> {
        if length < self.summary.position {
            return Err(changed(path, "its end is gone"));
        }
        Ok(())
    }

    /// Takes the next line of the journal, of `size` bytes, if it follows the last one.
    pub(super) fn follow(
        &mut self,
        path: &Path,
        previous: Option<Sha256>,
        line: &[u8],
        size: u64,
    ) -> Result<(), KeyError> {
        let good = match previous {
            Some(previous) => previous == self.head(),
            None => !self.summary.chained,
        };
        if !good {
            let at = self.summary.position;
            let reason = format!("its entry at byte {at} does not follow the one before");
            return Err(changed(path, &reason));
        }
        self.summary.chained = previous.is_some();
        self.summary.last = (self.summary.position, line.len() as u64);
        self.summary.head = Some(Sha256::of(line));
        self.skip(size);
        Ok(())
    }

    /// Passes over a line that a crash has cut short.
    pub(super) fn skip(&mut self, size: u64) {
        self.summary.position += size;
    }

    /// Adds what an entry says.
    pub(super) fn add(&mut self, entry: &JournalEntry, chained: bool) {
        match &entry.kind {
            JournalKind::Statement {
                subjects,
                packages,
                keys,
            } => {
                if chained {
                    self.fresh.extend(packages.iter().map(place));
                } else {
                    // The first version did not write down which subject is the package.
                    self.fresh.extend(subjects);
                }
                if let (Some(package), false) = (packages.first(), keys.is_empty()) {
                    self.summary.keyrings.insert(package.sha256, keys.clone());
                }
            }
            JournalKind::Release {
                suite,
                release_date,
                generation,
                kept,
                shipped,
            } => {
                let record = self.summary.suites.entry(suite.clone());
                let record = record.or_insert_with(|| SuiteRecord {
                    generation: 0,
                    date: *release_date,
                    release: entry.sha256,
                    kept: BTreeMap::new(),
                    shipped: BTreeMap::new(),
                });
                record.generation = (*generation).max(record.generation);
                record.date = (*release_date).max(record.date);
                record.release = entry.sha256;
                for index in kept {
                    let states = record.kept.entry(index.path.clone()).or_default();
                    states.retain(|state| *state != index.state);
                    states.push(index.state.clone());
                    states.drain(..states.len().saturating_sub(KEPT));
                }
                if !shipped.is_empty() {
                    record.shipped.retain(|key, _| shipped.contains(key));
                }
                for key in shipped {
                    let since = record.shipped.entry(key.clone());
                    since.or_insert(*release_date);
                }
            }
            JournalKind::Key { archive, .. } => {
                self.summary.archive.clone_from(archive);
                self.summary.change = Some(entry.sha256);
            }
        }
    }
}

/// Where a package is in the sorted list: its name counts as its digest does.
fn place(package: &SignedPackage) -> Sha256 {
    Sha256::of(format!("{} {}", package.sha256, package.name).as_bytes())
}

/// The file of what is known about the journal at `path`.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("index")
}

/// Reads the file of what is known. One that cannot be read follows again from the journal.
fn read(path: &Path) -> Option<Known> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    let split = bytes.iter().position(|byte| *byte == b'\n')?;
    let (summary, packages) = bytes.split_at_checked(split + 1)?;
    let summary: Summary = serde_json::from_slice(summary).ok()?;
    let (packages, rest) = packages.as_chunks::<32>();
    let written: Vec<_> = packages.iter().map(|raw| Sha256::from_raw(*raw)).collect();
    let sorted = written.is_sorted() && rest.is_empty();
    sorted.then_some(Known {
        saved: summary.position,
        summary,
        written,
        fresh: BTreeSet::new(),
    })
}
