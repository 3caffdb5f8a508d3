//! `plugfarm repo refresh`: what a farm does every hour, whether anybody publishes or not.

use serde_json::json;

use super::repo::chosen;
use super::{publish, retention, snapshot};
use crate::app::App;
use crate::cli::answer::Answer;
use crate::pipeline::now;
use crate::upkeep::{RefreshError, Refreshed, refresh};

pub(super) fn run(app: &App, names: &[String], if_due: bool) -> anyhow::Result<Answer> {
    let publisher = app.publisher()?;
    let (repository, now) = (&publisher.repository, now());
    let mut suites = chosen(repository, names)?;
    if if_due {
        let due = repository.due(now)?;
        suites.retain(|suite| due.contains(suite));
    }
    let settings = &app.config.repository;
    let (keep, every) = (settings.keep.as_ref(), settings.snapshots);
    let signer = publisher.signer.as_ref();
    let done = refresh(repository, signer, keep, every, Some(suites), now);
    let Refreshed {
        expired,
        refreshed,
        snapshots: kept,
        retired,
        removed,
    } = done.map_err(|error| match error {
        RefreshError::Repository(error) => anyhow::Error::new(error),
        other => other.into(),
    })?;
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
