//! `plugfarm notify`: who is told of outcomes.

use serde_json::{Value, json};

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::NotifyCommand;
use crate::cli::commands::people::OPERATOR;
use crate::model::printable;
use crate::notify::{NewSubscription, subscribe};
use crate::pipeline::now;
use crate::store::{Posted, Subscription};

/// How many letters are listed.
const LISTED: u32 = 100;

pub(in crate::cli) async fn run(app: &App, command: &NotifyCommand) -> anyhow::Result<Answer> {
    let watching = app.watching().await?;
    let store = &watching.store;
    match command {
        NotifyCommand::Add {
            address,
            partner,
            plugin,
            events,
        } => {
            let new = NewSubscription {
                partner: partner.clone(),
                plugin: plugin.clone(),
                address: address.clone(),
                events: events.clone(),
            };
            let plain = app.config.notify.private_networks;
            let added = subscribe((store, &watching.secrets), new, plain, OPERATOR, now());
            let (subscription, secret) = added.await?;
            let mut shown = described(&subscription);
            if let (Some(object), Some(secret)) = (shown.as_object_mut(), &secret) {
                object.insert("secret".to_owned(), Value::String(secret.clone()));
            }
            Ok(Answer::done("they are told")
                .with(json!({ "subscription": shown }))
                .saying([subscription.id].into_iter().chain(secret)))
        }
        NotifyCommand::List => {
            let all = store.subscriptions(None).await?;
            Ok(Answer::done("these are told")
                .with(json!({ "subscriptions": all.iter().map(described).collect::<Vec<_>>() }))
                .saying(all.iter().map(in_a_line)))
        }
        NotifyCommand::Remove { id } => {
            store.unsubscribe(id, None, OPERATOR, now()).await?;
            Ok(Answer::done("they are told no more"))
        }
        NotifyCommand::Letters { id } => {
            let all = store.letters(id, LISTED).await?;
            let words = all.iter().map(|one| {
                let (event, build, state) = (&one.event, &one.build, &one.state);
                let problem = one.problem.as_deref().unwrap_or_default();
                printable(
                    &format!(
                        "{event}  {build}  {state} after {} tries  {problem}",
                        one.tries
                    ),
                    1000,
                )
            });
            Ok(Answer::done("this was, or is to be, told")
                .with(json!({ "letters": all.iter().map(letter).collect::<Vec<_>>() }))
                .saying(words))
        }
    }
}

fn described(one: &Subscription) -> Value {
    json!({
        "id": one.id,
        "partner": one.partner.as_str(),
        "plugin": one.plugin.as_ref().map(ToString::to_string),
        "kind": one.kind,
        "address": one.address,
        "events": one.events,
        "created_at": one.created_at.rfc3339(),
    })
}

fn in_a_line(one: &Subscription) -> String {
    let about = one
        .plugin
        .as_ref()
        .map_or_else(|| "all plugins".to_owned(), ToString::to_string);
    let (partner, events) = (&one.partner, one.events.join(" "));
    printable(
        &format!("{}  {partner}: {about}  {events}  {}", one.id, one.address),
        1000,
    )
}

fn letter(one: &Posted) -> Value {
    json!({
        "id": one.id,
        "build": one.build.to_string(),
        "event": one.event,
        "state": one.state,
        "tries": one.tries,
        "problem": one.problem,
        "created_at": one.created_at.rfc3339(),
    })
}
