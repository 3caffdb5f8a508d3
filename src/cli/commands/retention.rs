//! What `plugfarm repo refresh` removes, by the farm's policy.

use std::collections::BTreeSet;
use std::io::BufReader;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::model::Timestamp;
use crate::pipeline::now;
use crate::repo::{Retention, Retired, downloads};

/// What the farm keeps; none, if that is everything.
pub(super) fn policy(app: &App, now: Timestamp) -> anyhow::Result<Option<Retention>> {
    let Some(keep) = &app.config.repository.keep else {
        return Ok(None);
    };
    let time = i64::try_from(keep.time.as_secs()).unwrap_or(i64::MAX);
    let since = Timestamp::from_seconds(now.seconds().saturating_sub(time));
    let mut downloaded = BTreeSet::new();
    for path in &keep.downloads {
        // Without the log nobody knows what hosts need: then nothing goes.
        fs_err::File::open(path)
            .and_then(|file| downloads(BufReader::new(file), since, &mut downloaded))
            .context("cannot read the access log that `repository.keep.downloads` names")?;
    }
    Ok(Some(Retention {
        versions: keep.versions,
        time: keep.time,
        snapshots: keep.snapshots,
        downloaded,
    }))
}

/// What would go.
pub(super) fn preview(app: &App) -> anyhow::Result<Answer> {
    let now = now();
    let Some(policy) = policy(app, now)? else {
        let message = "everything is kept; `repository.keep` in the configuration says otherwise";
        return Ok(Answer::done(message).with(json!({ "retired": describe(&Retired::default()) })));
    };
    let retired = app.repository()?.would_retire(&policy, now)?;
    let (left, erased) = (retired.left.len(), retired.erased.len());
    let message = format!(
        "{left} packages would leave a suite; the files of {erased}, {} bytes, would go",
        retired.bytes
    );
    let lines = words(&retired).into_iter().chain([message.clone()]);
    let lines: Vec<_> = lines.collect();
    Ok(Answer::done(message)
        .with(json!({ "retired": describe(&retired) }))
        .saying(lines))
}

pub(super) fn describe(retired: &Retired) -> Value {
    let left = retired.left.iter().map(|(suite, package, version)| {
        json!({ "suite": suite.to_string(), "package": package, "version": version })
    });
    let erased = retired.erased.iter();
    let erased = erased.map(|(package, version)| json!({ "package": package, "version": version }));
    let snapshots = retired.snapshots.iter().map(|snapshot| snapshot.name());
    json!({
        "left": left.collect::<Vec<_>>(),
        "erased": erased.collect::<Vec<_>>(),
        "bytes": retired.bytes,
        "snapshots": snapshots.collect::<Vec<_>>(),
    })
}

pub(super) fn words(retired: &Retired) -> Vec<String> {
    let left = retired.left.iter();
    let left = left.map(|(suite, package, version)| format!("{suite}: {package} {version} leaves"));
    let erased = retired.erased.iter();
    let erased = erased.map(|(package, version)| format!("{package} {version}: its file goes"));
    let snapshots = retired.snapshots.iter();
    let snapshots = snapshots.map(|snapshot| format!("{} is over", snapshot.name()));
    left.chain(erased).chain(snapshots).collect()
}
