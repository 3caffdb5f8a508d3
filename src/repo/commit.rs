//! The protocol of a publication. Its order is its safety: immutable objects, the commit, plain indices, `InRelease`.
//!
//! The commit replaces the root by compare-and-swap: of two writers who saw the same root one loses, sees what the other did,
//! and judges again. What follows from a root can be written by anybody, any number of times.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::contents::Contents;
use super::draft::Draft;
use super::log::{Log, Record};
use super::release::release;
use super::root::{Placed, Root, SuiteRoot};
use super::storage::{Tag, Write};
use super::suite_draft::SuiteDraft;
use super::table::{Indexed, Tail};
use super::{RepoError, RepoLock, Repository, layout, object};
use crate::model::{FarmName, IndexTail, ReleaseToSign, Sha256, Signer, SigningError, Timestamp};

/// How often a publication begins again when others are faster.
const ATTEMPTS: usize = 5;

/// How far a suite's date may be ahead of the clock, in seconds. apt accepts 10 (`Acquire::Max-FutureTime`).
const AHEAD: i64 = 5;

/// How long a publication waits for the clock, in seconds; beyond it the clock is wrong.
const CLOCK_PATIENCE: i64 = 60;

/// A suite that is ready to be signed.
struct Unsigned {
    suite: SuiteRoot,
    indexed: Indexed,
}

/// A root that is ready to be committed.
struct Prepared {
    root: Root,
    /// What nobody needs any more once it is committed.
    expired: Vec<String>,
    /// Whether what hosts take as their first trust changed.
    trust: bool,
}

