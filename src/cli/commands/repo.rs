//! `plugfarm repo`.

use serde::Serialize;
use serde_json::{Value, json};

use super::{import, refresh, retention, snapshot};
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::RepoCommand;
use crate::cli::output;
use crate::cli::usage::WrongUsage;
use crate::model::{FailureCode, Sha256, Suite, Target, Timestamp, printable};
use crate::pipeline::now;
use crate::repo::{Entry, Pending, Rebuilt, Repository, Standing, SuiteSummary};
use crate::sign::verify_in_release;

/// How far a Release may be ahead of a host's clock, in seconds (`Acquire::Max-FutureTime`).
const APT_TOLERANCE: i64 = 10;

pub(in crate::cli) async fn run(app: &App, command: &RepoCommand) -> anyhow::Result<Answer> {
    match command {
        RepoCommand::Show => show(app),
        RepoCommand::Check => check(app),
        RepoCommand::Rebuild => rebuild(app),
        RepoCommand::Snapshot { suites, list } => snapshot::run(app, suites, *list),
        RepoCommand::Refresh { dry_run: true, .. } => retention::preview(app),
        RepoCommand::Refresh { suites, if_due, .. } => refresh::run(app, suites, *if_due),
        RepoCommand::Import(arguments) => import::run(app, arguments).await,
    }
}

/// Why a host would not find the repository.
pub(super) const NO_URL: &str =
    "`repository.url` is not set: the keyring package sends hosts to a folder of this machine";
/// What mends that.
pub(super) const SET_URL: &str =
    "serve the folder, and set `repository: {url: \"https://…\"}` in the configuration";

/// What a host needs for its first trust of the farm.
#[derive(Serialize)]
struct FirstTrust {
    target: Target,
    url: String,
    sha256: Sha256,
}

fn first_trust(repository: &Repository) -> anyhow::Result<Vec<FirstTrust>> {
    let mut found = Vec::new();
    for target in Target::ALL {
        let Some((name, sha256)) = repository.keyring(target)? else {
            continue;
        };
        let url = repository.url();
        found.push(FirstTrust {
            target,
            url: format!("{}/{}", url.trim_end_matches('/'), name),
            sha256,
        });
    }
    Ok(found)
}

fn show(app: &App) -> anyhow::Result<Answer> {
    let repository = app.repository()?;
    let fingerprint = app.public_keys()?.archive_fingerprint;
    let (suites, trust) = (repository.suites()?, first_trust(&repository)?);
    let message = if suites.is_empty() {
        "nothing is published yet; build a plugin with --publish"
    } else {
        "this is published"
    };
    let mut lines = vec![
        format!("repository   {}", repository.url()),
        format!("archive key  {fingerprint}"),
    ];
    let mut shown = Vec::new();
    for suite in &suites {
        let packages: Result<Vec<_>, _> = repository.packages(&suite.suite)?.collect();
        let packages = packages?;
        lines.extend(suite_in_words(suite, &packages));
        shown.push(describe_suite(suite, &packages));
    }
    let pending = repository.pending()?;
    lines.extend(pending.iter().map(|one| {
        let (package, version, suite) = (&one.package, &one.version, &one.suite);
        let names = names(&one.approvals);
        format!("\n{package} {version} waits for {suite}: approved by {names}")
    }));
    lines.extend(trust.iter().map(
        |FirstTrust {
             target,
             url,
             sha256,
         }| { format!("\nfirst trust of a {target} host:\n  {url}\n  sha256 {sha256}") },
    ));
    let mut warnings = Vec::new();
    if app.config.repository.url.is_none() {
        warnings.push(NO_URL);
        lines.push(output::warning(&format!("{NO_URL}; {SET_URL}")));
    }
    if suites.is_empty() {
        lines.push(message.to_owned());
    }
    Ok(Answer::done(message)
        .with(json!({
            "warnings": warnings,
            "url": repository.url(),
            "fingerprint": fingerprint,
            "suites": shown,
            "pending": pending.iter().map(describe_pending).collect::<Vec<_>>(),
            "keyrings": trust,
        }))
        .saying(lines))
}

/// The names of those who have approved.
fn names(approvals: &[Standing]) -> String {
    let names: Vec<_> = approvals.iter().map(|one| one.by.as_str()).collect();
    names.join(", ")
}

fn describe_pending(pending: &Pending) -> Value {
    let approvals = pending.approvals.iter();
    let approvals = approvals.map(|one| json!({"by": one.by, "at": one.at.rfc3339()}));
    json!({
        "package": pending.package,
        "version": pending.version,
        "suite": pending.suite.to_string(),
        "approvals": approvals.collect::<Vec<_>>(),
    })
}

