//! Stage `publish`: what was built enters the apt repository, with evidence that verifies against the farm's own key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::attempt::{Attempt, Publisher};
use super::request::PublishRequest;
use super::sign::Signed;
use super::verify::{VerifiedPackage, verify_package};
use crate::evidence::VerifiedStatement;
use crate::model::{Channel, Failure, FailureCode, Stage, Suite, Target, printable};
use crate::repo::{Publication, Publishable, RepoError};

/// Publishes what was just built.
pub(super) async fn run(
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
    );
    for publication in published.await? {
        let Publication {
            suite, generation, ..
        } = publication;
        let what = if publication.changed {
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

/// Publishes packages that this farm built, in the suites of their releases: all, or none. Versions of one package enter in
/// dpkg's order, however they are named.
///
/// # Errors
///
/// A package whose evidence does not verify against the farm's own key, or that the repository refuses.
pub async fn publish_packages(
    publisher: &Publisher,
    packages: &[PathBuf],
    channel: &Channel,
    unpinned: bool,
) -> Result<Vec<Publication>, Failure> {
    let mut admitted = Vec::new();
    for path in packages {
        admitted.push((admit(publisher, path, unpinned)?, path));
    }
    admitted.sort_by(|(a, _), (b, _)| (a.package(), a.version()).cmp(&(b.package(), b.version())));
    let mut suites: BTreeMap<Target, Vec<Publishable>> = BTreeMap::new();
    for (statement, path) in admitted {
        let target = statement.target();
        let publishable = Publishable::open(path, statement).map_err(failed)?;
        suites.entry(target).or_default().push(publishable);
    }
    let suite = |target| Suite {
        target,
        channel: channel.clone(),
    };
    let suites = suites.into_iter();
    let batches = suites.map(|(target, packages)| (suite(target), packages));
    let published = publisher.writer.publish(batches.collect());
    published.await.map_err(failed)
}

fn failed(error: RepoError) -> Failure {
    error.failure(Stage::Publish)
}

/// What this farm has signed of the package at `path`, whose evidence must be whole: all of it is published.
fn admit(publisher: &Publisher, path: &Path, unpinned: bool) -> Result<VerifiedStatement, Failure> {
    let verified = verify_package(path, &publisher.statement_keys, None);
    let judged = verified.and_then(VerifiedPackage::built);
    let judged = match judged.map_err(|error| error.failure()) {
        Ok((proof, missing)) => match missing.first() {
            Some(name) => Err(incomplete(name)),
            None if !proof.statement().pinned() && !unpinned => Err(not_pinned(Stage::Publish)),
            None => Ok(proof.into_statement()),
        },
        Err(failure) => Err(failure),
    };
    // Several packages are published at once: each refusal says which one it is about.
    judged.map_err(|failure| Failure {
        message: format!("{}: {}", file_name(path), failure.message),
        ..failure
    })
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    printable(&name.to_string_lossy(), 200)
}

fn incomplete(name: &str) -> Failure {
    Failure::new(
        Stage::Publish,
        FailureCode::EvidenceInvalid,
        format!("{name}, which the signed statement names, is not beside the package"),
        "keep the files that a build leaves together: all of them are published",
    )
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
