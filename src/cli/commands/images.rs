//! `plugfarm images`.

use serde_json::json;

use crate::app::App;
use crate::cli::args::ImagesCommand;
use crate::cli::{Exit, output};
use crate::model::Target;
use crate::sandbox::{Image, ImageName, Images};

pub(in crate::cli) async fn run(
    app: &App,
    command: &ImagesCommand,
    json: bool,
) -> anyhow::Result<Exit> {
    let images = app.images().await?;
    let found = match command {
        ImagesCommand::Build { targets } => build(&images, targets).await?,
        ImagesCommand::List => images.list().await?,
    };
    if json {
        output::json(&json!({ "images": found.iter().map(describe).collect::<Vec<_>>() }))?;
    } else {
        for image in &found {
            let Image {
                name,
                target,
                id,
                packages,
                ..
            } = image;
            let (name, target) = (name.to_string(), target.to_string());
            output::line(&format!(
                "{name:<8} {target:<9} {:>4} packages  {id}",
                packages.len()
            ));
        }
        if found.is_empty() {
            output::line("there are no images yet; run `plugfarm images build`");
        }
    }
    Ok(Exit::Done)
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
