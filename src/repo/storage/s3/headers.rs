//! What an object says of itself to whoever fetches it: its type, and how long it may be kept (RFC 9111, RFC 8246).

use crate::repo::storage::Kind;

/// The media type of the object at `key`, by its name.
pub(super) fn content_type(key: &str) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or(key);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match (name, ending) {
        ("InRelease" | "Release" | "Packages" | "Index", _) | (_, "log" | "buildinfo") => {
            "text/plain; charset=utf-8"
        }
        ("Release.gpg", _) => "application/pgp-signature",
        (_, "deb") => "application/vnd.debian.binary-package",
        (_, "gz") => "application/gzip",
        (_, "xz") => "application/x-xz",
        (_, "json") => "application/json",
        (_, "jsonl") => "application/jsonl",
        (_, "pem") => "application/x-pem-file",
        (_, "gpg") => "application/pgp-keys",
        _ => "application/octet-stream",
    }
}

/// How caches treat it. What is replaced is asked for again each time; correctness must not need a cache to be purged.
pub(super) fn cache_control(kind: Kind) -> &'static str {
    match kind {
        Kind::Immutable => "public, max-age=31536000, immutable",
        Kind::Replaced { .. } => "no-cache",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_type() {
        for (key, expected) in [
            ("dists/bookworm/InRelease", "text/plain; charset=utf-8"),
            ("dists/bookworm/Release.gpg", "application/pgp-signature"),
            (
                "pool/a/b/a_1.0_all.deb",
                "application/vnd.debian.binary-package",
            ),
            ("plugfarm-local.gpg", "application/pgp-keys"),
            (
                "dists/bookworm/main/binary-all/Packages.xz",
                "application/x-xz",
            ),
            (".state/repository.json", "application/json"),
            ("x/by-hash/SHA256/00", "application/octet-stream"),
        ] {
            assert_eq!(content_type(key), expected, "{key}");
        }
    }
}
