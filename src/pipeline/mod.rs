//! The journey of one plugin: fetch, check, build, package, inspect, assemble, sign, publish.
//!
//! One stage is one file and one type that the next stage consumes, so that no stage can be left out: what is published
//! was signed, what is signed was assembled by the farm, what was assembled was inspected. Only this module knows the
//! order. Nothing here makes an adapter; [`Farm`] is handed in.

mod assemble;
mod attempt;
mod check;
mod dependencies;
mod fetch;
mod inspect;
mod limits;
mod log;
mod observer;
mod publish;
mod rebuild;
mod report;
mod request;
mod resources;
mod run;
mod sign;
mod verify;
mod version;

use std::io;
use std::path::Path;

pub use attempt::{Farm, Publisher, now};
pub use check::read_tree;
pub use dependencies::is_published;
pub use fetch::take_folder;
pub use observer::Observer;
pub use publish::publish_packages;
pub use rebuild::{RebuildRequest, Rebuilt, rebuild};
pub use report::{ArtifactFile, Conclusion, Report, Timings};
pub use request::{Parameters, PublishRequest, Request};
pub use resources::{Measure, Resources};
pub use verify::{VerifiedPackage, VerifyError, verify_package};

use crate::model::{BuildId, Failure, FailureCode, Stage};
use crate::sandbox::Cancel;
use attempt::Attempt;
use log::BuildLog;
use sign::Signed;

/// Builds what `request` asks for under an id that was never used, and reports how it went. The report always comes: a
/// failure is one of its outcomes.
pub async fn build(
    farm: &Farm,
    id: BuildId,
    request: &Request,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Report {
    let mut report = Report::new(id, request.parameters.target);
    if let Err(failure) = attempt(farm, request, observer, cancel, &mut report).await {
        report.conclusion = Conclusion::from(&failure);
    }
    report
}

/// An id that was never used.
#[must_use]
pub fn new_id() -> BuildId {
    BuildId::from_uuid(uuid::Uuid::now_v7())
}

async fn attempt(
    farm: &Farm,
    request: &Request,
    observer: &dyn Observer,
    cancel: &Cancel,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut attempt = open(farm, observer, cancel, report)?;
    let ended = journey(&mut attempt, request).await;
    close(attempt, ended)
}

/// Begins an attempt: with its folder, and its log.
fn open<'a>(
    farm: &'a Farm,
    observer: &'a dyn Observer,
    cancel: &'a Cancel,
    report: &'a mut Report,
) -> Result<Attempt<'a>, Failure> {
    let id = report.id.clone();
    let folder = farm.builds.join(id.as_str());
    let storage = || Attempt::storage(Stage::Fetch, "the build's folder");
    fs_err::create_dir_all(&folder).map_err(storage())?;
    let log = folder.join("log");
    report.log = Some(log.clone());
    let log = BuildLog::create(&log).map_err(storage())?;
    Ok(Attempt {
        farm,
        id,
        cancel,
        observer,
        log,
        report,
        folder,
    })
}

/// Ends an attempt: of one that failed only the log stays.
fn close<T>(mut attempt: Attempt<'_>, ended: Result<T, Failure>) -> Result<T, Failure> {
    let flushed = attempt.log.flush().map(drop);
    if let Err(failure) = &ended
        && failure.stage != Stage::Publish
    {
        // What only could not be published is a good package, and can be published later.
        attempt.report.artifacts.clear();
        keep_only_the_log(&attempt.folder);
    }
    ended.and_then(|value| {
        let flushed = flushed.map_err(Attempt::storage(Stage::Publish, "the log"));
        flushed.map(|()| value)
    })
}

/// The order of the stages.
async fn journey(attempt: &mut Attempt<'_>, request: &Request) -> Result<(), Failure> {
    if let Some(out) = &request.out {
        fs_err::create_dir_all(out).map_err(cannot_hand_over)?;
    }
    let fetched = fetch::run(attempt, request).await?;
    let parameters = &request.parameters;
    let checked = check::run(attempt, parameters, fetched)?;
    check::is_expected(&checked, request.plugin.as_ref())?;
    version::foresee(attempt, &checked)?;
    dependencies::are_published(attempt, request, &checked)?;
    let ran = run::run(attempt, checked, None).await?;
    let inspected = inspect::run(attempt, parameters, ran).await?;
    let assembled = assemble::run(attempt, parameters, inspected, None)?;
    let mut signed = sign::run(attempt, parameters, assembled)?;
    if let Some(out) = &request.out {
        hand_over(attempt, &mut signed, out)?;
    }
    if let Some(publish) = &request.publish {
        publish::run(attempt, publish, &signed).await?;
    }
    Ok(())
}

/// Moves the artifacts to where they were asked for.
fn hand_over(attempt: &mut Attempt<'_>, signed: &mut Signed, out: &Path) -> Result<(), Failure> {
    for artifact in &mut attempt.report.artifacts {
        let Some(name) = artifact.path.file_name() else {
            continue;
        };
        let target = out.join(name);
        let temporary = tempfile::NamedTempFile::new_in(out).map_err(cannot_hand_over)?;
        fs_err::copy(&artifact.path, temporary.path()).map_err(cannot_hand_over)?;
        temporary
            .persist(&target)
            .map_err(|error| cannot_hand_over(error.error))?;
        if attempt.report.log.as_ref() == Some(&artifact.path) {
            attempt.report.log = Some(target.clone());
        }
        if signed.deb == artifact.path {
            signed.deb.clone_from(&target);
        }
        artifact.path = target;
    }
    fs_err::remove_dir_all(&attempt.folder).map_err(cannot_hand_over)
}

fn cannot_hand_over(error: io::Error) -> Failure {
    let message = format!("the artifacts could not be written: {error}");
    let hint = "name a folder with --out that can be written";
    Failure::new(Stage::Sign, FailureCode::StorageError, message, hint)
}

/// Removes everything that a failed attempt leaves but its log. What was handed over already stays where it was asked for.
pub fn keep_only_the_log(folder: &Path) {
    if !folder.exists() {
        return;
    }
    let removed = fs_err::read_dir(folder).and_then(|entries| {
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "log")
                && path.file_name().is_some_and(|name| name != "log")
            {
                fs_err::remove_file(path)?;
            }
        }
        Ok(())
    });
    if let Err(error) = removed {
        tracing::warn!(%error, "a failed attempt's files could not be removed");
    }
}
