//! The exchange of the archive key for another one, which hosts follow by plain `apt upgrade`.
//!
//! The next key is made, and signs beside the present one; the keyring package takes both to hosts. When each suite has had
//! it for long enough, the old key retires. A host that slept through it all trusts the old one alone, and gets nothing more.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::archive_key::ArchiveKey;
use super::change::Change;
use super::folder::{CreationLock, Secrecy};
use super::journal::{JournalKind, KeyStep};
use super::keys::Keys;
use super::known::Known;
use super::passphrase::Passphrase;
use super::ring::{ARCHIVE_PUBLIC, ARCHIVE_SECRET, NEXT_SECRET, not_written, revocation};
use super::{KeyError, PublicKeys};
use crate::model::Timestamp;

/// How far the exchange of the archive key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Rotation {
    /// One key signs, and it is the one that hosts get.
    Idle,
    /// Not every suite has the keyring package with the present keys: they must be published again.
    Shipping {
        /// Those that lack it; empty when nothing was published yet.
        suites: Vec<String>,
    },
    /// Both keys sign, and hosts have time to get the next one.
    Waiting {
        /// Since when every suite has it.
        since: Timestamp,
        /// When the old key may retire.
        until: Timestamp,
    },
    /// Both keys sign, and the old one may retire.
    Ready {
        /// Since when every suite has the next one.
        since: Timestamp,
    },
}

impl Keys {
    /// How far the exchange is, when hosts have `overlap` to get the next key.
    ///
    /// # Errors
    ///
    /// [`KeyError`], when the journal cannot be read.
    pub fn rotation(&self, overlap: Duration) -> Result<Rotation, KeyError> {
        let known = self.journal_file().known()?;
        Ok(rotation(
            &known,
            &self.public().archive_fingerprints(),
            overlap,
            self.now(),
        ))
    }

    /// Begins the exchange: makes the next key, and lets both sign from then on. These keys are to be opened again after it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Early`] when an exchange is under way.
    pub fn rotate(&self) -> Result<(), KeyError> {
        let next = ArchiveKey::generate(self.farm(), self.now()).map_err(not_written)?;
        let lock = self.folder().lock()?;
        self.add(&lock, &next, KeyStep::Rotated)
    }

    /// Lets `next` sign beside the present key.
    pub(super) fn add(
        &self,
        lock: &CreationLock,
        next: &ArchiveKey,
        step: KeyStep,
    ) -> Result<(), KeyError> {
        let [present] = self.archive() else {
            return Err(KeyError::Early {
                reason: "two archive keys sign already; the old one has to retire first".to_owned(),
            });
        };
        let passphrase = self.passphrase()?;
        let mut change = Change::default();
        let secret = next.secret_armored(passphrase.as_ref());
        change.write(NEXT_SECRET, secret.map_err(not_written)?, Secrecy::Secret);
        let (name, text) = revocation(next)?;
        change.write(&name, text, Secrecy::Secret);
        self.change_archive(lock, change, &[present, next], step)
    }

    /// Ends the exchange: the next key is the only one from then on, and the old one is put into `retired/`. These keys are
    /// to be opened again after it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Early`] unless the exchange is [`Rotation::Ready`].
    pub fn retire(&self, overlap: Duration) -> Result<(), KeyError> {
        let lock = self.folder().lock()?;
        let state = self.rotation(overlap)?;
        let ([old, next], Rotation::Ready { .. }) = (self.archive(), &state) else {
            return Err(KeyError::Early {
                reason: early(&state),
            });
        };
        let passphrase = self.passphrase()?;
        let secret =
            |key: &ArchiveKey| key.secret_armored(passphrase.as_ref()).map_err(not_written);
        let mut change = Change::default();
        let name = format!("retired/{}.secret.asc", old.fingerprint());
        change.write(&name, secret(old)?, Secrecy::Secret);
        change.write(ARCHIVE_SECRET, secret(next)?, Secrecy::Secret);
        change.remove(NEXT_SECRET);
        self.change_archive(&lock, change, &[next], KeyStep::Retired)
    }

