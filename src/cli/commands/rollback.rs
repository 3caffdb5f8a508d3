//! `plugfarm rollback`.

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::RollbackArgs;
use crate::cli::usage::WrongUsage;
use crate::cli::{channels, farm};
use crate::model::printable;
use crate::repo;
use crate::wire::{Rollback, RolledBack};

pub(in crate::cli) async fn run(app: &App, arguments: &RollbackArgs) -> anyhow::Result<Answer> {
    if arguments.package.version.is_some() {
        let message = "name the package alone, and the version to go back to with --to";
        return Err(WrongUsage(message.to_owned()).into());
    }
    let rolled_back = match farm::named(&arguments.farm)? {
        Some(farm) => {
            let plugin = farm::plugin(&arguments.package, arguments.decision.by.as_ref())?;
            let rollback = Rollback {
                to: arguments.to.as_ref().map(ToString::to_string),
                channel: arguments.channel.as_ref().map(ToString::to_string),
                reason: arguments.decision.reason.to_string(),
            };
            farm.roll_back(&plugin, &rollback).await?
        }
        None => here(app, arguments).await?,
    };
    let words: Vec<_> = rolled_back.iter().map(words).collect();
    Ok(Answer::done("the package is what it was")
        .with(json!({ "rolled_back": rolled_back }))
        .saying(words))
}

async fn here(app: &App, arguments: &RollbackArgs) -> anyhow::Result<Vec<RolledBack>> {
    if let Some(channel) = &arguments.channel {
        channels::known(app, channel)?;
    }
    let request = repo::RollbackRequest {
        package: arguments.package.package.clone(),
        to: arguments.to.clone(),
        channel: arguments.channel.clone(),
        by: channels::actor(arguments.decision.by.as_ref())?,
        reason: arguments.decision.reason.clone(),
    };
    let rolled_back = app.publisher()?.writer.roll_back(request).await?;
    Ok(rolled_back.into_iter().map(Into::into).collect())
}

fn words(rolled_back: &RolledBack) -> String {
    let RolledBack {
        package,
        bad,
        to,
        version,
        ..
    } = rolled_back;
    let suites = rolled_back.suites.join(", ");
    let words = format!("{package} {bad} is withdrawn, and {suites} has {to} again, as {version}");
    printable(&words, 1000)
}
