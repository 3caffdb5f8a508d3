//! What may get in: a package whose verified statement is about its very bytes, at a version that nothing else has.

use std::path::{Path, PathBuf};

use super::state::{Published, SuiteState};
use super::{RepoError, Repository, files, layout};
use crate::deb::control::Paragraph;
use crate::deb::read::{ReadLimits, read_summary};
use crate::evidence::{Artifact, VerifiedStatement};
use crate::model::{Suite, Timestamp};

/// The most bytes that a piece of evidence may have.
const MAX_EVIDENCE: u64 = 256 << 20;

/// A package that may be published, with the statement that proves where it comes from. Verification alone makes a
/// [`VerifiedStatement`], so nothing unverified can be published.
#[derive(Debug)]
pub struct Publishable {
    path: PathBuf,
    statement: VerifiedStatement,
    control: Paragraph,
}

impl Publishable {
    /// Reads the package at `path`, and checks that it says of itself what `statement` says of it. Its evidence lies beside
    /// it, under the names that the statement gives.
    ///
    /// # Errors
    ///
    /// [`RepoError::Mismatch`], [`RepoError::Read`], [`RepoError::Io`].
    pub fn open(path: &Path, statement: VerifiedStatement) -> Result<Self, RepoError> {
        let file = fs_err::File::open(path).map_err(RepoError::io("read", path))?;
        let control = read_summary(file, &ReadLimits::default())?.control;
        let said = [
            ("Package", statement.package().to_owned()),
            ("Version", statement.version().to_string()),
            ("Architecture", statement.architecture().to_string()),
        ];
        for (field, expected) in said {
            let found = control.get(field).unwrap_or_default();
            if found != expected {
                let reason = format!("its `{field}` is `{found}`, the signed one is `{expected}`");
                return Err(RepoError::Mismatch { reason });
            }
        }
        Ok(Self {
            path: path.to_owned(),
            statement,
            control,
        })
    }

    /// Refuses what would change a published version, or would be no upgrade for any host.
    pub(super) fn check_version(
        &self,
        state: &SuiteState,
        history: &[Published],
    ) -> Result<Admission, RepoError> {
        let statement = &self.statement;
        let used = |reason: &str| RepoError::VersionUsed {
            package: statement.package().to_owned(),
            version: statement.version().to_string(),
            reason: reason.to_owned(),
        };
        for published in history {
            if published.sha256 == statement.deb().sha256 {
                continue;
            }
            let same_version =
                published.plugin_version.as_ref() == Some(statement.plugin_version());
            if same_version && published.commit.as_ref() != statement.commit() {
                return Err(used(&match &published.commit {
                    Some(commit) => format!("from commit {commit}"),
                    None => "from a folder that no commit holds".to_owned(),
                }));
            }
            if published.version == *statement.version() {
                return Err(used("with other bytes"));
            }
        }
        let versions = state.versions(statement.package());
        if versions
            .iter()
            .any(|published| published.sha256 == statement.deb().sha256)
        {
            return Ok(Admission::Already);
        }
        match versions.first() {
            Some(highest) if highest.version >= *statement.version() => {
                Err(RepoError::VersionNotHigher {
                    package: statement.package().to_owned(),
                    version: statement.version().to_string(),
                    published: highest.version.to_string(),
                    suite: state.suite.to_string(),
                })
            }
            _ => Ok(Admission::New),
        }
    }

    /// Whether it was built for the suite's release.
    pub(super) fn check_target(&self, suite: &Suite) -> Result<(), RepoError> {
        if self.statement.target() == suite.target {
            return Ok(());
        }
        let reason = format!(
            "it was built for {}, not for {suite}",
            self.statement.target()
        );
        Err(RepoError::Mismatch { reason })
    }

    pub(super) fn statement(&self) -> &VerifiedStatement {
        &self.statement
    }

    /// Puts the package and its evidence in their places, which are named by content; says what to publish of it.
    pub(super) fn store(
        &self,
        repository: &Repository,
        published: Timestamp,
    ) -> Result<Published, RepoError> {
        let (statement, deb) = (&self.statement, self.statement.deb());
        let filename = layout::pool(
            statement.package(),
            statement.version(),
            statement.architecture(),
            deb.sha256,
        );
        let mut file = fs_err::File::open(&self.path).map_err(RepoError::io("read", &self.path))?;
        files::create(&repository.root.join(&filename), &mut file, deb.sha256)?;
        self.store_evidence(repository)?;
        Ok(Published {
            package: statement.package().to_owned(),
            version: statement.version().clone(),
            architecture: statement.architecture(),
            plugin_version: Some(statement.plugin_version().clone()),
            commit: statement.commit().cloned(),
            content: statement.content(),
            sha256: deb.sha256,
            size: deb.size,
            stanza: stanza(&self.control, &filename, deb),
            filename,
            published,
        })
    }

    fn store_evidence(&self, repository: &Repository) -> Result<(), RepoError> {
        let deb = self.statement.deb().sha256;
        let folder = repository.root.join(layout::evidence(deb));
        for subject in self
            .statement
            .subjects()
            .iter()
            .filter(|subject| subject.sha256 != deb)
        {
            let path = self.path.with_file_name(&subject.name);
            let mut file = fs_err::File::open(&path).map_err(RepoError::io("read", &path))?;
            files::create(&folder.join(&subject.name), &mut file, subject.sha256)?;
        }
        let path = self.path.with_extension("intoto.jsonl");
        let failed = || RepoError::io("read", &path);
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let bytes = files::read(&path, MAX_EVIDENCE)?
            .ok_or(missing)
            .map_err(failed())?;
        files::replace(&repository.root.join(layout::attestation(deb)), &bytes)
    }
}

/// Whether a package is new to a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    New,
    Already,
}

/// A paragraph of `Packages`: every control field as it is, then where the package is and what its bytes are.
pub(super) fn stanza(control: &Paragraph, filename: &str, deb: &Artifact) -> String {
    format!(
        "{control}Filename: {filename}\nSize: {}\nSHA256: {}\n",
        deb.size, deb.sha256
    )
}
