//! Verifies Release files the way apt's verifiers do, at any date: as a lint of our own output and of what is published.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use sequoia_openpgp as openpgp;

use openpgp::parse::Parse;
use openpgp::parse::stream::{
    DetachedVerifierBuilder, MessageLayer, MessageStructure, VerificationHelper, VerifierBuilder,
};
use openpgp::policy::StandardPolicy;
use openpgp::{Cert, KeyHandle};

use crate::model::Timestamp;

/// The most bytes that a signed Release file may have.
pub(super) const MAX_SIGNED: usize = 2 << 20;

/// A signature that apt would not accept.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The keyring holds no key.
    #[error("the keyring cannot be read: {reason}")]
    Keyring {
        /// What the cryptography said.
        reason: String,
    },
    /// The file is larger than any real one.
    #[error("the signed file has {size} bytes, more than the {MAX_SIGNED} that are read")]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
    },
    /// No signature of a key in the keyring is good at that date.
    #[error("no good signature as of {at}: {reason}")]
    Signature {
        /// The date.
        at: Timestamp,
        /// What the cryptography said.
        reason: String,
    },
}

/// Verifies a clear-signed Release file against `keyring` (binary or armored) as of `at`, by the policy of sqv.
///
/// Gives the Release text that the signature covers: read that, never the file.
pub fn verify_in_release(
    in_release: &[u8],
    keyring: &[u8],
    at: Timestamp,
) -> Result<Vec<u8>, VerifyError> {
    open_in_release(in_release, keyring, at).map(|opened| opened.text)
}

/// A signed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What the signature covers.
    pub text: Vec<u8>,
    /// The fingerprint of the certificate that signed it: upper-case hexadecimal digits.
    pub fingerprint: String,
}

/// Likewise, and says who signed it.
pub fn open_in_release(
    in_release: &[u8],
    keyring: &[u8],
    at: Timestamp,
) -> Result<Opened, VerifyError> {
    let (trusted, policy) = prepare(in_release, keyring, at)?;
    let mut text = Vec::new();
    let trusted = VerifierBuilder::from_bytes(in_release)
        .and_then(|builder| builder.with_policy(&policy, system_time(at), trusted))
        .and_then(|mut verifier| {
            verifier.read_to_end(&mut text)?;
            Ok(verifier.into_helper())
        })
        .map_err(|error| refused(at, &error))?;
    let fingerprint = trusted.signed_by;
    Ok(Opened { text, fingerprint })
}

/// Verifies a Release file and its detached signature (`Release.gpg`) against `keyring` as of `at`.
pub fn verify_detached(
    release: &[u8],
    signature: &[u8],
    keyring: &[u8],
    at: Timestamp,
) -> Result<(), VerifyError> {
    open_detached(release, signature, keyring, at).map(drop)
}

/// Likewise, and says who signed it.
pub fn open_detached(
    release: &[u8],
    signature: &[u8],
    keyring: &[u8],
    at: Timestamp,
) -> Result<Opened, VerifyError> {
    let (trusted, policy) = prepare(release, keyring, at)?;
    let trusted = DetachedVerifierBuilder::from_bytes(signature)
        .and_then(|builder| builder.with_policy(&policy, system_time(at), trusted))
        .and_then(|mut verifier| {
            verifier.verify_bytes(release)?;
            Ok(verifier.into_helper())
        })
        .map_err(|error| refused(at, &error))?;
    Ok(Opened {
        text: release.to_vec(),
        fingerprint: trusted.signed_by,
    })
}

fn prepare<'p>(
    signed: &[u8],
    keyring: &[u8],
    at: Timestamp,
) -> Result<(Trusted, StandardPolicy<'p>), VerifyError> {
    let certs = read_keyring(signed, keyring)?;
    let trusted = Trusted {
        certs,
        signed_by: String::new(),
    };
    Ok((trusted, StandardPolicy::at(system_time(at))))
}

/// The certificates of a keyring that `signed`, which is not too large, is to be verified against.
pub(super) fn read_keyring(signed: &[u8], keyring: &[u8]) -> Result<Vec<Cert>, VerifyError> {
    if signed.len() > MAX_SIGNED {
        return Err(VerifyError::TooLarge { size: signed.len() });
    }
    let certs = openpgp::cert::CertParser::from_bytes(keyring)
        .and_then(Iterator::collect::<openpgp::Result<Vec<Cert>>>)
        .map_err(|error| VerifyError::Keyring {
            reason: error.to_string(),
        })?;
    if certs.is_empty() {
        return Err(VerifyError::Keyring {
            reason: "it holds no key".to_owned(),
        });
    }
    Ok(certs)
}

pub(super) fn refused(at: Timestamp, error: &openpgp::anyhow::Error) -> VerifyError {
    VerifyError::Signature {
        at,
        reason: format!("{error:#}"),
    }
}

/// The moment as the cryptography wants it.
pub(super) fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(at.unsigned())
}

/// The keys that may sign. One good signature of any of them is enough, as it is for apt.
struct Trusted {
    certs: Vec<Cert>,
    /// Whose signature was good.
    signed_by: String,
}

impl VerificationHelper for Trusted {
    fn get_certs(&mut self, _ids: &[KeyHandle]) -> openpgp::Result<Vec<Cert>> {
        Ok(self.certs.clone())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> openpgp::Result<()> {
        let mut failure = io::Error::other("the file is not signed").into();
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else {
                return Err(io::Error::other("the file is not a plain signed text").into());
            };
            for result in results {
                match result {
                    Ok(good) => {
                        self.signed_by = good.ka.cert().fingerprint().to_hex();
                        return Ok(());
                    }
                    Err(error) => failure = openpgp::Error::from(error).into(),
                }
            }
        }
        Err(failure)
    }
}
