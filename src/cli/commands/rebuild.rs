//! `plugfarm rebuild`.

use std::path::{Path, PathBuf};

use super::build::watched;
use super::verify::{trusted_keys, unverified};
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::RebuildArgs;
use crate::cli::usage::WrongUsage;
use crate::cli::{locate, output};
use crate::deb::compare::Difference;
use crate::model::{DebianVersion, Target, printable};
use crate::pipeline::{RebuildRequest, Rebuilt, VerifiedPackage, rebuild, verify_package};
use crate::repo::{Published, Repository};

/// The most differences that are shown to a person.
const SHOWN: usize = 50;

pub(in crate::cli) async fn run(
    app: &App,
    arguments: &RebuildArgs,
    json: bool,
) -> anyhow::Result<Answer> {
    let trusted = trusted_keys(app, &arguments.keys)?;
    let source = arguments.source.as_deref().map(locate).transpose()?;
    let published = app.published()?;
    let fetched;
    let deb = if Path::new(&arguments.package).is_file() {
        PathBuf::from(&arguments.package)
    } else {
        fetched = published.fetch(&find(&published, arguments)?)?;
        fetched.path().to_owned()
    };
    let verified = verify_package(&deb, &trusted, Some(&published));
    let statement = match verified.and_then(VerifiedPackage::built) {
        Ok((proof, _)) => match proof.rollback() {
            None => proof.into_statement(),
            Some(rollback) => {
                let message = format!(
                    "no build made {}: it brings back {}, which can be built again",
                    rollback.deb.name, rollback.original.name
                );
                return Err(WrongUsage(message).into());
            }
        },
        Err(error) => return Ok(unverified(&error)),
    };
    let request = RebuildRequest {
        deb,
        statement,
        source,
    };
    let farm = app.farm().await?;
    let rebuilt = watched(json, async |observer, cancel| {
        rebuild(farm, &request, observer, cancel).await
    });
    answer(rebuilt.await)
}

fn answer(rebuilt: Rebuilt) -> anyhow::Result<Answer> {
    let details = serde_json::to_value(&rebuilt)?;
    let lines = words(&rebuilt);
    let answer = Answer::from(rebuilt.report.conclusion).with(details);
    Ok(answer.saying(lines).with_log(rebuilt.report.log))
}

fn words(rebuilt: &Rebuilt) -> Vec<String> {
    let Rebuilt {
        report,
        circumstances,
        differences,
    } = rebuilt;
    let say = |difference: &Difference| {
        let value =
            |value: &Option<String>| value.clone().unwrap_or_else(|| "not there".to_owned());
        let Difference { what, was, is } = difference;
        format!("{what}\n  was  {}\n  is   {}", value(was), value(is))
    };
    let mut lines: Vec<_> = differences.iter().take(SHOWN).map(say).collect();
    if let Some(more) = differences.len().checked_sub(SHOWN + 1) {
        lines.push(format!("and {} more; --json says them all", more + 1));
    }
    let others = circumstances.iter();
    lines.extend(others.map(|one| output::warning(&format!("not the same: {}", say(one)))));
    lines.extend(report.artifacts.iter().map(|artifact| {
        let path = artifact.path.display();
        format!("the package that was built now: {path}")
    }));
    if differences.is_empty() && report.conclusion.code.is_none() {
        lines.push(report.conclusion.message.clone());
    }
    lines
}

/// What is published under the name.
fn find(repository: &Repository, arguments: &RebuildArgs) -> anyhow::Result<Published> {
    let RebuildArgs {
        package, target, ..
    } = arguments;
    let (name, version) = match package.split_once('=') {
        Some((name, version)) => (name, Some(DebianVersion::new(version)?)),
        None => (package.as_str(), None),
    };
    let targets: &[Target] = target.as_ref().map_or(&Target::ALL, std::slice::from_ref);
    let mut found = Vec::new();
    for target in targets {
        let published = repository.history(name, *target)?.into_iter();
        let named = |one: &Published| version.as_ref().is_none_or(|named| one.version == *named);
        let highest = published
            .filter(named)
            .max_by(|a, b| a.version.cmp(&b.version));
        found.extend(highest.map(|published| (*target, published)));
    }
    match found.as_slice() {
        [(_, published)] => Ok(published.clone()),
        [] => {
            let package = printable(package, 200);
            let message =
                format!("there is no file `{package}`, and nothing is published under that name");
            Err(WrongUsage(message).into())
        }
        several => {
            let targets: Vec<_> = several.iter().map(|one| one.0.to_string()).collect();
            let targets = targets.join(" and ");
            let message = format!("{name} is published for {targets}; name one with --target");
            Err(WrongUsage(message).into())
        }
    }
}
