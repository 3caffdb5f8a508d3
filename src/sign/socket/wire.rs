//! What goes over the socket: a frame of JSON each way. After the frame that asks for a Release come the indices' texts, bare.

use serde::{Deserialize, Serialize};

use crate::model::{SignedRelease, SigningError, StatementSignature, Timestamp};
use crate::sign::PublicKeys;

/// The most bytes that a frame may have: a statement of 4 MiB fits in base64, and nothing else comes near.
pub(super) const MAX_FRAME: u32 = 8 << 20;

/// What is asked for.
#[derive(Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Request {
    /// What everybody may know of the keys; answered, the signer is well.
    Public,
    /// Sign this statement.
    Statement {
        payload_type: String,
        #[serde(with = "base64_text")]
        payload: Vec<u8>,
    },
    /// Sign this Release, whose indices follow the frame.
    Release {
        #[serde(with = "base64_text")]
        release: Vec<u8>,
        generation: u64,
        indices: Vec<IndexHead>,
    },
}

/// An index that follows, in `size` bytes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IndexHead {
    pub(super) path: String,
    pub(super) from: u64,
    pub(super) size: u64,
    pub(super) keep: u64,
}

/// What is answered.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(super) enum Answer {
    Public {
        keys: PublicKeys,
    },
    Statement {
        signatures: Vec<WireSignature>,
    },
    Release {
        #[serde(with = "base64_text")]
        in_release: Vec<u8>,
        #[serde(with = "base64_text")]
        release_gpg: Vec<u8>,
    },
    Refused {
        reason: String,
    },
    Whole {
        path: String,
        from: u64,
    },
    Rise {
        suite: String,
        generation: u64,
        date: Timestamp,
    },
    Unavailable {
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireSignature {
    key_id: String,
    #[serde(with = "base64_text")]
    signature: Vec<u8>,
}

impl From<StatementSignature> for WireSignature {
    fn from(signature: StatementSignature) -> Self {
        Self {
            key_id: signature.key_id,
            signature: signature.signature,
        }
    }
}

impl From<WireSignature> for StatementSignature {
    fn from(signature: WireSignature) -> Self {
        Self {
            key_id: signature.key_id,
            signature: signature.signature,
        }
    }
}

impl From<SignedRelease> for Answer {
    fn from(signed: SignedRelease) -> Self {
        Self::Release {
            in_release: signed.in_release,
            release_gpg: signed.release_gpg,
        }
    }
}

impl From<SigningError> for Answer {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Refused { reason } => Self::Refused { reason },
            SigningError::WholeNeeded { path, from } => Self::Whole { path, from },
            SigningError::NotRising {
                suite,
                generation,
                date,
            } => Self::Rise {
                suite,
                generation,
                date,
            },
            SigningError::Unavailable { reason } => Self::Unavailable { reason },
        }
    }
}

impl Answer {
    /// The error that this answer is, or else that it is no answer to what was asked.
    pub(super) fn error(self) -> SigningError {
        match self {
            Self::Refused { reason } => SigningError::Refused { reason },
            Self::Whole { path, from } => SigningError::WholeNeeded { path, from },
            Self::Rise {
                suite,
                generation,
                date,
            } => SigningError::NotRising {
                suite,
                generation,
                date,
            },
            Self::Unavailable { reason } => SigningError::Unavailable { reason },
            Self::Public { .. } | Self::Statement { .. } | Self::Release { .. } => {
                SigningError::Unavailable {
                    reason: "it answered something that was not asked".to_owned(),
                }
            }
        }
    }
}

/// Bytes as base64.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}
