//! The evidence of the plugins that are installed here, kept so that `verify` needs no network: for each package the signed
//! statement about it, its bill of materials with the digest of each file, and the approvals that let it into its channel.
//!
//! It is fetched from the farm's repository while apt installs the package, and what is missing when the farm's indices are
//! fetched. A package can be installed without it: what is missing is told by `verify`, which then cannot tell. Nothing in these
//! files is believed before it is verified again.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::apt::{self, AptError, Available, Farm, Packages};
use crate::evidence::{EvidenceError, Provenance, StatementKey, trace};
use crate::model::{DebianVersion, Sha256};
use crate::repo::{approval_path, attestation_path, evidence_path};

/// Where it is kept. The folder is root's: what root writes must be nobody else's to redirect.
pub const FOLDER: &str = "/var/lib/plugfarm-host-evidence";

/// The names of the two files of a package.
const STATEMENT: &str = "statement.intoto.jsonl";
const CONTENTS: &str = "contents.cdx.json";
/// The ending of the names of approvals, after their digests.
const APPROVAL: &str = ".approval.jsonl";
/// The ending of the bill of materials in a statement.
const CONTENTS_ENDING: &str = ".cdx.json";
/// The most bytes that either may have.
const MAX_FILE: u64 = 16 << 20;
/// The most bytes that an approval may have, and the most approvals of one package.
const MAX_APPROVAL: u64 = 256 << 10;
const MAX_APPROVALS: usize = 64;
/// The most bytes that a file of keys may have.
const MAX_KEYS: u64 = 16 << 10;
/// The longest that an installation waits for evidence.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is kept.
#[derive(Debug, Clone)]
pub struct Evidence {
    folder: PathBuf,
}

/// What is kept of one package; nothing of it is verified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The signed statement.
    pub statement: Option<Vec<u8>>,
    /// The bill of materials.
    pub contents: Option<Vec<u8>>,
    /// The signed approvals, by the digests that they were fetched by.
    pub approvals: BTreeMap<Sha256, Vec<u8>>,
}

/// Evidence that cannot be fetched or kept.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Apt(#[from] AptError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error("the evidence is about another package")]
    Other,
}

