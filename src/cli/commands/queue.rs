//! `plugfarm queue`: stops builds from beginning, and lets them begin again.

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::QueueCommand;
use crate::cli::channels::actor;
use crate::pipeline::now;

pub(in crate::cli) async fn run(app: &App, command: &QueueCommand) -> anyhow::Result<Answer> {
    let store = app.store().await?;
    match command {
        QueueCommand::Lock(decision) => {
            let actor = actor(decision.by.as_ref())?;
            store
                .lock_queue(decision.reason.as_str(), actor.as_str(), now())
                .await?;
            Ok(Answer::done("no build begins until the queue is unlocked"))
        }
        QueueCommand::Unlock { by } => {
            let actor = actor(by.as_ref())?;
            let was = store.unlock_queue(actor.as_str(), now()).await?;
            Ok(Answer::done(if was {
                "builds begin again"
            } else {
                "the queue was not locked"
            }))
        }
    }
}
