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
