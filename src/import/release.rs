//! The Release of another repository (wiki.debian.org/DebianRepository/Format): what its key has signed, and no more.

use std::collections::BTreeMap;

use super::ImportError;
use super::origin::Origin;
use crate::deb::control::Paragraph;
use crate::evidence::ImportOrigin;
use crate::model::{Sha256, Timestamp};
use crate::sign::{Opened, open_detached, open_in_release};

/// The most bytes that a Release and its signature may have.
const MAX_RELEASE: u64 = 2 << 20;

/// What bytes must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest {
    pub(super) sha256: Sha256,
    pub(super) size: u64,
}

/// A Release that somebody trusted has signed.
#[derive(Debug)]
pub(super) struct Release {
    /// Its folder, relative to the repository's root.
    pub(super) folder: String,
    pub(super) origin: ImportOrigin,
    pub(super) components: Vec<String>,
    pub(super) by_hash: bool,
    /// What it lists, by its path in the folder.
    pub(super) listed: BTreeMap<String, Digest>,
}

/// Fetches the Release of `suite`, and verifies it against `keyring` as of `now`: `InRelease`, or else `Release` with
/// `Release.gpg`.
pub(super) async fn fetch(
    origin: &Origin,
    suite: &str,
    keyring: &[u8],
    now: Timestamp,
) -> Result<Release, ImportError> {
    let folder = folder(suite)?;
    let (key, detached) = (format!("{folder}/InRelease"), format!("{folder}/Release"));
    let signature = |key: &str| {
        let place = origin.place(key);
        move |source| ImportError::Signature { place, source }
    };
    let opened = match origin.get(&key, MAX_RELEASE).await? {
        Some(signed) => open_in_release(&signed, keyring, now).map_err(signature(&key))?,
        None => {
            let text = required(origin, &detached).await?;
            let signed = required(origin, &format!("{detached}.gpg")).await?;
            open_detached(&text, &signed, keyring, now).map_err(signature(&detached))?
        }
    };
    read(origin, suite, folder, opened, now)
}

async fn required(origin: &Origin, key: &str) -> Result<Vec<u8>, ImportError> {
    let found = origin.get(key, MAX_RELEASE).await?;
    found.ok_or_else(|| ImportError::Missing {
        place: origin.place(key),
    })
}

/// The folder of a suite; `bookworm/updates` is one too, and so is `./`, the root of a flat repository, which is not read.
fn folder(suite: &str) -> Result<String, ImportError> {
    let plain = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._+~-".contains(&b))
    };
    if suite.len() <= 200 && suite.split('/').all(plain) {
        Ok(format!("dists/{suite}"))
    } else {
        Err(ImportError::Address {
            text: crate::model::printable(suite, 200),
            reason: "a suite is what stands in sources.list, such as `stable`",
        })
    }
}

fn read(
    origin: &Origin,
    suite: &str,
    folder: String,
    opened: Opened,
    now: Timestamp,
) -> Result<Release, ImportError> {
    let invalid = |reason: String| ImportError::Invalid {
        place: origin.place(&format!("{folder}/Release")),
        reason,
    };
    let text = String::from_utf8(opened.text).map_err(|_| invalid("it is not UTF-8".to_owned()))?;
    let fields = Paragraph::parse(&text).map_err(|error| invalid(error.to_string()))?;
    let words = |name: &str| -> Vec<String> {
        let value = fields.get(name).unwrap_or_default();
        value.split_whitespace().map(str::to_owned).collect()
    };
    if let Some(until) = fields.get("Valid-Until") {
        let until = Timestamp::from_release_date(&until.replace("GMT", "UTC"))
            .map_err(|error| invalid(error.to_string()))?;
        if until < now {
            return Err(invalid(format!("it was valid until {until}")));
        }
    }
    let listed = fields.get("SHA256");
    let listed = listed.ok_or_else(|| invalid("it lists nothing by SHA256".to_owned()))?;
    let listed = digests(listed).ok_or_else(|| invalid("a line of SHA256 is none".to_owned()))?;
    let origin = ImportOrigin {
        uri: origin.uri(),
        suite: suite.to_owned(),
        release_sha256: Sha256::of(text.as_bytes()),
        fingerprint: opened.fingerprint,
    };
    Ok(Release {
        origin,
        components: words("Components"),
        by_hash: fields.get("Acquire-By-Hash") == Some("yes"),
        listed,
        folder,
    })
}

/// The lines of digests, sizes and paths. One path has one digest.
fn digests(lines: &str) -> Option<BTreeMap<String, Digest>> {
    let mut listed = BTreeMap::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let digest = Digest {
            sha256: words.next()?.parse().ok()?,
            size: words.next()?.parse().ok()?,
        };
        let path = words.next()?.to_owned();
        let before = listed.insert(path, digest);
        if words.next().is_some() || before.is_some_and(|before| before != digest) {
            return None;
        }
    }
    Some(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_a_folder_below_dists() {
        assert_eq!(folder("bookworm").unwrap(), "dists/bookworm");
        assert_eq!(
            folder("bookworm/updates").unwrap(),
            "dists/bookworm/updates"
        );
        for bad in ["", "./", "../x", "a//b", "a b", "/a", "a%2f", "a/.."] {
            assert!(folder(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_has_one_digest() {
        let digest = Sha256::of(b"");
        let line = format!("\n {digest} 0 main/binary-amd64/Packages");
        assert_eq!(digests(&line).unwrap().len(), 1);
        assert_eq!(digests(&line.repeat(2)).unwrap().len(), 1);
        let other = line.replace(" 0 ", " 1 ");
        assert_eq!(digests(&format!("{line}{other}")), None);
        for bad in [" x", " e3 0 a", "\n a b c d"] {
            assert_eq!(digests(bad), None, "{bad}");
        }
    }
}
