//! The highest version of every package in each suite, kept in memory: what changed since it was asked for last is read, and
//! nothing else.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::ledger::Leaf;
use super::storage::Storage;
use super::{RepoError, Repository};
use crate::model::{DebianVersion, Sha256, Suite};

/// The highest version of a package in each suite that has one, by the package's name and the suite's.
pub type Highest = BTreeMap<String, BTreeMap<String, (Suite, DebianVersion)>>;

/// What was read of a repository. One belongs to one repository.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Read>);

#[derive(Debug, Default)]
struct Read {
    /// The commit that `highest` is of.
    generation: Option<u64>,
    highest: Arc<Highest>,
    /// A leaf of the ledger never changes: it is known by its digest.
    leaves: HashMap<Sha256, Arc<[Line]>>,
}

/// A version, and the suites that have it.
#[derive(Debug)]
struct Line {
    package: String,
    version: DebianVersion,
    suites: Vec<String>,
}

impl Repository {
    /// The highest version of every package, as of now. Reads what is not on the `shelf` yet.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`], [`RepoError::State`].
    pub fn highest(&self, shelf: &Shelf) -> Result<Arc<Highest>, RepoError> {
        let Some(root) = self.root()? else {
            return Ok(Arc::default());
        };
        let mut read = shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
        if read.generation == Some(root.generation) {
            return Ok(Arc::clone(&read.highest));
        }
        let suites: HashMap<_, _> = root
            .suites
            .iter()
            .map(|(name, one)| (name, &one.suite))
            .collect();
        let catalog = root.catalog(self.storage())?;
        let (mut leaves, mut highest) = (HashMap::new(), Highest::new());
        for leaf in catalog.ledger.leaves() {
            let lines = match read.leaves.get(&leaf.digest) {
                Some(lines) => Arc::clone(lines),
                None => lines(leaf, self.storage())?,
            };
            // They come in the order of their versions: the last one of a suite stays.
            for line in lines.iter() {
                let known = line
                    .suites
                    .iter()
                    .filter_map(|name| suites.get_key_value(name));
                for (name, suite) in known {
                    let place = ((*suite).clone(), line.version.clone());
                    let package = highest.entry(line.package.clone()).or_default();
                    package.insert((*name).clone(), place);
                }
            }
            leaves.insert(leaf.digest, lines);
        }
        *read = Read {
            generation: Some(root.generation),
            highest: Arc::new(highest),
            leaves,
        };
        Ok(Arc::clone(&read.highest))
    }
}

fn lines(leaf: &Leaf, storage: &dyn Storage) -> Result<Arc<[Line]>, RepoError> {
    let lines = leaf.load(storage)?.into_iter().map(|entry| {
        let present = entry.listings.iter();
        let present = present.filter(|(_, listing)| listing.removed.is_none());
        Line {
            suites: present.map(|(name, _)| name.clone()).collect(),
            package: entry.published.package,
            version: entry.published.version,
        }
    });
    Ok(lines.collect())
}
