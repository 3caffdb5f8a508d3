//! Dated publications: what a suite was at a time, for whoever asks later what a host could install then.
//!
//! A snapshot is a suite of its own among the others, `snapshots/<time>/<suite>`. Its packages are where they are for every
//! suite, below the one address that apt joins both to, so that nothing but the web server's plain way of finding files is
//! needed, and a bucket does as well as a folder. It has no `Valid-Until`, and a codename of its own: apt refuses one that
//! somebody puts in the place of what hosts follow. The `InRelease` that hosts saw at the time is kept beside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::commit::tail;
use super::draft::Draft;
use super::event::{Action, Event};
use super::release::snapshot_release;
use super::root::{Placed, SuiteRoot};
use super::storage::{Content, Expected, Write};
use super::table::{Edits, Table};
use super::{RepoError, RepoLock, Repository, layout, object};
use crate::model::{ReleaseToSign, Sha256, SignedRelease, Signer, SigningError, Suite, Timestamp};

/// How many seconds are tried when the signer has signed others for this one.
const ATTEMPTS: i64 = 5;

/// A suite as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// When.
    pub time: Timestamp,
    /// Which suite.
    pub suite: Suite,
    /// Its generation then.
    pub generation: u64,
    /// How many packages it had.
    pub packages: u64,
    /// The object of its [`Table`], which says whether it has changed since.
    pub(super) table: Sha256,
    /// Everything that is kept, but for the packages.
    pub(super) files: Vec<Placed>,
}

impl Snapshot {
    /// What hosts call it, as they call a suite.
    #[must_use]
    pub fn name(&self) -> String {
        layout::snapshot(self.time, &self.suite)
    }

    /// The `InRelease` by which hosts know it.
    pub(super) fn in_release(&self) -> String {
        format!("{}/InRelease", layout::dists_named(&self.name()))
    }

    /// The place by content in its suite that an index of it was copied from; a week after the suite has changed it is
    /// empty.
    pub(super) fn origin(&self, file: &Placed) -> Option<String> {
        let path = file.key.strip_prefix(&layout::dists_named(&self.name()))?;
        let place = layout::by_hash(path.trim_start_matches('/'), file.content.sha256);
        Some(format!("{}/{place}", layout::dists(&self.suite)))
    }
}

impl Repository {
    /// Keeps what `suites` are now, and gives it. What has not changed since the last time is not kept again.
    ///
    /// # Errors
    ///
    /// As [`Repository::publish`].
    pub fn snapshot(
        &self,
        lock: &RepoLock,
        suites: &[Suite],
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Vec<Snapshot>, RepoError> {
        let (given, _) = self.transact(lock, now, signer, &|draft| {
            let mut kept = self.snapshots_of(draft)?;
            let (before, mut given) = (kept.len(), Vec::new());
            for suite in suites {
                let Some(root) = draft.root.suites.get(&suite.to_string()).cloned() else {
                    continue;
                };
                let last = kept.iter().rfind(|one| one.suite == *suite);
                if let Some(same) = last.filter(|last| last.table == root.table) {
                    given.push(same.clone());
                    continue;
                }
                let since = last.map_or(0, |last| last.time.seconds() + 1);
                let since = draft.now.max(Timestamp::from_seconds(since));
                let snapshot = self.take(draft, &root, since, signer)?;
                kept.push(snapshot.clone());
                given.push(snapshot);
            }
            if kept.len() > before {
                draft.keep_snapshots(&kept)?;
            }
            Ok(given)
        })?;
        Ok(given)
    }

    /// The suites whose last snapshot is `every` old at `now`, sorted by name. Previews have none.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn without_snapshot(
        &self,
        every: Duration,
        now: Timestamp,
    ) -> Result<Vec<Suite>, RepoError> {
        let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        let kept = self.snapshots()?;
        let is_recent = |suite: &Suite| {
            let mut own = kept.iter().filter(|one| one.suite == *suite);
            own.any(|one| one.time.seconds().saturating_add(every) > now.seconds())
        };
        let mut suites: Vec<_> = self.suites()?.into_iter().map(|one| one.suite).collect();
        suites.retain(|suite| !suite.channel.is_preview() && !is_recent(suite));
        Ok(suites)
    }

