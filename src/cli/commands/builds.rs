//! `plugfarm builds`: what a farm builds, and what became of it.

use serde_json::json;

use crate::cli::answer::Answer;
use crate::cli::args::{BuildsArgs, BuildsCommand};
use crate::cli::follow::{Watcher, watch};
use crate::cli::{farm, output};
use crate::client::{Client, Lines, Listed};
use crate::model::colours::{self, Part};
use crate::model::{LogLine, printable};
use crate::wire::{Build, Detailed, Line};

/// The most bytes of a log that are shown to a program.
const MAX_LOG: u64 = 64 << 20;

pub(in crate::cli) async fn run(arguments: &BuildsArgs, json: bool) -> anyhow::Result<Answer> {
    let client = farm::required(&arguments.farm)?;
    match &arguments.command {
        BuildsCommand::List {
            plugin,
            state,
            limit,
        } => {
            let listed = Listed {
                plugin: plugin.as_ref().map(ToString::to_string),
                state: state.clone(),
                limit: *limit,
            };
            list(&client, &listed).await
        }
        BuildsCommand::Show { id } => {
            let build = client.build(id.as_str()).await?;
            let words = detailed(&build);
            Ok(Answer::done("this is the build")
                .with(json!({ "build": build }))
                .saying(words))
        }
        BuildsCommand::Logs {
            id, follow: true, ..
        } => watch(&client, id.as_str(), &mut Printed { json }).await,
        BuildsCommand::Logs {
            id, lines, attempt, ..
        } => {
            let lines = Lines {
                attempt: *attempt,
                from: lines.and_then(|lines| lines.from),
                to: lines.and_then(|lines| lines.to),
            };
            log(&client, id.as_str(), lines).await
        }
        BuildsCommand::Why { id } => {
            let why = client.why(id.as_str()).await?;
            let words = printable(&why.reason, 1000);
            Ok(Answer::done(words.clone())
                .with(json!({ "why": why }))
                .saying([words]))
        }
        BuildsCommand::Cancel { id } => {
            client.cancel(id.as_str()).await?;
            Ok(Answer::done("the build is asked to stop"))
        }
        BuildsCommand::Retry { id } => {
            client.retry(id.as_str()).await?;
            Ok(Answer::done("the build is in the queue again"))
        }
    }
}

async fn list(client: &Client, listed: &Listed) -> anyhow::Result<Answer> {
    let builds = client.builds(listed).await?;
    let words: Vec<_> = builds.iter().map(in_a_line).collect();
    Ok(Answer::done("these are the builds")
        .with(json!({ "builds": builds }))
        .saying(words))
}

fn in_a_line(build: &Build) -> String {
    let Build {
        id,
        state,
        plugin,
        target,
        channel,
        created_at,
        ..
    } = build;
    let source = build.reference.as_deref().unwrap_or_default();
    let line = format!("{id}  {state:<11}  {plugin}  {target}/{channel}  {created_at}  {source}");
    printable(line.trim_end(), 500)
}

fn detailed(build: &Detailed) -> Vec<String> {
    let own = &build.build;
    let mut lines = vec![in_a_line(own)];
    let folder = own.subdirectory.as_deref();
    let folder = folder.map_or(String::new(), |folder| format!(", folder {folder}"));
    lines.push(format!("source    {}{folder}", own.url));
    if let Some(commit) = &own.commit {
        lines.push(format!("commit    {commit}"));
    }
    for attempt in &build.attempts {
        let (number, state) = (attempt.number, &attempt.state);
        let why = attempt.code.as_deref();
        let why = why.map_or(String::new(), |code| format!(" [{code}]"));
        lines.push(format!(
            "attempt {number} {state}{why}, {}",
            attempt.started_at
        ));
        lines.extend(attempt.stages.iter().map(|stage| {
            let took = stage
                .took_ms
                .map_or(String::new(), |took| format!(" {took} ms"));
            let summary = stage.summary.as_deref().unwrap_or_default();
            format!("  {:<9}{took:>10}  {summary}", stage.stage)
        }));
    }
    lines.extend(build.artifacts.iter().map(|one| {
        let (name, size, sha256) = (&one.name, one.size, &one.sha256);
        format!("left      {name}, {size} bytes, sha256 {sha256}")
    }));
    if let Some(one) = &build.publication {
        let (package, version, suite) = (&one.package, &one.version, &one.suite);
        lines.push(format!("published {package} {version} in {suite}"));
    }
    let moments = build.timeline.iter();
    lines.extend(moments.map(|one| format!("{:<9} {}", one.moment, one.at)));
    if let Some(verdict) = &own.result {
        lines.push(format!("verdict   {}", verdict.message));
        if let Some(hint) = verdict.hint.as_ref().filter(|_| verdict.code.is_some()) {
            lines.push(format!("          {hint}"));
        }
    }
    lines.iter().map(|line| printable(line, 1000)).collect()
}

async fn log(client: &Client, id: &str, lines: Lines) -> anyhow::Result<Answer> {
    let text = client.log(id, lines).await?;
    let text = text.bytes(MAX_LOG).await;
    let text = text.map_err(|source| crate::client::ClientError::Unanswered { source })?;
    let text = String::from_utf8_lossy(&text);
    let first = lines.from.unwrap_or(1);
    // What answers may be no farm, and print what it likes: of that, only colours reach the terminal.
    let lines: Vec<_> = text.lines().map(safe).collect();
    let words: Vec<_> = lines.iter().map(|parts| colours::coloured(parts)).collect();
    let lines = (0_u64..).zip(lines).map(|(at, parts)| Line {
        number: first.saturating_add(at),
        text: parts.into_iter().map(|part| part.text).collect(),
    });
    let lines: Vec<_> = lines.collect();
    Ok(Answer::done("this is the log")
        .with(json!({ "log": lines }))
        .saying(words))
}

fn safe(line: &str) -> Vec<Part> {
    let mut parts = colours::parts(line);
    for part in &mut parts {
        part.text = colours::harmless(&part.text);
    }
    parts
}

/// Prints a log on standard output.
struct Printed {
    json: bool,
}

impl Watcher for Printed {
    fn line(&mut self, _: u32, line: &LogLine) {
        if !self.json {
            output::line(&line.text);
        }
    }

    fn waits(&mut self, reason: &str) {
        if !self.json {
            output::progress(&format!("it waits: {reason}"));
        }
    }
}
