//! The journey of one plugin: fetch, check, build, package, inspect, assemble, sign, publish.
//!
//! One stage is one file and one type that the next stage consumes, so that no stage can be left out: what is published
//! was signed, what is signed was assembled by the farm, what was assembled was inspected. Only this module knows the
//! order. Nothing here makes an adapter; [`Farm`] is handed in.

mod assemble;
mod attempt;
mod check;
mod fetch;
mod inspect;
mod log;
mod observer;
mod publish;
mod report;
mod request;
mod run;
mod sign;
mod verify;
mod version;

use std::io;
use std::path::Path;

pub use attempt::{Farm, Publisher, now};
pub use check::read_tree;
pub use fetch::take_folder;
pub use observer::Observer;
pub use publish::publish_packages;
pub use report::{ArtifactFile, Conclusion, Report, Timings};
pub use request::{PublishRequest, Request};
pub use verify::{VerifiedPackage, VerifyError, verify_package};

use crate::model::{BuildId, Failure, FailureCode, Stage};
use crate::sandbox::Cancel;
use attempt::Attempt;
use log::BuildLog;
use sign::Signed;

/// Builds what `request` asks for, and reports how it went. The report always comes: a failure is one of its outcomes.
pub async fn build(
    farm: &Farm,
    request: &Request,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Report {
    let (id, mut report) = new_report(request);
    if let Err(failure) = attempt(farm, request, observer, cancel, id, &mut report).await {
        report.conclusion = Conclusion::from(&failure);
    }
    report
}

fn new_report(request: &Request) -> (BuildId, Report) {
    let id = BuildId::from_uuid(uuid::Uuid::now_v7());
    let report = Report::new(id.clone(), request.target);
    (id, report)
}

async fn attempt(
    farm: &Farm,
    request: &Request,
    observer: &dyn Observer,
    cancel: &Cancel,
    id: BuildId,
    report: &mut Report,
) -> Result<(), Failure> {
    let folder = farm.builds.join(id.as_str());
    let storage = || Attempt::storage(Stage::Fetch, "the build's folder");
    fs_err::create_dir_all(&folder).map_err(storage())?;
    let log = folder.join("log");
    report.log = Some(log.clone());
    let log = BuildLog::create(&log).map_err(storage())?;
    let mut attempt = Attempt {
        farm,
        id,
        cancel,
        observer,
        log,
        report,
        folder,
    };
    let ended = journey(&mut attempt, request).await;
    let flushed = attempt.log.flush().map(drop);
    if let Err(failure) = &ended
        && failure.stage != Stage::Publish
    {
        // What only could not be published is a good package, and can be published later.
        attempt.report.artifacts.clear();
        keep_only_the_log(&attempt.folder);
    }
    ended.and_then(|()| flushed.map_err(Attempt::storage(Stage::Publish, "the log")))
}

/// The order of the stages.
async fn journey(attempt: &mut Attempt<'_>, request: &Request) -> Result<(), Failure> {
    if let Some(out) = &request.out {
        fs_err::create_dir_all(out).map_err(cannot_hand_over)?;
    }
    let fetched = fetch::run(attempt, request).await?;
    let checked = check::run(attempt, request, fetched)?;
    version::foresee(attempt, &checked)?;
    let ran = run::run(attempt, checked).await?;
    let inspected = inspect::run(attempt, request, ran).await?;
    let assembled = assemble::run(attempt, inspected)?;
    let mut signed = sign::run(attempt, request, assembled)?;
    if let Some(out) = &request.out {
        hand_over(attempt, &mut signed, out)?;
    }
    if let Some(publish) = &request.publish {
        publish::run(attempt, publish, &signed)?;
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
fn keep_only_the_log(folder: &Path) {
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
