//! `plugfarm queue`: what waits and runs; stops builds from beginning, and lets them begin again.

use serde_json::json;

use crate::api::queue_of;
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{QueueArgs, QueueCommand};
use crate::cli::channels::actor;
use crate::cli::farm;
use crate::model::printable;
use crate::pipeline::now;
use crate::queue::{Forecaster, Limits};
use crate::wire::{Lock, Queue};

pub(in crate::cli) async fn run(app: &App, arguments: &QueueArgs) -> anyhow::Result<Answer> {
    let farm = farm::named(&arguments.farm)?;
    match (&arguments.command, farm) {
        (QueueCommand::Show, Some(farm)) => Ok(shown(&farm.queue().await?)),
        (QueueCommand::Show, None) => {
            let forecaster = Forecaster::new(Limits {
                workers: app.config.serve.workers,
            });
            let all = forecaster.all(&app.store().await?, now()).await?;
            Ok(shown(&queue_of(&all, &[])))
        }
        (QueueCommand::Lock(decision), farm) => {
            match farm {
                Some(farm) => {
                    farm::nobody_named(decision.by.as_ref())?;
                    let reason = decision.reason.to_string();
                    farm.lock_queue(&Lock { reason }).await?;
                }
                None => {
                    let (reason, actor) = (decision.reason.as_str(), actor(decision.by.as_ref())?);
                    let store = app.store().await?;
                    store.lock_queue(reason, actor.as_str(), now()).await?;
                }
            }
            Ok(Answer::done("no build begins until the queue is unlocked"))
        }
        (QueueCommand::Unlock { by }, Some(farm)) => {
            farm::nobody_named(by.as_ref())?;
            farm.unlock_queue().await?;
            Ok(Answer::done("builds begin again"))
        }
        (QueueCommand::Unlock { by }, None) => {
            let actor = actor(by.as_ref())?;
            let store = app.store().await?;
            let was = store.unlock_queue(actor.as_str(), now()).await?;
            Ok(Answer::done(if was {
                "builds begin again"
            } else {
                "the queue was not locked"
            }))
        }
    }
}

fn shown(queue: &Queue) -> Answer {
    let mut lines = Vec::new();
    lines.extend(
        queue
            .locked
            .as_ref()
            .map(|reason| format!("locked: {reason}")),
    );
    lines.extend(queue.running.iter().map(|one| {
        let (build, plugin, partner) = (&one.build, &one.plugin, &one.partner);
        format!(
            "{build}  runs   {plugin}  {partner}  since {}",
            one.started_at
        )
    }));
    lines.extend(queue.waiting.iter().map(|one| {
        let (build, plugin, partner) = (&one.build, &one.plugin, &one.partner);
        format!(
            "{build}  waits  {plugin}  {partner}  {}/{}",
            one.target, one.channel
        )
    }));
    let more = queue.waits.saturating_sub(queue.waiting.len());
    lines.extend((more > 0).then(|| format!("{more} more wait")));
    let message = format!("{} run, {} wait", queue.running.len(), queue.waits);
    lines.push(message.clone());
    let lines: Vec<_> = lines.iter().map(|line| printable(line, 1000)).collect();
    Answer::done(message)
        .with(json!({ "queue": queue }))
        .saying(lines)
}
