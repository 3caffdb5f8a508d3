//! The farm's keys, opened, and the signer over them.

use std::path::{Path, PathBuf};

use super::archive_key::{self, ArchiveKey};
use super::change::{self, Change};
use super::folder::{KeyFolder, Secrecy};
use super::journal::{Journal, JournalEntry, JournalKind, KeyStep, SignedPackage};
use super::known::Known;
use super::passphrase::Passphrase;
use super::ring::{JOURNAL, Ring};
use super::session::Session;
use super::statement_check::Keyring;
use super::verify::{verify_detached, verify_in_release};
use super::{KeyError, PublicKeys, statement_check};
use crate::evidence::{EvidenceError, StatementKey};
use crate::model::{
    FarmName, ReleaseToSign, Sha256, SignedRelease, Signer, SigningError, StatementSignature,
    Timestamp,
};

/// Where the time comes from.
pub type Clock = fn() -> Timestamp;

/// How far ahead a signature must be acceptable: trixie's apt warns when its policy will reject one within a year.
pub(super) const FORESIGHT: i64 = 400 * 24 * 3600;

/// The farm's keys, and the signer over them. Nothing of a secret is ever printed.
#[derive(Debug)]
pub struct Keys {
    farm: FarmName,
    folder: KeyFolder,
    /// The file of the passphrase.
    passphrase: Option<PathBuf>,
    ring: Ring,
    journal: Journal,
    clock: Clock,
}

impl Keys {
    /// Opens the keys in `folder`, which no passphrase protects, and makes what is missing when nothing was ever there.
    ///
    /// # Errors
    ///
    /// As [`Keys::open_with`].
    pub fn open_or_create(folder: &Path, farm: &FarmName, clock: Clock) -> Result<Self, KeyError> {
        Self::open_with(folder, farm, None, clock)
    }

