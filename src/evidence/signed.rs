//! Signed evidence for tests.

use ed25519_dalek::{Signer as _, SigningKey};

use super::{PAYLOAD_TYPE, StatementKey, envelope, pre_authentication_encoding};
use crate::model::StatementSignature;

/// An envelope around `payload`, and the key that signed it.
pub(super) fn signed(payload: &[u8]) -> (Vec<u8>, StatementKey) {
    signed_by(7, payload)
}

/// Likewise, by the key of this number.
pub(crate) fn signed_by(key: u8, payload: &[u8]) -> (Vec<u8>, StatementKey) {
    let key = SigningKey::from_bytes(&[key; 32]);
    let encoding = pre_authentication_encoding(PAYLOAD_TYPE, payload);
    let signature = StatementSignature {
        key_id: String::new(),
        signature: key.sign(&encoding).to_bytes().to_vec(),
    };
    let public = StatementKey::from_raw(key.verifying_key().as_bytes()).unwrap();
    (envelope(payload, &[signature]), public)
}