impl Repository {
    /// Commits the changes that `prepare` makes to the last commit, and writes what follows from them. `prepare` is asked
    /// again when somebody else committed meanwhile. Gives what it gave, and the repository as it is then.
    ///
    /// # Errors
    ///
    /// [`RepoError::Conflict`] when others are faster again and again; what `prepare` says; what goes wrong on the way.
    /// All but [`RepoError::Unfinished`] mean that nothing was published.
    pub(super) fn transact<T>(
        &self,
        lock: &RepoLock,
        now: Timestamp,
        signer: &dyn Signer,
        prepare: &dyn Fn(&mut Draft<'_>) -> Result<T, RepoError>,
    ) -> Result<(T, Root), RepoError> {
        for _ in 0..ATTEMPTS {
            let (root, seen) = self.begin(lock)?;
            let mut draft = Draft::new(self, root, now)?;
            if seen.is_none() {
                self.migrate(&mut draft, signer)?;
            }
            let value = prepare(&mut draft)?;
            if draft.is_idle() {
                return Ok((value, draft.root));
            }
            let prepared = self.prepare(draft, signer)?;
            lock.check()?;
            if self.swap(&prepared.root, seen.as_ref(), now)? {
                self.finish(&prepared)?;
                return Ok((value, prepared.root));
            }
        }
        Err(RepoError::Conflict)
    }

    /// The last commit, and everything that follows from it in its place.
    fn begin(&self, lock: &RepoLock) -> Result<(Root, Option<Tag>), RepoError> {
        let Some((root, seen)) = Root::load(self.storage())? else {
            return Ok((Root::empty(self.settings().farm.clone()), None));
        };
        self.check_farm(&root.farm)?;
        if lock.completed() != Some(root.generation) {
            self.complete(&root)?;
        }
        Ok((root, Some(seen)))
    }

    /// Refuses to change what belongs to a farm of another name.
    pub(super) fn check_farm(&self, found: &FarmName) -> Result<(), RepoError> {
        let farm = &self.settings().farm;
        if found == farm {
            return Ok(());
        }
        Err(RepoError::OtherFarm {
            found: found.to_string(),
            farm: farm.to_string(),
        })
    }

    /// Completes the last publication, should it have been interrupted after its commit. Where `InRelease` is, everything is.
    pub(super) fn complete(&self, root: &Root) -> Result<(), RepoError> {
        let mut open = BTreeSet::new();
        for (name, suite) in &root.suites {
            if root.changed.contains(name) && !self.is_followed(suite)? {
                open.insert(name.clone());
            }
        }
        let gone = |name: &&String| !root.suites.contains_key(*name);
        for name in root.changed.iter().filter(gone) {
            if !self.left_of(name)?.is_empty() {
                open.insert(name.clone());
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        tracing::warn!(suites = ?open, "completing a publication that was interrupted");
        self.follow(root, &open, true)
    }

    /// Writes everything that must be there before the commit, and has the Releases signed.
    fn prepare(&self, mut draft: Draft<'_>, signer: &dyn Signer) -> Result<Prepared, RepoError> {
        let mut wave = std::mem::take(&mut draft.wave);
        let keyrings = self.first_trusts(&draft)?;
        let entries = std::mem::take(&mut draft.entries);
        let ledger = &draft.catalog.ledger;
        let (ledger, mut gone) = ledger.update(self.storage(), entries, &mut wave)?;
        draft.catalog.ledger = ledger;

        let mut root = draft.root.clone();
        root.generation += 1;
        root.changed = draft.suites.keys().cloned().collect();
        for name in draft.dropped.keys() {
            root.suites.remove(name);
            root.changed.insert(name.clone());
        }
        gone.append(&mut draft.outdated);
        gone.extend(self.log(&mut draft, &mut root, &mut wave)?);
        let (mut unsigned, mut copies) = (Vec::new(), Vec::new());
        for (suite, keyring) in draft.suites.values().zip(keyrings) {
            let log = root.log.as_ref();
            let mut prepared = self.unsigned(suite, keyring, log, draft.now, &mut wave)?;
            copies.append(&mut prepared.indexed.copies);
            root.suites
                .insert(suite.suite.to_string(), prepared.suite.clone());
            unsigned.push(prepared);
        }
        let mut expired = self.renew_catalog(&mut draft, &mut root, gone, &mut wave)?;
        expired.append(&mut draft.gone);
        self.storage().write(wave)?;
        self.storage().write(copies)?;
        let mut trust = false;
        for unsigned in unsigned {
            let suite = self.sign(unsigned, draft.now, root.log.as_ref(), signer)?;
            let name = suite.suite.to_string();
            let before = draft.root.suites.get(&name);
            trust |= before.is_none_or(|before| before.keyring != suite.keyring);
            root.suites.insert(name, suite);
        }
        wait(&root, draft.now);
        Ok(Prepared {
            root,
            expired,
            trust,
        })
    }

    /// Adds a record of this commit to the log of `root`. Gives the object that it stands for no more.
    fn log(
        &self,
        draft: &mut Draft<'_>,
        root: &mut Root,
        wave: &mut Vec<Write>,
    ) -> Result<Option<Sha256>, RepoError> {
        let last = draft.root.log.as_ref();
        let record = Record {
            number: last.map_or(0, |last| last.records) + 1,
            generation: root.generation,
            time: draft.now,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            events: std::mem::take(&mut draft.events),
        };
        let (log, replaced) = Log::append(last, self.storage(), record, wave)?;
        root.log = Some(log);
        Ok(replaced)
    }

    /// The suite as the draft says, but for its signatures.
    fn unsigned(
        &self,
        draft: &SuiteDraft,
        keyring: Option<Placed>,
        log: Option<&Log>,
        now: Timestamp,
        wave: &mut Vec<Write>,
    ) -> Result<Unsigned, RepoError> {
        let date = next_date(draft.date, now)?;
        let folder = layout::dists(&draft.suite);
        let table = &draft.table;
        let mut indexed = if draft.compact && draft.edits.is_empty() {
            table.compact(self.storage(), &folder)?
        } else {
            table.apply(self.storage(), &folder, &draft.edits, draft.date, date)?
        };
        wave.append(&mut indexed.wave);
        let contents = draft.contents.iter().flat_map(Contents::listed);
        indexed.listed.extend(contents);
        let suite = SuiteRoot {
            suite: draft.suite.clone(),
            generation: draft.generation + 1,
            date,
            packages: draft.packages,
            table: object::add(&indexed.table, wave)?,
            keyring,
            contents: draft.contents.clone(),
            patches: indexed.table.patches.clone(),
            release: release(self.settings(), &draft.suite, date, log, &indexed.listed),
            release_gpg: String::new(),
            in_release: String::new(),
        };
        Ok(Unsigned { suite, indexed })
    }

    /// Has the Release signed. A publication that was interrupted before its commit has used up its date and its generation:
    /// then the next ones are taken. A signer that does not know an index gets it whole.
    fn sign(
        &self,
        unsigned: Unsigned,
        now: Timestamp,
        log: Option<&Log>,
        signer: &dyn Signer,
    ) -> Result<SuiteRoot, RepoError> {
        let Unsigned { mut suite, indexed } = unsigned;
        let ask = |suite: &SuiteRoot, tails: &[Tail]| {
            signer.sign_release(&ReleaseToSign {
                release: suite.release.as_bytes(),
                generation: suite.generation,
                indices: tails.iter().map(tail).collect(),
            })
        };
        let mut tails = indexed.tails.clone();
        let mut signed = ask(&suite, &tails);
        if let Err(SigningError::WholeNeeded { .. }) = signed {
            tails = indexed.whole()?;
            signed = ask(&suite, &tails);
        }
        if let Err(SigningError::NotRising {
            generation, date, ..
        }) = signed
        {
            suite.generation = suite.generation.max(generation + 1);
            suite.date = next_date(Some(date), now)?;
            let listed = &indexed.listed;
            suite.release = release(self.settings(), &suite.suite, suite.date, log, listed);
            signed = ask(&suite, &tails);
        }
        let signed = signed?;
        suite.release_gpg = String::from_utf8_lossy(&signed.release_gpg).into_owned();
        suite.in_release = String::from_utf8_lossy(&signed.in_release).into_owned();
        Ok(suite)
    }

    /// For each suite of the draft, what its hosts take as their first trust.
    fn first_trusts(&self, draft: &Draft<'_>) -> Result<Vec<Option<Placed>>, RepoError> {
        let history = draft.history(&self.settings().farm.keyring_package())?;
        let newest = |suite: &SuiteDraft| {
            let mut own = history.iter().rev();
            let newest = own.find(|entry| entry.listing(&suite.suite).is_some());
            newest.map(|entry| Placed {
                key: entry.published.filename.clone(),
                content: entry.published.expected(),
            })
        };
        Ok(draft.suites.values().map(newest).collect())
    }

    /// Gives `root` the draft's catalog, in which what is in use no more is noted. Gives what went out of use so long ago
    /// that nobody needs it.
    fn renew_catalog(
        &self,
        draft: &mut Draft<'_>,
        root: &mut Root,
        gone: Vec<Sha256>,
        wave: &mut Vec<Write>,
    ) -> Result<Vec<String>, RepoError> {
        let (storage, catalog) = (self.storage(), &mut draft.catalog);
        let object = |digest: Sha256| (layout::object(digest), digest);
        let mut retired: BTreeMap<String, Sha256> = gone.into_iter().map(object).collect();
        for suite in draft.suites.values_mut() {
            retired.append(&mut suite.retired);
        }
        retired.extend(std::mem::take(&mut draft.dropped).into_values().flatten());
        retired.extend(root.catalog.map(object));
        let leaves = catalog.ledger.leaves().iter();
        let mut in_use: BTreeSet<String> = leaves.map(|leaf| layout::object(leaf.digest)).collect();
        for suite in root.suites.values() {
            in_use.extend(suite.keys().into_keys());
            in_use.extend(suite.objects().map(layout::object));
        }
        // Each publication replaces plain indices; of some there is no next one.
        let plain = |root: &Root| -> BTreeSet<String> {
            let suites = root.suites.values();
            suites.flat_map(|suite| suite.plain().into_keys()).collect()
        };
        draft
            .gone
            .extend(plain(&draft.root).difference(&plain(root)).cloned());
        let now = draft.now;
        retired.retain(|key, _| !in_use.contains(key));
        catalog.retired.add(retired, now, wave)?;
        let objects = catalog.retired.objects().chain(catalog.snapshots);
        in_use.extend(objects.map(layout::object));
        let expired = catalog.retired.expire(storage, now, &in_use)?;
        root.catalog = Some(object::add(catalog, wave)?);
        Ok(expired)
    }

    /// Commits: from here on this is the repository, whatever happens. Unless somebody else was faster.
    fn swap(&self, root: &Root, seen: Option<&Tag>, now: Timestamp) -> Result<bool, RepoError> {
        let bytes = root.bytes(self.storage())?;
        let swapped = self.storage().swap(layout::ROOT, &bytes, seen, now)?;
        Ok(swapped.is_some())
    }

    fn finish(&self, prepared: &Prepared) -> Result<(), RepoError> {
        let root = &prepared.root;
        self.follow(root, &root.changed, prepared.trust)
            .map_err(|source| RepoError::Unfinished {
                generation: root.generation,
                source: Box::new(source),
            })?;
        if let Err(error) = self.storage().delete(&prepared.expired) {
            tracing::warn!(%error, "what nobody needs any more stays until the next `plugfarm repo refresh`");
        }
        Ok(())
    }
}

/// What the signer reads of a plain index.
pub(super) fn tail(tail: &Tail) -> IndexTail<'_> {
    IndexTail {
        path: &tail.path,
        from: tail.from,
        text: &tail.text,
        keep: tail.keep,
    }
}

/// The date of a suite's next publication: later than the last one, and hardly ahead of the clock.
fn next_date(last: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, RepoError> {
    let Some(last) = last else {
        return Ok(now);
    };
    let date = now.max(Timestamp::from_seconds(last.seconds() + 1));
    if date.seconds() - now.seconds() > CLOCK_PATIENCE {
        return Err(RepoError::ClockBehind { now, last });
    }
    Ok(date)
}

/// Waits until the clock has nearly reached the dates of what changed: apt refuses what is of the future.
fn wait(root: &Root, now: Timestamp) {
    let changed = root.changed.iter().filter_map(|name| root.suites.get(name));
    let last = changed.map(|suite| suite.date.seconds()).max();
    let ahead = last.unwrap_or(0) - now.seconds() - AHEAD;
    if let Ok(seconds @ 1..) = u64::try_from(ahead) {
        std::thread::sleep(Duration::from_secs(seconds));
    }
}
