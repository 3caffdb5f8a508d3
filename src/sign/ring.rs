//! The keys in the files of their folder: read, and made on first use.

use std::path::Path;

use sequoia_openpgp as openpgp;

use openpgp::cert::Cert;

use super::archive_key::ArchiveKey;
use super::error::Unread;
use super::folder::{CreationLock, KeyFolder, Secrecy};
use super::passphrase::Passphrase;
use super::statement_key::StatementKey;
use super::{KeyError, PublicKeys};
use crate::model::{FarmName, Timestamp};

pub(super) const ARCHIVE_SECRET: &str = "archive.secret.asc";
pub(super) const ARCHIVE_PUBLIC: &str = "archive.public.gpg";
pub(super) const STATEMENT_SECRET: &str = "statement.secret.pem";
pub(super) const STATEMENT_PUBLIC: &str = "statement.public.pem";
pub(super) const JOURNAL: &str = "journal.jsonl";

/// The archive key that is to follow the present one, while both sign.
pub(super) const NEXT_SECRET: &str = "archive-2.secret.asc";

/// The most bytes that a key file may have.
pub(super) const MAX_KEY: u64 = 1 << 20;

/// The keys that sign.
#[derive(Debug)]
pub(super) struct Ring {
    /// The present archive key, and the one that is to follow it.
    pub(super) archive: Vec<ArchiveKey>,
    pub(super) statement: StatementKey,
    pub(super) public: PublicKeys,
}

impl Ring {
    /// Reads the keys, and makes what is missing when nothing was ever there: encrypted, if there is a passphrase.
    pub(super) fn open_or_create(
        folder: &KeyFolder,
        lock: &CreationLock,
        farm: &FarmName,
        passphrase: Option<&Passphrase>,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        let mut archive = vec![open_archive(folder, lock, farm, passphrase, now)?];
        if let Some(bytes) = folder.read_secret(NEXT_SECRET, MAX_KEY)? {
            let next = ArchiveKey::read(&bytes, passphrase)
                .map_err(|why| why.of(folder.path(NEXT_SECRET), "an archive key"))?;
            archive.push(next);
        }
        let statement = open_statement(folder, lock, passphrase)?;
        let certs: Vec<Cert> = archive.iter().map(|key| key.cert().clone()).collect();
        let public = statement.public().map_err(openpgp::anyhow::Error::from);
        let public = public
            .and_then(|statement| PublicKeys::of(&certs, &statement))
            .map_err(|error| KeyError::Generation {
                what: "the public form of the keys",
                reason: format!("{error:#}"),
            })?;
        let ring = Self {
            archive,
            statement,
            public,
        };
        ring.complete(folder, lock)?;
        Ok(ring)
    }

    /// Every secret file as it is with another passphrase.
    pub(super) fn secrets(
        &self,
        passphrase: Option<&Passphrase>,
    ) -> Result<Vec<(&'static str, Vec<u8>)>, KeyError> {
        let names = [ARCHIVE_SECRET, NEXT_SECRET];
        let archive = self
            .archive
            .iter()
            .map(|key| key.secret_armored(passphrase));
        let mut files = Vec::new();
        for (name, secret) in names.into_iter().zip(archive) {
            files.push((name, secret.map_err(not_written)?));
        }
        let statement = self.statement.to_pem(passphrase);
        let statement = statement.map_err(|reason| KeyError::Generation {
            what: "the encrypted form of the statement key",
            reason,
        })?;
        files.push((STATEMENT_SECRET, statement));
        Ok(files)
    }

    /// Writes what follows from the secret keys. The public halves come last: where they are, everything before is done.
    fn complete(&self, folder: &KeyFolder, lock: &CreationLock) -> Result<(), KeyError> {
        if !folder.holds(ARCHIVE_PUBLIC)? {
            for key in &self.archive {
                let (name, revocation) = revocation(key)?;
                folder.write(lock, &name, &revocation, Secrecy::Secret)?;
            }
            let keyring = &self.public.archive_keyring;
            folder.write(lock, ARCHIVE_PUBLIC, keyring, Secrecy::Public)?;
        }
        if !folder.holds(STATEMENT_PUBLIC)? {
            let pem = self.public.statement_pem.as_bytes();
            folder.write(lock, STATEMENT_PUBLIC, pem, Secrecy::Public)?;
        }
        Ok(())
    }
}

/// The name and the text of the certificate that revokes a key.
pub(super) fn revocation(key: &ArchiveKey) -> Result<(String, Vec<u8>), KeyError> {
    let text = key.revocation().map_err(|error| KeyError::Generation {
        what: "the revocation certificate",
        reason: format!("{error:#}"),
    })?;
    Ok((format!("revocation/{}.asc", key.fingerprint()), text))
}

/// Whether every secret key in `folder` is encrypted on disk; `None` when there is none.
///
/// # Errors
///
/// [`KeyError`].
pub fn are_protected(folder: &Path) -> Result<Option<bool>, KeyError> {
    if !fs_err::exists(folder).map_err(KeyError::io("look at", folder))? {
        return Ok(None);
    }
    let folder = KeyFolder::open_or_create(folder)?;
    let mut found = None;
    for name in [ARCHIVE_SECRET, NEXT_SECRET, STATEMENT_SECRET] {
        let Some(bytes) = folder.read_secret(name, MAX_KEY)? else {
            continue;
        };
        let refused = if name == STATEMENT_SECRET {
            StatementKey::read(&bytes, None).err()
        } else {
            ArchiveKey::read(&bytes, None).err()
        };
        found = Some(found.unwrap_or(true) && refused == Some(Unread::Protected));
    }
    Ok(found)
}

/// What it means that an archive key could not be made, or not put into words.
pub(super) fn not_written(error: openpgp::anyhow::Error) -> KeyError {
    KeyError::Generation {
        what: "an archive key",
        reason: format!("{error:#}"),
    }
}

fn open_archive(
    folder: &KeyFolder,
    lock: &CreationLock,
    farm: &FarmName,
    passphrase: Option<&Passphrase>,
    now: Timestamp,
) -> Result<ArchiveKey, KeyError> {
    if let Some(bytes) = folder.read_secret(ARCHIVE_SECRET, MAX_KEY)? {
        return ArchiveKey::read(&bytes, passphrase)
            .map_err(|why| why.of(folder.path(ARCHIVE_SECRET), "an archive key"));
    }
    refuse_to_replace(folder, ARCHIVE_SECRET, ARCHIVE_PUBLIC)?;
    let key = ArchiveKey::generate(farm, now).map_err(not_written)?;
    let secret = key.secret_armored(passphrase).map_err(not_written)?;
    folder.write(lock, ARCHIVE_SECRET, &secret, Secrecy::Secret)?;
    Ok(key)
}

fn open_statement(
    folder: &KeyFolder,
    lock: &CreationLock,
    passphrase: Option<&Passphrase>,
) -> Result<StatementKey, KeyError> {
    if let Some(bytes) = folder.read_secret(STATEMENT_SECRET, MAX_KEY)? {
        return StatementKey::read(&bytes, passphrase)
            .map_err(|why| why.of(folder.path(STATEMENT_SECRET), "a statement key"));
    }
    refuse_to_replace(folder, STATEMENT_SECRET, STATEMENT_PUBLIC)?;
    let failed = |reason| KeyError::Generation {
        what: "a statement key",
        reason,
    };
    let key = StatementKey::generate().map_err(failed)?;
    let secret = key.to_pem(passphrase).map_err(failed)?;
    folder.write(lock, STATEMENT_SECRET, &secret, Secrecy::Secret)?;
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
