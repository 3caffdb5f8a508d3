//! A publication that is being prepared: the last commit, and the changes that the next one makes to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tempfile::TempPath;

use super::catalog::Catalog;
use super::entry::{Entry, Key, Listing, Published};
use super::event::{Action, Event};
use super::index;
use super::root::Root;
use super::storage::{Storage, Write};
use super::suite_draft::{Change, SuiteDraft};
use super::{RepoError, Repository, layout};
use crate::model::{Actor, DebianVersion, Sha256, Suite, Timestamp};

/// Changes to the repository, of which nobody knows yet.
#[derive(Debug, Clone)]
pub(super) struct Draft<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) root: Root,
    pub(super) catalog: Catalog,
    pub(super) suites: BTreeMap<String, SuiteDraft>,
    /// The entries of the ledger that changed.
    pub(super) entries: BTreeMap<Key, Entry>,
    /// What is written before the commit.
    pub(super) wave: Vec<Write>,
    /// Files that were made for it, which go away with the draft.
    pub(super) files: Vec<Arc<TempPath>>,
    /// The objects of the state that it puts out of use.
    pub(super) outdated: Vec<Sha256>,
    /// What nobody needs any more after it.
    pub(super) gone: Vec<String>,
    /// Whether the catalog changed, although perhaps no suite does.
    pub(super) noted: bool,
    /// What happens, for the audit log.
    pub(super) events: Vec<Event>,
    /// The suites that are over, and what of them is in use no more.
    pub(super) dropped: BTreeMap<String, BTreeMap<String, Sha256>>,
    /// When it happens.
    pub(super) now: Timestamp,
}

impl<'a> Draft<'a> {
    /// No changes to what `root` says, yet.
    pub(super) fn new(
        repository: &'a Repository,
        root: Root,
        now: Timestamp,
    ) -> Result<Self, RepoError> {
        let storage = repository.storage();
        Ok(Self {
            storage,
            catalog: root.catalog(storage)?,
            root,
            suites: BTreeMap::new(),
            entries: BTreeMap::new(),
            wave: Vec::new(),
            files: Vec::new(),
            outdated: Vec::new(),
            gone: Vec::new(),
            noted: false,
            events: Vec::new(),
            dropped: BTreeMap::new(),
            now,
        })
    }

    /// Everything that was ever published as `package`, in dpkg's order of versions, with the changes so far.
    pub(super) fn history(&self, package: &str) -> Result<Vec<Entry>, RepoError> {
        let published = self.catalog.ledger.of(self.storage, package)?;
        let mut entries: BTreeMap<Key, Entry> = published
            .into_iter()
            .map(|entry| (entry.key(), entry))
            .collect();
        let own = |(key, _): &(&Key, &Entry)| key.package == package;
        let changed = self.entries.iter().filter(own);
        entries.extend(changed.map(|(key, entry)| (key.clone(), entry.clone())));
        Ok(entries.into_values().collect())
    }

    /// The suite as it will be. Whatever is asked for here is signed again, changed or not.
    ///
    /// # Errors
    ///
    /// [`RepoError::State`] when it is new, and yet has an `InRelease`, which is never there before the state is: it has lost
    /// its state, and starting again would take every package from its hosts.
    pub(super) fn suite(&mut self, suite: &Suite) -> Result<&mut SuiteDraft, RepoError> {
        let name = suite.to_string();
        if !self.suites.contains_key(&name) {
            let draft = match self.root.suites.get(&name) {
                Some(root) => SuiteDraft::open(self.storage, root)?,
                None => {
                    self.check_lost(suite)?;
                    SuiteDraft::new(suite.clone())?
                }
            };
            self.suites.insert(name.clone(), draft);
        }
        // It was put there just now, if it was not there.
        self.suites.get_mut(&name).ok_or_else(|| RepoError::State {
            place: name,
            reason: "it is gone".to_owned(),
        })
    }

    fn check_lost(&self, suite: &Suite) -> Result<(), RepoError> {
        let signed = format!("{}/InRelease", layout::dists(suite));
        if self.storage.head(&signed)?.is_none() {
            return Ok(());
        }
        Err(RepoError::State {
            place: self.storage.place(layout::ROOT),
            reason: format!("it is gone, and yet {signed} is there"),
        })
    }

