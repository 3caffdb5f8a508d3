//! The farm's indices as apt fetched them: found by apt's word, believed by the farm's signature alone.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::command::ask;
use super::{AptError, Farm};
use crate::deb::control::Paragraph;
use crate::model::{Sha256, Timestamp};
use crate::sign::verify_in_release;

/// The most bytes that an index may have.
const MAX_INDEX: u64 = 256 << 20;
/// The most bytes that a signed Release may have.
const MAX_RELEASE: u64 = 2 << 20;

/// An index of a farm that apt has on this machine (apt-get(8), `indextargets`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The index' file.
    pub(super) path: PathBuf,
    /// Its path in its suite, as the Release lists it.
    meta_key: String,
    /// The repository's address.
    pub(super) repository: String,
    /// The file of the source that leads to it.
    pub(super) source: PathBuf,
}

/// What an index says, and since when the file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// The text of the index, which the farm has signed.
    pub(super) text: String,
    /// The suite's name.
    pub(super) suite: String,
}

/// The indices of packages whose Release says that they are this farm's. That is only a claim yet.
pub(super) async fn targets(farm: &Farm) -> Result<Vec<Target>, AptError> {
    let origin = format!("Origin: {}", farm.name.origin());
    let arguments = ["indextargets", "Created-By: Packages", &origin];
    let answer = ask("apt-get", &arguments).await?;
    let mut targets = read_targets(&String::from_utf8_lossy(&answer));
    targets.dedup();
    Ok(targets)
}

fn read_targets(answer: &str) -> Vec<Target> {
    let paragraphs = answer.split("\n\n").map(Paragraph::parse);
    let paragraphs = paragraphs.filter_map(Result::ok);
    paragraphs
        .filter_map(|fields| {
            let source = fields.get("Sourcesentry")?;
            let source = source.rsplit_once(':').map_or(source, |(file, _)| file);
            Some(Target {
                path: fields.get("Filename")?.into(),
                meta_key: fields.get("MetaKey")?.to_owned(),
                repository: fields.get("Repo-URI")?.to_owned(),
                source: source.into(),
            })
        })
        .collect()
}

/// When the files of an index were last written: if neither changed, neither did what they say.
pub(super) fn written(target: &Target) -> Option<[(std::time::SystemTime, u64); 2]> {
    let of = |path: &Path| {
        let found = fs_err::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    Some([of(&release_path(target)?)?, of(&target.path)?])
}

/// Reads an index, and verifies it by the farm's keyring as of `now`.
pub(super) async fn read(target: &Target, farm: &Farm, now: Timestamp) -> Result<Index, AptError> {
    let not_the_farms = |reason: String| AptError::NotTheFarms {
        path: target.path.clone(),
        farm: farm.name.to_string(),
        reason,
    };
    let keyring = read_limited(&farm.keyring, MAX_RELEASE)?;
    let release = release_path(target);
    let release = release.ok_or_else(|| not_the_farms("it has no InRelease".to_owned()))?;
    // Any source may call itself the farm's: that its files cannot be read must not keep the farm's own from being read.
    let signed =
        read_limited(&release, MAX_RELEASE).map_err(|error| not_the_farms(error.to_string()))?;
    let text = verify_in_release(&signed, &keyring, now)
        .map_err(|error| not_the_farms(error.to_string()))?;
    let (suite, expected) = listed(&text, &target.meta_key).map_err(not_the_farms)?;
    let bytes = plain(&target.path).await;
    let bytes = bytes.map_err(|error| not_the_farms(error.to_string()))?;
    if Sha256::of(&bytes) != expected {
        return Err(not_the_farms(
            "its SHA-256 is not the signed one".to_owned(),
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| not_the_farms("it is not UTF-8".to_owned()))?;
    Ok(Index { text, suite })
}

/// The suite's name, and the digest of the plain index `meta_key`.
fn listed(release: &[u8], meta_key: &str) -> Result<(String, Sha256), String> {
    let text = std::str::from_utf8(release).map_err(|_| "its Release is not UTF-8")?;
    let fields = Paragraph::parse(text).map_err(|error| error.to_string())?;
    let mut lines = fields.get("SHA256").unwrap_or_default().lines();
    let digest = lines.find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [digest, _, path] if path == meta_key => digest.parse().ok(),
            _ => None,
        }
    });
    let digest = digest.ok_or_else(|| format!("its Release does not list {meta_key}"))?;
    let suite = fields.get("Suite").or_else(|| fields.get("Codename"));
    Ok((suite.unwrap_or_default().to_owned(), digest))
}

