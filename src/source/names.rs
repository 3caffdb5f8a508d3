//! The names inside a repository that people ask for: a ref, a folder.

use std::fmt;

use crate::model::InvalidValue;

/// A branch, a tag or a commit id, as it was asked for: `main`, `v1.2`, `refs/tags/v1.2`, `0123abc…`. The rules are those
/// of git-check-ref-format(1); at most 250 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedRef(String);

impl RequestedRef {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str = "it must be the name of a branch or a tag, or a commit id";
        let part =
            |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
        let valid = (1..=250).contains(&text.len())
            && text.split('/').all(part)
            && !text.starts_with('-')
            && !text.ends_with('.')
            && text != "@"
            && !text.contains("..")
            && !text.contains("@{")
            && !text.contains([' ', '~', '^', ':', '?', '*', '[', '\\'])
            && !text.chars().any(char::is_control);
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("ref", text, RULE))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestedRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A folder strictly inside a repository or a folder: plain parts, separated by slashes; at most 1024 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subdirectory(String);

impl Subdirectory {
    /// Checks `text`; a slash at its end does not count.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        const RULE: &str =
            "it must be a relative path inside the repository, without `.`, `..` and `.git`";
        let path = text.strip_suffix('/').unwrap_or(text);
        if path.len() <= 1024 && !path.starts_with('-') && is_plain_path(path) {
            Ok(Self(path.to_owned()))
        } else {
            Err(InvalidValue::new("subdirectory", text, RULE))
        }
    }

    /// The path, without a slash at either end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, from the outermost.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for Subdirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The most bytes of one part of a path, as Linux's file systems have it.
const MAX_PART: usize = 255;
/// The most parts of a path.
const MAX_DEPTH: usize = 64;

/// Whether a relative path is safe to unpack: no empty, `.`, `..` or `.git` part, no control character, not too long.
pub(super) fn is_plain_path(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= MAX_PART
            && part != "."
            && part != ".."
            && !part.eq_ignore_ascii_case(".git")
    };
    path.split('/').all(plain)
        && path.split('/').count() <= MAX_DEPTH
        && !path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_follow_git() {
        for good in [
            "main",
            "fix/pyyaml-6",
            "CRM-6486",
            "v1.1.1-1",
            "24_02_v1.1.0",
            "refs/tags/v1",
            "é",
            "a@b",
            "0123456789012345678901234567890123456789",
        ] {
            assert!(RequestedRef::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=touch /tmp/x",
            "a..b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.lock/b",
            "a.",
            "@",
            "a@{1}",
            "a\nb",
            "a\u{7f}",
            &"x".repeat(251),
        ] {
            assert!(RequestedRef::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_subdirectory_stays_inside() {
        assert_eq!(
            Subdirectory::new("plugins/hello/").unwrap().as_str(),
            "plugins/hello"
        );
        assert!(Subdirectory::new("é 🎉/x").is_ok());
        for bad in [
            "",
            "/",
            "/etc",
            "..",
            "a/..",
            "../a",
            "a/../b",
            ".",
            "./a",
            "a//b",
            "a/.git",
            ".GIT/x",
            "-x",
            "a\nb",
            "a\0b",
            &"x".repeat(256),
            &"x/".repeat(65),
        ] {
            assert!(Subdirectory::new(bad).is_err(), "{bad:?}");
        }
    }
}
