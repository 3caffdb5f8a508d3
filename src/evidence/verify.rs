//! The way back: from an evidence file to a statement that somebody trusted has signed.

use ed25519_dalek::SIGNATURE_LENGTH;

use super::dsse::{Envelope, PAYLOAD_TYPE, decode, pre_authentication_encoding};
use super::key::StatementKey;
use super::verified::VerifiedStatement;
use crate::model::printable;

/// The most bytes that an evidence file may have.
const MAX_SIZE: usize = 4 << 20;
/// The most envelopes that one may hold.
const MAX_ENVELOPES: usize = 16;
/// The most signatures that an envelope may have.
const MAX_SIGNATURES: usize = 16;

/// Evidence that proves nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The file is larger than any real one.
    #[error("the evidence has {size} bytes, more than the {MAX_SIZE} that evidence may have")]
    TooLarge {
        /// Its size, in bytes.
        size: usize,
    },
    /// There are too many envelopes, signatures or subjects, or none at all.
    #[error("the evidence has {count} {what}, and must have 1 to {limit}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A line is no DSSE envelope.
    #[error("line {line} of the evidence is no DSSE envelope: {reason}")]
    NotAnEnvelope {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// No trusted key has signed anything here.
    #[error(
        "none of the {trusted} trusted keys has signed this evidence: it was changed, or another farm made it"
    )]
    NotTrusted {
        /// How many keys were tried.
        trusted: usize,
    },
    /// What was signed is no statement of a build that is understood here.
    #[error("the signed statement cannot be read: {reason}")]
    NotAStatement {
        /// What is wrong with it.
        reason: String,
    },
    /// The statement contradicts itself.
    #[error("the signed statement contradicts itself: {reason}")]
    Inconsistent {
        /// How.
        reason: String,
    },
    /// Two different statements are signed, so that neither can be relied on.
    #[error("the evidence holds two signed statements that differ")]
    Ambiguous,
    /// The package came from another repository: no build of the farm made it.
    #[error("the package was imported from {origin}, and not built by the farm")]
    Imported {
        /// Where it came from.
        origin: String,
    },
    /// A key cannot be used to verify anything.
    #[error("the statement key cannot be used: {reason}")]
    KeyInvalid {
        /// Why, as a sentence without a final stop.
        reason: &'static str,
    },
}

/// Verifies an evidence file (`.intoto.jsonl`: DSSE envelopes, one a line) against the keys that the caller trusts.
///
/// An envelope's `keyid` is not looked at: each signature is tried with each trusted key. A payload is parsed only
/// after it verified, from the very bytes that did. Lines that no trusted key has signed are passed over, since anybody
/// can add such a line; it is an error if nothing remains, or if two that differ do.
pub fn verify(
    evidence: &[u8],
    trusted: &[StatementKey],
) -> Result<VerifiedStatement, EvidenceError> {
    let (payload, key) = verified_payload(evidence, trusted)?;
    VerifiedStatement::read(&payload, key)
}

/// What a trusted key has signed, whatever it says, and the key. There must be one thing.
pub(super) fn verified_payload(
    evidence: &[u8],
    trusted: &[StatementKey],
) -> Result<(Vec<u8>, StatementKey), EvidenceError> {
    only(signed_payloads(evidence, trusted)?, trusted)
}

/// The only one of the payloads that verified.
pub(super) fn only(
    payloads: Vec<(Vec<u8>, StatementKey)>,
    trusted: &[StatementKey],
) -> Result<(Vec<u8>, StatementKey), EvidenceError> {
    let mut payloads = payloads.into_iter();
    match (payloads.next(), payloads.next()) {
        (Some(found), None) => Ok(found),
        (Some(_), Some(_)) => Err(EvidenceError::Ambiguous),
        (None, _) => Err(EvidenceError::NotTrusted {
            trusted: trusted.len(),
        }),
    }
}

/// Everything that trusted keys have signed in an evidence file, each once, with a key that did: payloads of any kind.
///
/// # Errors
///
/// [`EvidenceError::TooLarge`], [`EvidenceError::NotAnEnvelope`] and those of its counts.
pub fn signed_payloads(
    evidence: &[u8],
    trusted: &[StatementKey],
) -> Result<Vec<(Vec<u8>, StatementKey)>, EvidenceError> {
    if evidence.len() > MAX_SIZE {
        return Err(EvidenceError::TooLarge {
            size: evidence.len(),
        });
    }
    let lines: Vec<_> = evidence
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect();
    check_count("envelopes", lines.len(), MAX_ENVELOPES)?;
    let mut found: Vec<(Vec<u8>, StatementKey)> = Vec::new();
    for (index, line) in lines {
        if let Some((payload, key)) = open(index + 1, line, trusted)?
            && found.iter().all(|(other, _)| *other != payload)
        {
            found.push((payload, key));
        }
    }
    Ok(found)
}

/// The payload of one envelope and the trusted key that signed it, if one did.
fn open(
    line: usize,
    text: &[u8],
    trusted: &[StatementKey],
) -> Result<Option<(Vec<u8>, StatementKey)>, EvidenceError> {
    let broken = |reason: String| EvidenceError::NotAnEnvelope { line, reason };
    let envelope: Envelope =
        serde_json::from_slice(text).map_err(|error| broken(error.to_string()))?;
    check_count("signatures", envelope.signatures.len(), MAX_SIGNATURES)?;
    let payload =
        decode(&envelope.payload).ok_or_else(|| broken("its payload is no base64".to_owned()))?;
    let signed = pre_authentication_encoding(&envelope.payload_type, &payload);
    let signer = envelope.signatures.iter().find_map(|signature| {
        let signature = decode(&signature.sig).filter(|bytes| bytes.len() == SIGNATURE_LENGTH)?;
        trusted.iter().find(|key| key.verifies(&signed, &signature))
    });
    match signer {
        Some(_) if envelope.payload_type != PAYLOAD_TYPE => Err(broken(format!(
            "its payload type is `{}`, not `{PAYLOAD_TYPE}`",
            printable(&envelope.payload_type, 80)
        ))),
        Some(key) => Ok(Some((payload, key.clone()))),
        None => Ok(None),
    }
}

pub(super) fn check_count(
    what: &'static str,
    count: usize,
    limit: usize,
) -> Result<(), EvidenceError> {
    if (1..=limit).contains(&count) {
        Ok(())
    } else {
        Err(EvidenceError::Count { what, count, limit })
    }
}

#[cfg(test)]
mod tests;
