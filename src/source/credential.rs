//! What opens a private repository. It can be handed on, and cannot be printed.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::location::Scheme;

/// The most characters of a token, and of a key.
const MAX_TOKEN: usize = 4096;
const MAX_KEY: usize = 16 << 10;
/// The fewest of a token. What is shorter would also be found in words that give nothing away.
const MIN_TOKEN: usize = 8;
/// How a key begins that OpenSSH wrote; one without a passphrase says `none` twice then.
const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const UNPROTECTED: &[u8] = b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none";

/// What opens one private repository: no `Display`, and a `Debug` that says nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A token or a password, for https.
    Token {
        /// The user's name; forges that only look at the token take any.
        user: String,
        /// The token.
        token: String,
    },
    /// A private key in OpenSSH's format and without a passphrase, for ssh.
    Key(String),
}

/// A text that is no credential. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this opens no repository: {0}")]
pub struct CredentialError(&'static str);

impl Credential {
    /// Checks a token.
    ///
    /// # Errors
    ///
    /// [`CredentialError`].
    pub fn token(user: &str, token: &str) -> Result<Self, CredentialError> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !(MIN_TOKEN..=MAX_TOKEN).contains(&token.len()) || !plain(token) {
            return Err(CredentialError(
                "a token has 8 to 4096 visible ASCII characters",
            ));
        }
        if !(1..=MAX_TOKEN).contains(&user.len()) || !plain(user) || user.contains(':') {
            return Err(CredentialError(
                "a user's name has visible ASCII characters, and no colon",
            ));
        }
        Ok(Self::Token {
            user: user.to_owned(),
            token: token.to_owned(),
        })
    }

    /// Checks a private key.
    ///
    /// # Errors
    ///
    /// [`CredentialError`].
    pub fn key(text: &str) -> Result<Self, CredentialError> {
        let text = text.trim();
        let lines: Option<String> = text
            .strip_prefix(OPENSSH)
            .and_then(|rest| rest.split_once("-----END "))
            .map(|(lines, _)| lines.split_whitespace().collect());
        let bytes = lines.and_then(|lines| STANDARD.decode(lines).ok());
        match bytes {
            Some(bytes) if text.len() <= MAX_KEY && bytes.starts_with(UNPROTECTED) => {
                Ok(Self::Key(format!("{text}\n")))
            }
            Some(_) => Err(CredentialError(
                "a deploy key must have no passphrase; make one with `ssh-keygen -t ed25519 -N ''`",
            )),
            None => Err(CredentialError(
                "a deploy key is a private key in OpenSSH's format; make one with `ssh-keygen -t ed25519 -N ''`",
            )),
        }
    }

    /// Its kind, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::Key(_) => "key",
        }
    }

    /// Whether it is of use with URLs of this scheme.
    #[must_use]
    pub fn fits(&self, scheme: Scheme) -> bool {
        match self {
            Self::Token { .. } => scheme == Scheme::Https,
            Self::Key(_) => scheme == Scheme::Ssh,
        }
    }

    /// What the fetch script reads from its standard input.
    fn input(&self) -> Vec<u8> {
        match self {
            Self::Token { user, token } => Secret::new(format!("{user}:{token}")).input(),
            Self::Key(key) => format!("key -\n{key}").into_bytes(),
        }
    }

    /// The texts by which it would be known again.
    fn traces(&self) -> Vec<String> {
        let traces = match self {
            Self::Token { user, token } => {
                let basic = STANDARD.encode(format!("{user}:{token}"));
                vec![token.clone(), STANDARD.encode(token), basic]
            }
            Self::Key(key) => {
                let lines = key.lines().filter(|line| !line.starts_with('-'));
                lines.map(str::to_owned).collect()
            }
        };
        let telling = |trace: &String| trace.len() >= MIN_TOKEN;
        traces.into_iter().filter(telling).collect()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// By what right a repository is fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Access {
    /// Everybody's: what is public.
    #[default]
    Public,
    /// The operator's own: what the settings have, and what the URL itself holds.
    Settings,
    /// With this credential, which opens this repository and others of its host.
    With(Credential),
}

impl Access {
    /// By what right another repository is fetched that this one names: what opens one host is shown to no other.
    pub(super) fn at(&self, same_host: bool) -> Self {
        match self {
            Self::With(_) if !same_host => Self::Public,
            other => other.clone(),
        }
    }

    /// What the fetch script reads from its standard input, if the scheme asks for it.
    pub(super) fn input(&self, scheme: Scheme) -> Option<Vec<u8>> {
        match self {
            Self::With(credential) if credential.fits(scheme) => Some(credential.input()),
            _ => None,
        }
    }

    /// A line without the credential: what a server is shown, it may say again.
    pub(super) fn redact<'a>(&self, line: &'a str) -> Cow<'a, str> {
        let Self::With(credential) = self else {
            return Cow::Borrowed(line);
        };
        let mut line = Cow::Borrowed(line);
        for trace in credential.traces() {
            if line.contains(&trace) {
                line = Cow::Owned(line.replace(&trace, "…"));
            }
        }
        line
    }
}

/// The credential in a URL: no `Display`, and a `Debug` that says nothing.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// What the fetch script reads from its standard input.
    pub(super) fn input(&self) -> Vec<u8> {
        format!("authorization {}\n", self.basic()).into_bytes()
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

    /// An unprotected key of nobody's, as far as it is looked at here.
    fn key(cipher: &str) -> String {
        let start =
            format!("openssh-key-v1\0\0\0\0\x04{cipher}\0\0\0\x04{cipher}\0\0\0\0rest of the key");
        let body = STANDARD.encode(start);
        format!("{OPENSSH}\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
    }

    #[test]
    fn a_credential_is_checked_and_never_repeated() {
        let token = Credential::token("git", "hunter2hunter2").unwrap();
        assert!(token.fits(Scheme::Https) && !token.fits(Scheme::Ssh));
        assert_eq!(format!("{token:?}"), "Credential(…)");
        assert!(format!("{:?}", Access::With(token)).ends_with("Credential(…))"));
        for (user, bad) in [
            ("git", "short"),
            ("git", "two words"),
            ("git", "li\nneline"),
            ("a:b", "hunter2hunter2"),
            ("", "hunter2hunter2"),
        ] {
            let error = Credential::token(user, bad).unwrap_err().to_string();
            assert!(!error.contains(bad), "{error}");
        }
        let good = Credential::key(&key("none")).unwrap();
        assert!(good.fits(Scheme::Ssh) && !good.fits(Scheme::Git));
        for bad in [
            key("aes2"),
            "PuTTY-User-Key-File-3: ssh-ed25519".to_owned(),
            key("none").repeat(200),
        ] {
            assert!(Credential::key(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_server_says_again_is_taken_out() {
        let access = Access::With(Credential::token("git", "hunter2hunter2").unwrap());
        let basic = STANDARD.encode("git:hunter2hunter2");
        let said = format!("remote: you sent Basic {basic} that is hunter2hunter2.");
        assert_eq!(access.redact(&said), "remote: you sent Basic … that is ….");
        assert_eq!(access.redact("nothing"), "nothing");
        let key = Access::With(Credential::key(&key("none")).unwrap());
        let input = String::from_utf8(key.input(Scheme::Ssh).unwrap()).unwrap();
        let body = input.lines().nth(2).unwrap();
        assert_eq!(key.redact(&format!("x{body}")), "x…");
        assert_eq!(
            (key.input(Scheme::Https), key.at(false)),
            (None, Access::Public)
        );
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