    /// Makes a change to `suite`. What is so already is no change.
    pub(super) fn change(&mut self, suite: &Suite, change: Change) -> Result<(), RepoError> {
        let (entry, listing, edit) = match change {
            Change::Add {
                published,
                phased,
                approvals,
            } => {
                let known = self.find(&published.package, &published.version)?;
                let entry = known.unwrap_or_else(|| Entry::new(*published));
                if entry.listing(suite).is_some() {
                    return Ok(());
                }
                let listing = Listing {
                    phased,
                    names_approvals: !approvals.is_empty(),
                    approvals,
                    ..self.enter(suite)?
                };
                let (serial, stanza) = (listing.serial, entry.stanza(&listing));
                (entry, listing, index::Change::Append { serial, stanza })
            }
            Change::Remove {
                package,
                version,
                withdrawn,
            } => {
                let Some((entry, mut listing)) = self.present(suite, &package, &version)? else {
                    return Ok(());
                };
                let (serial, stanza) = (listing.serial, entry.stanza(&listing));
                listing.removed = Some(self.now);
                self.suite(suite)?.packages -= 1;
                listing.withdrawn = withdrawn;
                (entry, listing, index::Change::Remove { serial, stanza })
            }
            Change::Phase {
                package,
                version,
                percent,
            } => {
                let found = self.present(suite, &package, &version)?;
                let other = found.filter(|(_, listing)| listing.phased != percent);
                let Some((entry, mut listing)) = other else {
                    return Ok(());
                };
                let (serial, old) = (listing.serial, entry.stanza(&listing));
                listing.phased = percent;
                let new = entry.stanza(&listing);
                (entry, listing, index::Change::Replace { serial, old, new })
            }
        };
        self.enlist(suite, entry, listing, edit)
    }

    /// Notes how `entry` is in `suite` now, and what that changes in its indices.
    fn enlist(
        &mut self,
        suite: &Suite,
        mut entry: Entry,
        listing: Listing,
        edit: index::Change,
    ) -> Result<(), RepoError> {
        let draft = self.suite(suite)?;
        draft.edits.push(entry.published.architecture, edit);
        entry.listings.insert(suite.to_string(), listing);
        self.entries.insert(entry.key(), entry);
        Ok(())
    }

    /// The package enters `suite`, unless it is there: for all hosts, without anybody's approval.
    pub(super) fn publish(
        &mut self,
        action: Action,
        suite: &Suite,
        published: Published,
        by: Option<&Actor>,
    ) -> Result<(), RepoError> {
        if self
            .present(suite, &published.package, &published.version)?
            .is_none()
        {
            self.events.push(Event::of(action, &published, suite, by));
        }
        self.change(suite, Change::add(published))
    }

    /// The listing of a package that enters `suite`.
    fn enter(&mut self, suite: &Suite) -> Result<Listing, RepoError> {
        let since = self.now;
        let draft = self.suite(suite)?;
        let serial = draft.table.next;
        draft.table.next += 1;
        draft.packages += 1;
        Ok(Listing::new(serial, since))
    }

    /// Takes the suite away, with everything in it. Gives what it had.
    pub(super) fn drop_suite(&mut self, suite: &Suite) -> Result<Vec<Published>, RepoError> {
        let name = suite.to_string();
        let mut had = Vec::new();
        for leaf in self.catalog.ledger.leaves().to_vec() {
            for entry in leaf.load(self.storage)? {
                let key = entry.key();
                let entry = self.entries.get(&key).unwrap_or(&entry);
                let Some(listing) = entry.listing(suite) else {
                    continue;
                };
                let removed = Some(self.now);
                let listing = Listing {
                    removed,
                    ..listing.clone()
                };
                had.push(entry.published.clone());
                let mut entry = entry.clone();
                entry.listings.insert(name.clone(), listing);
                self.entries.insert(key, entry);
            }
        }
        self.suites.remove(&name);
        self.catalog.previews.remove(&name);
        let retired = match self.root.suites.get(&name) {
            Some(root) => SuiteDraft::open(self.storage, root)?.retired,
            None => BTreeMap::new(),
        };
        self.dropped.insert(name, retired);
        Ok(had)
    }

    /// How many changes there are to the indices of `suite` so far; none, if it is not touched.
    pub(super) fn changes(&self, suite: &Suite) -> Option<usize> {
        let draft = self.suites.get(&suite.to_string());
        draft.map(|draft| draft.edits.len())
    }

