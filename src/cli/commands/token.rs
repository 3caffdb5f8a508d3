//! `plugfarm token`: who may ask the farm for what.

use std::io::Read as _;

use serde_json::json;

use crate::app::App;
use crate::cli::answer::Answer;
use crate::cli::args::{TokenArgs, TokenCommand};
use crate::model::{Actor, Scope, Sha256, Timestamp};
use crate::pipeline::now;
use crate::store::{NewToken, Token};

/// A day, in seconds.
const DAY: i64 = 24 * 3600;

pub(in crate::cli) async fn run(app: &App, command: &TokenCommand) -> anyhow::Result<Answer> {
    let store = app.store().await?;
    match command {
        TokenCommand::Create(arguments) => {
            let secret = draw()?;
            let token = new(arguments, &secret);
            store.add_token(&token, now()).await?;
            Ok(Answer::done("the token is shown this once")
                .with(json!({ "id": token.id, "token": secret, "expires_at": token.expires_at.rfc3339() }))
                .saying([secret]))
        }
        TokenCommand::List => {
            let tokens = store.tokens().await?;
            let rows: Vec<_> = tokens.iter().map(describe).collect();
            let words = tokens.iter().map(words);
            Ok(Answer::done("these are the tokens")
                .with(json!({ "tokens": rows }))
                .saying(words))
        }
        TokenCommand::Revoke { id } => {
            store.revoke_token(id, now()).await?;
            Ok(Answer::done("the token has ended"))
        }
    }
}

/// 256 random bits, with letters before them by which a leaked one is found.
fn draw() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("plugfarm_{}", hex::encode(bytes)))
}

fn new(arguments: &TokenArgs, secret: &str) -> NewToken {
    let scopes = match arguments.scopes.as_slice() {
        [] if arguments.partner.is_some() => vec![Scope::Submit, Scope::Manage],
        [] => vec![Scope::Operate],
        named => named.to_vec(),
    };
    NewToken {
        id: uuid::Uuid::now_v7().to_string(),
        sha256: Sha256::of(secret.as_bytes()),
        partner: arguments.partner.clone(),
        scopes,
        namespaces: arguments.namespaces.clone(),
        expires_at: Timestamp::from_seconds(now().seconds() + i64::from(arguments.days) * DAY),
    }
}

fn describe(token: &Token) -> serde_json::Value {
    json!({
        "id": token.id,
        "partner": token.partner.as_ref().map(Actor::as_str),
        "scopes": token.scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>(),
        "namespaces": token.namespaces.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": token.created_at.rfc3339(),
        "expires_at": token.expires_at.rfc3339(),
        "revoked_at": token.revoked_at.map(Timestamp::rfc3339),
    })
}

fn words(token: &Token) -> String {
    let whose = token.partner.as_ref().map_or("the operator", Actor::as_str);
    let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.word()).collect();
    let end = match token.revoked_at {
        Some(time) => format!("revoked {time}"),
        None => format!("until {}", token.expires_at),
    };
    format!("{}  {whose}  {}  {end}", token.id, scopes.join(" "))
}
