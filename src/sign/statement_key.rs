//! The statement key: Ed25519, kept as PKCS#8 in PEM (RFC 8410, RFC 7468), encrypted by PBES2 where there is a passphrase
//! (RFC 8018: PBKDF2 with HMAC-SHA-256, AES-256-CBC), as OpenSSL reads and writes it. Its public half is [`evidence`](crate::evidence)'s.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};
use pkcs8::der::pem::LineEnding;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use sequoia_openpgp::crypto;

use super::error::Unread;
use super::passphrase::Passphrase;
use crate::evidence::{EvidenceError, StatementKey as PublicKey, pre_authentication_encoding};

/// What precedes the 32 secret bytes in the PKCS#8 form of an Ed25519 key (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// How a PEM file calls a key.
const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// How often the passphrase is hashed.
const ROUNDS: u32 = 600_000;

/// The secret half. It does not print.
pub(super) struct StatementKey(SigningKey);

impl StatementKey {
    /// Draws a new key from the system's randomness; fails with what the cryptography said.
    pub(super) fn generate() -> Result<Self, String> {
        let mut secret = [0; 32];
        crypto::random(&mut secret).map_err(|error| error.to_string())?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    /// Reads the PKCS#8 form.
    pub(super) fn read(pem: &[u8], passphrase: Option<&Passphrase>) -> Result<Self, Unread> {
        let unusable = |reason: &str| Unread::Unusable(reason.to_owned());
        let text = std::str::from_utf8(pem).ok();
        let block = text.and_then(|text| SecretDocument::from_pem(text).ok());
        let der = match block {
            Some((PLAIN, der)) => der,
            Some((ENCRYPTED, der)) => decrypt(&der, passphrase)?,
            _ => return Err(unusable("it is no PEM file of a private key")),
        };
        let secret = der.as_bytes().strip_prefix(&PKCS8_PREFIX);
        let secret = secret.and_then(|secret| <[u8; 32]>::try_from(secret).ok());
        let secret = secret.ok_or_else(|| unusable("it holds no plain Ed25519 key"))?;
        Ok(Self(SigningKey::from_bytes(&secret)))
    }

    /// The PKCS#8 form, encrypted if there is a passphrase; fails with what the cryptography said.
    pub(super) fn to_pem(&self, passphrase: Option<&Passphrase>) -> Result<Vec<u8>, String> {
        let der = [&PKCS8_PREFIX[..], &self.0.to_bytes()].concat();
        let pem = match passphrase {
            None => SecretDocument::try_from(der.as_slice())
                .and_then(|document| document.to_pem(PLAIN, LineEnding::LF))
                .map_err(|error| error.to_string())?,
            Some(passphrase) => encrypt(&der, passphrase)?
                .to_pem(ENCRYPTED, LineEnding::LF)
                .map_err(|error| error.to_string())?,
        };
        Ok(pem.as_bytes().to_vec())
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

fn decrypt(
    der: &SecretDocument,
    passphrase: Option<&Passphrase>,
) -> Result<SecretDocument, Unread> {
    let info = EncryptedPrivateKeyInfoRef::try_from(der.as_bytes())
        .map_err(|error| Unread::Unusable(error.to_string()))?;
    let passphrase = passphrase.ok_or(Unread::Protected)?;
    passphrase
        .password()
        .map(|bytes| info.decrypt(bytes))
        .map_err(|_| Unread::WrongPassphrase)
}

fn encrypt(der: &[u8], passphrase: &Passphrase) -> Result<SecretDocument, String> {
    let (mut salt, mut vector) = ([0; 16], [0; 16]);
    for random in [&mut salt, &mut vector] {
        crypto::random(random).map_err(|error| error.to_string())?;
    }
    let info = PrivateKeyInfoRef::try_from(der).map_err(|error| error.to_string())?;
    let scheme = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, vector)
        .map_err(|error| error.to_string())?;
    let encrypted = passphrase
        .password()
        .map(|bytes| info.encrypt_with_params(scheme, bytes));
    encrypted.map_err(|error| error.to_string())
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
        let read = StatementKey::read(&known().to_pem(None).unwrap(), None).unwrap();
        assert_eq!(read.public().unwrap(), known().public().unwrap());
    }

    #[test]
    fn what_is_no_plain_ed25519_key_is_refused() {
        let whole = String::from_utf8(known().to_pem(None).unwrap()).unwrap();
        let cut = whole.replace("MC4C", "MC4D");
        let public = known().public().unwrap().to_pem();
        for bad in ["", "secret", &cut, &public] {
            assert!(StatementKey::read(bad.as_bytes(), None).is_err(), "{bad:?}");
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
