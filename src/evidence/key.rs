//! The public half of a statement key: what a reader of evidence trusts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};

use super::EvidenceError;
use crate::model::Sha256;

/// The DER of an Ed25519 `SubjectPublicKeyInfo` up to the key itself (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// The most characters that a key file may have: a key is 113 of them, the rest is for comments around it.
const MAX_PEM: usize = 16 * 1024;
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// A public Ed25519 key that statements are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementKey(VerifyingKey);

impl StatementKey {
    /// The key of 32 raw bytes (RFC 8032). A key of small order, with which forgeries verify, is refused.
    pub fn from_raw(bytes: &[u8; 32]) -> Result<Self, EvidenceError> {
        let key = VerifyingKey::from_bytes(bytes)
            .map_err(|_| invalid("its bytes are no point of the curve"))?;
        if key.is_weak() {
            return Err(invalid("it is of small order"));
        }
        Ok(Self(key))
    }

    /// The key of a PEM file (`PUBLIC KEY`, as `openssl pkey -pubout` writes it), which holds exactly one.
    pub fn from_pem(text: &str) -> Result<Self, EvidenceError> {
        if text.len() > MAX_PEM {
            return Err(invalid("the file is too large for a key"));
        }
        let (_, rest) = text
            .split_once(BEGIN)
            .ok_or_else(|| invalid("the file has no `PUBLIC KEY` block"))?;
        let (body, rest) = rest
            .split_once(END)
            .ok_or_else(|| invalid("its `PUBLIC KEY` block has no end"))?;
        if rest.contains(BEGIN) {
            return Err(invalid("the file has more than one key"));
        }
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD
            .decode(body)
            .map_err(|_| invalid("its block is no base64"))?;
        let raw = der
            .strip_prefix(&SPKI_PREFIX)
            .and_then(|raw| raw.try_into().ok())
            .ok_or_else(|| invalid("it is no Ed25519 key"))?;
        Self::from_raw(raw)
    }

    /// The keys of a PEM file with one block after the other: the newest first, and those of older statements.
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, EvidenceError> {
        let blocks: Vec<_> = text.split_inclusive(END).collect();
        let blocks = blocks.iter().filter(|block| block.contains(BEGIN));
        let keys: Vec<_> = blocks
            .map(|block| Self::from_pem(block))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() {
            return Err(invalid("the file has no `PUBLIC KEY` block"));
        }
        Ok(keys)
    }

    /// The key as a PEM file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(self.der()))
    }

    /// The key's id: the SHA-256 of its DER form, in hexadecimal. The same as
    /// `openssl pkey -pubin -in KEY -outform DER | sha256sum`.
    #[must_use]
    pub fn id(&self) -> String {
        Sha256::of(&self.der()).to_string()
    }

    /// Whether `signature` is this key's over `message`, by the strict rules: no signature has a second form, and no
    /// part of it is of small order.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }

    fn der(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), self.0.as_bytes()].concat()
    }
}

fn invalid(reason: &'static str) -> EvidenceError {
    EvidenceError::KeyInvalid { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8032, section 7.1, test 1.
    const RFC: [u8; 32] = [
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
        0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
        0x51, 0x1a,
    ];

    #[test]
    fn a_key_reads_what_it_writes() {
        let key = StatementKey::from_raw(&RFC).unwrap();
        insta::assert_snapshot!(key.to_pem(), @r"
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
        -----END PUBLIC KEY-----
        ");
        assert_eq!(StatementKey::from_pem(&key.to_pem()).unwrap(), key);
        insta::assert_snapshot!(key.id(), @"06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9");
    }

    #[test]
    fn a_key_file_may_have_comments_and_other_line_ends() {
        let key = StatementKey::from_raw(&RFC).unwrap();
        let pem = format!("# the farm's\n{}", key.to_pem()).replace('\n', "\r\n");
        assert_eq!(StatementKey::from_pem(&pem).unwrap(), key);
    }

    #[test]
    fn a_file_may_hold_the_keys_of_older_statements_too() {
        let key = StatementKey::from_raw(&RFC).unwrap();
        let pem = key.to_pem();
        let all = StatementKey::all_from_pem(&format!("# old\n{pem}# new\n{pem}")).unwrap();
        assert_eq!(all, [key.clone(), key]);
        assert!(StatementKey::all_from_pem("# none\n").is_err());
        assert!(StatementKey::all_from_pem(&format!("{pem}{BEGIN}\nAAAA\n")).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let key = StatementKey::from_raw(&RFC).unwrap().to_pem();
        let said = |pem: &str| StatementKey::from_pem(pem).unwrap_err().to_string();
        insta::assert_snapshot!(said(""), @"the statement key cannot be used: the file has no `PUBLIC KEY` block");
        insta::assert_snapshot!(said(&key.repeat(2)), @"the statement key cannot be used: the file has more than one key");
        insta::assert_snapshot!(said(&key.replace("MCow", "MCox")), @"the statement key cannot be used: it is no Ed25519 key");
        insta::assert_snapshot!(said(&key.replace("-----END", "")), @"the statement key cannot be used: its `PUBLIC KEY` block has no end");
        insta::assert_snapshot!(said(&key.replace("MCow", "é")), @"the statement key cannot be used: its block is no base64");
        insta::assert_snapshot!(said(&"x".repeat(MAX_PEM + 1)), @"the statement key cannot be used: the file is too large for a key");
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(StatementKey::from_raw(&identity).is_err());
        assert!(StatementKey::from_raw(&[0; 32]).is_err());
    }
}