fn describe_suite(state: &SuiteSummary, packages: &[Entry]) -> Value {
    let packages = packages.iter().map(|entry| {
        let published = &entry.published;
        json!({
            "package": published.package,
            "version": published.version,
            "architecture": published.architecture,
            "commit": published.commit,
            "imported": published.imported,
            "sha256": published.sha256,
            "published": published.published.rfc3339(),
            "phased": entry.listing(&state.suite).and_then(|listing| listing.phased),
        })
    });
    json!({
        "suite": state.suite.to_string(),
        "generation": state.generation,
        "date": state.date.rfc3339(),
        "packages": packages.collect::<Vec<_>>(),
    })
}

fn suite_in_words(state: &SuiteSummary, packages: &[Entry]) -> Vec<String> {
    let (suite, generation, date) = (&state.suite, state.generation, state.date);
    let mut lines = vec![format!("\n{suite}, generation {generation}, {date}")];
    lines.extend(packages.iter().map(|entry| {
        let published = &entry.published;
        let commit = published.commit.as_ref();
        let commit = commit.map_or("", |commit| commit.as_str());
        let (package, version) = (&published.package, &published.version);
        let commit = match published.imported {
            true => "imported",
            false => commit.get(..12).unwrap_or_default(),
        };
        let phased = entry.listing(suite).and_then(|listing| listing.phased);
        let phased = phased.map_or(String::new(), |percent| {
            format!(" for {percent} percent of the hosts")
        });
        format!("  {package} {version} {commit}{phased}")
            .trim_end()
            .to_owned()
    }));
    lines
}

fn check(app: &App) -> anyhow::Result<Answer> {
    let keyring = app.public_keys()?.archive_keyring;
    // Publications that follow each other closely are dated a little ahead of the clock, as apt accepts them.
    let soon = Timestamp::from_seconds(now().seconds() + APT_TOLERANCE);
    let checked = app.repository()?.check(&|in_release: &[u8]| {
        verify_in_release(in_release, &keyring, soon).map_err(|error| error.to_string())
    })?;
    let (suites, packages) = (checked.suites, checked.packages);
    let what = format!("{packages} packages in {suites} suites");
    let mut lines = checked.problems.clone();
    let answer = if checked.problems.is_empty() {
        let message = format!("{what}: all as it should be");
        lines.push(message.clone());
        Answer::done(message)
    } else {
        Answer::failed(
            FailureCode::RepositoryDamaged,
            format!("{what}: NOT as it should be"),
            "run `plugfarm repo rebuild`, and restore from your backup what `plugfarm repo check` still names; hosts refuse what does not match its signature",
        )
    };
    Ok(answer
        .with(json!({
            "suites": suites,
            "packages": packages,
            "problems": checked.problems,
        }))
        .saying(lines))
}

fn rebuild(app: &App) -> anyhow::Result<Answer> {
    let repository = app.repository()?;
    let Rebuilt { mended, lost } = repository.rebuild()?;
    let message = match mended.len() {
        0 => "every index is what the state says".to_owned(),
        n => format!("{n} files were missing or damaged, and are written again"),
    };
    let mut lines = mended.clone();
    lines.push(message.clone());
    let answer = if lost.is_empty() {
        Answer::done(message)
    } else {
        let files = lost.iter();
        lines.extend(files.map(|key| format!("{key} cannot be made again")));
        Answer::failed(
            FailureCode::RepositoryDamaged,
            format!(
                "{} files of dated publications cannot be made again",
                lost.len()
            ),
            "restore what is named above from your backup; hosts that follow a suite need none of it",
        )
    };
    Ok(answer
        .with(json!({ "mended": mended, "lost": lost }))
        .saying(lines))
}

/// The suites that are meant by `names`, of those that there are; all, if none is named.
pub(super) fn chosen(repository: &Repository, names: &[String]) -> anyhow::Result<Vec<Suite>> {
    let known = repository.suites()?.into_iter().map(|one| one.suite);
    let known: Vec<_> = known.collect();
    for name in names {
        if !known.iter().any(|suite| suite.to_string() == *name) {
            let name = printable(name, 200);
            return Err(WrongUsage(format!(
                "nothing is published in `{name}`; `plugfarm repo show` names the suites"
            ))
            .into());
        }
    }
    let chosen = |suite: &Suite| names.is_empty() || names.contains(&suite.to_string());
    Ok(known.into_iter().filter(chosen).collect())
}
