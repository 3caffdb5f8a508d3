//! Where everything is in a repository, as paths relative to its root. What hosts fetch has no `+`, `~` or `:` in its path,
//! which some servers and object stores read as something else; what starts with a dot is the farm's own.

use crate::model::{Architecture, DebianVersion, FarmName, Sha256, Suite, Target, Timestamp};

/// The folder of the repository's state.
pub(super) const STATE: &str = ".state";
/// The one component of every suite.
pub(super) const COMPONENT: &str = "main";

/// The root of the repository's state, the one small object that is changed.
pub(super) const ROOT: &str = ".state/repository.json";
/// The lease of the one writer, where the storage has no lock.
pub(super) const LEASE: &str = ".state/writer.json";
/// The folder of the objects that the root names, and those that they name.
pub(super) const OBJECTS: &str = ".state/objects";

/// The folder of the pieces of evidence.
pub(super) const EVIDENCE: &str = "evidence/";
/// The folder of the approvals.
pub(super) const APPROVALS: &str = "approvals";
/// The folder of the suites.
pub(super) const DISTS: &str = "dists";
/// The folder of the dated publications, among the suites.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// The `InRelease` that hosts saw when a dated publication was made, beside that one's own.
pub(super) const ORIGINAL: &str = "InRelease.original";
/// The folders of what never changes, and of the suites, where some of it is.
pub(super) const IMMUTABLE: &[&str] = &[
    OBJECTS,
    "pool",
    "attestations",
    "evidence",
    APPROVALS,
    DISTS,
];

/// An object of the state, named by its content.
pub(super) fn object(sha256: Sha256) -> String {
    format!("{OBJECTS}/{sha256}")
}

/// The folder of a suite, which apt's paths are relative to.
pub(super) fn dists(suite: &Suite) -> String {
    dists_named(&suite.to_string())
}

/// The folder of the suite of this name, which may be no more.
pub(super) fn dists_named(suite: &str) -> String {
    format!("{DISTS}/{suite}")
}

/// The name of the dated publication of a suite, as hosts name a suite.
///
/// apt joins `dists/<name>` and a package's place to one address. With the snapshots' folder below `dists` both are found
/// without links or rules of a web server, which a bucket has neither of.
pub(super) fn snapshot(time: Timestamp, suite: &Suite) -> String {
    format!("{}/{suite}", snapshot_codename(time))
}

/// The codename of the dated publications of a moment: what apt expects of one, which is its name without the last part.
pub(super) fn snapshot_codename(time: Timestamp) -> String {
    format!("{SNAPSHOTS}/{}", time.compact())
}

/// The index of one architecture, relative to its suite's folder.
pub(super) fn packages(architecture: Architecture) -> String {
    format!("{COMPONENT}/binary-{architecture}/Packages")
}

/// The folder of the places by content of an index and its compressions, relative to its suite's folder.
pub(super) fn by_hash_folder(index: &str) -> String {
    let folder = index.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/by-hash/SHA256")
}

/// The place by content of an index, relative to its suite's folder.
pub(super) fn by_hash(index: &str, sha256: Sha256) -> String {
    format!("{}/{sha256}", by_hash_folder(index))
}

/// Whether what is at this key below the suites' folders never changes: it is named by its content, or is a patch.
pub(super) fn is_by_content(key: &str) -> bool {
    key.contains("/by-hash/") || key.contains("/Packages.diff/T-")
}

/// Whether it is part of a dated publication.
pub(super) fn is_of_snapshot(key: &str) -> bool {
    let rest = key
        .strip_prefix(DISTS)
        .and_then(|rest| rest.strip_prefix('/'));
    rest.and_then(|rest| rest.strip_prefix(SNAPSHOTS))
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a Release lists an index' patches at this path.
pub(super) fn is_patch_index(path: &str) -> bool {
    path.ends_with(".diff/Index")
}

/// The most bytes that a plain index has where it is kept: hosts take a compressed one.
const MAX_PLAIN: u64 = 1 << 20;

/// Whether the repository has the file that a Release lists at this path. Every index is listed in plain form, too, without
/// which apt finds nothing.
pub(super) fn is_stored(path: &str, size: u64) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name {
        "Packages" => size <= MAX_PLAIN,
        _ => !name.starts_with("Contents-") || name.ends_with(".gz"),
    }
}

