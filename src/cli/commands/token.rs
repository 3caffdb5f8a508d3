//! `plugfarm token`: who may ask the farm for what.

use serde_json::json;

use crate::api::{draw, new_token, shown};
use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{TokenArgs, TokenCommand, TokensArgs};
use crate::cli::commands::people::OPERATOR;
use crate::cli::farm;
use crate::model::printable;
use crate::pipeline::now;
use crate::wire::{NewToken, Secret, Token};

pub(in crate::cli) async fn run(app: &App, arguments: &TokensArgs) -> anyhow::Result<Answer> {
    let farm = farm::named(&arguments.farm)?;
    match (&arguments.command, farm) {
        (TokenCommand::Create(arguments), Some(farm)) => {
            Ok(created(farm.create_token(&asked(arguments)).await?))
        }
        (TokenCommand::Create(arguments), None) => {
            let secret = draw()?;
            let new = new_token(&asked(arguments), &secret, now())?;
            let store = app.store().await?;
            store.add_token(&new, OPERATOR, now()).await?;
            Ok(created(shown(&new, secret)))
        }
        (TokenCommand::List, Some(farm)) => Ok(listed(farm.tokens().await?)),
        (TokenCommand::List, None) => {
            let tokens = app.store().await?.tokens().await?;
            Ok(listed(tokens.iter().map(Into::into).collect()))
        }
        (TokenCommand::Revoke { id }, farm) => {
            match farm {
                Some(farm) => farm.revoke_token(id).await?,
                None => {
                    let store = app.store().await?;
                    store.revoke_token(id, OPERATOR, now()).await?;
                }
            }
            Ok(Answer::done(
                "the token has ended, and those that were made with it",
            ))
        }
    }
}

fn asked(arguments: &TokenArgs) -> NewToken {
    NewToken {
        partner: arguments.partner.as_ref().map(ToString::to_string),
        person: arguments.person.as_ref().map(ToString::to_string),
        scopes: arguments.scopes.iter().map(ToString::to_string).collect(),
        namespaces: arguments
            .namespaces
            .iter()
            .map(ToString::to_string)
            .collect(),
        days: Some(arguments.days),
    }
}

fn created(secret: Secret) -> Answer {
    Answer::done("the token is shown this once")
        .with(json!({ "id": secret.id, "token": secret.token, "expires_at": secret.expires_at }))
        .saying([secret.token])
}

fn listed(tokens: Vec<Token>) -> Answer {
    let words: Vec<_> = tokens.iter().map(words).collect();
    Answer::done("these are the tokens")
        .with(json!({ "tokens": tokens }))
        .saying(words)
}

fn words(token: &Token) -> String {
    let whose = token.partner.as_deref().unwrap_or("the operator");
    let person = token.person.as_deref().map(|name| format!(" ({name})"));
    let end = match &token.revoked_at {
        Some(time) => format!("revoked {time}"),
        None => format!("until {}", token.expires_at),
    };
    let (id, person) = (&token.id, person.unwrap_or_default());
    let scopes = token.scopes.join(" ");
    printable(&format!("{id}  {whose}{person}  {scopes}  {end}"), 500)
}
