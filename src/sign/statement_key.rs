//! The statement key: Ed25519, kept as PKCS#8 in PEM (RFC 8410, RFC 7468). Its public half is [`evidence`](crate::evidence)'s.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use sequoia_openpgp::crypto;

use crate::evidence::{EvidenceError, StatementKey as PublicKey, pre_authentication_encoding};

/// What precedes the 32 secret bytes in the PKCS#8 form of an Ed25519 key (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----\n";
const END: &str = "-----END PRIVATE KEY-----\n";

/// The secret half. It does not print.
pub(super) struct StatementKey(SigningKey);

impl StatementKey {
    /// Draws a new key from the system's randomness; fails with what the cryptography said.
    pub(super) fn generate() -> Result<Self, String> {
        let mut secret = [0; 32];
        crypto::random(&mut secret).map_err(|error| error.to_string())?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    /// Reads the PKCS#8 form; fails with the reason.
    pub(super) fn from_pkcs8_pem(pem: &[u8]) -> Result<Self, String> {
        let der = unwrap_pem(pem).ok_or("it is no PEM file of a private key")?;
        let secret = der
            .strip_prefix(&PKCS8_PREFIX)
            .and_then(|secret| <[u8; 32]>::try_from(secret).ok())
            .ok_or("it holds no plain Ed25519 key")?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    /// The PKCS#8 form.
    pub(super) fn to_pkcs8_pem(&self) -> String {
        let mut der = PKCS8_PREFIX.to_vec();
        der.extend(self.0.to_bytes());
        // It fits on one line of 64 characters, which is all that RFC 7468 asks of a writer.
        format!("{BEGIN}{}\n{END}", BASE64.encode(der))
    }

    /// The public half, as `verify` knows it.
    pub(super) fn public(&self) -> Result<PublicKey, EvidenceError> {
        PublicKey::from_raw(self.0.verifying_key().as_bytes())
    }

    /// Signs the DSSE pre-authentication encoding of a payload.
    pub(super) fn sign(&self, payload_type: &str, payload: &[u8]) -> Vec<u8> {
        let encoding = pre_authentication_encoding(payload_type, payload);
        self.0.sign(&encoding).to_bytes().to_vec()
    }
}

impl fmt::Debug for StatementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatementKey").finish_non_exhaustive()
    }
}

/// What is between the lines of a PEM file (RFC 7468) with one block.
fn unwrap_pem(pem: &[u8]) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(pem).ok()?.strip_prefix(BEGIN)?;
    BASE64.decode(body.strip_suffix(END)?.trim_end()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::Verifier;

    fn known() -> StatementKey {
        StatementKey(SigningKey::from_bytes(&[7; 32]))
    }

    #[test]
    fn a_key_reads_what_it_writes() {
        let read = StatementKey::from_pkcs8_pem(known().to_pkcs8_pem().as_bytes()).unwrap();
        assert_eq!(read.public().unwrap(), known().public().unwrap());
    }

    #[test]
    fn what_is_no_plain_ed25519_key_is_refused() {
        let whole = known().to_pkcs8_pem();
        let cut = whole.replace("MC4C", "MC4D");
        let public = known().public().unwrap().to_pem();
        for bad in ["", "secret", &cut, &public] {
            assert!(
                StatementKey::from_pkcs8_pem(bad.as_bytes()).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_signature_is_over_the_pre_authentication_encoding() {
        let signed = known().sign("type", b"body");
        let signature = ed25519_dalek::Signature::from_slice(&signed).unwrap();
        known()
            .0
            .verifying_key()
            .verify(b"DSSEv1 4 type 4 body", &signature)
            .unwrap();
    }

    #[test]
    fn two_keys_differ_and_none_prints() {
        let key = || StatementKey::generate().unwrap();
        assert_ne!(key().public().unwrap(), key().public().unwrap());
        insta::assert_snapshot!(format!("{:?}", known()), @"StatementKey { .. }");
    }
}
