//! The protocol of a publication. Its order is its safety: immutable objects, the commit, plain indices, `InRelease`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::admit::Publishable;
use super::index::{IndexFile, indices};
use super::release::release;
use super::state::{Published, SuiteState};
use super::storage::{Content, Kind, Write};
use super::{RepoError, RepoLock, Repository, layout};
use crate::evidence::StatementKey;
use crate::model::{
    Architecture, IndexTail, ReleaseToSign, SignedRelease, Signer, SigningError, Suite, Timestamp,
};

/// How long an index stays reachable by its content after it was replaced, in seconds: a host that fetched the old
/// `InRelease`, perhaps through a cache, still finds what it lists.
const KEEP: i64 = 7 * 24 * 3600;

/// How far a suite's date may be ahead of the clock, in seconds. apt accepts 10 (`Acquire::Max-FutureTime`).
const AHEAD: i64 = 5;

/// How long a publication waits for the clock, in seconds; beyond it the clock is wrong.
const CLOCK_PATIENCE: i64 = 60;

/// The most bytes that an index or a Release may have.
const MAX_INDEX: u64 = 4 << 30;

/// What a publication came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The suite.
    pub suite: Suite,
    /// Its generation afterwards.
    pub generation: u64,
    /// Whether anything changed. The same content again changes nothing.
    pub changed: bool,
}

