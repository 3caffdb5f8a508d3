//! An archive key from elsewhere: what GnuPG exports, read with distrust. It must be one by which every apt trusts.

use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::CertParser;
use openpgp::crypto::S2K;
use openpgp::packet::key::SecretKeyMaterial;
use openpgp::parse::Parse as _;
use openpgp::policy::StandardPolicy;
use openpgp::types::{PublicKeyAlgorithm, RevocationStatus};

use super::KeyError;
use super::archive_key::ArchiveKey;
use super::change::Change;
use super::error::Unread;
use super::folder::Secrecy;
use super::forecast::JudgedLater;
use super::journal::KeyStep;
use super::keys::{FORESIGHT, Keys};
use super::passphrase::Passphrase;
use super::ring::{ARCHIVE_SECRET, MAX_KEY, not_written, revocation};
use super::verify::system_time;
use crate::model::Timestamp;

/// The fewest bits of an RSA key.
const MIN_RSA: usize = 2048;

/// A key that cannot be the archive key, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not OpenPGP.
    #[error("it holds no OpenPGP key: {reason}")]
    NoKey {
        /// What the cryptography said.
        reason: String,
    },
    /// More than one.
    #[error("it holds {count} keys; export the one: gpg --export-secret-keys FINGERPRINT")]
    Several {
        /// How many.
        count: usize,
    },
    /// No secret half at all.
    #[error(
        "it holds the public half alone; export the secret one: gpg --export-secret-keys FINGERPRINT"
    )]
    Public,
    /// Only subkeys have a secret half.
    #[error(
        "the secret half of the primary key is not in it, and a host that has an older copy of the key refuses what a subkey \
         signs; export the whole key: gpg --export-secret-keys FINGERPRINT"
    )]
    NoPrimary,
    /// Encrypted.
    #[error("it is protected by a passphrase; name the file that holds it with --passphrase-file")]
    Protected,
    /// Encrypted with another passphrase.
    #[error("the passphrase does not open it")]
    WrongPassphrase,
    /// Not version 4.
    #[error(
        "it is an OpenPGP key of version {version}, which apt of Debian 12 does not know; make one of version 4"
    )]
    Version {
        /// Its version.
        version: u8,
    },
    /// An algorithm that not every apt knows.
    #[error(
        "it is a key of {algorithm}, which not every apt accepts; Ed25519 (EdDSA) and RSA are accepted by all"
    )]
    Algorithm {
        /// The algorithm.
        algorithm: String,
    },
    /// Too weak, now or within the year to come.
    #[error("it is too weak for apt of Debian 13, or will be within a year: {reason}")]
    Weak {
        /// What is weak.
        reason: String,
    },
    /// Expired.
    #[error("it has expired on {expiry}, and extending it reaches no host that has a copy")]
    Expired {
        /// When.
        expiry: Timestamp,
    },
    /// Revoked.
    #[error("it is revoked")]
    Revoked,
    /// The primary key does not sign.
    #[error(
        "its primary key may not sign, and a host that has an older copy of the key refuses what a subkey signs; use a key \
         whose usage is `sign,cert`"
    )]
    CannotSign,
    /// It cannot become a key of the farm now.
    #[error(transparent)]
    Keys {
        /// Why.
        #[from]
        source: KeyError,
    },
}

impl Keys {
    /// Takes an archive key that was made elsewhere: `export` is what `gpg --export-secret-keys` wrote, armored or binary,
    /// and `passphrase` what opens it. Before the first publication it takes the place of the farm's own; after it, it is the
    /// next key, as of [`Keys::rotate`]. Gives its fingerprint. These keys are to be opened again after it.
    ///
    /// # Errors
    ///
    /// [`ImportError`].
    pub fn import(
        &self,
        export: &[u8],
        passphrase: Option<&Passphrase>,
    ) -> Result<String, ImportError> {
        let key = read(export, passphrase, self.now())?;
        let fingerprint = key.fingerprint();
        if self.public().archive_fingerprints().contains(&fingerprint) {
            return Ok(fingerprint);
        }
        let lock = self.folder().lock()?;
        if self.journal_file().known()?.has_suites() {
            self.add(&lock, &key, KeyStep::Imported)?;
            return Ok(fingerprint);
        }
        let secret = key.secret_armored(self.passphrase()?.as_ref());
        let mut change = Change::default();
        change.write(
            ARCHIVE_SECRET,
            secret.map_err(not_written)?,
            Secrecy::Secret,
        );
        let (name, text) = revocation(&key)?;
        change.write(&name, text, Secrecy::Secret);
        for unused in self.archive() {
            change.remove(&format!("revocation/{}.asc", unused.fingerprint()));
        }
        self.change_archive(&lock, change, &[&key], KeyStep::Imported)?;
        Ok(fingerprint)
    }
}

