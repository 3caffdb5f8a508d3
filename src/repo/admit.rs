//! What may get in: a package whose verified statement is about its very bytes, at a version that nothing else has.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::entry::Published;
use super::storage::{Content, Expected, Write};
use super::{RepoError, layout};
use crate::deb::control::Paragraph;
use crate::deb::read::{ReadLimits, read_summary};
use crate::evidence::{self, Artifact, StatementKey, VerifiedStatement};
use crate::model::{Sha256, Sha256Writer, Suite, Timestamp};

/// The most bytes that a file of signed statements may have; [`evidence::verify`] has the same limit.
const MAX_STATEMENT: u64 = 4 << 20;

/// What the repository says of a package, and no package may say of itself.
const OURS: &[&str] = &[
    "Filename",
    "Size",
    "MD5sum",
    "SHA1",
    "SHA256",
    "SHA512",
    "Status",
    evidence::APPROVALS_FIELD,
];

/// A package that may be published, with the statement that proves where it comes from. Verification alone makes a
/// [`VerifiedStatement`], so nothing unverified can be published.
#[derive(Debug)]
pub struct Publishable {
    path: PathBuf,
    /// The signed statement as it is written, which goes into the repository.
    evidence: Vec<u8>,
    statement: VerifiedStatement,
    control: Paragraph,
}

impl Publishable {
    /// Reads the package at `path`, and checks that it is the one that `statement` is about. Its evidence lies beside it:
    /// the statement in `<stem>.intoto.jsonl`, the rest under the names that the statement gives.
    ///
    /// # Errors
    ///
    /// [`RepoError::Mismatch`], [`RepoError::Read`], [`RepoError::Io`].
    pub fn open(path: &Path, statement: VerifiedStatement) -> Result<Self, RepoError> {
        let (control, found) = read_package(path)?;
        if found != expected(statement.deb()) {
            return Err(mismatch(format!(
                "the package's SHA-256 is {}, the signed one is {}",
                found.sha256,
                statement.deb().sha256
            )));
        }
        check_control(&control, &statement)?;
        Ok(Self {
            evidence: read_evidence(path)?,
            path: path.to_owned(),
            statement,
            control,
        })
    }

    /// The package's name.
    pub(super) fn package(&self) -> &str {
        self.statement.package()
    }

    /// Whether the farm itself has signed for the package: the key that verified it must be one of the farm's, and the
    /// evidence beside the package must say what was verified.
    pub(super) fn check_evidence(&self, keys: &[StatementKey]) -> Result<(), RepoError> {
        let verified = evidence::verify(&self.evidence, keys)?;
        if verified == self.statement {
            Ok(())
        } else {
            Err(mismatch(
                "the statement beside the package is another one".to_owned(),
            ))
        }
    }

    /// Whether it was built for the suite's release, and for its channel if it is a preview.
    pub(super) fn check_target(&self, suite: &Suite) -> Result<(), RepoError> {
        if let Some(preview) = self.statement.preview()
            && *preview != suite.channel
        {
            return Err(mismatch(format!(
                "it was built for the channel {preview}, and enters no other one"
            )));
        }
        if self.statement.target() == suite.target {
            return Ok(());
        }
        let target = self.statement.target();
        Err(mismatch(format!(
            "it was built for {target}, not for {suite}"
        )))
    }

    /// Refuses what would change a published version, wherever it is published, or would be no upgrade for any host of the
    /// suite. Gives what is published of the same content already.
    pub(super) fn judge(
        &self,
        draft: &Draft<'_>,
        suite: &Suite,
    ) -> Result<Option<Published>, RepoError> {
        let statement = &self.statement;
        let history = draft.history(statement.package())?;
        let mut same = None;
        for entry in &history {
            if self.is_content_of(&entry.published) {
                same = Some(entry);
            } else if let Some(reason) = self.conflict(&entry.published) {
                return Err(RepoError::VersionUsed {
                    package: statement.package().to_owned(),
                    version: statement.version().to_string(),
                    reason,
                });
            }
        }
        if let Some((same, reason)) = same.and_then(|same| Some((same, same.withdrawn(suite)?))) {
            return Err(RepoError::withdrawn(&same.published, reason));
        }
        if let Some(same) = same.filter(|same| same.erased.is_some()) {
            return Err(RepoError::VersionUsed {
                package: same.published.package.clone(),
                version: same.published.version.to_string(),
                reason: "and its file is kept no more".to_owned(),
            });
        }
        let there = same.is_some_and(|same| same.listing(suite).is_some());
        let mut listed = history.iter().rev();
        match listed.find(|entry| entry.listed(suite).is_some()) {
            Some(highest) if !there && highest.published.version >= *statement.version() => {
                Err(RepoError::VersionNotHigher {
                    package: statement.package().to_owned(),
                    version: statement.version().to_string(),
                    published: highest.published.version.to_string(),
                    suite: suite.to_string(),
                })
            }
            _ => Ok(same.map(|same| same.published.clone())),
        }
    }

    /// Whether `published` is the same version of the same content from the same commit. Its bytes may differ: another
    /// compressor wrote them. They stay.
    fn is_content_of(&self, published: &Published) -> bool {
        let statement = &self.statement;
        published.version == *statement.version()
            && published.commit.as_ref() == statement.commit()
            && published.content == statement.content()
    }

