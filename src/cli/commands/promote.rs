//! `plugfarm promote`.

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::PromoteArgs;
use crate::cli::{channels, farm};
use crate::model::printable;
use crate::repo;
use crate::wire::{Promoted, Promotion};

pub(in crate::cli) async fn run(app: &App, arguments: &PromoteArgs) -> anyhow::Result<Answer> {
    let promoted = match farm::named(&arguments.farm)? {
        Some(farm) => {
            let plugin = farm::plugin(&arguments.package, arguments.decision.by.as_ref())?;
            farm.promote(&plugin, &asked(arguments)).await?
        }
        None => here(app, arguments).await?,
    };
    let missing = promoted.iter().map(|one| one.missing).max().unwrap_or(0);
    let message = if missing > 0 {
        "the approval is noted, and is not enough yet"
    } else {
        "the package is promoted"
    };
    let words: Vec<_> = promoted.iter().map(words).collect();
    Ok(Answer::done(message)
        .with(json!({ "promoted": promoted }))
        .saying(words))
}

async fn here(app: &App, arguments: &PromoteArgs) -> anyhow::Result<Vec<Promoted>> {
    let (from, to) = channels::step(app, arguments.from.as_ref(), arguments.to.as_ref())?;
    let promotion = repo::Promotion {
        package: arguments.package.package.clone(),
        version: arguments.package.version.clone(),
        targets: arguments.targets.clone(),
        from,
        to,
        phased: arguments.phase.filter(|percent| *percent < 100),
        by: channels::actor(arguments.decision.by.as_ref())?,
        reason: arguments.decision.reason.clone(),
    };
    let promoted = app.publisher()?.writer.promote(promotion).await?;
    Ok(promoted.into_iter().map(Into::into).collect())
}

fn asked(arguments: &PromoteArgs) -> Promotion {
    let version = arguments.package.version.as_ref();
    Promotion {
        version: version.map(ToString::to_string),
        targets: arguments.targets.iter().map(ToString::to_string).collect(),
        from: arguments.from.as_ref().map(ToString::to_string),
        to: arguments.to.as_ref().map(ToString::to_string),
        phase: arguments.phase,
        reason: arguments.decision.reason.to_string(),
    }
}

fn words(promoted: &Promoted) -> String {
    let Promoted {
        package,
        version,
        suite,
        approvals,
        missing,
        ..
    } = promoted;
    let words = match (approvals.is_empty(), missing) {
        (true, _) => format!("{package} {version} is in {suite} already"),
        (false, 0) => format!("{package} {version} is in {suite} now"),
        (false, missing) => {
            let names: Vec<_> = approvals.iter().map(|one| one.by.as_str()).collect();
            let names = names.join(", ");
            format!(
                "{package} {version} waits for {suite}: approved by {names}, and {missing} more must"
            )
        }
    };
    printable(&words, 1000)
}
