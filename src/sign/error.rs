//! What can go wrong with the farm's keys, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::SigningError;

/// The farm's keys could not be made, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or folder of the keys could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, such as "read".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Somebody other than the owner may read or change a key.
    #[error(
        "{} has mode {mode:04o}, so that others than its owner may use the farm's keys; \
         check who could have read it, then run: chmod {allowed:04o} {}",
        path.display(),
        path.display()
    )]
    Permissions {
        /// The file or folder.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The permissions that it should have.
        allowed: u32,
    },
    /// A key belongs to another user.
    #[error(
        "{} belongs to user {owner}, not to user {user} who runs this; run as its owner, or: chown {user} {}",
        path.display(),
        path.display()
    )]
    Owner {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who runs this.
        user: u32,
    },
    /// Something else stands where a key file or the folder of the keys should be.
    #[error(
        "{} is not {expected}; move it away, the farm does not follow links to its keys",
        path.display()
    )]
    WrongKind {
        /// What stands there.
        path: PathBuf,
        /// What should: "a folder" or "a plain file".
        expected: &'static str,
    },
    /// The public half is there, but the secret half is not.
    #[error(
        "{} is gone, but its public half {} is there: hosts trust that key; restore the secret file from your backup \
         (to start over with a new key that no host trusts yet, move the whole folder away)",
        secret.display(),
        public.display()
    )]
    SecretMissing {
        /// The secret key's file.
        secret: PathBuf,
        /// The public key's file.
        public: PathBuf,
    },
    /// A key file does not hold what it should.
    #[error("{} is not usable as {expected}: {reason}; restore it from your backup", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// Why it does not.
        reason: String,
    },
    /// A secret key is encrypted, and no passphrase was named.
    #[error(
        "{} is protected by a passphrase; name the file that holds it with `signer: {{passphrase_file: …}}` in the \
         configuration or with PLUGFARM_PASSPHRASE_FILE",
        path.display()
    )]
    Protected {
        /// The secret key's file.
        path: PathBuf,
    },
    /// The passphrase is another one.
    #[error(
        "the passphrase does not open {}; if it was changed with `key protect`, name the file of the new one",
        path.display()
    )]
    WrongPassphrase {
        /// The secret key's file.
        path: PathBuf,
    },
    /// The file of the passphrase cannot be used.
    #[error("cannot take the passphrase from {}: {reason}", path.display())]
    Passphrase {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A step of the exchange of keys that would lock out hosts.
    #[error("it is too early: {reason}")]
    Early {
        /// What has to come before it.
        reason: String,
    },
    /// The keys that were read are not those that sign now.
    #[error(
        "the archive keys here are {found}, and by the signer's journal {expected} sign; if they were changed just now, \
         run this again, else restore the keys and the journal from the same backup"
    )]
    OtherKeys {
        /// The fingerprints of those that were read.
        found: String,
        /// The fingerprints of those that should be there.
        expected: String,
    },
    /// The journal is not what the signer wrote.
    #[error(
        "the signer's journal {} was changed: {reason}; nothing is signed until it is restored from your backup, together \
         with the .index file beside it",
        path.display()
    )]
    JournalChanged {
        /// The journal.
        path: PathBuf,
        /// How it was changed.
        reason: String,
    },
    /// A new key could not be made.
    #[error("cannot make {what}: {reason}")]
    Generation {
        /// Which key.
        what: &'static str,
        /// What the cryptography said.
        reason: String,
    },
}

/// Why a secret key is not to be had from the bytes of its file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is encrypted, and there is no passphrase.
    Protected,
    /// The passphrase does not open it.
    WrongPassphrase,
    /// It is no key that this farm can use, for this reason.
    Unusable(String),
}

impl Unread {
    /// What that means for the file at `path`, which should hold `expected`.
    pub(super) fn of(self, path: PathBuf, expected: &'static str) -> KeyError {
        match self {
            Self::Protected => KeyError::Protected { path },
            Self::WrongPassphrase => KeyError::WrongPassphrase { path },
            Self::Unusable(reason) => KeyError::Unreadable {
                path,
                expected,
                reason,
            },
        }
    }
}

impl From<sequoia_openpgp::anyhow::Error> for Unread {
    fn from(error: sequoia_openpgp::anyhow::Error) -> Self {
        Self::Unusable(format!("{error:#}"))
    }
}

impl KeyError {
    /// Explains an I/O error by what was tried on `path`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

impl From<KeyError> for SigningError {
    fn from(error: KeyError) -> Self {
        Self::Unavailable {
            reason: error.to_string(),
        }
    }
}
