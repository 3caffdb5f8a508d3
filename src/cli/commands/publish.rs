//! `plugfarm publish`.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::PublishArgs;
use crate::pipeline::{Conclusion, Unpublished, publish_packages};
use crate::repo::Publication;

pub(in crate::cli) fn run(app: &App, arguments: &PublishArgs) -> anyhow::Result<Answer> {
    let publisher = app.publisher()?;
    let channel = arguments
        .channel
        .as_ref()
        .unwrap_or(&app.config.repository.channel);
    let packages = &arguments.packages;
    let (answer, published) =
        match publish_packages(&publisher, packages, channel, arguments.unpinned) {
            Ok(published) => (Answer::done("the packages are published"), published),
            // What was published before the failure stays so, and is told beside it.
            Err(Unpublished { published, failure }) => {
                (Conclusion::from(&failure).into(), published)
            }
        };
    let rows: Vec<_> = published.iter().map(describe).collect();
    Ok(answer
        .with(json!({ "published": rows }))
        .saying(published.iter().map(words)))
}

fn describe(publication: &Publication) -> Value {
    json!({
        "suite": publication.suite.to_string(),
        "generation": publication.generation,
        "changed": publication.changed,
    })
}

fn words(publication: &Publication) -> String {
    let what = if publication.changed {
        "now at"
    } else {
        "unchanged at"
    };
    let (suite, generation) = (&publication.suite, publication.generation);
    format!("{suite} {what} generation {generation}")
}