    /// Every snapshot, oldest first.
    ///
    /// # Errors
    ///
    /// As [`Repository::suites`].
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, RepoError> {
        let Some(root) = self.root()? else {
            return Ok(Vec::new());
        };
        let list = root.catalog(self.storage())?.snapshots;
        list.map_or(Ok(Vec::new()), |list| object::load(self.storage(), list))
    }

    pub(super) fn snapshots_of(&self, draft: &Draft<'_>) -> Result<Vec<Snapshot>, RepoError> {
        let list = draft.catalog.snapshots;
        list.map_or(Ok(Vec::new()), |list| object::load(self.storage(), list))
    }

    /// Keeps the suite as it was last committed, under the name of `since` or of a moment later.
    fn take(
        &self,
        draft: &mut Draft<'_>,
        root: &SuiteRoot,
        since: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Snapshot, RepoError> {
        // Nobody asks for what has changed since an earlier state: there is none.
        let mut listed = root.listed();
        listed.retain(|(path, _)| !layout::is_patch_index(path));
        let (time, release, signed) = self.sign_snapshot(root, &listed, since, signer)?;

        let (from, to) = (
            layout::dists(&root.suite),
            layout::snapshot(time, &root.suite),
        );
        let to = layout::dists_named(&to);
        listed.retain(|(path, content)| layout::is_stored(path, content.size));
        let copy = |(path, content): (String, Expected)| {
            let from = format!("{from}/{}", layout::by_hash(&path, content.sha256));
            Write::immutable(format!("{to}/{path}"), Content::Copy(from), content)
        };
        let mut files: Vec<Write> = listed.into_iter().map(copy).collect();
        for (name, bytes) in [
            ("Release", release.into_bytes()),
            ("Release.gpg", signed.release_gpg),
            ("InRelease", signed.in_release),
            (layout::ORIGINAL, root.in_release.clone().into_bytes()),
        ] {
            // A signature is never the same twice: what an interrupted one left is replaced.
            files.push(Write::replaced(format!("{to}/{name}"), bytes.into(), time));
        }
        let placed = |write: &Write| Placed {
            key: write.key.clone(),
            content: write.expected,
        };
        let snapshot = Snapshot {
            time,
            suite: root.suite.clone(),
            generation: root.generation,
            packages: root.packages,
            table: root.table,
            files: files.iter().map(placed).collect(),
        };
        draft.wave.extend(files);
        let event = Event::of_suite(Action::Snapshot, &root.suite, self.operator());
        draft.events.push(event);
        Ok(snapshot)
    }

    /// Has a Release over what is `listed` signed; gives its time and its text, too.
    fn sign_snapshot(
        &self,
        root: &SuiteRoot,
        listed: &[(String, Expected)],
        since: Timestamp,
        signer: &dyn Signer,
    ) -> Result<(Timestamp, String, SignedRelease), RepoError> {
        let (storage, folder) = (self.storage(), layout::dists(&root.suite));
        let table: Table = object::load(storage, root.table)?;
        let date = root.date;
        let indexed = table.apply(storage, &folder, &Edits::default(), Some(date), date)?;
        let whole = indexed.whole()?;
        let mut time = since;
        loop {
            let release = snapshot_release(self.settings(), &root.suite, time, listed);
            let signed = signer.sign_release(&ReleaseToSign {
                release: release.as_bytes(),
                generation: 1,
                indices: whole.iter().map(tail).collect(),
            });
            match signed {
                // Somebody who was interrupted had another one signed for this second.
                Err(SigningError::NotRising { .. })
                    if time.seconds() < since.seconds() + ATTEMPTS =>
                {
                    time = Timestamp::from_seconds(time.seconds() + 1);
                }
                signed => return Ok((time, release, signed?)),
            }
        }
    }
}

impl Draft<'_> {
    /// Puts `snapshots` in the place of those that there are.
    pub(super) fn keep_snapshots(&mut self, snapshots: &[Snapshot]) -> Result<(), RepoError> {
        let list = object::add(&snapshots, &mut self.wave)?;
        self.outdated.extend(self.catalog.snapshots.replace(list));
        self.noted = true;
        Ok(())
    }
}
