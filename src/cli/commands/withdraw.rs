//! `plugfarm withdraw`.

use serde_json::json;

use super::phase::version;
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::WithdrawArgs;
use crate::cli::{channels, farm};
use crate::model::{DebianVersion, printable};
use crate::repo;
use crate::wire::{Withdrawal, Withdrawn};

pub(in crate::cli) async fn run(app: &App, arguments: &WithdrawArgs) -> anyhow::Result<Answer> {
    let version = version(&arguments.package)?;
    let withdrawn = match farm::named(&arguments.farm)? {
        Some(farm) => {
            let plugin = farm::plugin(&arguments.package, arguments.decision.by.as_ref())?;
            let channels = arguments.channels.iter();
            let withdrawal = Withdrawal {
                version: version.to_string(),
                channels: channels.map(ToString::to_string).collect(),
                reason: arguments.decision.reason.to_string(),
            };
            farm.withdraw(&plugin, &withdrawal).await?
        }
        None => here(app, arguments, version).await?,
    };
    let Withdrawn {
        package,
        version,
        suites,
        ..
    } = &withdrawn;
    let from = if suites.is_empty() {
        "already".to_owned()
    } else {
        format!("from {}", suites.join(", "))
    };
    let words = format!("{package} {version} is withdrawn {from}");
    let mut lines = vec![printable(&words, 1000)];
    if withdrawn.pinned {
        lines.push("the farm's keyring package keeps it away from hosts".to_owned());
    }
    Ok(Answer::done("the version is withdrawn")
        .with(json!(withdrawn))
        .saying(lines))
}

async fn here(
    app: &App,
    arguments: &WithdrawArgs,
    version: &DebianVersion,
) -> anyhow::Result<Withdrawn> {
    for channel in &arguments.channels {
        channels::known(app, channel)?;
    }
    let withdrawal = repo::Withdrawal {
        package: arguments.package.package.clone(),
        version: version.clone(),
        channels: arguments.channels.clone(),
        by: channels::actor(arguments.decision.by.as_ref())?,
        reason: arguments.decision.reason.clone(),
    };
    let publisher = app.publisher()?;
    let withdrawn = publisher.writer.withdraw(withdrawal.clone()).await?;
    Ok((withdrawal, withdrawn).into())
}
