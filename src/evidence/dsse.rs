//! DSSE v1: the envelope around a signed statement (github.com/secure-systems-lab/dsse, `protocol.md` and `envelope.md`).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::{Deserialize, Serialize};

use crate::model::StatementSignature;

/// The payload type of every envelope of ours: in-toto's.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What DSSE signs: `DSSEv1 <length of type> <type> <length of payload> <payload>`, lengths in bytes, in decimal.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    let mut encoding = head.into_bytes();
    encoding.extend_from_slice(payload);
    encoding
}

/// Wraps a signed statement in an envelope: one line of JSON with its line end, as `.intoto.jsonl` files hold them.
#[must_use]
pub fn envelope(payload: &[u8], signatures: &[StatementSignature]) -> Vec<u8> {
    let envelope = Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: signatures
            .iter()
            .map(|signature| EnvelopeSignature {
                keyid: signature.key_id.clone(),
                sig: STANDARD.encode(&signature.signature),
            })
            .collect(),
    };
    let mut line = super::statement::to_json(&envelope);
    line.push(b'\n');
    line
}

/// An envelope as it is written. Fields that are not known here are ignored, as DSSE asks.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) payload: String,
    #[serde(rename = "payloadType")]
    pub(super) payload_type: String,
    pub(super) signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope. Its `keyid` is a hint, and nothing here reads it.
#[derive(Serialize, Deserialize)]
pub(super) struct EnvelopeSignature {
    #[serde(default)]
    keyid: String,
    pub(super) sig: String,
}

/// Decodes what an envelope carries: either alphabet of RFC 4648, with or without padding, as DSSE asks of a reader.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    const EITHER_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const ENGINES: [GeneralPurpose; 2] = [
        GeneralPurpose::new(&alphabet::STANDARD, EITHER_PADDING),
        GeneralPurpose::new(&alphabet::URL_SAFE, EITHER_PADDING),
    ];
    ENGINES.iter().find_map(|engine| engine.decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_the_specifications_example() {
        assert_eq!(
            pre_authentication_encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(pre_authentication_encoding("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn lengths_are_counted_in_bytes() {
        assert_eq!(
            pre_authentication_encoding("é", "🎉".as_bytes()),
            "DSSEv1 2 é 4 🎉".as_bytes()
        );
    }

    #[test]
    fn an_envelope_is_one_line() {
        let signature = StatementSignature {
            key_id: "ab".to_owned(),
            signature: vec![0xff; 3],
        };
        let line = envelope(b"{\"a\":\n1}", &[signature.clone(), signature]);
        insta::assert_snapshot!(String::from_utf8(line).unwrap(), @r#"{"payload":"eyJhIjoKMX0=","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"ab","sig":"////"},{"keyid":"ab","sig":"////"}]}"#);
    }

    #[test]
    fn both_alphabets_and_paddings_are_read() {
        for text in ["+/+/AA==", "-_-_AA==", "+/+/AA", "-_-_AA"] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xff, 0xbf, 0], "{text}");
        }
        assert!(decode("+/-_").is_none(), "never a mixture");
        assert!(decode("a b").is_none());
    }
}
