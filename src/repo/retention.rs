//! Retention: old versions leave the indices, and later the pool, when nothing needs them any more. The ledger remembers
//! them, so that no version is ever used again; and so do the statements about them, which say where they came from.

use std::collections::BTreeSet;
use std::time::Duration;

use super::catalog::KEEP;
use super::draft::Draft;
use super::entry::{Entry, Published};
use super::event::{Action, Event};
use super::root::Root;
use super::snapshot::Snapshot;
use super::suite_draft::Change;
use super::{RepoError, RepoLock, Repository, layout};
use crate::model::{DebianVersion, Reason, Sha256, Signer, Suite, Timestamp};

/// How far clocks may have been wrong about what came first, in seconds.
const CLOCKS: i64 = 24 * 3600;

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// How many versions of a package each suite keeps, the newest ones; what only a share of the hosts gets is not counted.
    pub versions: usize,
    /// How long anything stays: in a suite since it entered, in the pool since it left the last one.
    pub time: Duration,
    /// How long a dated publication stays after it was what its suite is; for ever, without it.
    pub snapshots: Option<Duration>,
    /// The places of the packages that somebody fetched lately; they stay.
    pub downloaded: BTreeSet<String>,
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// The packages that leave a suite.
    pub left: Vec<(Suite, String, DebianVersion)>,
    /// The packages whose files go: no suite has had them for long.
    pub erased: Vec<(String, DebianVersion)>,
    /// How many bytes those have.
    pub bytes: u64,
    /// The dated publications that are over.
    pub snapshots: Vec<Snapshot>,
}

/// A look through the ledger, package by package.
struct Search<'a> {
    retention: &'a Retention,
    suites: Vec<Suite>,
    /// What waits for somebody's approval.
    pending: BTreeSet<Sha256>,
    /// The dated publications that stay.
    snapshots: Vec<Snapshot>,
    by: Option<&'a crate::model::Actor>,
    retired: Retired,
}

impl Repository {
    /// Removes what `retention` does not keep. Gives what went.
    ///
    /// # Errors
    ///
    /// As [`Repository::publish`].
    pub fn retire(
        &self,
        lock: &RepoLock,
        retention: &Retention,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Retired, RepoError> {
        let search = |draft: &mut Draft<'_>| self.search(draft, retention);
        Ok(self.transact(lock, now, signer, &search)?.0)
    }

    /// What [`Repository::retire`] would remove.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn would_retire(
        &self,
        retention: &Retention,
        now: Timestamp,
    ) -> Result<Retired, RepoError> {
        let root = self.root()?;
        let root = root.unwrap_or_else(|| Root::empty(self.settings().farm.clone()));
        self.search(&mut Draft::new(self, root, now)?, retention)
    }

    fn search(&self, draft: &mut Draft<'_>, retention: &Retention) -> Result<Retired, RepoError> {
        let pending = draft.catalog.pending.iter().map(|one| one.sha256);
        let suites = draft.known_suites().into_iter();
        let mut search = Search {
            retention,
            suites: suites.filter(|suite| !suite.channel.is_preview()).collect(),
            pending: pending.collect(),
            snapshots: self.snapshots_of(draft)?,
            by: self.operator(),
            retired: Retired::default(),
        };
        search.end_snapshots(draft)?;
        let mut package = Vec::new();
        for leaf in draft.catalog.ledger.leaves().to_vec() {
            for entry in leaf.load(self.storage())? {
                let last: Option<&Entry> = package.last();
                if last.is_some_and(|last| last.published.package != entry.published.package) {
                    search.package(self, draft, std::mem::take(&mut package))?;
                }
                package.push(entry);
            }
        }
        search.package(self, draft, package)?;
        Ok(search.retired)
    }
}

