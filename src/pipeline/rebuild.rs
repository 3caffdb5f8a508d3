//! A package, built once more from its evidence alone, and compared with itself.
//!
//! Everything that the evidence knows is as it was: the source's very bytes, the target, what was allowed, the limits, the
//! version, and the image, if the engine has it still. What cannot be the same is told beside the result.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::assemble::Assembled;
use super::attempt::{Attempt, Farm};
use super::limits::recorded_limits;
use super::observer::Observer;
use super::report::{ArtifactFile, Conclusion, Report};
use super::request::Parameters;
use super::{assemble, check, close, fetch, inspect, keep_only_the_log, new_id, open, run};
use crate::deb::compare::{Difference, compare};
use crate::deb::read::{ReadError, ReadLimits, read_files, read_summary};
use crate::evidence::VerifiedStatement;
use crate::model::{Failure, FailureCode, Stage};
use crate::sandbox::Cancel;
use crate::source::Location;

/// What to build again.
#[derive(Debug, Clone)]
pub struct RebuildRequest {
    /// The package.
    pub deb: PathBuf,
    /// What was signed about it.
    pub statement: VerifiedStatement,
    /// Where its source is now; without it, what the farm has kept is taken, or what is where the evidence says.
    pub source: Option<Location>,
}

/// A package that was built again.
#[derive(Debug, Clone, Serialize)]
pub struct Rebuilt {
    /// How it went. Its artifact is the package that was built now, kept if it is another.
    #[serde(flatten)]
    pub report: Report,
    /// What was not as it was the first time.
    pub circumstances: Vec<Difference>,
    /// In what the packages differ.
    pub differences: Vec<Difference>,
}

/// Builds what `request` names again, with this farm's engine and images, and says whether it gave the same bytes.
pub async fn rebuild(
    mut farm: Farm,
    request: &RebuildRequest,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Rebuilt {
    let mut rebuilt = Rebuilt {
        report: Report::new(new_id(), request.statement.target()),
        circumstances: Vec::new(),
        differences: Vec::new(),
    };
    let done = match recall(&mut farm, request) {
        Ok(()) => attempt(&farm, request, observer, cancel, &mut rebuilt).await,
        Err(failure) => Err(failure),
    };
    rebuilt.report.conclusion = match done {
        Err(failure) => Conclusion::from(&failure),
        Ok(()) => conclude(&rebuilt),
    };
    rebuilt
}

/// Gives the farm the settings that it had: those that a package depends on.
fn recall(farm: &mut Farm, request: &RebuildRequest) -> Result<(), Failure> {
    farm.config.limits = recorded_limits(request.statement.limits());
    let limits = ReadLimits::default();
    let summary = read(&request.deb, |file| read_summary(file, &limits))?;
    if let Some(maintainer) = summary.control.get("Maintainer") {
        farm.config.maintainer = maintainer.to_owned();
    }
    Ok(())
}

async fn attempt(
    farm: &Farm,
    request: &RebuildRequest,
    observer: &dyn Observer,
    cancel: &Cancel,
    rebuilt: &mut Rebuilt,
) -> Result<(), Failure> {
    let mut attempt = open(farm, observer, cancel, &mut rebuilt.report)?;
    let ended = journey(&mut attempt, request).await;
    let (circumstances, differences) = close(attempt, ended)?;
    rebuilt.circumstances = circumstances;
    rebuilt.differences = differences;
    Ok(())
}

async fn journey(
    attempt: &mut Attempt<'_>,
    request: &RebuildRequest,
) -> Result<(Vec<Difference>, Vec<Difference>), Failure> {
    let statement = &request.statement;
    let parameters = Parameters {
        namespace: statement.given_namespace().cloned(),
        target: statement.target(),
        preview: statement.preview().cloned(),
        allow: statement.allow().to_vec(),
    };
    let fetched = fetch::again(attempt, statement, request.source.as_ref()).await?;
    let checked = check::run(attempt, &parameters, fetched)?;
    let ran = run::run(attempt, checked, Some(statement.image())).await?;
    let inspected = inspect::run(attempt, &parameters, ran).await?;
    let assembled = assemble::run(attempt, &parameters, inspected, Some(statement.version()))?;
    let circumstances = circumstances(attempt, statement, &assembled);
    if assembled.deb.sha256 == statement.deb().sha256 {
        keep_only_the_log(&attempt.folder);
        return Ok((circumstances, Vec::new()));
    }
    attempt.report.artifacts = vec![ArtifactFile {
        path: assembled.path.clone(),
        sha256: assembled.deb.sha256,
        size: assembled.deb.size,
    }];
    let differences = differences(request, &assembled)?;
    Ok((circumstances, differences))
}

/// What is not as the evidence says that it was.
fn circumstances(
    attempt: &Attempt<'_>,
    statement: &VerifiedStatement,
    assembled: &Assembled,
) -> Vec<Difference> {
    let engine = attempt.farm.engine.facts();
    let image = assembled.built.image.root_sha256;
    let pairs = [
        ("image", statement.image().to_string(), image.to_string()),
        (
            "plugfarm",
            statement.program_version().unwrap_or_default().to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
        (
            "runtime",
            statement.engine().runtime.clone(),
            engine.runtime.clone(),
        ),
    ];
    let differ = pairs.into_iter().filter(|(_, was, is)| was != is);
    differ
        .map(|(what, was, is)| Difference {
            what: what.to_owned(),
            was: Some(was),
            is: Some(is),
        })
        .collect()
}

/// In what the packages differ, whose bytes are not the same.
fn differences(
    request: &RebuildRequest,
    assembled: &Assembled,
) -> Result<Vec<Difference>, Failure> {
    let limits = ReadLimits::default();
    let was = read(&request.deb, |file| read_files(file, &limits))?;
    let is = read(&assembled.path, |file| read_files(file, &limits))?;
    let mut differences = compare(&was, &is);
    if differences.is_empty() {
        differences.push(Difference {
            what: "how the same contents are packed".to_owned(),
            was: Some(format!("sha256 {}", request.statement.deb().sha256)),
            is: Some(format!("sha256 {}", assembled.deb.sha256)),
        });
    }
    Ok(differences)
}

fn read<T>(
    path: &Path,
    reading: impl FnOnce(fs_err::File) -> Result<T, ReadError>,
) -> Result<T, Failure> {
    let storage = Attempt::storage(Stage::Assemble, "the package");
    let file = fs_err::File::open(path).map_err(storage)?;
    reading(file).map_err(|error| {
        let hint = "get the package again";
        let message = error.to_string();
        Failure::new(Stage::Assemble, FailureCode::EvidenceInvalid, message, hint)
    })
}

fn conclude(rebuilt: &Rebuilt) -> Conclusion {
    let count = match rebuilt.differences.len() {
        0 => return Conclusion::done("the package that was built now is identical, to the byte"),
        1 => "1 difference".to_owned(),
        count => format!("{count} differences"),
    };
    let hint = if rebuilt.circumstances.is_empty() {
        "the build is not reproducible: look for times, random values, and the order in which files are found"
    } else {
        "not everything was as it was the first time, which may be why; see what is named beside the differences"
    };
    Conclusion::failed(
        FailureCode::NotReproducible,
        format!("the package that was built now is another: {count}"),
        Some(hint.to_owned()),
    )
}
