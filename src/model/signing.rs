//! What the farm asks of whoever holds its keys. The keys themselves are known to `sign` alone.

use super::Timestamp;

/// A Release file that is to be signed, with what the signer needs to check it.
#[derive(Debug, Clone)]
pub struct ReleaseToSign<'a> {
    /// The Release file.
    pub release: &'a [u8],
    /// The suite's generation. It rises with each Release of the suite, as its date does.
    pub generation: u64,
    /// Each plain `Packages` that the Release lists.
    pub indices: Vec<IndexTail<'a>>,
}

/// The end of an index that a Release lists, as plain text from some byte on.
///
/// The signer goes on from the digest of the text before, which it has seen. So it knows that the Release lists exactly that
/// text and this, and reads every package in this: one that it signed no statement for does not get in.
#[derive(Debug, Clone, Copy)]
pub struct IndexTail<'a> {
    /// The index's path, as the Release lists it.
    pub path: &'a str,
    /// Where the text starts, in bytes: 0, or a `keep` of an earlier Release of the suite.
    pub from: u64,
    /// The text from there to the end of the index: whole paragraphs, each with its empty line.
    pub text: &'a [u8],
    /// From where a later tail may start, in bytes: between two paragraphs of the text, or at either of its ends.
    pub keep: u64,
}

/// A Release file with its signatures, ready to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRelease {
    /// The clear-signed form (`InRelease`).
    pub in_release: Vec<u8>,
    /// The detached, armored signature (`Release.gpg`).
    pub release_gpg: Vec<u8>,
}

/// A signature over a statement's DSSE pre-authentication encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementSignature {
    /// The SHA-256 of the public key, in hexadecimal. A hint for finding the key, never a reason to trust it (DSSE).
    pub key_id: String,
    /// The raw Ed25519 signature, 64 bytes.
    pub signature: Vec<u8>,
}

/// The signer did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// What was handed in is not something that this signer signs.
    #[error("the signer refused: {reason}")]
    Refused {
        /// Why, as a sentence without a final stop.
        reason: String,
    },
    /// The signer does not know the digest of an index up to where its tail starts. Send the index from its start.
    #[error("the signer does not know {path} up to byte {from}, and needs it whole")]
    WholeNeeded {
        /// The index.
        path: String,
        /// Where its tail started.
        from: u64,
    },
    /// A Release of the suite that is as new was signed already: by a publication that was interrupted, or a faster one.
    #[error(
        "the signer has signed generation {generation} of {suite} already, dated {date}; the next one must be later"
    )]
    NotRising {
        /// The suite.
        suite: String,
        /// The highest generation that was signed.
        generation: u64,
        /// The latest date that was signed.
        date: Timestamp,
    },
    /// The keys could not be used. Nothing is lost: ask again.
    #[error("the signer could not sign: {reason}")]
    Unavailable {
        /// Why, as a sentence without a final stop.
        reason: String,
    },
}

/// Whoever holds the farm's keys: signs Release files and statements, and nothing else.
pub trait Signer: Send + Sync {
    /// Signs a Release file with each archive key that is in use.
    ///
    /// # Errors
    ///
    /// [`SigningError`]. The same Release of the same generation may be signed again; any other must be later.
    fn sign_release(&self, release: &ReleaseToSign<'_>) -> Result<SignedRelease, SigningError>;

    /// Signs a statement with each statement key that is in use: `payload_type` and `payload` as in DSSE, of which the
    /// signer makes the pre-authentication encoding itself. The packages that it is about may enter a Release from then on.
    ///
    /// # Errors
    ///
    /// [`SigningError::Refused`] and [`SigningError::Unavailable`].
    fn sign_statement(
        &self,
        payload_type: &str,
        payload: &[u8],
    ) -> Result<Vec<StatementSignature>, SigningError>;
}
