//! Whether a request comes from whoever knows a secret. Comparisons take the same time wherever texts differ.

use ring::hmac;

use super::{Forge, Incoming};

/// Whether the request is signed with the secret, in the way of its forge.
#[must_use]
pub fn verify(forge: Forge, incoming: Incoming<'_>, secret: &[u8]) -> bool {
    let (names, prefix): (&[&str], _) = match forge {
        Forge::Gitlab => {
            let given = (incoming.header)("x-gitlab-token");
            return given.is_some_and(|given| is_same(given.as_bytes(), secret));
        }
        Forge::Gitea => (&["x-forgejo-signature", "x-gitea-signature"], ""),
        Forge::Github | Forge::Plain => (&["x-hub-signature-256"], "sha256="),
    };
    let Some(given) = incoming.first(names) else {
        // Gitea and Forgejo send GitHub's header, too.
        return forge == Forge::Gitea && verify(Forge::Github, incoming, secret);
    };
    let given = given
        .strip_prefix(prefix)
        .and_then(|digits| hex::decode(digits).ok());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    given.is_some_and(|given| hmac::verify(&key, incoming.body, &given).is_ok())
}

/// What goes into `X-Hub-Signature-256` beside `body`.
#[must_use]
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// Compares two texts by their digests, which have one length.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"compare");
    hmac::verify(&key, one, hmac::sign(&key, other).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;

    fn verifies(forge: Forge, headers: &[(&str, &str)], body: &str, secret: &str) -> bool {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let (header, body): (&Header<'_>, _) = (&header, body.as_bytes());
        verify(forge, Incoming { header, body }, secret.as_bytes())
    }

    /// The example of GitHub's documentation.
    const GITHUB: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn githubs_own_example_verifies() {
        let secret = "It's a Secret to Everybody";
        let signed = [("x-hub-signature-256", GITHUB)];
        assert_eq!(sign(secret.as_bytes(), b"Hello, World!"), GITHUB);
        for forge in [Forge::Github, Forge::Plain, Forge::Gitea] {
            assert!(verifies(forge, &signed, "Hello, World!", secret), "{forge}");
            assert!(
                !verifies(forge, &signed, "Hello, World?", secret),
                "{forge}"
            );
            assert!(
                !verifies(forge, &signed, "Hello, World!", "another"),
                "{forge}"
            );
            assert!(!verifies(forge, &[], "Hello, World!", secret), "{forge}");
        }
        let digits = GITHUB.trim_start_matches("sha256=");
        for name in ["x-gitea-signature", "x-forgejo-signature"] {
            assert!(verifies(
                Forge::Gitea,
                &[(name, digits)],
                "Hello, World!",
                secret
            ));
            assert!(!verifies(
                Forge::Github,
                &[(name, digits)],
                "Hello, World!",
                secret
            ));
        }
        for bad in [
            "",
            "sha256=",
            digits,
            "sha1=757107ea",
            "sha256=xyz",
            "sha256=757107ea",
        ] {
            assert!(
                !verifies(
                    Forge::Github,
                    &[("x-hub-signature-256", bad)],
                    "Hello, World!",
                    secret
                ),
                "{bad}"
            );
        }
        // A wrong signature of the forge's own is not made good by another one.
        let both = [("x-gitea-signature", "00"), ("x-hub-signature-256", GITHUB)];
        assert!(!verifies(Forge::Gitea, &both, "Hello, World!", secret));
    }

    #[test]
    fn gitlab_shows_the_secret_itself() {
        let shown = |token| verifies(Forge::Gitlab, &[("x-gitlab-token", token)], "{}", "hunter2");
        assert!(shown("hunter2"));
        for bad in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!shown(bad), "{bad}");
        }
        assert!(!verifies(
            Forge::Gitlab,
            &[("x-hub-signature-256", GITHUB)],
            "{}",
            "hunter2"
        ));
    }
}
