//! What opens a private repository. It can be handed on, and cannot be printed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A credential: no `Display`, and a `Debug` that says nothing.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The credential as HTTP's basic authorization carries it (RFC 7617).
    pub(super) fn basic(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Undoes a URL's percent-encoding; none if the result is no UTF-8 or an escape is broken.
pub(super) fn decode_percent(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            decoded.extend(hex::decode(digits).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("joe:hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(secret.basic(), "am9lOmh1bnRlcjI=");
    }

    #[test]
    fn percent_escapes_are_undone() {
        assert_eq!(decode_percent("a%40b%3Ac").as_deref(), Some("a@b:c"));
        assert_eq!(decode_percent("%c3%A9").as_deref(), Some("é"));
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode_percent(bad), None, "{bad}");
        }
    }
}