    /// What speaks against publishing this beside `published`, in words that follow a comma.
    fn conflict(&self, published: &Published) -> Option<String> {
        let statement = &self.statement;
        // The preview of a branch takes nothing away from its release, nor from the next commit's.
        let releases = !published.preview && statement.preview().is_none();
        let same_plugin_version =
            releases && published.plugin_version.as_ref() == Some(statement.plugin_version());
        if same_plugin_version && published.commit.as_ref() != statement.commit() {
            return Some(match &published.commit {
                Some(commit) => format!("from commit {commit}"),
                None => "from a folder that no commit holds".to_owned(),
            });
        }
        // A folder with changes names the commit that it is at, and so does the next one with others.
        if same_plugin_version && published.source != Some(statement.source_tar()) {
            return Some("from other files".to_owned());
        }
        (published.version == *statement.version()).then(|| "with other content".to_owned())
    }

    /// What is published of it.
    pub(super) fn published(&self, published: Timestamp) -> Published {
        let (statement, deb) = (&self.statement, self.statement.deb());
        let filename = layout::pool(
            statement.package(),
            statement.version(),
            statement.architecture(),
            deb.sha256,
        );
        Published {
            package: statement.package().to_owned(),
            version: statement.version().clone(),
            architecture: statement.architecture(),
            plugin_version: Some(statement.plugin_version().clone()),
            preview: statement.preview().is_some(),
            imported: false,
            commit: statement.commit().cloned(),
            source: Some(statement.source_tar()),
            content: statement.content(),
            statement: Some(Sha256::of(&self.evidence)),
            sha256: deb.sha256,
            size: deb.size,
            stanza: stanza(&self.control, &filename, expected(deb)),
            filename,
            published,
        }
    }

    /// The package and its evidence, on their way to their places, which are named by content.
    pub(super) fn writes(&self, entry: &Published) -> Vec<Write> {
        let deb = self.statement.deb();
        let file = |path: PathBuf, key: String, artifact: &Artifact| {
            Write::immutable(key, Content::File(path), expected(artifact))
        };
        let mut writes = vec![file(self.path.clone(), entry.filename.clone(), deb)];
        let others = self.statement.subjects().iter();
        for subject in others.filter(|subject| subject.name != deb.name) {
            let path = self.path.with_file_name(&subject.name);
            let key = layout::evidence(deb.sha256, &subject.name);
            writes.push(file(path, key, subject));
        }
        writes.push(Write::immutable(
            layout::attestation(deb.sha256),
            Content::Bytes(self.evidence.clone().into()),
            Expected::of(&self.evidence),
        ));
        writes
    }
}

pub(super) fn mismatch(reason: String) -> RepoError {
    RepoError::Mismatch { reason }
}

/// What the bytes of an artifact must be.
pub(super) fn expected(artifact: &Artifact) -> Expected {
    Expected {
        sha256: artifact.sha256,
        size: artifact.size,
    }
}

/// What a package says of itself, and what its bytes are: of the same bytes, read once.
pub(super) fn read_package(path: &Path) -> Result<(Paragraph, Expected), RepoError> {
    let failed = || RepoError::io("read", path);
    let file = fs_err::File::open(path).map_err(failed())?;
    let mut reader = Digesting {
        inner: io::BufReader::new(file),
        digest: Sha256Writer::new(io::sink()),
    };
    let control = read_summary(&mut reader, &ReadLimits::default())?.control;
    io::copy(&mut reader, &mut io::sink()).map_err(failed())?;
    let (_, sha256, size) = reader.digest.finish();
    Ok((control, Expected { sha256, size }))
}

/// A reader that digests what is read through it.
struct Digesting<R> {
    inner: R,
    digest: Sha256Writer<io::Sink>,
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        io::Write::write_all(&mut self.digest, buffer.get(..read).unwrap_or_default())?;
        Ok(read)
    }
}

fn check_control(control: &Paragraph, statement: &VerifiedStatement) -> Result<(), RepoError> {
    let said = [
        ("Package", statement.package().to_owned()),
        ("Version", statement.version().to_string()),
        ("Architecture", statement.architecture().to_string()),
    ];
    for (field, expected) in said {
        let found = control.get(field).unwrap_or_default();
        if found != expected {
            return Err(mismatch(format!(
                "its `{field}` is `{found}`, the signed one is `{expected}`"
            )));
        }
    }
    check_ours(control)
}

/// Refuses a package that says what only the repository may say of it.
pub(super) fn check_ours(control: &Paragraph) -> Result<(), RepoError> {
    match OURS.iter().find(|name| control.get(name).is_some()) {
        Some(name) => Err(mismatch(format!(
            "it has the field `{name}`, which is the repository's to write"
        ))),
        None => Ok(()),
    }
}

/// The file of signed statements beside the package.
fn read_evidence(package: &Path) -> Result<Vec<u8>, RepoError> {
    let path = package.with_extension("intoto.jsonl");
    let mut bytes = Vec::new();
    fs_err::File::open(&path)
        .and_then(|file| file.take(MAX_STATEMENT + 1).read_to_end(&mut bytes))
        .map_err(RepoError::io("read", &path))?;
    Ok(bytes)
}

/// A paragraph of `Packages`: every control field as it is, then where the package is and what its bytes are.
pub(super) fn stanza(control: &Paragraph, filename: &str, deb: Expected) -> String {
    format!(
        "{control}Filename: {filename}\nSize: {}\nSHA256: {}\n",
        deb.size, deb.sha256
    )
}
