//! The farm's two keys in their folder, and the signer over them.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive_key::ArchiveKey;
use super::folder::{CreationLock, KeyFolder, Secrecy};
use super::journal::{Journal, JournalEntry, JournalKind};
use super::session::Session;
use super::statement_check::Keyring;
use super::statement_key::StatementKey;
use super::verify::{verify_detached, verify_in_release};
use super::{KeyError, statement_check};
use crate::model::{
    FarmName, ReleaseToSign, Sha256, SignedRelease, Signer, SigningError, StatementSignature,
    Timestamp,
};

/// Where the time comes from.
pub type Clock = fn() -> Timestamp;

const ARCHIVE_SECRET: &str = "archive.secret.asc";
const ARCHIVE_PUBLIC: &str = "archive.public.gpg";
const STATEMENT_SECRET: &str = "statement.secret.pem";
const STATEMENT_PUBLIC: &str = "statement.public.pem";
const JOURNAL: &str = "journal.jsonl";

/// The most bytes that a key file may have.
const MAX_KEY: u64 = 1 << 20;

/// How far ahead a signature must be acceptable: trixie's apt warns when its policy will reject one within a year.
const FORESIGHT: i64 = 400 * 24 * 3600;

/// What everybody may know of the farm's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeys {
    /// The archive key as a binary keyring, for `/usr/share/keyrings/*.gpg`.
    pub archive_keyring: Vec<u8>,
    /// The archive key, armored.
    pub archive_armored: String,
    /// The archive key's fingerprint: 40 upper-case hexadecimal digits.
    pub archive_fingerprint: String,
    /// The fingerprint of the key that is to follow it, while the two are exchanged. It is in the keyring too.
    #[serde(default)]
    pub next_fingerprint: Option<String>,
    /// The statement key in PEM (SubjectPublicKeyInfo).
    pub statement_pem: String,
    /// The statement key's id: the SHA-256 of its DER form, in hexadecimal.
    pub statement_key_id: String,
}

impl PublicKeys {
    /// The fingerprints of all archive keys that sign Releases, or are about to: what `Signed-By` names.
    #[must_use]
    pub fn archive_fingerprints(&self) -> Vec<String> {
        let present = [self.archive_fingerprint.clone()];
        present
            .into_iter()
            .chain(self.next_fingerprint.clone())
            .collect()
    }
}

/// The farm's keys, and the signer over them. Nothing of a secret is ever printed.
#[derive(Debug)]
pub struct Keys {
    farm: FarmName,
    archive: ArchiveKey,
    statement: StatementKey,
    public: PublicKeys,
    journal: Journal,
    clock: Clock,
}

impl Keys {
    /// Opens the keys in `folder`, and makes what is missing when nothing was ever there.
    ///
    /// Keys are made once: of several processes that come at the same time one makes them, and one that is killed on the
    /// way leaves nothing or what the next one completes. A secret key that is gone while its public half is there is an
    /// error, since a new key would lock out every host. The folder is for its owner only (0700), secret files too (0600),
    /// and anything else is refused. `revocation/` holds the certificate that revokes the archive key: move it to a place
    /// apart from the keys.
    pub fn open_or_create(folder: &Path, farm: &FarmName, clock: Clock) -> Result<Self, KeyError> {
        let folder = KeyFolder::open_or_create(folder)?;
        let lock = folder.lock()?;
        let archive = open_archive(&folder, &lock, farm, clock())?;
        let statement = open_statement(&folder, &lock)?;
        let public = public_keys(&archive, &statement).map_err(|error| KeyError::Generation {
            what: "the public form of the keys",
            reason: format!("{error:#}"),
        })?;
        complete(&folder, &lock, &archive, &public)?;
        Ok(Self {
            farm: farm.clone(),
            archive,
            statement,
            public,
            journal: Journal::open(folder.path(JOURNAL))?,
            clock,
        })
    }

    /// What everybody may know of the keys.
    #[must_use]
    pub fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// What was signed so far, oldest first.
    pub fn journal(&self) -> Result<Vec<JournalEntry>, KeyError> {
        self.journal.entries()
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
        let signed = self.archive.sign(release, date.min(self.now()));
        let signed = signed.map_err(|error| SigningError::Unavailable {
            reason: format!("{error:#}"),
        })?;
        self.lint(release, &signed, date)?;
        Ok(signed)
    }

    /// The ids of the keys in a keyring package, if they are the present ones.
    fn keys_in(&self, keyring: Option<Keyring>) -> Vec<String> {
        let present = Keyring {
            archive_sha256: Sha256::of(&self.public.archive_keyring),
            statement_sha256: Sha256::of(self.public.statement_pem.as_bytes()),
        };
        if keyring != Some(present) {
            return Vec::new();
        }
        vec![
            self.public.archive_fingerprint.clone(),
            self.public.statement_key_id.clone(),
        ]
    }

