//! The SHA-256 of a text that grows: goes on where it was left, without the text before.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;
use sha2::digest::common::hazmat::{SerializableState as _, SerializedState};

use super::Sha256;

/// The state of a SHA-256 after some bytes. It says nothing about those bytes but what their digest would.
#[derive(Clone, Default)]
pub struct Sha256Midstate {
    hasher: sha2::Sha256,
    length: u64,
}

impl Sha256Midstate {
    /// Digests more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// How many bytes were digested so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The digest of everything so far.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::from_raw(self.hasher.clone().finalize().into())
    }
}

impl PartialEq for Sha256Midstate {
    fn eq(&self, other: &Self) -> bool {
        self.length == other.length && self.hasher.serialize() == other.hasher.serialize()
    }
}

impl Eq for Sha256Midstate {}

impl fmt::Debug for Sha256Midstate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Midstate({} bytes)", self.length)
    }
}

/// The written form.
#[derive(Serialize, Deserialize)]
struct Written {
    length: u64,
    state: String,
}

impl Serialize for Sha256Midstate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = STANDARD.encode(self.hasher.serialize());
        Written {
            length: self.length,
            state,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sha256Midstate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let bytes = STANDARD.decode(written.state).map_err(de::Error::custom)?;
        let state = SerializedState::<sha2::Sha256>::try_from(bytes.as_slice())
            .map_err(de::Error::custom)?;
        let hasher = sha2::Sha256::deserialize(&state).map_err(de::Error::custom)?;
        Ok(Self {
            hasher,
            length: written.length,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_goes_on_where_it_was_written_down(before: Vec<u8>, after: Vec<u8>) {
            let mut midstate = Sha256Midstate::default();
            midstate.update(&before);
            let text = serde_json::to_string(&midstate).unwrap();
            let mut read: Sha256Midstate = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read, &midstate);
            read.update(&after);
            prop_assert_eq!(read.digest(), Sha256::of(&[before, after].concat()));
        }
    }

    #[test]
    fn what_is_no_midstate_is_refused() {
        for bad in [r#"{"length":0,"state":""}"#, r#"{"length":0,"state":"!"}"#] {
            assert!(
                serde_json::from_str::<Sha256Midstate>(bad).is_err(),
                "{bad}"
            );
        }
    }
}
