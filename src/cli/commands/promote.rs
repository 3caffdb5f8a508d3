//! `plugfarm promote`.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::PromoteArgs;
use crate::cli::channels;
use crate::repo::{Promoted, Promotion, Standing};

pub(in crate::cli) async fn run(app: &App, arguments: &PromoteArgs) -> anyhow::Result<Answer> {
    let (from, to) = channels::step(app, arguments.from.as_ref(), arguments.to.as_ref())?;
    let promotion = Promotion {
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
    let missing = promoted.iter().map(|one| one.missing).max().unwrap_or(0);
    let message = if missing > 0 {
        "the approval is noted, and is not enough yet"
    } else {
        "the package is promoted"
    };
    let rows: Vec<_> = promoted.iter().map(describe).collect();
    Ok(Answer::done(message)
        .with(json!({ "promoted": rows }))
        .saying(promoted.iter().map(words)))
}

fn describe(promoted: &Promoted) -> Value {
    let approvals = promoted.approvals.iter();
    let approvals = approvals.map(|one| json!({"by": one.by, "at": one.at.rfc3339()}));
    json!({
        "package": promoted.package,
        "version": promoted.version,
        "suite": promoted.suite.to_string(),
        "sha256": promoted.sha256,
        "approvals": approvals.collect::<Vec<_>>(),
        "missing": promoted.missing,
    })
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
    match (approvals.is_empty(), missing) {
        (true, _) => format!("{package} {version} is in {suite} already"),
        (false, 0) => format!("{package} {version} is in {suite} now"),
        (false, missing) => format!(
            "{package} {version} waits for {suite}: approved by {}, and {missing} more must",
            names(approvals)
        ),
    }
}

/// The names of those who have approved.
pub(in crate::cli) fn names(approvals: &[Standing]) -> String {
    let names: Vec<_> = approvals.iter().map(|one| one.by.as_str()).collect();
    names.join(", ")
}