impl Evidence {
    /// What is kept below `folder`.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Fetches and keeps the evidence of packages that are being installed. What cannot be had is logged: it fails nothing.
    pub(super) async fn fetch(&self, offers: &[Available]) {
        let all = async {
            for offer in offers {
                if let Err(error) = self.complete(offer).await {
                    let package = &offer.package;
                    tracing::warn!(package, %error, "its evidence cannot be kept, so it cannot be verified here");
                }
            }
        };
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("evidence took too long; what is missing cannot be verified here");
        }
    }

    /// Fetches what is missing of one package.
    async fn complete(&self, offer: &Available) -> Result<(), FetchError> {
        if !self.has(offer) {
            self.fetch_one(offer, &Farm::named(offer.farm.clone()))
                .await?;
        }
        let place = self.place(&offer.package, &offer.version);
        for digest in offer.approvals.values().flatten() {
            let path = place.join(format!("{digest}{APPROVAL}"));
            if !path.is_file() {
                self.fetch_approval(offer, *digest, &path).await?;
            }
        }
        Ok(())
    }

    async fn fetch_approval(
        &self,
        offer: &Available,
        digest: Sha256,
        to: &Path,
    ) -> Result<(), FetchError> {
        let fetched = tempfile::Builder::new()
            .prefix(".")
            .tempdir_in(&self.folder)?;
        let root = offer.repository.trim_end_matches('/');
        let uri = format!("{root}/{}", approval_path(offer.sha256, digest));
        let file = fetched.path().join("approval");
        apt::download(&uri, &file, Some(digest)).await?;
        if fs_err::metadata(&file)?.len() > MAX_APPROVAL {
            return Err(io::Error::from(ErrorKind::FileTooLarge).into());
        }
        fs_err::set_permissions(&file, readable(0o644))?;
        Ok(fs_err::rename(file, to)?)
    }

    async fn fetch_one(&self, offer: &Available, farm: &Farm) -> Result<(), FetchError> {
        fs_err::create_dir_all(&self.folder)?;
        let fetched = tempfile::Builder::new()
            .prefix(".")
            .tempdir_in(&self.folder)?;
        let root = offer.repository.trim_end_matches('/');
        let statement = fetched.path().join(STATEMENT);
        let uri = format!("{root}/{}", attestation_path(offer.sha256));
        apt::download(&uri, &statement, None).await?;
        let bytes = read_limited(&statement, MAX_FILE)?;
        let provenance = trace(&bytes, &statement_keys(farm)?)?;
        if provenance.deb().sha256 != offer.sha256 {
            return Err(FetchError::Other);
        }
        if let Some(contents) = contents_of(&provenance) {
            let uri = format!("{root}/{}", evidence_path(contents.deb, &contents.name));
            let to = fetched.path().join(CONTENTS);
            apt::download(&uri, &to, Some(contents.sha256)).await?;
        }
        self.keep(fetched, &offer.package, &offer.version)
            .map_err(Into::into)
    }

    fn keep(
        &self,
        fetched: tempfile::TempDir,
        package: &str,
        version: &DebianVersion,
    ) -> io::Result<()> {
        let place = self.place(package, version);
        for folder in [&self.folder.join(package), fetched.path()] {
            fs_err::create_dir_all(folder)?;
            fs_err::set_permissions(folder, readable(0o755))?;
        }
        for entry in fs_err::read_dir(fetched.path())? {
            fs_err::set_permissions(entry?.path(), readable(0o644))?;
        }
        match fs_err::remove_dir_all(&place) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs_err::rename(fetched.keep(), place)
    }

    /// Forgets the packages and versions that are not installed any more.
    pub(super) fn forget(&self, packages: &Packages) {
        let installed = |package: &str, version: &str| {
            let mut there = packages.plugins.iter().filter(|one| !one.state.is_gone());
            there.any(|one| one.package == package && one.version.as_str() == version)
        };
        let Ok(entries) = fs_err::read_dir(&self.folder) else {
            return;
        };
        for package in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let versions = fs_err::read_dir(&package).into_iter().flatten();
            let versions = versions.filter_map(|entry| Some(entry.ok()?.path()));
            let (kept, old): (Vec<_>, Vec<_>) =
                versions.partition(|version| installed(name(&package), name(version)));
            // A folder with a point before its name is of a run that was killed.
            let old = if kept.is_empty() { vec![package] } else { old };
            for path in old {
                if let Err(error) = fs_err::remove_dir_all(path) {
                    tracing::warn!(%error, "old evidence stays");
                }
            }
        }
    }

    fn has(&self, offer: &Available) -> bool {
        self.place(&offer.package, &offer.version)
            .join(STATEMENT)
            .is_file()
    }

    /// What is kept of a package.
    ///
    /// # Errors
    ///
    /// What the system says; what is not there is none.
    pub fn kept(&self, package: &str, version: &DebianVersion) -> io::Result<Kept> {
        let place = self.place(package, version);
        let read = |name: &str| match read_limited(&place.join(name), MAX_FILE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Kept {
            statement: read(STATEMENT)?,
            contents: read(CONTENTS)?,
            approvals: approvals(&place)?,
        })
    }

    /// Neither a package's name nor a version has a slash, or is a dot.
    fn place(&self, package: &str, version: &DebianVersion) -> PathBuf {
        self.folder.join(package).join(version.as_str())
    }
}

/// The approvals in the folder of a package.
fn approvals(place: &Path) -> io::Result<BTreeMap<Sha256, Vec<u8>>> {
    let entries = match fs_err::read_dir(place) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries?,
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let digest = name(&path).strip_suffix(APPROVAL);
        if let Some(Ok(digest)) = digest.map(str::parse)
            && found.len() < MAX_APPROVALS
        {
            found.insert(digest, read_limited(&path, MAX_APPROVAL)?);
        }
    }
    Ok(found)
}

fn readable(mode: u32) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(mode)
}

fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// The bill of materials that a statement vouches for.
pub(super) struct Contents {
    /// The package that it was written for.
    deb: Sha256,
    /// Its file's name.
    name: String,
    /// Its digest.
    pub(super) sha256: Sha256,
}

/// The bill of materials of what a package holds. One that brings an older package back holds what that one did.
pub(super) fn contents_of(provenance: &Provenance) -> Option<Contents> {
    let Provenance::Built(proof) = provenance else {
        return None;
    };
    let statement = proof.statement();
    let mut subjects = statement.subjects().iter();
    let found = subjects.find(|one| one.name.ends_with(CONTENTS_ENDING))?;
    Some(Contents {
        deb: statement.deb().sha256,
        name: found.name.clone(),
        sha256: found.sha256,
    })
}

/// The keys that a farm signs statements with, as its keyring package has them.
pub(super) fn statement_keys(farm: &Farm) -> Result<Vec<StatementKey>, io::Error> {
    let text = read_limited(&farm.statement_keys, MAX_KEYS)?;
    let text = String::from_utf8(text).map_err(io::Error::other)?;
    StatementKey::all_from_pem(&text).map_err(io::Error::other)
}

pub(super) fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path)?;
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}
