//! The statement key: Ed25519, kept as PKCS#8 and published as SubjectPublicKeyInfo, both in PEM (RFC 8410, RFC 7468).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use sequoia_openpgp::crypto;

use crate::evidence::pre_authentication_encoding;
use crate::model::{Sha256, StatementSignature};

/// What precedes the 32 secret bytes in the PKCS#8 form of an Ed25519 key (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What precedes the 32 public bytes in the SubjectPublicKeyInfo form of an Ed25519 key (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

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
        let der = unwrap_pem(pem, "PRIVATE KEY").ok_or("it is no PEM file of a private key")?;
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
        wrap_pem(&der, "PRIVATE KEY")
    }

    /// The public half, as a SubjectPublicKeyInfo.
    pub(super) fn public_pem(&self) -> String {
        wrap_pem(&self.public_der(), "PUBLIC KEY")
    }

    /// The SHA-256 of the public half's DER form.
    pub(super) fn key_id(&self) -> String {
        Sha256::of(&self.public_der()).to_string()
    }

    fn public_der(&self) -> Vec<u8> {
        let mut der = SPKI_PREFIX.to_vec();
        der.extend(self.0.verifying_key().to_bytes());
        der
    }

    /// Signs the DSSE pre-authentication encoding of a payload.
    pub(super) fn sign(&self, payload_type: &str, payload: &[u8]) -> StatementSignature {
        let signature = self
            .0
            .sign(&pre_authentication_encoding(payload_type, payload));
        StatementSignature {
            key_id: self.key_id(),
            signature: signature.to_bytes().to_vec(),
        }
    }
}

impl fmt::Debug for StatementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatementKey({})", self.key_id())
    }
}

fn wrap_pem(der: &[u8], label: &str) -> String {
    // Both forms fit on one line of 64 characters, which is all that RFC 7468 asks of a writer.
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        BASE64.encode(der)
    )
}

fn unwrap_pem(pem: &[u8], label: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(pem).ok()?;
    let body = text
        .strip_prefix(&format!("-----BEGIN {label}-----\n"))?
        .strip_suffix(&format!("\n-----END {label}-----\n"))?;
    BASE64.decode(body.replace('\n', "")).ok()
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
        assert_eq!(read.key_id(), known().key_id());
        insta::assert_snapshot!(known().public_pem(), @"
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=
        -----END PUBLIC KEY-----
        ");
    }

    #[test]
    fn what_is_no_plain_ed25519_key_is_refused() {
        let whole = known().to_pkcs8_pem();
        let cut = whole.replace("MC4C", "MC4D");
        for bad in ["", "secret", &cut, &known().public_pem()] {
            assert!(
                StatementKey::from_pkcs8_pem(bad.as_bytes()).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn the_signature_is_over_the_pre_authentication_encoding() {
        let signed = known().sign("type", b"body");
        let signature = ed25519_dalek::Signature::from_slice(&signed.signature).unwrap();
        known()
            .0
            .verifying_key()
            .verify(b"DSSEv1 4 type 4 body", &signature)
            .unwrap();
    }

    #[test]
    fn two_keys_differ_and_none_prints_its_secret() {
        let (one, two) = (
            StatementKey::generate().unwrap(),
            StatementKey::generate().unwrap(),
        );
        assert_ne!(one.key_id(), two.key_id());
        let printed = format!("{:?}", known());
        assert!(!printed.contains(&hex::encode([7; 32])) && !printed.contains("7, 7, 7"));
    }
}
