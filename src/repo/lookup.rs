//! What the repository knows of single packages, without reading all of it.

use super::approvals::Pending;
use super::entry::{Entry, Listing, Published};
use super::{RepoError, Repository};
use crate::model::Suite;

/// A package that was published, and every suite that it is, or was, in.
#[derive(Debug, Clone)]
pub struct Known {
    /// The package.
    pub published: Published,
    /// The suites; not those of previews and dated publications that are over.
    pub places: Vec<(Suite, Listing)>,
}

impl Repository {
    /// Every version that was ever published of the packages `names`, oldest first, and what of them waits for approvals.
    ///
    /// # Errors
    ///
    /// [`RepoError::Storage`], [`RepoError::State`].
    pub fn known(&self, names: &[String]) -> Result<(Vec<Known>, Vec<Pending>), RepoError> {
        let (mut known, mut pending) = (Vec::new(), Vec::new());
        let Some(root) = self.root()? else {
            return Ok((known, pending));
        };
        let suites: Vec<_> = root.suites.values().map(|one| one.suite.clone()).collect();
        let catalog = root.catalog(self.storage())?;
        for name in names {
            let entries = catalog.ledger.of(self.storage(), name)?.into_iter();
            known.extend(entries.map(|entry| Known::new(entry, &suites)));
        }
        let waiting = catalog.pending.into_iter();
        pending.extend(waiting.filter(|one| names.contains(&one.package)));
        Ok((known, pending))
    }
}

impl Known {
    fn new(entry: Entry, suites: &[Suite]) -> Self {
        let place = |suite: &Suite| Some((suite.clone(), entry.listed(suite)?.clone()));
        Self {
            places: suites.iter().filter_map(place).collect(),
            published: entry.published,
        }
    }
}
