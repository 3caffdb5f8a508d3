//! What the farm asks of whoever holds its keys. The keys themselves are known to `sign` alone.

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
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// What was handed in is not something that this signer signs.
    #[error("the signer refused: {reason}")]
    Refused {
        /// Why, as a sentence without a final stop.
        reason: String,
    },
    /// The keys could not be used.
    #[error("the signer could not sign: {reason}")]
    Unavailable {
        /// Why, as a sentence without a final stop.
        reason: String,
    },
}

/// Whoever holds the farm's keys: signs Release files and statements, and nothing else.
pub trait Signer: Send + Sync {
    /// Signs a Release file with the archive key.
    fn sign_release(&self, release: &[u8]) -> Result<SignedRelease, SigningError>;

    /// Signs a statement with the statement key: `payload_type` and `payload` as in DSSE, of which the signer makes the
    /// pre-authentication encoding itself.
    fn sign_statement(
        &self,
        payload_type: &str,
        payload: &[u8],
    ) -> Result<StatementSignature, SigningError>;
}