impl Repository {
    /// Publishes `packages` in `suite`, all or none. With none it still makes the suite, with the farm's keyring package.
    ///
    /// `now` dates it; a suite's dates rise by a second at least, for apt sees no change within one, and a publication
    /// waits where that would take it ahead of the clock. Interrupted at any point, it has happened or it has not, and
    /// whoever takes the lock next completes it.
    ///
    /// # Errors
    ///
    /// See [`RepoError`]. All but [`RepoError::Unfinished`] mean that nothing was published.
    pub fn publish(
        &self,
        lock: &RepoLock,
        suite: &Suite,
        packages: &[Publishable],
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Publication, RepoError> {
        let (mut state, mut history) = self.begin(suite)?;
        let keys = StatementKey::all_from_pem(&self.settings().statement_pem)?;
        let mut new = Vec::new();
        let before = state.packages.len();
        for package in packages {
            package.check_target(suite)?;
            package.check_evidence(&keys)?;
            let entry = match package.judge(&state, &history)? {
                None => {
                    let entry = package.entry(now);
                    history.push(entry.clone());
                    new.push((package, entry.clone()));
                    entry
                }
                Some(entry) => entry,
            };
            if !state.holds(entry.sha256) {
                state.packages.push(entry);
            }
        }
        let stored = new
            .iter()
            .flat_map(|(package, entry)| package.writes(entry));
        self.storage().write(stored.collect())?;
        self.renew_keyring(&mut state, &history, now, signer)?;
        let changed = state.packages.len() > before;
        if changed {
            self.commit(lock, &mut state, now, signer)?;
        }
        Ok(Publication {
            suite: suite.clone(),
            generation: state.generation,
            changed,
        })
    }

    /// Publishes what is in `suite` again, with a new date: before its `Valid-Until` passes.
    ///
    /// # Errors
    ///
    /// As [`Repository::publish`].
    pub fn refresh(
        &self,
        lock: &RepoLock,
        suite: &Suite,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Publication, RepoError> {
        let (mut state, history) = self.begin(suite)?;
        self.renew_keyring(&mut state, &history, now, signer)?;
        self.commit(lock, &mut state, now, signer)?;
        Ok(Publication {
            suite: suite.clone(),
            generation: state.generation,
            changed: true,
        })
    }

    /// The suite as it was last committed, and everything that is published for its release or by the farm itself.
    fn begin(&self, suite: &Suite) -> Result<(SuiteState, Vec<Published>), RepoError> {
        let farm = &self.settings().farm;
        let (mut state, mut history) = (None, Vec::new());
        for found in self.suites()? {
            if found.farm != *farm {
                return Err(RepoError::OtherFarm {
                    found: found.farm.to_string(),
                    farm: farm.to_string(),
                });
            }
            let ours = found.suite.target == suite.target;
            let kept = found.packages.iter();
            history.extend(
                kept.filter(|one| ours || one.package == farm.keyring_package())
                    .cloned(),
            );
            if found.suite == *suite {
                state = Some(found);
            }
        }
        let state = match state {
            Some(state) => state,
            None => self.first_state(suite)?,
        };
        Ok((state, history))
    }

    /// The state of a suite that nothing was published in yet. `InRelease` is never there before the state is: a suite that
    /// has one has lost its state, and starting again would take every package from its hosts.
    fn first_state(&self, suite: &Suite) -> Result<SuiteState, RepoError> {
        let signed = format!("{}/InRelease", layout::dists(suite));
        if self.storage().head(&signed)?.is_some() {
            return Err(RepoError::State {
                place: self.storage().place(&layout::state(&suite.to_string())),
                reason: format!("it is gone, and yet {signed} is there"),
            });
        }
        let farm = self.settings().farm.clone();
        Ok(SuiteState::empty(farm, suite.clone()))
    }

    /// Signs and commits a changed state, and writes what follows from it.
    fn commit(
        &self,
        lock: &RepoLock,
        state: &mut SuiteState,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<(), RepoError> {
        let order =
            |a: &Published, b: &Published| (&a.package, &a.version).cmp(&(&b.package, &b.version));
        state.packages.sort_by(order);
        state.date = next_date(state, now)?;
        state.generation += 1;
        let before = state.places();
        let folder = self.storage().place(&layout::dists(&state.suite));
        let indices = indices(&state.packages)
            .map_err(RepoError::io("make the indices of", folder.as_ref()))?;
        let by_hash = by_hash(state, &indices);
        self.storage().write(by_hash)?;
        let signed = self.sign(state, &indices, now, signer)?;
        state.release_gpg = String::from_utf8_lossy(&signed.release_gpg).into_owned();
        state.in_release = String::from_utf8_lossy(&signed.in_release).into_owned();
        retire(state, &before);
        lock.check()?;
        state.commit(self.storage())?;
        self.follow(state).map_err(|source| RepoError::Unfinished {
            suite: state.suite.to_string(),
            generation: state.generation,
            source: Box::new(source),
        })
    }

    /// Writes the Release and has it signed. A publication that was interrupted before its commit has used up its date and
    /// its generation: then the next ones are taken.
    fn sign(
        &self,
        state: &mut SuiteState,
        indices: &[IndexFile],
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<SignedRelease, RepoError> {
        let attempt = |state: &mut SuiteState| {
            state.release = release(self.settings(), &state.suite, state.date, indices);
            signer.sign_release(&ReleaseToSign {
                release: state.release.as_bytes(),
                generation: state.generation,
                indices: whole(indices),
            })
        };
        match attempt(state) {
            Err(SigningError::NotRising {
                generation, date, ..
            }) => {
                state.generation = state.generation.max(generation + 1);
                state.date = date;
                state.date = next_date(state, now)?;
                Ok(attempt(state)?)
            }
            signed => Ok(signed?),
        }
    }

    /// Completes every publication that was interrupted after its commit. Where `InRelease` is, everything is.
    pub(super) fn complete(&self, _lock: &RepoLock) -> Result<(), RepoError> {
        for state in self.suites()? {
            let key = format!("{}/InRelease", layout::dists(&state.suite));
            let current = self.storage().get(&key, MAX_INDEX)?;
            if current.is_none_or(|current| current.bytes != state.in_release.as_bytes()) {
                tracing::warn!(suite = %state.suite, "completing a publication that was interrupted");
                self.follow(&state)?;
            }
        }
        Ok(())
    }

    /// Writes what follows from a committed state: what hosts without by-hash read, the first trust, and `InRelease` last.
    fn follow(&self, state: &SuiteState) -> Result<(), RepoError> {
        let folder = layout::dists(&state.suite);
        let kind = Kind::Replaced { date: state.date };
        let plain = state.listed().into_iter().map(|(path, expected)| {
            let place = layout::by_hash(&path, expected.sha256);
            Write {
                key: format!("{folder}/{path}"),
                content: Content::Copy(format!("{folder}/{place}")),
                expected,
                kind,
            }
        });
        self.storage().write(plain.collect())?;
        self.place_keyring(state)?;
        for (name, text) in [
            ("Release", &state.release),
            ("Release.gpg", &state.release_gpg),
            ("InRelease", &state.in_release),
        ] {
            let text = text.clone().into();
            let write = Write::replaced(format!("{folder}/{name}"), text, state.date);
            self.storage().write(vec![write])?;
        }
        self.sweep(state)
    }

    /// Removes the places by content whose time has passed, and those of publications that were never committed.
    fn sweep(&self, state: &SuiteState) -> Result<(), RepoError> {
        let folder = layout::dists(&state.suite);
        let retired = state.retired.iter().map(|(place, _)| place.clone());
        let known: BTreeSet<String> = state.places().into_iter().chain(retired).collect();
        let mut gone = Vec::new();
        for architecture in [Architecture::All, Architecture::Amd64] {
            let by_hash = layout::by_hash_folder(&layout::packages(architecture));
            let found = self.storage().list(&format!("{folder}/{by_hash}"))?;
            let unknown = found.into_iter().filter(|one| {
                let place = one.key.strip_prefix(&format!("{folder}/"));
                place.is_some_and(|place| !known.contains(place))
            });
            gone.extend(unknown.map(|one| one.key));
        }
        Ok(self.storage().delete(&gone)?)
    }
}

/// The indices of `state`, on their way to their places by content.
fn by_hash(state: &SuiteState, indices: &[IndexFile]) -> Vec<Write> {
    let folder = layout::dists(&state.suite);
    let writes = indices.iter().map(|file| {
        let place = layout::by_hash(&file.path, file.content.sha256);
        let content = Content::Bytes(file.bytes.clone().into());
        Write::immutable(format!("{folder}/{place}"), content, file.content)
    });
    writes.collect()
}

/// The plain indices, each from its start.
fn whole(indices: &[IndexFile]) -> Vec<IndexTail<'_>> {
    let plain = indices
        .iter()
        .filter(|file| file.path.ends_with("/Packages"));
    plain
        .map(|file| IndexTail {
            path: &file.path,
            from: 0,
            text: &file.bytes,
            keep: 0,
        })
        .collect()
}

/// The date of a suite's next publication: later than the last one, and hardly ahead of the clock.
fn next_date(state: &SuiteState, now: Timestamp) -> Result<Timestamp, RepoError> {
    if state.generation == 0 {
        return Ok(now);
    }
    let date = now.max(Timestamp::from_seconds(state.date.seconds() + 1));
    let ahead = date.seconds() - now.seconds();
    if ahead > CLOCK_PATIENCE {
        return Err(RepoError::ClockBehind {
            now,
            last: state.date,
        });
    }
    if let Ok(wait @ 1..) = u64::try_from(ahead - AHEAD) {
        std::thread::sleep(Duration::from_secs(wait));
    }
    Ok(date)
}

/// Notes which places went out of use, and forgets those whose time has passed.
fn retire(state: &mut SuiteState, before: &BTreeSet<String>) {
    let (after, now) = (state.places(), state.date);
    let fresh = |since: &Timestamp| since.seconds() + KEEP > now.seconds();
    state
        .retired
        .retain(|(place, since)| fresh(since) && !after.contains(place));
    let gone = before.difference(&after).map(|place| (place.clone(), now));
    state.retired.extend(gone);
}
