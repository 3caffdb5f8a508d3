//! The protocol of a publication. Its order is its safety: immutable objects, the commit, plain indices, `InRelease`.

use std::collections::BTreeSet;

use super::admit::{Admission, Publishable};
use super::index::{IndexFile, indices};
use super::release::release;
use super::state::SuiteState;
use super::{RepoError, RepoLock, Repository, files, layout};
use crate::model::{Signer, Suite, Timestamp};

/// How long an index stays reachable by its content after it was replaced, in seconds: a host that fetched the old
/// `InRelease`, perhaps through a cache, still finds what it lists.
const KEEP: i64 = 7 * 24 * 3600;

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
    /// Publishes `packages` in `suite`, all or none. `now` dates it; a suite's dates rise by a second at least, for apt
    /// sees no change within one.
    ///
    /// Interrupted at any point, it has happened or it has not, and the next publication cleans up behind it.
    ///
    /// # Errors
    ///
    /// See [`RepoError`]; a host sees nothing of what failed.
    pub fn publish(
        &self,
        _lock: &RepoLock,
        suite: &Suite,
        packages: &[Publishable],
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<Publication, RepoError> {
        let mut state = self
            .suite(suite)?
            .unwrap_or_else(|| SuiteState::empty(suite.clone()));
        if state.generation > 0 {
            self.roll_forward(&state)?;
        }
        let mut changed = false;
        for package in packages {
            package.check_target(suite)?;
            let history = self.history(package.statement().package(), suite.target)?;
            if package.check_version(&state, &history)? == Admission::New {
                state.packages.push(package.store(self, now)?);
                changed = true;
            }
        }
        changed |= self.renew_keyring(&mut state, now)?;
        if changed {
            self.commit(&mut state, now, signer)?;
        }
        Ok(Publication {
            suite: suite.clone(),
            generation: state.generation,
            changed,
        })
    }

    /// Signs and commits a changed state, and writes what follows from it.
    fn commit(
        &self,
        state: &mut SuiteState,
        now: Timestamp,
        signer: &dyn Signer,
    ) -> Result<(), RepoError> {
        let order = |package: &super::Published| (package.package.clone(), package.version.clone());
        state.packages.sort_by_key(order);
        let next = Timestamp::from_seconds(state.date.seconds() + 1);
        let date = if state.generation == 0 {
            now
        } else {
            now.max(next)
        };
        let before = places(&state.release);
        let indices = self.render(state)?;
        self.write_by_hash(state, &indices)?;
        let text = release(&self.settings, &state.suite, date, &indices);
        let signed = signer.sign_release(text.as_bytes())?;
        retire(state, &before, &places(&text), date);
        state.generation += 1;
        state.date = date;
        state.release = text;
        state.release_gpg = String::from_utf8_lossy(&signed.release_gpg).into_owned();
        state.in_release = String::from_utf8_lossy(&signed.in_release).into_owned();
        state.commit(&self.root)?;
        self.write_plain(state, &indices)?;
        self.sweep(state)
    }

    /// Completes the last publication if it was interrupted after its commit.
    fn roll_forward(&self, state: &SuiteState) -> Result<(), RepoError> {
        let path = self
            .root
            .join(layout::dists(&state.suite))
            .join("InRelease");
        let current = files::read(&path, 1 << 22)?;
        if current.as_deref() == Some(state.in_release.as_bytes()) {
            return Ok(());
        }
        tracing::warn!(suite = %state.suite, "completing a publication that was interrupted");
        let indices = self.render(state)?;
        self.write_by_hash(state, &indices)?;
        self.write_plain(state, &indices)
    }

    pub(super) fn render(&self, state: &SuiteState) -> Result<Vec<IndexFile>, RepoError> {
        let folder = self.root.join(layout::dists(&state.suite));
        indices(state).map_err(RepoError::io("make the indices of", &folder))
    }

    fn write_by_hash(&self, state: &SuiteState, indices: &[IndexFile]) -> Result<(), RepoError> {
        let folder = self.root.join(layout::dists(&state.suite));
        for file in indices {
            let path = folder.join(layout::by_hash(&file.path, file.sha256));
            files::create(&path, &mut file.bytes.as_slice(), file.sha256)?;
        }
        Ok(())
    }

    /// Writes what hosts without by-hash read, and `InRelease` last of all.
    fn write_plain(&self, state: &SuiteState, indices: &[IndexFile]) -> Result<(), RepoError> {
        let folder = self.root.join(layout::dists(&state.suite));
        for file in indices {
            files::replace(&folder.join(&file.path), &file.bytes)?;
        }
        files::replace(&folder.join("Release"), state.release.as_bytes())?;
        files::replace(&folder.join("Release.gpg"), state.release_gpg.as_bytes())?;
        files::replace(&folder.join("InRelease"), state.in_release.as_bytes())
    }

    /// Removes the places by content whose time has passed. What cannot be removed now is removed by the next publication.
    fn sweep(&self, state: &SuiteState) -> Result<(), RepoError> {
        let folder = self.root.join(layout::dists(&state.suite));
        let known: BTreeSet<String> = places(&state.release)
            .into_iter()
            .chain(state.retired.iter().map(|(place, _)| place.clone()))
            .collect();
        for architecture in [
            crate::model::Architecture::All,
            crate::model::Architecture::Amd64,
        ] {
            let index = layout::packages(architecture);
            let by_hash = format!("{}/by-hash/SHA256", index.trim_end_matches("/Packages"));
            for name in files::names(&folder.join(&by_hash))? {
                let place = format!("{by_hash}/{name}");
                if !known.contains(&place) {
                    files::remove(&folder.join(place))?;
                }
            }
        }
        Ok(())
    }
}

/// The places by content of everything that a Release lists, relative to its folder.
fn places(release: &str) -> BTreeSet<String> {
    let lines = release.lines().filter_map(|line| line.strip_prefix(' '));
    lines
        .filter_map(|line| {
            let mut words = line.split(' ');
            let sha256 = words.next()?.parse().ok()?;
            let path = words.nth(1)?;
            Some(layout::by_hash(path, sha256))
        })
        .collect()
}

/// Notes which places went out of use, and forgets those whose time has passed.
fn retire(
    state: &mut SuiteState,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    now: Timestamp,
) {
    let fresh = |since: &Timestamp| since.seconds() + KEEP > now.seconds();
    state
        .retired
        .retain(|(place, since)| fresh(since) && !after.contains(place));
    let gone = before.difference(after).map(|place| (place.clone(), now));
    state.retired.extend(gone);
}
