//! `plugfarm images`.

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::ImagesCommand;
use crate::cli::output;
use crate::model::Target;
use crate::sandbox::{Image, ImageName, Images};

pub(in crate::cli) async fn run(app: &App, command: &ImagesCommand) -> anyhow::Result<Answer> {
    let images = app.images().await?;
    let (found, message) = match command {
        ImagesCommand::Build { targets } => {
            (build(&images, targets).await?, "the images are there")
        }
        ImagesCommand::List => (images.list().await?, "these images are there"),
    };
    let message = if found.is_empty() {
        "there are no images yet; run `plugfarm images build`"
    } else {
        message
    };
    let mut lines: Vec<_> = found.iter().map(words).collect();
    if found.is_empty() {
        lines.push(message.to_owned());
    }
    Ok(Answer::done(message)
        .with(json!({ "images": found.iter().map(describe).collect::<Vec<_>>() }))
        .saying(lines))
}

fn words(image: &Image) -> String {
    let (name, target) = (image.name.to_string(), image.target.to_string());
    let (packages, id) = (image.packages.len(), &image.id);
    format!("{name:<8} {target:<9} {packages:>4} packages  {id}")
}

/// Makes what is missing: a builder and a host for each target, and the fetcher once.
async fn build(images: &Images, targets: &[Target]) -> anyhow::Result<Vec<Image>> {
    let targets = if targets.is_empty() {
        Target::ALL.as_slice()
    } else {
        targets
    };
    let mut wanted = vec![(ImageName::Fetcher, Target::Bookworm)];
    for target in targets {
        wanted.extend([(ImageName::Builder, *target), (ImageName::Host, *target)]);
    }
    let mut found = Vec::new();
    for (name, target) in wanted {
        found.push(images.ensure(name, target, &mut output::progress).await?);
    }
    Ok(found)
}

fn describe(image: &Image) -> serde_json::Value {
    json!({
        "name": image.name.word(),
        "target": image.target,
        "id": image.id,
        "root_sha256": image.root_sha256,
        "recipe": image.recipe,
        "packages": image.packages.len(),
    })
}
