//! `plugfarm rollback`.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::RollbackArgs;
use crate::cli::channels;
use crate::cli::usage::WrongUsage;
use crate::repo::{RollbackRequest, RolledBack};

pub(in crate::cli) async fn run(app: &App, arguments: &RollbackArgs) -> anyhow::Result<Answer> {
    if arguments.package.version.is_some() {
        let message = "name the package alone, and the version to go back to with --to";
        return Err(WrongUsage(message.to_owned()).into());
    }
    if let Some(channel) = &arguments.channel {
        channels::known(app, channel)?;
    }
    let request = RollbackRequest {
        package: arguments.package.package.clone(),
        to: arguments.to.clone(),
        channel: arguments.channel.clone(),
        by: channels::actor(arguments.decision.by.as_ref())?,
        reason: arguments.decision.reason.clone(),
    };
    let rolled_back = app.publisher()?.writer.roll_back(request).await?;
    let rows: Vec<_> = rolled_back.iter().map(describe).collect();
    Ok(Answer::done("the package is what it was")
        .with(json!({ "rolled_back": rows }))
        .saying(rolled_back.iter().map(words)))
}

fn suites(rolled_back: &RolledBack) -> Vec<String> {
    rolled_back.suites.iter().map(ToString::to_string).collect()
}

fn describe(rolled_back: &RolledBack) -> Value {
    json!({
        "package": rolled_back.package,
        "bad": rolled_back.bad,
        "to": rolled_back.to,
        "version": rolled_back.version,
        "sha256": rolled_back.sha256,
        "suites": suites(rolled_back),
    })
}

fn words(rolled_back: &RolledBack) -> String {
    let RolledBack {
        package,
        bad,
        to,
        version,
        ..
    } = rolled_back;
    let suites = suites(rolled_back).join(", ");
    format!("{package} {bad} is withdrawn, and {suites} has {to} again, as {version}")
}
