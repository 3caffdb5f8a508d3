//! What everybody may know of the farm's keys, from their public files alone: no secret is read for it.

use std::io::Write as _;
use std::path::Path;

use sequoia_openpgp as openpgp;

use openpgp::armor;
use openpgp::cert::{Cert, CertParser};
use openpgp::parse::Parse as _;
use openpgp::serialize::MarshalInto as _;
use serde::{Deserialize, Serialize};

use super::folder::KeyFolder;
use super::journal::Journal;
use super::ring::{ARCHIVE_PUBLIC, JOURNAL, MAX_KEY, STATEMENT_PUBLIC};
use super::verify::read_keyring;
use super::{KeyError, VerifyError, change};
use crate::evidence::StatementKey;

/// What everybody may know of the farm's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeys {
    /// The archive keys as a binary keyring, for `/usr/share/keyrings/*.gpg`.
    pub archive_keyring: Vec<u8>,
    /// The archive keys, armored.
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
    /// Reads the public halves in `folder`, the folder of the keys; `None` when no keys were made there yet. The secret
    /// halves may be encrypted, or elsewhere.
    ///
    /// # Errors
    ///
    /// [`KeyError`].
    pub fn read(folder: &Path) -> Result<Option<Self>, KeyError> {
        let found = fs_err::exists(folder.join(STATEMENT_PUBLIC));
        if !found.map_err(KeyError::io("look at", folder))? {
            return Ok(None);
        }
        let folder = KeyFolder::open_or_create(folder)?;
        if change::is_under_way(&folder)? {
            let lock = folder.lock()?;
            change::settle(&folder, &lock, &Journal::open(folder.path(JOURNAL))?)?;
        }
        let unusable = |name: &str, reason: String| KeyError::Unreadable {
            path: folder.path(name),
            expected: "a public key",
            reason,
        };
        let keyring = folder.read_public(ARCHIVE_PUBLIC, MAX_KEY)?;
        let certs = CertParser::from_bytes(&keyring).and_then(Iterator::collect);
        let certs: Vec<Cert> =
            certs.map_err(|error| unusable(ARCHIVE_PUBLIC, format!("{error:#}")))?;
        let pem = folder.read_public(STATEMENT_PUBLIC, MAX_KEY)?;
        let statement = StatementKey::from_pem(&String::from_utf8_lossy(&pem))
            .map_err(|error| unusable(STATEMENT_PUBLIC, error.to_string()))?;
        Self::of(&certs, &statement)
            .map(Some)
            .map_err(|error| unusable(ARCHIVE_PUBLIC, format!("{error:#}")))
    }

    /// The public halves of the archive keys, the one that signs now first.
    pub(super) fn of(archive: &[Cert], statement: &StatementKey) -> openpgp::Result<Self> {
        let keyring: Vec<Vec<u8>> = archive
            .iter()
            .map(|cert| cert.to_vec())
            .collect::<Result<_, _>>()?;
        let keyring = keyring.concat();
        let mut armored = armor::Writer::new(Vec::new(), armor::Kind::PublicKey)?;
        armored.write_all(&keyring)?;
        let mut fingerprints = archive.iter().map(|cert| cert.fingerprint().to_hex());
        let first = fingerprints.next();
        Ok(Self {
            archive_fingerprint: first
                .ok_or_else(|| openpgp::Error::InvalidArgument("it holds no key".to_owned()))?,
            next_fingerprint: fingerprints.next(),
            archive_armored: String::from_utf8(armored.finalize()?)?,
            archive_keyring: keyring,
            statement_pem: statement.to_pem(),
            statement_key_id: statement.id(),
        })
    }

    /// Each archive key's fingerprint, and a keyring with it alone: what hosts have that missed one of the two.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Keyring`].
    pub fn keyrings(&self) -> Result<Vec<(String, Vec<u8>)>, VerifyError> {
        let unreadable = |error: openpgp::anyhow::Error| VerifyError::Keyring {
            reason: format!("{error:#}"),
        };
        let certs = read_keyring(&[], &self.archive_keyring)?.into_iter();
        let certs = certs.map(|cert| Ok((cert.fingerprint().to_hex(), cert.to_vec()?)));
        certs.collect::<openpgp::Result<_>>().map_err(unreadable)
    }

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