/// apt names files after their address, with `_` for `/`: the Release's differs in its last part alone.
fn release_path(target: &Target) -> Option<PathBuf> {
    let name = target.path.file_name()?.to_str()?;
    let end = format!("_{}", target.meta_key.replace('/', "_"));
    let (start, _) = name.rsplit_once(&end)?;
    Some(target.path.with_file_name(format!("{start}_InRelease")))
}

/// The bytes of an index, however apt keeps it.
async fn plain(path: &Path) -> Result<Vec<u8>, AptError> {
    if path
        .extension()
        .is_none_or(|end| !COMPRESSED.iter().any(|one| end == *one))
    {
        return read_limited(path, MAX_INDEX);
    }
    ask(
        "/usr/lib/apt/apt-helper",
        &["cat-file", &path.to_string_lossy()],
    )
    .await
}

/// The endings of what apt keeps compressed (`Acquire::GzipIndexes`).
const COMPRESSED: [&str; 6] = ["lz4", "zst", "gz", "xz", "bz2", "lzma"];

pub(super) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, AptError> {
    let mut bytes = Vec::new();
    fs_err::File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(AptError::read(path))?;
    if bytes.len() as u64 > limit {
        return Err(AptError::read(path)(ErrorKind::FileTooLarge.into()));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "MetaKey: main/binary-amd64/Packages\nFilename: /l/127.0.0.1:8000_dists_bookworm_main_binary-amd64_Packages\n\
        Fallback-Of: \nRepo-URI: http://127.0.0.1:8000/\nSourcesentry: /etc/apt/sources.list.d/plugfarm-local.sources:1\n\nMetaKey: x\n";

    #[test]
    fn a_target_is_read_with_the_file_of_its_source() {
        let targets = read_targets(ANSWER);
        let [target] = &targets[..] else {
            panic!("{targets:?}")
        };
        assert_eq!(target.repository, "http://127.0.0.1:8000/");
        assert_eq!(
            target.source,
            Path::new("/etc/apt/sources.list.d/plugfarm-local.sources")
        );
        assert_eq!(
            release_path(target).unwrap(),
            Path::new("/l/127.0.0.1:8000_dists_bookworm_InRelease")
        );
        let compressed = Target {
            path: "/l/h_dists_bookworm_main_binary-amd64_Packages.lz4".into(),
            ..target.clone()
        };
        assert_eq!(
            release_path(&compressed).unwrap(),
            Path::new("/l/h_dists_bookworm_InRelease")
        );
    }

    #[test]
    fn a_release_lists_the_index_or_vouches_for_nothing() {
        let digest = Sha256::of(b"x");
        let text = format!("Suite: bookworm\nSHA256:\n {digest} 1 main/binary-amd64/Packages\n");
        let found = listed(text.as_bytes(), "main/binary-amd64/Packages").unwrap();
        assert_eq!(found, ("bookworm".to_owned(), digest));
        for (text, key) in [
            (text.as_str(), "binary-amd64/Packages"),
            ("Suite: x\nMD5Sum:\n 0 1 a\n", "a"),
            ("nothing", "a"),
        ] {
            assert!(listed(text.as_bytes(), key).is_err(), "{text}");
        }
    }
}