    /// Makes a change after which `archive` are the keys that sign.
    pub(super) fn change_archive(
        &self,
        lock: &CreationLock,
        mut change: Change,
        archive: &[&ArchiveKey],
        step: KeyStep,
    ) -> Result<(), KeyError> {
        self.check_present(&*self.journal_file().known()?)?;
        let public = PublicKeys::of(
            &archive
                .iter()
                .map(|key| key.cert().clone())
                .collect::<Vec<_>>(),
            &self
                .statement_public()
                .map_err(|error| not_written(error.into()))?,
        )
        .map_err(not_written)?;
        change.write(
            ARCHIVE_PUBLIC,
            public.archive_keyring.clone(),
            Secrecy::Public,
        );
        let archive = public.archive_fingerprints();
        let kind = JournalKind::Key { step, archive };
        change.make(self.folder(), lock, self.journal_file(), self.now(), kind)
    }

    /// The passphrase that secret keys are written with.
    pub(super) fn passphrase(&self) -> Result<Option<Passphrase>, KeyError> {
        self.passphrase_file().map(Passphrase::read).transpose()
    }
}

fn rotation(known: &Known, present: &[String], overlap: Duration, now: Timestamp) -> Rotation {
    let wanted: BTreeSet<_> = present.iter().collect();
    let mut lacking = Vec::new();
    let mut since = None;
    for (suite, shipped) in known.shipped() {
        let keys: BTreeSet<_> = shipped.keys().filter(|key| is_fingerprint(key)).collect();
        if keys != wanted {
            lacking.push(suite.to_owned());
        }
        let latest = present.iter().filter_map(|key| shipped.get(key)).max();
        since = since.max(latest.copied());
    }
    match since {
        None if present.len() == 1 => Rotation::Idle,
        Some(since) if lacking.is_empty() => waiting(present, since, overlap, now),
        _ => Rotation::Shipping { suites: lacking },
    }
}

fn waiting(present: &[String], since: Timestamp, overlap: Duration, now: Timestamp) -> Rotation {
    let overlap = i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX);
    let until = Timestamp::from_seconds(since.seconds().saturating_add(overlap));
    match present {
        [_] => Rotation::Idle,
        _ if until <= now => Rotation::Ready { since },
        _ => Rotation::Waiting { since, until },
    }
}

/// What a keyring package is said to hold are fingerprints, and the longer id of the statement key.
fn is_fingerprint(key: &str) -> bool {
    key.len() == 40
}

/// Why the old key cannot retire yet.
fn early(state: &Rotation) -> String {
    match state {
        Rotation::Waiting { since, until } => {
            format!("hosts get the next key since {since}, and the old one may retire on {until}")
        }
        Rotation::Shipping { suites } if suites.is_empty() => {
            "nothing is published yet, so that no host has the next key".to_owned()
        }
        Rotation::Shipping { suites } => format!(
            "the keyring package with the next key is not published in {} yet",
            suites.join(", ")
        ),
        Rotation::Idle | Rotation::Ready { .. } => "no exchange of keys is under way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_publication_there_is_nothing_to_wait_for() {
        let known = Known::default();
        let at =
            |keys: &[String]| rotation(&known, keys, Duration::ZERO, Timestamp::from_seconds(1));
        let (old, new) = ("A".repeat(40), "B".repeat(40));
        assert_eq!(at(std::slice::from_ref(&old)), Rotation::Idle);
        let both = at(&[old, new]);
        assert_eq!(both, Rotation::Shipping { suites: Vec::new() });
        insta::assert_snapshot!(early(&both), @"nothing is published yet, so that no host has the next key");
    }

    #[test]
    fn an_overlap_without_end_never_ends() {
        let keys = ["A".repeat(40), "B".repeat(40)];
        let now = Timestamp::from_seconds(1_769_860_800);
        let state = waiting(&keys, now, Duration::MAX, now);
        assert!(matches!(state, Rotation::Waiting { .. }));
    }
}
