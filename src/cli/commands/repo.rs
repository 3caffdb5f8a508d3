//! `plugfarm repo`.

use serde_json::json;

use crate::app::App;
use crate::cli::args::RepoCommand;
use crate::cli::{Exit, output};
use crate::model::{Sha256, Target};
use crate::pipeline::now;
use crate::repo::Repository;
use crate::sign::verify_in_release;

pub(in crate::cli) fn run(app: &App, command: &RepoCommand, json: bool) -> anyhow::Result<Exit> {
    match command {
        RepoCommand::Show => show(app, json),
        RepoCommand::Check => check(app, json),
    }
}

/// What a host needs for its first trust of the farm.
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

fn show(app: &App, json: bool) -> anyhow::Result<Exit> {
    let repository = app.repository()?;
    let fingerprint = app.keys()?.public().archive_fingerprint.clone();
    let (suites, trust) = (repository.suites()?, first_trust(&repository)?);
    if json {
        let suites = suites.iter().map(|state| {
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
        });
        let trust = trust.iter().map(
            |FirstTrust {
                 target,
                 url,
                 sha256,
             }| json!({"target": target, "url": url, "sha256": sha256}),
        );
        output::json(&json!({
            "url": repository.url(),
            "fingerprint": fingerprint,
            "suites": suites.collect::<Vec<_>>(),
            "keyrings": trust.collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Done);
    }
    output::line(&format!("repository   {}", repository.url()));
    output::line(&format!("archive key  {fingerprint}"));
    for state in &suites {
        let (suite, date) = (state.suite.to_string(), state.date);
        output::line(&format!(
            "\n{suite}, generation {}, {date}",
            state.generation
        ));
        for published in &state.packages {
            let commit = published
                .commit
                .as_ref()
                .map_or("", |commit| commit.as_str());
            let (package, version) = (&published.package, &published.version);
            output::line(&format!(
                "  {package} {version} {}",
                commit.get(..12).unwrap_or_default()
            ));
        }
    }
    for FirstTrust {
        target,
        url,
        sha256,
    } in trust
    {
        output::line(&format!(
            "\nfirst trust of a {target} host:\n  {url}\n  sha256 {sha256}"
        ));
    }
    if suites.is_empty() {
        output::line("nothing is published yet; build a plugin with --publish");
    }
    Ok(Exit::Done)
}

fn check(app: &App, json: bool) -> anyhow::Result<Exit> {
    let keyring = app.keys()?.public().archive_keyring.clone();
    let checked = app.repository()?.check(&|in_release: &[u8]| {
        verify_in_release(in_release, &keyring, now()).map_err(|error| error.to_string())
    })?;
    let good = checked.problems.is_empty();
    if json {
        output::json(&json!({
            "good": good,
            "suites": checked.suites,
            "packages": checked.packages,
            "problems": checked.problems,
        }))?;
    } else {
        checked
            .problems
            .iter()
            .for_each(|problem| output::line(problem));
        let (suites, packages) = (checked.suites, checked.packages);
        let verdict = if good {
            "all as it should be"
        } else {
            "NOT as it should be"
        };
        output::line(&format!(
            "{packages} packages in {suites} suites: {verdict}"
        ));
    }
    Ok(if good { Exit::Done } else { Exit::Farm })
}