    /// Whether there is nothing to commit.
    pub(super) fn is_idle(&self) -> bool {
        self.suites.is_empty() && self.dropped.is_empty() && !self.noted
    }

    /// The suites that there are, by name.
    pub(super) fn known_suites(&self) -> Vec<Suite> {
        let committed = self.root.suites.values().map(|root| &root.suite);
        let drafted = self.suites.values().map(|draft| &draft.suite);
        let suites: BTreeMap<_, _> = committed
            .chain(drafted)
            .map(|suite| (suite.to_string(), suite.clone()))
            .collect();
        suites.into_values().collect()
    }

    pub(super) fn find(
        &self,
        package: &str,
        version: &DebianVersion,
    ) -> Result<Option<Entry>, RepoError> {
        let mut history = self.history(package)?.into_iter();
        Ok(history.find(|entry| entry.published.version == *version))
    }

    /// A package that `suite` has, and how.
    fn present(
        &self,
        suite: &Suite,
        package: &str,
        version: &DebianVersion,
    ) -> Result<Option<(Entry, Listing)>, RepoError> {
        let entry = self.find(package, version)?;
        Ok(entry.and_then(|entry| {
            let listing = entry.listing(suite)?.clone();
            Some((entry, listing))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::tests::published;
    use super::super::tests::repository;
    use super::*;
    use crate::model::{Channel, FarmName, Target};

    fn suite() -> Suite {
        Suite {
            target: Target::Bookworm,
            channel: Channel::stable(),
        }
    }

    /// A draft of a first publication, with one package.
    fn with_draft(test: impl FnOnce(&mut Draft<'_>, &DebianVersion)) {
        let (_folder, repository) = repository();
        let root = Root::empty(FarmName::local());
        let mut draft = Draft::new(&repository, root, Timestamp::from_seconds(1)).unwrap();
        let package = published("a", "1.0", "Package: a\n".to_owned());
        let version = package.version.clone();
        draft.change(&suite(), Change::add(package)).unwrap();
        test(&mut draft, &version);
    }

    fn paragraph(draft: &Draft<'_>) -> Option<String> {
        let entry = draft.history("a").unwrap().remove(0);
        let listing = entry.listing(&suite())?;
        Some(entry.stanza(listing))
    }

    #[test]
    fn what_is_so_already_is_no_change() {
        with_draft(|draft, version| {
            let next = draft.suites["bookworm"].table.next;
            let again = draft.history("a").unwrap().remove(0).published;
            draft.change(&suite(), Change::add(again)).unwrap();
            let absent = Change::Remove {
                package: "b".to_owned(),
                version: version.clone(),
                withdrawn: None,
            };
            draft.change(&suite(), absent).unwrap();
            let found = &draft.suites["bookworm"];
            assert_eq!((found.table.next, found.packages), (next, 1));
        });
    }

    #[test]
    fn a_package_that_was_removed_is_remembered_and_may_come_back() {
        with_draft(|draft, version| {
            let remove = Change::Remove {
                package: "a".to_owned(),
                version: version.clone(),
                withdrawn: None,
            };
            draft.change(&suite(), remove).unwrap();
            assert_eq!(paragraph(draft), None);
            assert_eq!(draft.suites["bookworm"].packages, 0);
            let entry = draft.history("a").unwrap().remove(0);
            let gone = entry.listed(&suite()).unwrap();
            assert_eq!((gone.serial, gone.removed), (0, Some(draft.now)));
            draft
                .change(&suite(), Change::add(entry.published))
                .unwrap();
            let back = draft.history("a").unwrap().remove(0);
            assert_eq!(
                back.listing(&suite()).unwrap().serial,
                1,
                "no number is used again"
            );
        });
    }

    #[test]
    fn a_phase_is_a_line_of_the_paragraph() {
        with_draft(|draft, version| {
            let mut phase = |percent| {
                let change = Change::Phase {
                    package: "a".to_owned(),
                    version: version.clone(),
                    percent,
                };
                draft.change(&suite(), change).unwrap();
                paragraph(draft).unwrap()
            };
            assert_eq!(
                phase(Some(20)),
                "Package: a\nPhased-Update-Percentage: 20\n"
            );
            assert_eq!(phase(None), "Package: a\n");
        });
    }
}