/// The Contents index of one architecture, relative to its suite's folder.
pub(super) fn contents(architecture: Architecture) -> String {
    format!("{COMPONENT}/Contents-{architecture}")
}

/// The list of an index' patches, relative to its suite's folder.
pub(super) fn diff_index(index: &str) -> String {
    format!("{index}.diff/Index")
}

/// A patch of an index, relative to its suite's folder.
pub(super) fn patch(index: &str, name: &str) -> String {
    format!("{index}.diff/{name}")
}

/// The place of a package: named by its content, so that it never changes.
pub(super) fn pool(
    package: &str,
    version: &DebianVersion,
    architecture: Architecture,
    sha256: Sha256,
) -> String {
    let digest: String = sha256.to_string().chars().take(16).collect();
    let version = version.without_epoch();
    let name = plain(&format!("{package}_{version}_{architecture}.deb"));
    format!("pool/{package}/{digest}/{name}")
}

/// The signed statement about the package with this digest, relative to the repository's root.
#[must_use]
pub fn attestation(sha256: Sha256) -> String {
    format!("attestations/{sha256}.intoto.jsonl")
}

/// The signed approval of the second digest of the package with the first one, relative to the repository's root.
#[must_use]
pub fn approval(package: Sha256, approval: Sha256) -> String {
    format!("{APPROVALS}/{package}/{approval}.intoto.jsonl")
}

/// The folder of the pieces of evidence of the package with this digest.
pub(super) fn evidence_folder(sha256: Sha256) -> String {
    format!("{EVIDENCE}{sha256}")
}

/// A piece of evidence of the package with this digest, relative to the repository's root; `name` is the file's name in the
/// statement.
#[must_use]
pub fn evidence(sha256: Sha256, name: &str) -> String {
    format!("evidence/{sha256}/{}", plain(name))
}

/// The most characters of a file's name; file systems have 255.
const MAX_NAME: usize = 240;

/// A file's name without what a path must not have: what starts with a dot is the farm's own, or leads out of the folder.
/// Of one that is too long the end stays, which says what it is.
fn plain(name: &str) -> String {
    let long = name.chars().count().saturating_sub(MAX_NAME);
    let kept: String = name.chars().skip(long).collect();
    kept.trim_start_matches('.')
        .chars()
        .map(|c| {
            let kept = c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if kept { c } else { '-' }
        })
        .collect()
}

/// The keyring package at a name that does not change, for a host's first trust.
pub(super) fn keyring(farm: &FarmName, target: Target) -> String {
    format!("{}-{target}.deb", farm.keyring_package())
}

/// The archive key as a binary keyring, for whoever does not want the keyring package.
pub(super) fn archive_key(farm: &FarmName) -> String {
    format!("plugfarm-{farm}.gpg")
}

/// The statement key in PEM.
pub(super) fn statement_key(farm: &FarmName) -> String {
    format!("plugfarm-{farm}-statement.pem")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_path_is_plain_and_named_by_content() {
        let version = DebianVersion::new("1:1.0~rc1-0+deb12u1").unwrap();
        let path = pool(
            "wazo-plugind-a-b",
            &version,
            Architecture::All,
            Sha256::of(b"x"),
        );
        assert_eq!(
            path,
            "pool/wazo-plugind-a-b/2d711642b726b044/wazo-plugind-a-b_1.0-rc1-0-deb12u1_all.deb"
        );
    }

    #[test]
    fn a_long_name_fits_the_file_system() {
        let version = DebianVersion::new(&"1".repeat(200)).unwrap();
        let package = format!("wazo-plugind-{}-b", "a".repeat(100));
        let path = pool(&package, &version, Architecture::All, Sha256::of(b"x"));
        assert!(path.split('/').all(|name| name.len() <= MAX_NAME), "{path}");
        assert!(path.ends_with("11_all.deb"), "{path}");
    }

    #[test]
    fn a_piece_of_evidence_stays_in_its_folder() {
        let path = evidence(Sha256::of(b"x"), "../a_1.0-0+deb12u1_all.log");
        assert!(path.ends_with("/-a_1.0-0-deb12u1_all.log"), "{path}");
    }

    #[test]
    fn an_index_is_found_by_its_hash_beside_it() {
        let path = by_hash(&packages(Architecture::Amd64), Sha256::of(b""));
        assert!(
            path.starts_with("main/binary-amd64/by-hash/SHA256/e3b0c442"),
            "{path}"
        );
    }
}
