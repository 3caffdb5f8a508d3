//! `plugfarm repo`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::RepoCommand;
use crate::cli::output;
use crate::model::{FailureCode, Sha256, Target};
use crate::pipeline::now;
use crate::repo::{Repository, SuiteState};
use crate::sign::verify_in_release;

pub(in crate::cli) fn run(app: &App, command: &RepoCommand) -> anyhow::Result<Answer> {
    match command {
        RepoCommand::Show => show(app),
        RepoCommand::Check => check(app),
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
    let fingerprint = app.keys()?.public().archive_fingerprint.clone();
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
    lines.extend(suites.iter().flat_map(suite_in_words));
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
            "suites": suites.iter().map(describe_suite).collect::<Vec<_>>(),
            "keyrings": trust,
        }))
        .saying(lines))
}

fn describe_suite(state: &SuiteState) -> Value {
    let packages = state.packages.iter().map(|published| {
        json!({
            "package": published.package,
            "version": published.version,
            "architecture": published.architecture,
            "commit": published.commit,
            "sha256": published.sha256,
            "published": published.published.rfc3339(),
        })
    });
    json!({
        "suite": state.suite.to_string(),
        "generation": state.generation,
        "date": state.date.rfc3339(),
        "packages": packages.collect::<Vec<_>>(),
    })
}

fn suite_in_words(state: &SuiteState) -> Vec<String> {
    let (suite, generation, date) = (&state.suite, state.generation, state.date);
    let mut lines = vec![format!("\n{suite}, generation {generation}, {date}")];
    lines.extend(state.packages.iter().map(|published| {
        let commit = published.commit.as_ref();
        let commit = commit.map_or("", |commit| commit.as_str());
        let (package, version) = (&published.package, &published.version);
        let commit = commit.get(..12).unwrap_or_default();
        format!("  {package} {version} {commit}")
            .trim_end()
            .to_owned()
    }));
    lines
}

fn check(app: &App) -> anyhow::Result<Answer> {
    let keyring = app.keys()?.public().archive_keyring.clone();
    let checked = app.repository()?.check(&|in_release: &[u8]| {
        verify_in_release(in_release, &keyring, now()).map_err(|error| error.to_string())
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
            "restore what is named above from your backup; hosts refuse what does not match its signature",
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
