//! `plugfarm notify`: who is told of outcomes, by this machine's farm or by one elsewhere.

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{NotifyArgs, NotifyCommand};
use crate::cli::commands::people::OPERATOR;
use crate::cli::farm;
use crate::cli::usage::WrongUsage;
use crate::client::Client;
use crate::model::{Actor, PluginId, printable};
use crate::notify::{self, subscribe};
use crate::pipeline::now;
use crate::wire::{Letter, NewSubscription, Subscription};

/// How many letters are listed.
const LISTED: u32 = 100;

pub(in crate::cli) async fn run(app: &App, arguments: &NotifyArgs) -> anyhow::Result<Answer> {
    let farm = farm::named(&arguments.farm)?;
    match &arguments.command {
        NotifyCommand::Add {
            address,
            partner,
            plugin,
            events,
        } => {
            let new = NewSubscription {
                address: address.clone(),
                plugin: plugin.as_ref().map(ToString::to_string),
                events: events.clone(),
            };
            let added = match &farm {
                Some(farm) => add(farm, partner.as_ref(), &new).await?,
                None => add_here(app, partner.as_ref(), plugin.as_ref(), new).await?,
            };
            let words = [Some(added.id.clone()), added.secret.clone()];
            let words = words.into_iter().flatten();
            Ok(Answer::done("they are told")
                .with(json!({ "subscription": added }))
                .saying(words.map(|line| printable(&line, 500))))
        }
        NotifyCommand::List => {
            let all: Vec<Subscription> = match &farm {
                Some(farm) => farm.subscriptions().await?,
                None => {
                    let all = app.store().await?.subscriptions(None).await?;
                    all.into_iter().map(Into::into).collect()
                }
            };
            let words: Vec<_> = all.iter().map(in_a_line).collect();
            Ok(Answer::done("these are told")
                .with(json!({ "subscriptions": all }))
                .saying(words))
        }
        NotifyCommand::Remove { id } => {
            match &farm {
                Some(farm) => farm.unsubscribe(id).await?,
                None => {
                    let store = app.store().await?;
                    store.unsubscribe(id, None, OPERATOR, now()).await?;
                }
            }
            Ok(Answer::done("they are told no more"))
        }
        NotifyCommand::Letters { id } => {
            let all: Vec<Letter> = match &farm {
                Some(farm) => farm.letters(id).await?,
                None => {
                    let all = app.store().await?.letters(id, LISTED).await?;
                    all.into_iter().map(Into::into).collect()
                }
            };
            let words: Vec<_> = all.iter().map(told).collect();
            Ok(Answer::done("this was, or is to be, told")
                .with(json!({ "letters": all }))
                .saying(words))
        }
    }
}

async fn add(
    farm: &Client,
    partner: Option<&Actor>,
    new: &NewSubscription,
) -> anyhow::Result<Subscription> {
    if partner.is_some() {
        let words = "the farm knows by the token whose builds these are: leave --partner out";
        return Err(WrongUsage(words.to_owned()).into());
    }
    Ok(farm.subscribe(new).await?)
}

async fn add_here(
    app: &App,
    partner: Option<&Actor>,
    plugin: Option<&PluginId>,
    new: NewSubscription,
) -> anyhow::Result<Subscription> {
    let missing = || WrongUsage("name whose builds, with --partner".to_owned());
    let new = notify::NewSubscription {
        partner: partner.ok_or_else(missing)?.clone(),
        plugin: plugin.cloned(),
        address: new.address,
        events: new.events,
    };
    let watching = app.watching().await?;
    let plain = app.config.notify.private_networks;
    let keepers = (&watching.store, &watching.secrets);
    let (added, secret) = subscribe(keepers, new, plain, OPERATOR, now()).await?;
    Ok(Subscription {
        secret,
        ..added.into()
    })
}

fn in_a_line(one: &Subscription) -> String {
    let about = one.plugin.as_deref().unwrap_or("all plugins");
    let (partner, events) = (&one.partner, one.events.join(" "));
    printable(
        &format!("{}  {partner}: {about}  {events}  {}", one.id, one.address),
        1000,
    )
}

fn told(one: &Letter) -> String {
    let (event, build, state) = (&one.event, &one.build, &one.state);
    let problem = one.problem.as_deref().unwrap_or_default();
    let tries = one.tries;
    printable(
        &format!("{event}  {build}  {state} after {tries} tries  {problem}"),
        1000,
    )
}