    /// Opens the keys in `folder`, and makes what is missing when nothing was ever there: encrypted with the passphrase in the
    /// file `passphrase`, if one is named.
    ///
    /// Keys are made once: of several processes that come at the same time one makes them, and one that is killed on the
    /// way leaves nothing or what the next one completes. A secret key that is gone while its public half is there is an
    /// error, since a new key would lock out every host. The folder is for its owner only (0700), secret files too (0600),
    /// and anything else is refused. `revocation/` holds the certificate that revokes the archive key: move it to a place
    /// apart from the keys.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn open_with(
        folder: &Path,
        farm: &FarmName,
        passphrase: Option<&Path>,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        let secret = passphrase.map(Passphrase::read).transpose()?;
        let folder = KeyFolder::open_or_create(folder)?;
        let lock = folder.lock()?;
        let journal = Journal::open(folder.path(JOURNAL))?;
        change::settle(&folder, &lock, &journal)?;
        let ring = Ring::open_or_create(&folder, &lock, farm, secret.as_ref(), clock())?;
        let keys = Self {
            farm: farm.clone(),
            folder,
            passphrase: passphrase.map(Path::to_owned),
            ring,
            journal,
            clock,
        };
        keys.check_present(&*keys.journal.known()?)?;
        Ok(keys)
    }

    /// What everybody may know of the keys.
    #[must_use]
    pub fn public(&self) -> &PublicKeys {
        &self.ring.public
    }

    /// Encrypts the secret keys with this passphrase from now on, or with none. All of them are, or none is.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; then the old passphrase still counts.
    pub fn protect(&self, passphrase: Option<&Passphrase>) -> Result<(), KeyError> {
        let lock = self.folder.lock()?;
        self.check_present(&*self.journal.known()?)?;
        let mut change = Change::default();
        for (name, secret) in self.ring.secrets(passphrase)? {
            change.write(name, secret, Secrecy::Secret);
        }
        let step = match passphrase {
            Some(_) => KeyStep::Protected,
            None => KeyStep::Unprotected,
        };
        let archive = self.ring.public.archive_fingerprints();
        let kind = JournalKind::Key { step, archive };
        change.make(&self.folder, &lock, &self.journal, self.now(), kind)
    }

    /// Refuses to go on with archive keys that are not those that the journal says sign.
    pub(super) fn check_present(&self, known: &Known) -> Result<(), KeyError> {
        let found = self.ring.public.archive_fingerprints();
        match known.archive() {
            Some(expected) if expected != found => Err(KeyError::OtherKeys {
                found: found.join(" and "),
                expected: expected.join(" and "),
            }),
            _ => Ok(()),
        }
    }

    /// The same keys, read again, where they were changed since.
    pub(super) fn reopened(&self) -> Result<Option<Self>, KeyError> {
        if self.check_present(&*self.journal.known()?).is_ok() {
            return Ok(None);
        }
        let passphrase = self.passphrase.as_deref();
        Self::open_with(&self.folder.path(""), &self.farm, passphrase, self.clock).map(Some)
    }

    /// Whether a statement was signed about this package.
    ///
    /// # Errors
    ///
    /// [`KeyError`] of the journal.
    pub fn knows(&self, package: &SignedPackage) -> Result<bool, KeyError> {
        Ok(self.journal.known()?.is_signed_for(package))
    }

    /// What was signed so far, oldest first.
    pub fn journal(&self) -> Result<Vec<JournalEntry>, KeyError> {
        self.journal.entries()
    }

    pub(super) fn folder(&self) -> &KeyFolder {
        &self.folder
    }

    /// The present archive key, and the one that is to follow it.
    pub(super) fn archive(&self) -> &[ArchiveKey] {
        &self.ring.archive
    }

    pub(super) fn statement_public(&self) -> Result<StatementKey, EvidenceError> {
        self.ring.statement.public()
    }

    pub(super) fn passphrase_file(&self) -> Option<&Path> {
        self.passphrase.as_deref()
    }

    pub(super) fn farm(&self) -> &FarmName {
        &self.farm
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn journal_file(&self) -> &Journal {
        &self.journal
    }

    /// Signs a Release file that was checked and is in the journal.
    pub(super) fn sign_text(
        &self,
        release: &[u8],
        date: Timestamp,
    ) -> Result<SignedRelease, SigningError> {
        // A Release may be dated a few seconds ahead, and sqv takes no signature from the future.
        let signed = archive_key::sign(&self.ring.archive, release, date.min(self.now()));
        let signed = signed.map_err(|error| SigningError::Unavailable {
            reason: format!("{error:#}"),
        })?;
        self.lint(release, &signed, date)?;
        Ok(signed)
    }

    /// The ids of the keys in a keyring package, if they are the present ones.
    pub(super) fn keys_in(&self, keyring: Option<Keyring>) -> Vec<String> {
        let present = Keyring {
            archive_sha256: Sha256::of(&self.ring.public.archive_keyring),
            statement_sha256: Sha256::of(self.ring.public.statement_pem.as_bytes()),
        };
        if keyring != Some(present) {
            return Vec::new();
        }
        let mut keys = self.ring.public.archive_fingerprints();
        keys.push(self.ring.public.statement_key_id.clone());
        keys
    }

    /// What we hand out must be what gpgv and sqv accept, today and long enough to do something about it, on hosts that have
    /// any one of the keys.
    fn lint(
        &self,
        release: &[u8],
        signed: &SignedRelease,
        date: Timestamp,
    ) -> Result<(), SigningError> {
        let unavailable = |reason: String| SigningError::Unavailable { reason };
        for key in &self.ring.archive {
            let keyring = key.public_binary();
            let keyring = keyring.map_err(|error| unavailable(format!("{error:#}")))?;
            for at in [date, Timestamp::from_seconds(date.seconds() + FORESIGHT)] {
                let covered = verify_in_release(&signed.in_release, &keyring, at)
                    .map_err(|error| unavailable(error.to_string()))?;
                if covered.trim_ascii_end() != release.trim_ascii_end() {
                    return Err(unavailable(
                        "the clear-signed Release differs from the Release".to_owned(),
                    ));
                }
                verify_detached(release, &signed.release_gpg, &keyring, at)
                    .map_err(|error| unavailable(error.to_string()))?;
            }
        }
        Ok(())
    }
}

impl Signer for Keys {
    fn sign_release(&self, release: &ReleaseToSign<'_>) -> Result<SignedRelease, SigningError> {
        let mut session = Session::open(self, release.release, release.generation)?;
        for tail in &release.indices {
            let mut index = session.index(tail.path, tail.from, tail.keep)?;
            session.feed(&mut index, tail.text)?;
            session.end(tail.path, index)?;
        }
        session.sign()
    }

    fn sign_statement(
        &self,
        payload_type: &str,
        payload: &[u8],
    ) -> Result<Vec<StatementSignature>, SigningError> {
        let checked = statement_check::check(payload_type, payload)
            .map_err(|reason| SigningError::Refused { reason })?;
        let kind = JournalKind::Statement {
            subjects: checked.subjects,
            packages: checked.packages,
            keys: self.keys_in(checked.keyring),
        };
        self.journal.append(|known| {
            self.check_present(known)?;
            Ok::<_, SigningError>(JournalEntry {
                date: self.now(),
                kind,
                sha256: Sha256::of(payload),
            })
        })?;
        Ok(vec![StatementSignature {
            key_id: self.ring.public.statement_key_id.clone(),
            signature: self.ring.statement.sign(payload_type, payload),
        }])
    }
}