impl Search<'_> {
    fn end_snapshots(&mut self, draft: &mut Draft<'_>) -> Result<(), RepoError> {
        let Some(time) = self.retention.snapshots else {
            return Ok(());
        };
        // It tells what the suite was until the next one was made, or until the suite has changed.
        let until = |one: &Snapshot| {
            let own = self
                .snapshots
                .iter()
                .filter(|other| other.suite == one.suite);
            let next = own.map(|other| other.time).filter(|at| *at > one.time);
            let present = draft.root.suites.get(&one.suite.to_string());
            let is_present = present.is_some_and(|root| root.table == one.table);
            let last = if is_present { draft.now } else { one.time };
            next.min().unwrap_or(last)
        };
        let (over, kept): (Vec<_>, Vec<_>) = self
            .snapshots
            .iter()
            .cloned()
            .partition(|one| is_past(until(one), time, draft.now));
        self.snapshots = kept;
        if over.is_empty() {
            return Ok(());
        }
        for snapshot in &over {
            // The signed files go first: nobody finds what lists an index that is gone.
            let files = snapshot.files.iter().rev();
            draft.gone.extend(files.map(|file| file.key.clone()));
            let reason = Reason::new(&format!("{} is over", snapshot.name()))?;
            draft.events.push(Event {
                reason: Some(reason),
                ..Event::of_suite(Action::Expire, &snapshot.suite, self.by)
            });
        }
        draft.keep_snapshots(&self.snapshots)?;
        self.retired.snapshots = over;
        Ok(())
    }

    /// Looks at all versions of one package, in dpkg's order.
    fn package(
        &mut self,
        repository: &Repository,
        draft: &mut Draft<'_>,
        entries: Vec<Entry>,
    ) -> Result<(), RepoError> {
        for suite in self.suites.clone() {
            let mut newest = 0;
            for entry in entries.iter().rev() {
                let Some(listing) = entry.listing(&suite) else {
                    continue;
                };
                let counts = listing.phased.is_none();
                if !counts || newest < self.retention.versions {
                    newest += usize::from(counts);
                    continue;
                }
                let published = &entry.published;
                if is_past(listing.since, self.retention.time, draft.now) && self.is_idle(published)
                {
                    self.leave(draft, published, &suite)?;
                }
            }
        }
        for entry in entries {
            let last = entry.left();
            let time = self
                .retention
                .time
                .max(Duration::from_secs(KEEP.unsigned_abs()));
            if last.is_some_and(|last| is_past(last, time, draft.now))
                && entry.erased.is_none()
                && self.is_idle(&entry.published)
                && !self.is_in_snapshot(&entry)
            {
                self.erase(repository, draft, entry)?;
            }
        }
        Ok(())
    }

    /// Whether nobody has asked for the package lately, and nobody is deciding about it.
    fn is_idle(&self, published: &Published) -> bool {
        !self.pending.contains(&published.sha256)
            && !self.retention.downloaded.contains(&published.filename)
    }

    /// Whether a dated publication may have it: one of a time between its first publication and its last removal.
    fn is_in_snapshot(&self, entry: &Entry) -> bool {
        let first = entry.published.published.seconds() - CLOCKS;
        self.snapshots.iter().any(|snapshot| {
            let listing = entry.listed(&snapshot.suite);
            listing.is_some_and(|listing| {
                let last = listing.removed.map(|removed| removed.seconds() + CLOCKS);
                let time = snapshot.time.seconds();
                time >= first && last.is_none_or(|last| time <= last)
            })
        })
    }

    fn leave(
        &mut self,
        draft: &mut Draft<'_>,
        published: &Published,
        suite: &Suite,
    ) -> Result<(), RepoError> {
        let (package, version) = (published.package.clone(), published.version.clone());
        let change = Change::Remove {
            package: package.clone(),
            version: version.clone(),
            withdrawn: None,
        };
        draft.change(suite, change)?;
        draft
            .events
            .push(Event::of(Action::Retire, published, suite, self.by));
        self.retired.left.push((suite.clone(), package, version));
        Ok(())
    }

    fn erase(
        &mut self,
        repository: &Repository,
        draft: &mut Draft<'_>,
        mut entry: Entry,
    ) -> Result<(), RepoError> {
        let published = &entry.published;
        let evidence = layout::evidence_folder(published.sha256);
        let evidence = repository.storage().list(&evidence)?;
        draft.gone.push(published.filename.clone());
        draft
            .gone
            .extend(evidence.iter().map(|found| found.key.clone()));
        draft
            .events
            .push(Event::of_package(Action::Erase, published, self.by));
        self.retired.bytes += published.size;
        self.retired.bytes += evidence.iter().map(|found| found.size).sum::<u64>();
        let erased = (published.package.clone(), published.version.clone());
        self.retired.erased.push(erased);
        entry.erased = Some(draft.now);
        draft.entries.insert(entry.key(), entry);
        draft.noted = true;
        Ok(())
    }
}

/// Whether what began at `since` is `time` old at `now`.
fn is_past(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    let time = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    since.seconds().saturating_add(time) <= now.seconds()
}
