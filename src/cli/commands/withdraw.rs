//! `plugfarm withdraw`.

use serde_json::json;

use super::phase::version;
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::WithdrawArgs;
use crate::cli::channels;
use crate::repo::Withdrawal;

pub(in crate::cli) async fn run(app: &App, arguments: &WithdrawArgs) -> anyhow::Result<Answer> {
    let version = version(&arguments.package)?;
    for channel in &arguments.channels {
        channels::known(app, channel)?;
    }
    let withdrawal = Withdrawal {
        package: arguments.package.package.clone(),
        version: version.clone(),
        channels: arguments.channels.clone(),
        by: channels::actor(arguments.decision.by.as_ref())?,
        reason: arguments.decision.reason.clone(),
    };
    let publisher = app.publisher()?;
    let withdrawn = publisher.writer.withdraw(withdrawal.clone()).await?;
    let (package, suites) = (&withdrawal.package, &withdrawn.suites);
    let suites: Vec<_> = suites.iter().map(ToString::to_string).collect();
    let from = if suites.is_empty() {
        "already".to_owned()
    } else {
        format!("from {}", suites.join(", "))
    };
    let mut lines = vec![format!("{package} {version} is withdrawn {from}")];
    if withdrawn.pinned {
        lines.push("the farm's keyring package keeps it away from hosts".to_owned());
    }
    Ok(Answer::done("the version is withdrawn")
        .with(json!({
            "package": package,
            "version": version,
            "suites": suites,
            "pinned": withdrawn.pinned,
        }))
        .saying(lines))
}