    /// What we hand out must be what gpgv and sqv accept, today and long enough to do something about it.
    fn lint(
        &self,
        release: &[u8],
        signed: &SignedRelease,
        date: Timestamp,
    ) -> Result<(), SigningError> {
        let unavailable = |reason: String| SigningError::Unavailable { reason };
        let keyring = &self.public.archive_keyring;
        for at in [date, Timestamp::from_seconds(date.seconds() + FORESIGHT)] {
            let covered = verify_in_release(&signed.in_release, keyring, at)
                .map_err(|error| unavailable(error.to_string()))?;
            if covered.trim_ascii_end() != release.trim_ascii_end() {
                return Err(unavailable(
                    "the clear-signed Release differs from the Release".to_owned(),
                ));
            }
            verify_detached(release, &signed.release_gpg, keyring, at)
                .map_err(|error| unavailable(error.to_string()))?;
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
        self.journal.append(|_| {
            Ok::<_, SigningError>(JournalEntry {
                date: self.now(),
                kind,
                sha256: Sha256::of(payload),
            })
        })?;
        Ok(vec![StatementSignature {
            key_id: self.public.statement_key_id.clone(),
            signature: self.statement.sign(payload_type, payload),
        }])
    }
}

fn open_archive(
    folder: &KeyFolder,
    lock: &CreationLock,
    farm: &FarmName,
    now: Timestamp,
) -> Result<ArchiveKey, KeyError> {
    if let Some(bytes) = folder.read_secret(ARCHIVE_SECRET, MAX_KEY)? {
        return ArchiveKey::read(&bytes).map_err(|error| KeyError::Unreadable {
            path: folder.path(ARCHIVE_SECRET),
            expected: "an archive key",
            reason: format!("{error:#}"),
        });
    }
    refuse_to_replace(folder, ARCHIVE_SECRET, ARCHIVE_PUBLIC)?;
    let failed = |error: sequoia_openpgp::anyhow::Error| KeyError::Generation {
        what: "an archive key",
        reason: format!("{error:#}"),
    };
    let key = ArchiveKey::generate(farm, now).map_err(failed)?;
    let secret = key.secret_armored().map_err(failed)?;
    folder.write(lock, ARCHIVE_SECRET, &secret, Secrecy::Secret)?;
    Ok(key)
}

fn open_statement(folder: &KeyFolder, lock: &CreationLock) -> Result<StatementKey, KeyError> {
    if let Some(bytes) = folder.read_secret(STATEMENT_SECRET, MAX_KEY)? {
        return StatementKey::from_pkcs8_pem(&bytes).map_err(|reason| KeyError::Unreadable {
            path: folder.path(STATEMENT_SECRET),
            expected: "a statement key",
            reason,
        });
    }
    refuse_to_replace(folder, STATEMENT_SECRET, STATEMENT_PUBLIC)?;
    let key = StatementKey::generate().map_err(|reason| KeyError::Generation {
        what: "a statement key",
        reason,
    })?;
    let secret = key.to_pkcs8_pem();
    folder.write(lock, STATEMENT_SECRET, secret.as_bytes(), Secrecy::Secret)?;
    Ok(key)
}

fn refuse_to_replace(folder: &KeyFolder, secret: &str, public: &str) -> Result<(), KeyError> {
    if folder.holds(public)? {
        return Err(KeyError::SecretMissing {
            secret: folder.path(secret),
            public: folder.path(public),
        });
    }
    Ok(())
}

fn public_keys(
    archive: &ArchiveKey,
    statement: &StatementKey,
) -> sequoia_openpgp::Result<PublicKeys> {
    let statement = statement.public()?;
    Ok(PublicKeys {
        archive_keyring: archive.public_binary()?,
        archive_armored: String::from_utf8(archive.public_armored()?)?,
        archive_fingerprint: archive.fingerprint(),
        next_fingerprint: None,
        statement_pem: statement.to_pem(),
        statement_key_id: statement.id(),
    })
}

/// Writes what follows from the secret keys. The public halves come last: where they are, everything before is done.
fn complete(
    folder: &KeyFolder,
    lock: &CreationLock,
    archive: &ArchiveKey,
    public: &PublicKeys,
) -> Result<(), KeyError> {
    if !folder.holds(ARCHIVE_PUBLIC)? {
        let revocation = archive.revocation().map_err(|error| KeyError::Generation {
            what: "the revocation certificate",
            reason: format!("{error:#}"),
        })?;
        let name = format!("revocation/{}.asc", public.archive_fingerprint);
        folder.write(lock, &name, &revocation, Secrecy::Secret)?;
        folder.write(
            lock,
            ARCHIVE_PUBLIC,
            &public.archive_keyring,
            Secrecy::Public,
        )?;
    }
    if !folder.holds(STATEMENT_PUBLIC)? {
        let pem = public.statement_pem.as_bytes();
        folder.write(lock, STATEMENT_PUBLIC, pem, Secrecy::Public)?;
    }
    Ok(())
}
