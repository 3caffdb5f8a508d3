//! What follows from a root: the plain indices, the first trust, and the signed files, `InRelease` last.

use std::collections::BTreeSet;

use super::root::{Root, SuiteRoot};
use super::storage::{Content, Kind, Write};
use super::{RepoError, Repository, layout};
use crate::model::Timestamp;

/// The most bytes that a signed file may have.
pub(super) const MAX_SIGNED: u64 = 16 << 20;

impl Repository {
    /// Writes what follows from `root` for the suites in `names`. Whoever is slow may write over what somebody faster wrote:
    /// so each looks at the root once more in the end, and what it says then is what is there.
    pub(super) fn follow(
        &self,
        root: &Root,
        names: &BTreeSet<String>,
        trust: bool,
    ) -> Result<(), RepoError> {
        let (mut root, mut names, mut trust) = (root.clone(), names.clone(), trust);
        loop {
            for name in &names {
                match root.suites.get(name) {
                    Some(suite) => self.follow_suite(suite, trust)?,
                    None => self.storage().delete(&self.left_of(name)?)?,
                }
            }
            let Some((last, _)) = Root::load(self.storage())? else {
                return Ok(());
            };
            names.retain(|name| generation(&last, name) != generation(&root, name));
            if names.is_empty() {
                return Ok(());
            }
            (root, trust) = (last, true);
        }
    }

    /// What hosts see of a suite that is no more. What is named by its content goes later, as that of every suite does.
    pub(super) fn left_of(&self, name: &str) -> Result<Vec<String>, RepoError> {
        let found = self.storage().list(&layout::dists_named(name))?.into_iter();
        let found = found.map(|found| found.key);
        Ok(found.filter(|key| !layout::is_by_content(key)).collect())
    }

    fn follow_suite(&self, suite: &SuiteRoot, trust: bool) -> Result<(), RepoError> {
        let folder = layout::dists(&suite.suite);
        let plain = suite.stored().map(|(path, expected)| Write {
            key: format!("{folder}/{path}"),
            content: Content::Copy(format!(
                "{folder}/{}",
                layout::by_hash(&path, expected.sha256)
            )),
            expected,
            kind: Kind::Replaced { date: suite.date },
        });
        let mut wave: Vec<Write> = plain.collect();
        if trust {
            wave.extend(self.trust(suite));
        }
        for (name, text) in [
            ("Release", &suite.release),
            ("Release.gpg", &suite.release_gpg),
        ] {
            let key = format!("{folder}/{name}");
            wave.push(Write::replaced(key, text.clone().into(), suite.date));
        }
        self.storage().write(wave)?;
        self.write_in_release(suite)
    }

    /// The suite's newest keyring package, and the keys themselves, at the names that never change.
    pub(super) fn trust(&self, suite: &SuiteRoot) -> Vec<Write> {
        let (farm, settings) = (&self.settings().farm, self.settings());
        let keys = [
            (layout::archive_key(farm), settings.archive_keyring.clone()),
            (
                layout::statement_key(farm),
                settings.statement_pem.clone().into(),
            ),
        ];
        let keys = keys.map(|(key, bytes)| Write::replaced(key, bytes.into(), suite.date));
        let keyring = suite.keyring.as_ref().map(|keyring| Write {
            key: layout::keyring(farm, suite.suite.target),
            content: Content::Copy(keyring.key.clone()),
            expected: keyring.content,
            kind: Kind::Replaced { date: suite.date },
        });
        keys.into_iter().chain(keyring).collect()
    }

    /// Puts `InRelease` in its place, unless a later one is there already.
    fn write_in_release(&self, suite: &SuiteRoot) -> Result<(), RepoError> {
        let key = in_release(suite);
        loop {
            let found = self.storage().tagged(&key, MAX_SIGNED)?;
            if let Some(found) = &found {
                let done = found.bytes == suite.in_release.as_bytes();
                if done || date(&found.bytes).is_some_and(|date| date > suite.date) {
                    return Ok(());
                }
            }
            let seen = found.as_ref().map(|found| &found.tag);
            let bytes = suite.in_release.as_bytes();
            if self
                .storage()
                .swap(&key, bytes, seen, suite.date)?
                .is_some()
            {
                return Ok(());
            }
        }
    }

    /// Whether hosts see what the root says of the suite.
    ///
    /// # Errors
    ///
    /// [`RepoError::State`] when they see something later: the root is an old one.
    pub(super) fn is_followed(&self, suite: &SuiteRoot) -> Result<bool, RepoError> {
        let found = self.storage().get(&in_release(suite), MAX_SIGNED)?;
        let Some(found) = found else {
            return Ok(false);
        };
        let Some(date) = date(&found).filter(|date| *date > suite.date) else {
            return Ok(found == suite.in_release.as_bytes());
        };
        let last = self.root()?;
        let name = suite.suite.to_string();
        if last.is_some_and(|last| generation(&last, &name) > suite.generation) {
            return Ok(true);
        }
        Err(RepoError::State {
            place: self.storage().place(layout::ROOT),
            reason: format!(
                "its last publication in {name} is of {}, and hosts have one of {date}",
                suite.date
            ),
        })
    }
}

/// The key of the suite's `InRelease`.
pub(super) fn in_release(suite: &SuiteRoot) -> String {
    format!("{}/InRelease", layout::dists(&suite.suite))
}

fn generation(root: &Root, name: &str) -> u64 {
    root.suites.get(name).map_or(0, |suite| suite.generation)
}

/// The `Date` of a signed Release.
pub(super) fn date(in_release: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(in_release).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Date: "))?;
    Timestamp::from_release_date(line).ok()
}
