//! Where everything is in a repository, as paths relative to its root. Pool paths have no `+`, `~` or `:`, which some
//! servers and object stores read as something else.

use crate::model::{Architecture, DebianVersion, FarmName, Sha256, Suite, Target};

/// The folder of the suites' states.
pub(super) const STATE: &str = "state";
/// The one component of every suite.
pub(super) const COMPONENT: &str = "main";
/// The compressions of an index, as endings; the empty one is the index itself.
pub(super) const ENDINGS: [&str; 3] = ["", ".gz", ".xz"];

/// The state of a suite.
pub(super) fn state(suite: &str) -> String {
    format!("{STATE}/{suite}.json")
}

/// The folder of a suite, which apt's paths are relative to.
pub(super) fn dists(suite: &Suite) -> String {
    format!("dists/{suite}")
}

/// The index of one architecture, relative to its suite's folder.
pub(super) fn packages(architecture: Architecture) -> String {
    format!("{COMPONENT}/binary-{architecture}/Packages")
}

/// The place by content of an index, relative to its suite's folder.
pub(super) fn by_hash(index: &str, sha256: Sha256) -> String {
    let folder = index.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/by-hash/SHA256/{sha256}")
}

/// The place of a package: named by its content, so that it never changes.
pub(super) fn pool(
    package: &str,
    version: &DebianVersion,
    architecture: Architecture,
    sha256: Sha256,
) -> String {
    let version: String = version
        .without_epoch()
        .chars()
        .map(|c| if matches!(c, '+' | '~' | ':') { '-' } else { c })
        .collect();
    let digest: String = sha256.to_string().chars().take(16).collect();
    format!("pool/{package}/{digest}/{package}_{version}_{architecture}.deb")
}

/// The evidence of a package: the signed statement, and the folder of what it names beside the package.
pub(super) fn attestation(sha256: Sha256) -> String {
    format!("attestations/{sha256}.intoto.jsonl")
}

/// See [`attestation`].
pub(super) fn evidence(sha256: Sha256) -> String {
    format!("evidence/{sha256}")
}

/// The keyring package at a name that does not change, for a host's first trust.
pub(super) fn keyring(farm: &FarmName, target: Target) -> String {
    format!("{}-{target}.deb", farm.keyring_package())
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
    fn an_index_is_found_by_its_hash_beside_it() {
        let path = by_hash(&packages(Architecture::Amd64), Sha256::of(b""));
        assert!(
            path.starts_with("main/binary-amd64/by-hash/SHA256/e3b0c442"),
            "{path}"
        );
    }
}
