//! `plugfarm publish`.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::PublishArgs;
use crate::cli::channels;
use crate::model::Channel;
use crate::pipeline::{Conclusion, publish_packages};
use crate::repo::Publication;

pub(in crate::cli) async fn run(app: &App, arguments: &PublishArgs) -> anyhow::Result<Answer> {
    let publisher = app.publisher()?;
    let preview = arguments
        .preview
        .as_deref()
        .map(Channel::preview)
        .transpose()?;
    let named = preview.as_ref().or(arguments.channel.as_ref());
    let channel = channels::entered(app, named)?;
    let packages = &arguments.packages;
    let published = publish_packages(&publisher, packages, &channel, arguments.unpinned);
    let published = match published.await {
        Ok(published) => published,
        Err(failure) => return Ok(Conclusion::from(&failure).into()),
    };
    let rows: Vec<_> = published.iter().map(describe).collect();
    Ok(Answer::done("the packages are published")
        .with(json!({ "published": rows }))
        .saying(published.iter().map(words)))
}

pub(super) fn describe(publication: &Publication) -> Value {
    json!({
        "suite": publication.suite.to_string(),
        "generation": publication.generation,
        "changed": publication.changed,
    })
}

pub(super) fn words(publication: &Publication) -> String {
    let what = if publication.changed {
        "now at"
    } else {
        "unchanged at"
    };
    let (suite, generation) = (&publication.suite, publication.generation);
    format!("{suite} {what} generation {generation}")
}
