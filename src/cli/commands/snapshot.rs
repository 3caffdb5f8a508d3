//! `plugfarm repo snapshot`.

use serde_json::{Value, json};

use super::repo::chosen;
use crate::app::App;
use crate::cli::answer::Answer;
use crate::pipeline::now;
use crate::repo::Snapshot;

pub(super) fn run(app: &App, names: &[String], list: bool) -> anyhow::Result<Answer> {
    if list {
        let kept = app.repository()?.snapshots()?;
        let message = match kept.len() {
            0 => "there are no dated publications".to_owned(),
            1 => "1 dated publication".to_owned(),
            count => format!("{count} dated publications"),
        };
        return Ok(answer(message, &kept));
    }
    let publisher = app.publisher()?;
    let repository = &publisher.repository;
    let mut suites = chosen(repository, names)?;
    suites.retain(|suite| !names.is_empty() || !suite.channel.is_preview());
    let lock = repository.lock()?;
    let kept = repository.snapshot(&lock, &suites, now(), publisher.signer.as_ref())?;
    let message = if kept.is_empty() {
        "nothing is published yet".to_owned()
    } else {
        let url = repository.url();
        format!("hosts install from it with `deb {url} NAME main`, where NAME is one of these")
    };
    Ok(answer(message, &kept))
}

fn answer(message: String, kept: &[Snapshot]) -> Answer {
    let rows: Vec<_> = kept.iter().map(describe).collect();
    let lines: Vec<_> = kept.iter().map(words).chain([message.clone()]).collect();
    Answer::done(message)
        .with(json!({ "snapshots": rows }))
        .saying(lines)
}

pub(super) fn describe(snapshot: &Snapshot) -> Value {
    json!({
        "name": snapshot.name(),
        "time": snapshot.time.rfc3339(),
        "suite": snapshot.suite.to_string(),
        "generation": snapshot.generation,
        "packages": snapshot.packages,
    })
}

pub(super) fn words(snapshot: &Snapshot) -> String {
    let (name, suite, generation) = (snapshot.name(), &snapshot.suite, snapshot.generation);
    format!("{name} is {suite} as of generation {generation}")
}
