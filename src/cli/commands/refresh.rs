//! `plugfarm repo refresh`: what a farm does every hour, whether anybody publishes or not.

use serde_json::json;

use super::repo::chosen;
use super::{publish, retention, snapshot};
use crate::app::App;
use crate::cli::answer::Answer;
use crate::model::Suite;
use crate::pipeline::now;
use crate::repo::Retired;

pub(super) fn run(app: &App, names: &[String], if_due: bool) -> anyhow::Result<Answer> {
    let publisher = app.publisher()?;
    let (repository, signer, now) = (&publisher.repository, publisher.signer.as_ref(), now());
    let mut suites = chosen(repository, names)?;
    if if_due {
        let due = repository.due(now)?;
        suites.retain(|suite| due.contains(suite));
    }
    let lock = repository.lock()?;
    let expired = repository.expire_previews(&lock, now, signer)?;
    suites.retain(|suite| !expired.contains(suite));
    let refreshed = repository.refresh(&lock, &suites, now, signer)?;
    let unkept: Vec<Suite> = match app.config.repository.snapshots {
        Some(every) => repository.without_snapshot(every, now)?,
        None => Vec::new(),
    };
    let kept = repository.snapshot(&lock, &unkept, now, signer)?;
    let retired = match retention::policy(app, now)? {
        Some(policy) => repository.retire(&lock, &policy, now, signer)?,
        None => Retired::default(),
    };
    let removed = repository.collect(&lock, now)?;
    let expired: Vec<_> = expired.iter().map(ToString::to_string).collect();
    let over = expired
        .iter()
        .map(|suite| format!("{suite} is over, and gone"));
    let mut lines: Vec<_> = over.collect();
    lines.extend(refreshed.iter().map(publish::words));
    lines.extend(kept.iter().map(snapshot::words));
    lines.extend(retention::words(&retired));
    let message = if refreshed.is_empty() {
        "no suite is due"
    } else {
        "what is published is signed again"
    };
    lines.push(message.to_owned());
    let rows: Vec<_> = refreshed.iter().map(publish::describe).collect();
    let snapshots: Vec<_> = kept.iter().map(snapshot::describe).collect();
    Ok(Answer::done(message)
        .with(json!({
            "refreshed": rows,
            "expired": expired,
            "snapshots": snapshots,
            "retired": retention::describe(&retired),
            "removed": removed,
        }))
        .saying(lines))
}
