//! `plugfarm backup` and `plugfarm restore`.

use std::path::Path;

use serde_json::json;

use crate::app::App;
use crate::backup::{self, Contents};
use crate::cli::answer::Answer;
use crate::pipeline::now;

pub(in crate::cli) async fn backup(app: &App, to: &Path) -> anyhow::Result<Answer> {
    let store = app.store().await?;
    let Contents { rows, files, bytes } = backup::backup(&store, app.data(), to, now()).await?;
    let message = format!(
        "{} holds the farm: {files} files of {bytes} bytes, and {rows} rows of its state; whoever reads it has the keys",
        to.display()
    );
    let lines: Vec<_> = [message.clone()].into_iter().chain(beside(app)).collect();
    Ok(Answer::done(message)
        .with(json!({ "file": to, "rows": rows, "files": files, "bytes": bytes, "beside": beside(app) }))
        .saying(lines))
}

/// What a farm has beside its data folder, which is not in a backup.
fn beside(app: &App) -> Vec<String> {
    let config = &app.config;
    let repository = match (&config.repository.s3, &config.repository.path) {
        (Some(bucket), _) => Some(bucket.address()),
        (None, Some(path)) => Some(path.display().to_string()),
        (None, None) => None,
    };
    let repository = repository.map(|place| format!("not in it: the repository, {place}"));
    let keys = config.signer.socket.as_ref().map(|_| {
        "not in it: the keys, which the signer has in its own data folder; back that up after this"
            .to_owned()
    });
    repository.into_iter().chain(keys).collect()
}

pub(in crate::cli) async fn restore(app: &App, from: &Path) -> anyhow::Result<Answer> {
    let restored = backup::restore(from, app.data())?;
    let elsewhere = match app.config.serve.database {
        Some(_) => Some(app.store().await?),
        None => None,
    };
    let rows = restored.settle(elsewhere.as_ref()).await?;
    if let Some(store) = elsewhere {
        store.close().await;
    }
    let place = app.data().display();
    let message = format!("the farm is in {place} again, with {rows} rows of its state");
    let next = "now: `plugfarm doctor`, `plugfarm images build`, `plugfarm repo check`; then `plugfarm serve` goes on with every \
                build that was under way";
    Ok(Answer::done(message.clone())
        .with(json!({ "rows": rows }))
        .saying([message, next.to_owned()]))
}
