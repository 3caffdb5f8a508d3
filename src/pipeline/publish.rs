//! Stage `publish`: what was built enters the apt repository, with evidence that verifies against the farm's own key.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::attempt::{Attempt, Publisher, now};
use super::request::PublishRequest;
use super::sign::Signed;
use crate::evidence::{self, StatementKey, VerifiedStatement};
use crate::model::{Channel, Failure, FailureCode, Sha256, Sha256Writer, Stage, Suite, Target};
use crate::repo::{Publication, Publishable, RepoError};

/// The most bytes that an evidence file may have; `evidence::verify` has the same limit.
const MAX_EVIDENCE: u64 = 4 << 20;

/// Publishes what was just built.
pub(super) fn run(
    attempt: &mut Attempt<'_>,
    request: &PublishRequest,
    signed: &Signed,
) -> Result<(), Failure> {
    let began = attempt.begin(Stage::Publish)?;
    let published = publish_packages(
        &attempt.farm.publisher,
        std::slice::from_ref(&signed.deb),
        &request.channel,
        request.unpinned,
    )?;
    for Publication {
        suite,
        generation,
        changed,
    } in published
    {
        let what = if changed {
            "generation"
        } else {
            "unchanged since generation"
        };
        attempt.end(
            Stage::Publish,
            began,
            &format!("{suite}, {what} {generation}"),
        );
        attempt.report.suite = Some(suite.to_string());
    }
    Ok(())
}

/// Publishes packages that this farm built, in the suites of their releases: all of one release, or none.
///
/// # Errors
///
/// A package whose evidence does not verify against the farm's own key, or that the repository refuses.
pub fn publish_packages(
    publisher: &Publisher,
    packages: &[PathBuf],
    channel: &Channel,
    unpinned: bool,
) -> Result<Vec<Publication>, Failure> {
    let mut by_target: BTreeMap<Target, Vec<Publishable>> = BTreeMap::new();
    for path in packages {
        let statement = verify_package(path, std::slice::from_ref(&publisher.statement_key), None)?;
        if !statement.pinned() && !unpinned {
            return Err(not_pinned(Stage::Publish));
        }
        let target = statement.target();
        let publishable = Publishable::open(path, statement).map_err(failed)?;
        by_target.entry(target).or_default().push(publishable);
    }
    let lock = publisher.repository.lock().map_err(failed)?;
    let mut published = Vec::new();
    for (target, packages) in by_target {
        let suite = Suite {
            target,
            channel: channel.clone(),
        };
        let signer = publisher.signer.as_ref();
        let publication = publisher
            .repository
            .publish(&lock, &suite, &packages, now(), signer);
        published.push(publication.map_err(failed)?);
    }
    Ok(published)
}

fn failed(error: RepoError) -> Failure {
    error.failure(Stage::Publish)
}

/// Why a source that no commit holds is not published.
pub(super) fn not_pinned(stage: Stage) -> Failure {
    Failure::new(
        stage,
        FailureCode::SourceNotPinned,
        "the source holds what no commit holds: changes, ignored files, or no repository at all",
        "commit everything, or publish it all the same with --unpinned",
    )
}

/// Verifies the package at `deb` by the evidence that lies beside it (`<stem>.intoto.jsonl`), or else in `published`, a
/// repository's folder of attestations, against the keys in `trusted`.
///
/// # Errors
///
/// [`FailureCode::EvidenceInvalid`] when there is no evidence, no trusted key signed it, or it is about other bytes.
pub fn verify_package(
    deb: &Path,
    trusted: &[StatementKey],
    published: Option<&Path>,
) -> Result<VerifiedStatement, Failure> {
    let found = digest(deb).map_err(|error| {
        invalid(
            format!("the package cannot be read: {error}"),
            "name a .deb that is there",
        )
    })?;
    let beside = deb.with_extension("intoto.jsonl");
    let published = published.map(|folder| folder.join(format!("{found}.intoto.jsonl")));
    let path = published
        .filter(|path| !beside.exists() && path.exists())
        .unwrap_or(beside);
    let mut bytes = Vec::new();
    let reading = fs_err::File::open(path)
        .and_then(|file| file.take(MAX_EVIDENCE + 1).read_to_end(&mut bytes));
    reading.map_err(|error| {
        invalid(
            format!("the package has no evidence: {error}"),
            "keep the files that a build leaves together: the .intoto.jsonl belongs beside the .deb",
        )
    })?;
    let statement = evidence::verify(&bytes, trusted)
        .map_err(|error| invalid(error.to_string(), "build the package again, with this farm"))?;
    let signed = statement.deb().sha256;
    if found != signed {
        let message = format!(
            "the package is not what was built: its SHA-256 is {found}, the signed one is {signed}"
        );
        return Err(invalid(message, "get the package again, or build it again"));
    }
    verify_companions(deb, &statement)?;
    Ok(statement)
}

/// Checks what lies beside the package under the names that the statement gives. What is not there is not looked for: the
/// package can be verified without its log.
fn verify_companions(deb: &Path, statement: &VerifiedStatement) -> Result<(), Failure> {
    let signed = statement.deb();
    for subject in statement
        .subjects()
        .iter()
        .filter(|subject| *subject != signed)
    {
        match digest(&deb.with_file_name(&subject.name)) {
            Ok(found) if found == subject.sha256 => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Ok(_) => {
                let message = format!(
                    "{} is not what the build left: it was changed",
                    subject.name
                );
                return Err(invalid(
                    message,
                    "get the file again, or build the package again",
                ));
            }
            Err(error) => {
                return Err(invalid(error.to_string(), "make the file readable"));
            }
        }
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<Sha256> {
    let mut writer = Sha256Writer::new(io::sink());
    io::copy(&mut fs_err::File::open(path)?, &mut writer)?;
    Ok(writer.finish().1)
}

fn invalid(message: String, hint: &str) -> Failure {
    Failure::new(Stage::Publish, FailureCode::EvidenceInvalid, message, hint)
}
