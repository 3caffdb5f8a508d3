//! `plugfarm publish`.

use serde_json::json;

use crate::app::App;
use crate::cli::args::PublishArgs;
use crate::cli::{Exit, output};
use crate::model::Blame;
use crate::pipeline::publish_packages;

pub(in crate::cli) fn run(app: &App, arguments: &PublishArgs, json: bool) -> anyhow::Result<Exit> {
    let publisher = app.publisher()?;
    let channel = arguments
        .channel
        .as_ref()
        .unwrap_or(&app.config.repository.channel);
    let published = publish_packages(&publisher, &arguments.packages, channel, arguments.unpinned);
    match published {
        Ok(publications) => {
            let rows = publications.iter().map(|publication| {
                json!({
                    "suite": publication.suite.to_string(),
                    "generation": publication.generation,
                    "changed": publication.changed,
                })
            });
            if json {
                output::json(&json!({ "published": rows.collect::<Vec<_>>() }))?;
            } else {
                for publication in &publications {
                    let what = if publication.changed {
                        "now at"
                    } else {
                        "unchanged at"
                    };
                    let generation = publication.generation;
                    output::line(&format!(
                        "{} {what} generation {generation}",
                        publication.suite
                    ));
                }
            }
            Ok(Exit::Done)
        }
        Err(failure) => {
            if json {
                output::json(&json!({
                    "stage": failure.stage,
                    "code": failure.code,
                    "blame": failure.blame(),
                    "message": failure.message,
                    "hint": failure.hint,
                }))?;
            } else {
                output::failure(&failure);
            }
            Ok(if failure.blame() == Blame::Partner {
                Exit::Plugin
            } else {
                Exit::Farm
            })
        }
    }
}
