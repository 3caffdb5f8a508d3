//! One Release on its way through the signer: read again, with every package that enters it, written into the journal, signed.

use std::collections::BTreeMap;

use super::index_check::{Expected, IndexCheck, Listed};
use super::journal::{JournalEntry, JournalKind, KeptIndex};
use super::keys::Keys;
use super::known::Known;
use super::release_check;
use crate::model::{DebianVersion, Sha256, Sha256Midstate, SignedRelease, SigningError, Timestamp};

/// How far ahead of the signer's clock a Release may be dated, in seconds. Dates only rise: one from the far future would be
/// the last one.
const AHEAD: i64 = 30 * 24 * 3600;

/// A Release whose indices are being read.
pub(super) struct Session<'a> {
    keys: &'a Keys,
    release: &'a [u8],
    generation: u64,
    suite: String,
    date: Timestamp,
    /// Whether there is no next one, so that nobody goes on from its indices.
    dated: bool,
    /// The indices that it lists and that were not read yet.
    unread: BTreeMap<String, Expected>,
    kept: Vec<KeptIndex>,
    /// The newest keyring package that was seen, and the keys in it.
    keyring: Option<(DebianVersion, Vec<String>)>,
}

fn refused(reason: String) -> SigningError {
    SigningError::Refused { reason }
}

impl<'a> Session<'a> {
    /// Reads the Release itself.
    pub(super) fn open(
        keys: &'a Keys,
        release: &'a [u8],
        generation: u64,
    ) -> Result<Self, SigningError> {
        let checked = release_check::check(release, keys.farm()).map_err(refused)?;
        let now = keys.now();
        if checked.date.seconds() > now.seconds().saturating_add(AHEAD) {
            return Err(refused(format!(
                "the Release is dated {}, and it is {now}",
                checked.date
            )));
        }
        let own = keys.public().archive_fingerprints();
        if let Some(other) = checked.signed_by.iter().find(|key| !own.contains(key)) {
            return Err(refused(format!(
                "the Release names the key {}, and this signer does not sign with it: hosts would refuse the next one",
                other.escape_debug()
            )));
        }
        let named = !checked.signed_by.is_empty() && !checked.dated;
        if let Some(own) = own
            .iter()
            .find(|key| named && !checked.signed_by.contains(key))
        {
            return Err(refused(format!(
                "the Release does not name the key {own}, which signs too: hosts would refuse the one that it signs alone; if \
                 the keys were changed just now, publish again"
            )));
        }
        let session = Self {
            keys,
            release,
            generation,
            suite: checked.suite,
            date: checked.date,
            dated: checked.dated,
            unread: checked.indices,
            kept: Vec::new(),
            keyring: None,
        };
        session.check_rise(&*keys.journal_file().known()?)?;
        Ok(session)
    }

    /// The index at `path`, of which what follows after byte `from` comes next.
    pub(super) fn index(
        &self,
        path: &str,
        from: u64,
        keep: u64,
    ) -> Result<IndexCheck, SigningError> {
        if !self.unread.contains_key(path) {
            return Err(refused(format!(
                "the Release does not list `{}`, or it came twice",
                path.escape_debug()
            )));
        }
        let known = self.keys.journal_file().known()?;
        let kept = known.suite(&self.suite);
        let kept = kept.and_then(|suite| suite.kept(path, from)).cloned();
        let before = match kept {
            Some(state) => state,
            None if from == 0 => Sha256Midstate::default(),
            None => {
                return Err(SigningError::WholeNeeded {
                    path: path.to_owned(),
                    from,
                });
            }
        };
        Ok(IndexCheck::new(path, before, keep))
    }

    /// Reads on in an index. Every package must be one that a statement was signed for.
    pub(super) fn feed(
        &mut self,
        index: &mut IndexCheck,
        bytes: &[u8],
    ) -> Result<(), SigningError> {
        let known = self.keys.journal_file().known()?;
        let own = self.keys.farm().keyring_package();
        let newest = &mut self.keyring;
        let mut visit = |listed: Listed| {
            if !known.is_signed_for(&listed.signed) {
                return Err(format!(
                    "it signed no statement about {} {}, whose SHA-256 is {} (if its keys came from a backup: plugfarm key adopt)",
                    listed.package, listed.version, listed.signed.sha256
                ));
            }
            let newer = newest
                .as_ref()
                .is_none_or(|(version, _)| *version <= listed.version);
            if listed.package == own && newer {
                let keys = known.keyring(listed.signed.sha256).to_vec();
                *newest = Some((listed.version, keys));
            }
            Ok(())
        };
        index.feed(bytes, &mut visit).map_err(refused)
    }

    /// The end of an index.
    pub(super) fn end(&mut self, path: &str, index: IndexCheck) -> Result<(), SigningError> {
        if let Some(expected) = self.unread.remove(path) {
            let kept = index.finish(expected).map_err(refused)?;
            if !self.dated {
                self.kept.push(kept);
            }
        }
        Ok(())
    }

    /// Writes the journal, and signs.
    pub(super) fn sign(mut self) -> Result<SignedRelease, SigningError> {
        if let Some(path) = self.unread.keys().next() {
            return Err(refused(format!("the index {path} did not come with it")));
        }
        let kept = std::mem::take(&mut self.kept);
        let shipped = self.keyring.take().map(|(_, keys)| keys);
        let journal = self.keys.journal_file();
        journal.append(|known| {
            self.keys.check_present(known)?;
            self.check_rise(known)?;
            Ok::<_, SigningError>(JournalEntry {
                date: self.keys.now(),
                kind: JournalKind::Release {
                    suite: self.suite.clone(),
                    release_date: self.date,
                    generation: self.generation,
                    kept,
                    shipped: shipped.unwrap_or_default(),
                },
                sha256: Sha256::of(self.release),
            })
        })?;
        self.keys.sign_text(self.release, self.date)
    }

    /// The Release must be later than every one before, or be the last one again.
    fn check_rise(&self, known: &Known) -> Result<(), SigningError> {
        let Some(last) = known.suite(&self.suite) else {
            return Ok(());
        };
        let same = last.release == Sha256::of(self.release) && last.generation == self.generation;
        if same || (self.generation > last.generation && self.date > last.date) {
            return Ok(());
        }
        Err(SigningError::NotRising {
            suite: self.suite.clone(),
            generation: last.generation,
            date: last.date,
        })
    }
}