/// Reads a key with which Releases can be signed for every apt, `now` and within the year.
fn read(
    export: &[u8],
    passphrase: Option<&Passphrase>,
    now: Timestamp,
) -> Result<ArchiveKey, ImportError> {
    if export.len() as u64 > MAX_KEY {
        let reason = format!("it has more than {MAX_KEY} bytes");
        return Err(ImportError::NoKey { reason });
    }
    let certs =
        CertParser::from_bytes(export).and_then(Iterator::collect::<openpgp::Result<Vec<_>>>);
    let mut certs: Vec<Cert> = certs.map_err(|error| ImportError::NoKey {
        reason: format!("{error:#}"),
    })?;
    let cert = match (certs.pop(), certs.len()) {
        (Some(cert), 0) => cert,
        (Some(_), others) => return Err(ImportError::Several { count: others + 1 }),
        (None, _) => {
            let reason = "it is empty".to_owned();
            return Err(ImportError::NoKey { reason });
        }
    };
    check_secret(&cert)?;
    check_algorithm(&cert)?;
    check_state(&cert, now)?;
    check_policy(&cert, now)?;
    // Hosts need the primary key alone.
    let cert = cert.retain_subkeys(|_| false);
    ArchiveKey::from_secret(cert, passphrase).map_err(|unread| match unread {
        Unread::Protected => ImportError::Protected,
        Unread::WrongPassphrase => ImportError::WrongPassphrase,
        Unread::Unusable(reason) => ImportError::NoKey { reason },
    })
}

fn check_secret(cert: &Cert) -> Result<(), ImportError> {
    if !cert.is_tsk() {
        return Err(ImportError::Public);
    }
    match cert.primary_key().key().optional_secret() {
        None => Err(ImportError::NoPrimary),
        // GnuPG leaves a mark in the place of a secret that it does not export.
        Some(SecretKeyMaterial::Encrypted(secret))
            if matches!(secret.s2k(), S2K::Private { .. }) =>
        {
            Err(ImportError::NoPrimary)
        }
        Some(_) => Ok(()),
    }
}

fn check_algorithm(cert: &Cert) -> Result<(), ImportError> {
    let primary = cert.primary_key();
    let key = primary.key();
    if key.version() != 4 {
        let version = key.version();
        return Err(ImportError::Version { version });
    }
    match (key.pk_algo(), key.mpis().bits()) {
        (PublicKeyAlgorithm::EdDSA, _) => Ok(()),
        (PublicKeyAlgorithm::RSAEncryptSign, Some(bits)) if bits >= MIN_RSA => Ok(()),
        (PublicKeyAlgorithm::RSAEncryptSign, bits) => Err(ImportError::Weak {
            reason: format!(
                "an RSA key needs {MIN_RSA} bits, and has {}",
                bits.unwrap_or(0)
            ),
        }),
        (other, _) => Err(ImportError::Algorithm {
            algorithm: other.to_string(),
        }),
    }
}

/// What the key says of itself, by whatever algorithm it says so.
fn check_state(cert: &Cert, now: Timestamp) -> Result<(), ImportError> {
    let policy = JudgedLater;
    let valid = cert.with_policy(&policy, system_time(now));
    let valid = valid.map_err(|error| ImportError::NoKey {
        reason: format!("{error:#}"),
    })?;
    if matches!(valid.revocation_status(), RevocationStatus::Revoked(_)) {
        return Err(ImportError::Revoked);
    }
    let expiry = valid.primary_key().key_expiration_time();
    let expiry = expiry.and_then(|expiry| expiry.duration_since(std::time::UNIX_EPOCH).ok());
    let expiry = expiry.and_then(|since| i64::try_from(since.as_secs()).ok());
    let expiry = expiry.map(Timestamp::from_seconds);
    if let Some(expiry) = expiry.filter(|expiry| *expiry <= now) {
        return Err(ImportError::Expired { expiry });
    }
    if !valid.primary_key().for_signing() {
        return Err(ImportError::CannotSign);
    }
    Ok(())
}

/// What sqv will say in a year.
fn check_policy(cert: &Cert, now: Timestamp) -> Result<(), ImportError> {
    let later = Timestamp::from_seconds(now.seconds() + FORESIGHT);
    let policy = StandardPolicy::at(system_time(later));
    match cert.with_policy(&policy, system_time(now)) {
        Ok(_) => Ok(()),
        Err(error) => Err(ImportError::Weak {
            reason: format!("{error:#}"),
        }),
    }
}
