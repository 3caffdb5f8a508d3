//! From a package's bytes back to a statement that somebody trusted has signed about them.

use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use crate::evidence::{self, EvidenceError, Proof, Provenance, StatementKey, VerifiedApproval};
use crate::model::{Failure, FailureCode, Sha256, Sha256Writer, Stage};
use crate::repo::{RepoError, Repository};

/// The most bytes that an evidence file may have; `evidence::verify` has the same limit.
const MAX_EVIDENCE: u64 = 4 << 20;

/// A package whose bytes are what a trusted key has signed.
#[derive(Debug)]
pub struct VerifiedPackage {
    /// What was signed.
    pub provenance: Provenance,
    /// Who has approved it for which channel, as far as the repository is at hand; sorted by their time.
    pub approvals: Vec<VerifiedApproval>,
    /// The files that the statement names and that do not lie beside the package, so that nothing is known of them.
    pub missing: Vec<String>,
}

impl VerifiedPackage {
    /// The proof of its build, and the files that are not beside the package.
    ///
    /// # Errors
    ///
    /// [`EvidenceError::Imported`] where no build made it.
    pub fn built(self) -> Result<(Proof, Vec<String>), VerifyError> {
        Ok((self.provenance.built()?, self.missing))
    }
}

/// A package of which nothing is proven.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The package, or a file beside it, cannot be read.
    #[error("the package or its evidence cannot be read: {source}")]
    Unreadable {
        /// Which file, and why.
        #[source]
        source: io::Error,
    },
    /// What is published cannot be looked at.
    #[error(transparent)]
    Repository {
        /// Why.
        #[from]
        source: RepoError,
    },
    /// There is no signed statement.
    #[error("the package has no evidence: {source}")]
    NoEvidence {
        /// Which file was looked for, and why it is not there.
        #[source]
        source: io::Error,
    },
    /// The signed statement proves nothing.
    #[error(transparent)]
    Evidence {
        /// Why.
        #[from]
        source: EvidenceError,
    },
    /// The package has other bytes than the statement is about.
    #[error(
        "the package is not what was built: its SHA-256 is {found}, the signed one is {signed}"
    )]
    Package {
        /// What the package is.
        found: Sha256,
        /// What was signed.
        signed: Sha256,
    },
    /// A file beside the package has other bytes than the statement is about.
    #[error("{name} is not what the build left: it was changed")]
    Companion {
        /// The file's name.
        name: String,
    },
}

impl VerifyError {
    /// The code that programs compare, and with it the blame.
    #[must_use]
    pub fn code(&self) -> FailureCode {
        match self {
            Self::Unreadable { .. } => FailureCode::StorageError,
            Self::Repository { source } => source.code_and_hint().0,
            _ => FailureCode::EvidenceInvalid,
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "make the file readable",
            Self::Repository { source } => source.code_and_hint().1,
            Self::NoEvidence { .. } => {
                "keep the files that a build leaves together: the .intoto.jsonl belongs beside the .deb"
            }
            Self::Evidence {
                source: EvidenceError::NotTrusted { .. },
            } => {
                "if another farm built it, name that farm's public statement key with --key: its operator gets it by `plugfarm key export`"
            }
            Self::Evidence {
                source: EvidenceError::Imported { .. },
            } => "only what the farm itself has built can be published or built again",
            Self::Evidence { .. } => "get the evidence again, or build the package again",
            Self::Package { .. } => "get the package again, or build it again",
            Self::Companion { .. } => "get the file again, or build the package again",
        }
    }

    /// The failure of a publication.
    pub(super) fn failure(&self) -> Failure {
        let hint = match self {
            Self::Evidence {
                source: EvidenceError::NotTrusted { .. },
            } => "publish it with the farm that built it, or build it again with this one",
            _ => self.hint(),
        };
        Failure::new(Stage::Publish, self.code(), self.to_string(), hint)
    }
}

/// Verifies the package at `deb` by the evidence that lies beside it (`<stem>.intoto.jsonl`), or else in the repository
/// `published`, against the keys in `trusted`. Of the other files that the statement names, those that lie beside the package
/// are verified too.
///
/// # Errors
///
/// [`VerifyError`] when there is no evidence, no trusted key signed it, or it is about other bytes.
pub fn verify_package(
    deb: &Path,
    trusted: &[StatementKey],
    published: Option<&Repository>,
) -> Result<VerifiedPackage, VerifyError> {
    let found = digest(deb).map_err(|source| VerifyError::Unreadable { source })?;
    let bytes = evidence_of(deb, found, published)?;
    let provenance = evidence::trace(&bytes, trusted)?;
    let signed = provenance.deb().sha256;
    if found != signed {
        return Err(VerifyError::Package { found, signed });
    }
    let approvals = published.map(|repository| approvals_of(repository, found, trusted));
    Ok(VerifiedPackage {
        missing: match &provenance {
            Provenance::Built(proof) => verify_companions(deb, proof)?,
            Provenance::Imported(_) => Vec::new(),
        },
        approvals: approvals.unwrap_or_default(),
        provenance,
    })
}

/// The evidence beside the package, or else the repository's.
fn evidence_of(
    deb: &Path,
    found: Sha256,
    published: Option<&Repository>,
) -> Result<Vec<u8>, VerifyError> {
    let beside = read(&deb.with_extension("intoto.jsonl"));
    let source = match beside {
        Err(source) if source.kind() == ErrorKind::NotFound => source,
        beside => return beside.map_err(|source| VerifyError::NoEvidence { source }),
    };
    let kept = published.map(|repository| repository.attestation(found));
    match kept.transpose()?.flatten() {
        Some(bytes) => Ok(bytes.to_vec()),
        None => Err(VerifyError::NoEvidence { source }),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path)?;
    file.take(MAX_EVIDENCE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The approvals that trusted keys have signed about the package with this digest, as far as the repository can be reached.
/// Anybody can add others.
fn approvals_of(
    repository: &Repository,
    deb: Sha256,
    trusted: &[StatementKey],
) -> Vec<VerifiedApproval> {
    let kept = repository.approvals(deb).unwrap_or_else(|error| {
        tracing::warn!(%error, "who has approved the package is not known");
        Vec::new()
    });
    let verified = kept
        .iter()
        .map(|one| evidence::verify_approval(one, trusted));
    let verified = verified.filter_map(Result::ok);
    let mut found: Vec<_> = verified.filter(|one| one.deb().sha256 == deb).collect();
    found.sort_by_key(|one| (one.approval().at, one.approval().by.clone()));
    found
}

/// Verifies what lies beside the package under the names that the statement gives, and returns the names of what does not.
fn verify_companions(deb: &Path, proof: &Proof) -> Result<Vec<String>, VerifyError> {
    let mut missing = Vec::new();
    for subject in proof.companions() {
        let name = subject.name.clone();
        match digest(&deb.with_file_name(&name)) {
            Ok(found) if found == subject.sha256 => {}
            Ok(_) => return Err(VerifyError::Companion { name }),
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push(name),
            Err(source) => return Err(VerifyError::Unreadable { source }),
        }
    }
    Ok(missing)
}

fn digest(path: &Path) -> io::Result<Sha256> {
    let mut writer = Sha256Writer::new(io::sink());
    io::copy(&mut fs_err::File::open(path)?, &mut writer)?;
    Ok(writer.finish().1)
}
