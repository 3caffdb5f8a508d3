//! `plugfarm check`: a folder needs no Docker; a URL is fetched as a build would fetch it.

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{CheckArgs, SourceArgs};
use crate::cli::{self, output};
use crate::model::{Failure, FailureCode, Stage, Target};
use crate::pipeline::{Conclusion, read_tree, take_folder};
use crate::plugin::{self, CheckOptions, Checked, Known, PackageNames};
use crate::sandbox::{Cancel, LogEvent};
use crate::source::{Access, Location, Request, RequestedRef, Source, Subdirectory};

pub(in crate::cli) async fn run(app: &App, arguments: &CheckArgs) -> anyhow::Result<Answer> {
    let located = locate(&arguments.source)?;
    let checked = check(app, &arguments.source, located).await?;
    Ok(match checked {
        Ok(checked) => tell(&checked),
        Err(failure) => Conclusion::from(&failure).into(),
    })
}

/// Where the plugin is, in checked words.
struct Located {
    location: Location,
    reference: Option<RequestedRef>,
    subdirectory: Option<Subdirectory>,
}

fn locate(arguments: &SourceArgs) -> anyhow::Result<Located> {
    let (reference, subdirectory) = (&arguments.reference, &arguments.subdirectory);
    Ok(Located {
        location: cli::locate(&arguments.location)?,
        reference: reference.as_deref().map(RequestedRef::new).transpose()?,
        subdirectory: subdirectory.as_deref().map(Subdirectory::new).transpose()?,
    })
}

async fn check(
    app: &App,
    arguments: &SourceArgs,
    located: Located,
) -> anyhow::Result<Result<Checked, Failure>> {
    let limits = &app.config.source.limits;
    let fetched = fetch(app, located).await?;
    let options = CheckOptions {
        legacy_namespace: arguments.namespace.clone(),
        reserved_packages: app.config.plugins.reserved_packages.clone(),
        known: known(app),
        ..CheckOptions::default()
    };
    let tree = fetched.and_then(|source| read_tree(&source, limits));
    Ok(tree.map(|tree| plugin::check(&tree, &options)))
}

/// The packages that each target has, as far as images were made here.
fn known(app: &App) -> Known {
    let listed = Target::ALL.into_iter().filter_map(|target| {
        let names = app.known_packages(target).unwrap_or_else(|error| {
            tracing::warn!(%error, "the list of known packages cannot be read");
            None
        });
        Some((target, PackageNames::parse(&names?)))
    });
    Known {
        debian: listed.collect(),
        host_packages: app.config.plugins.host_packages.clone(),
        plugins: None,
    }
}

async fn fetch(app: &App, located: Located) -> anyhow::Result<Result<Source, Failure>> {
    let Located {
        location,
        reference,
        subdirectory,
    } = located;
    match location {
        Location::Folder(folder) => {
            let limits = app.config.source.limits.clone();
            Ok(take_folder(folder, (reference, subdirectory), limits, app.sources()?).await)
        }
        Location::Repository(url) => {
            let fetcher = app.fetcher().await?;
            let request = Request {
                url,
                reference,
                subdirectory,
                access: Access::Settings,
            };
            let mut ignore = |_: LogEvent<'_>| {};
            Ok(fetcher.fetch(&request, &mut ignore, &Cancel::never()).await)
        }
    }
}

fn tell(checked: &Checked) -> Answer {
    let manifest = checked.plugin.as_ref().map(|plugin| &plugin.manifest);
    let mut lines: Vec<_> = checked
        .findings
        .iter()
        .map(output::finding_in_words)
        .collect();
    let answer = match manifest {
        Some(manifest) => {
            let message = format!("{} {} can be built", manifest.id, manifest.version);
            lines.push(message.clone());
            Answer::done(message)
        }
        None => Conclusion::from(&Failure::new(
            Stage::Check,
            FailureCode::CheckRefused,
            "this plugin would be refused",
            "mend what is found above",
        ))
        .into(),
    };
    answer
        .with(json!({
            "plugin": manifest.map(|manifest| manifest.id.to_string()),
            "package": manifest.map(|manifest| manifest.id.package()),
            "version": manifest.map(|manifest| manifest.version.to_string()),
            "findings": checked.findings,
        }))
        .saying(lines)
}
