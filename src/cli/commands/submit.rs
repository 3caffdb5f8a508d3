//! `plugfarm submit`: has a farm build a plugin.

use serde_json::json;

use crate::api::repository;
use crate::cli::answer::Answer;
use crate::cli::args::SubmitArgs;
use crate::cli::farm;
use crate::cli::follow::{Watcher, watch};
use crate::cli::output::{self, Terminal};
use crate::model::LogLine;
use crate::pipeline::Observer as _;
use crate::wire::Submission;

pub(in crate::cli) async fn run(arguments: &SubmitArgs, json: bool) -> anyhow::Result<Answer> {
    let client = farm::required(&arguments.farm)?;
    let submission = Submission {
        // Checked here already: a credential in it leaves this machine for nobody.
        url: repository(&arguments.url)?,
        plugin: arguments.plugin.as_ref().map(ToString::to_string),
        subdirectory: arguments.subdirectory.clone(),
        reference: arguments.reference.clone(),
        target: arguments.target.as_ref().map(ToString::to_string),
        channel: arguments.channel.as_ref().map(ToString::to_string),
        preview: arguments.preview.clone(),
        priority: arguments.priority.as_ref().map(ToString::to_string),
    };
    // A key of its own, at the least: what is sent again because the answer got lost is no second build.
    let drawn = || uuid::Uuid::new_v4().to_string();
    let key = arguments.idempotency_key.clone().unwrap_or_else(drawn);
    let submitted = client.submit(&submission, &key).await?;
    let id = &submitted.id;
    let details = json!({ "id": id, "fresh": submitted.fresh, "superseded": submitted.superseded });
    if !arguments.follow {
        let message = match submitted.fresh {
            true => "the build is submitted",
            false => "the same build was submitted before",
        };
        return Ok(Answer::done(message).with(details).saying([id.clone()]));
    }
    let mut shown = Shown::new(json);
    shown.say(&format!("build {id}"));
    let answer = watch(&client, id, &mut shown).await;
    shown.close();
    Ok(answer?.with_more(details))
}

/// Shows on standard error what happens to a build.
struct Shown {
    /// Nobody, where a program asks.
    terminal: Option<Terminal>,
    attempt: u32,
}

impl Shown {
    fn new(json: bool) -> Self {
        Self {
            terminal: (!json).then(Terminal::new),
            attempt: 1,
        }
    }

    fn say(&self, words: &str) {
        if self.terminal.is_some() {
            output::progress(words);
        }
    }

    fn close(&self) {
        if let Some(terminal) = &self.terminal {
            terminal.close();
        }
    }
}

impl Watcher for Shown {
    fn line(&mut self, attempt: u32, line: &LogLine) {
        if attempt != self.attempt {
            self.attempt = attempt;
            self.say(&format!("attempt {attempt}"));
        }
        if let Some(terminal) = &self.terminal {
            terminal.log(line);
        }
    }

    fn waits(&mut self, reason: &str) {
        self.say(&format!("it waits: {reason}"));
    }
}
