//! What `plugfarm repo refresh` removes, by the farm's policy.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::pipeline::now;
use crate::repo::Retired;
use crate::upkeep::policy;

/// What would go.
pub(super) fn preview(app: &App) -> anyhow::Result<Answer> {
    let now = now();
    let Some(policy) = policy(app.config.repository.keep.as_ref(), now)? else {
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
