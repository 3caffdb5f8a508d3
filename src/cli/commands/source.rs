//! `plugfarm source`: which repository a plugin comes from.

use serde_json::json;

use crate::api::{folder, repository};
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{FarmSourceArgs, SourceCommand};
use crate::cli::commands::exchange;
use crate::cli::commands::people::OPERATOR;
use crate::cli::farm;

use crate::model::{Namespace, PluginId, printable};
use crate::pipeline::now;
use crate::store::{Reader, StoreError};
use crate::wire::{Binding, Source};

/// How many sources are read at once.
const PAGE: u32 = 500;

pub(in crate::cli) async fn run(app: &App, arguments: &FarmSourceArgs) -> anyhow::Result<Answer> {
    let farm = farm::named(&arguments.farm)?;
    match (&arguments.command, farm) {
        (SourceCommand::List { namespace }, Some(farm)) => {
            let sources = farm.sources(namespace.as_ref().map(Namespace::as_str));
            Ok(listed(sources.await?))
        }
        (SourceCommand::List { namespace }, None) => {
            Ok(listed(local(app, namespace.as_ref()).await?))
        }
        (SourceCommand::Exchange(command), farm) => {
            exchange::run(app, farm.as_ref(), command).await
        }
        (
            SourceCommand::Bind {
                plugin,
                url,
                subdirectory,
            },
            farm,
        ) => {
            let source = match farm {
                Some(farm) => {
                    let (url, subdirectory) = (repository(url)?, subdirectory.clone());
                    farm.bind(plugin, &Binding { url, subdirectory }).await?
                }
                None => {
                    let source = crate::store::Source {
                        plugin: plugin.clone(),
                        url: repository(url)?,
                        subdirectory: folder(subdirectory.as_deref())?,
                    };
                    let store = app.store().await?;
                    store.bind_source(&source, true, OPERATOR, now()).await?;
                    let bound = store.bound_source(plugin).await?;
                    bound.map(Into::into).ok_or_else(|| missing(plugin))?
                }
            };
            let words = in_a_line(&source);
            Ok(Answer::done("the plugin comes from there")
                .with(json!({ "source": source }))
                .saying([words]))
        }
    }
}

async fn local(app: &App, namespace: Option<&Namespace>) -> anyhow::Result<Vec<Source>> {
    let (store, mut all, mut after) = (app.store().await?, Vec::new(), None);
    loop {
        let found = store
            .sources(namespace, after.as_ref(), PAGE, &Reader::Everything)
            .await?;
        let Some(last) = found.last() else {
            return Ok(all);
        };
        after = Some(last.source.plugin.clone());
        all.extend(found.into_iter().map(Into::into));
    }
}

fn missing(plugin: &PluginId) -> StoreError {
    StoreError::Missing {
        what: "plugin",
        name: plugin.to_string(),
    }
}

fn listed(sources: Vec<Source>) -> Answer {
    let words: Vec<_> = sources.iter().map(in_a_line).collect();
    Answer::done("these are the sources")
        .with(json!({ "sources": sources }))
        .saying(words)
}

fn in_a_line(source: &Source) -> String {
    let folder = source.subdirectory.as_deref();
    let folder = folder.map_or(String::new(), |folder| format!("  {folder}"));
    printable(&format!("{}  {}{folder}", source.plugin, source.url), 1000)
}
