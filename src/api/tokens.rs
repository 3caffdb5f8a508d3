//! Tokens: made, listed and ended. A partner's makes others that allow no more than itself.

use std::io::{self, Read as _};

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::StatusCode;

use super::State;
use super::auth::Caller;
use super::problem::Problem;
use crate::model::{Actor, InvalidValue, Scope, Sha256, Timestamp};
use crate::pipeline::now;
use crate::store::{NewToken, Token};
use crate::wire;

/// A day, in seconds.
const DAY: i64 = 24 * 3600;
/// After how many days a token ends, unless that is said.
const DAYS: u16 = 365;
/// The most tokens of a partner that makes them itself.
const MOST: usize = 100;
/// The most days that a token may last.
const MAX_DAYS: u16 = 3650;

/// List tokens: the partner's own, or all for the operator
#[utoipa::path(get, path = "/tokens", security(("token" = [])),
    responses((status = 200, description = "this is it", body = Vec<wire::Token>)))]
pub(super) async fn list(api: State, caller: Caller) -> Result<Json<Vec<wire::Token>>, Problem> {
    caller.must_manage()?;
    let tokens = api.store.tokens().await?.into_iter();
    let own = tokens.filter(|token| caller.sees(token));
    Ok(Json(own.map(|token| (&token).into()).collect()))
}

/// Make a token, which is shown this once
#[utoipa::path(post, path = "/tokens", request_body = wire::NewToken, security(("token" = [])),
    responses(
        (status = 201, description = "this is it", body = wire::Secret),
        (status = 409, description = "the partner has too many", body = Problem)
    ))]
pub(super) async fn create(
    api: State,
    caller: Caller,
    body: Result<Json<wire::NewToken>, JsonRejection>,
) -> Result<(StatusCode, Json<wire::Secret>), Problem> {
    caller.must_manage()?;
    let Json(mut asked) = body?;
    if asked.partner.is_none() {
        asked.partner = caller.owner().map(ToString::to_string);
    }
    let secret = draw().map_err(|error| {
        tracing::error!(%error, "no token can be drawn");
        Problem::broken()
    })?;
    let new = new_token(&asked, &secret, now())?;
    let new = caller.narrowed(new)?;
    if !caller.operates() {
        let tokens = api.store.tokens().await?.into_iter();
        let own = tokens.filter(|token| token.partner.as_ref() == caller.owner());
        let live = own.filter(|token| token.is_live(now()));
        if live.count() >= MOST {
            let words = format!("the partner has {MOST} tokens already");
            let hint = "end those that nobody uses";
            return Err(Problem::new(StatusCode::CONFLICT, words, hint));
        }
    }
    api.store.add_token(&new, &caller.actor(), now()).await?;
    Ok((StatusCode::CREATED, Json(shown(&new, secret))))
}

/// End a token now
#[utoipa::path(delete, path = "/tokens/{id}", params(("id" = String, Path)), security(("token" = [])),
    responses((status = 204, description = "it is worth nothing any more")))]
pub(super) async fn revoke(
    api: State,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    caller.must_manage()?;
    let missing = || Problem::missing("token");
    let Path(id) = id.map_err(|_| missing())?;
    let tokens = api.store.tokens().await?;
    // Somebody else's is not there, for all that the caller learns.
    let mut own = tokens.iter().filter(|token| caller.sees(token));
    own.find(|token| token.id == id).ok_or_else(missing)?;
    api.store.revoke_token(&id, &caller.actor(), now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The token that somebody asks for, whose secret is `secret`.
///
/// # Errors
///
/// [`InvalidValue`].
pub fn new_token(
    asked: &wire::NewToken,
    secret: &str,
    now: Timestamp,
) -> Result<NewToken, InvalidValue> {
    let partner = asked.partner.as_deref().map(Actor::new).transpose()?;
    let named: Vec<Scope> = parsed(&asked.scopes)?;
    let scopes = match (named.is_empty(), &partner) {
        (false, _) => named,
        (true, Some(_)) => vec![Scope::Submit, Scope::Manage],
        (true, None) => vec![Scope::Operate],
    };
    let days = asked.days.unwrap_or(DAYS);
    if !(1..=MAX_DAYS).contains(&days) {
        let rule = "it must be 1 to 3650 days";
        return Err(InvalidValue::new(
            "life of a token",
            &days.to_string(),
            rule,
        ));
    }
    Ok(NewToken {
        id: uuid::Uuid::now_v7().to_string(),
        sha256: Sha256::of(secret.as_bytes()),
        partner,
        person: asked.person.as_deref().map(Actor::new).transpose()?,
        scopes,
        namespaces: parsed(&asked.namespaces)?,
        expires_at: Timestamp::from_seconds(now.seconds() + i64::from(days) * DAY),
        made_with: None,
    })
}

/// A token with its secret, which is shown this once.
#[must_use]
pub fn shown(new: &NewToken, secret: String) -> wire::Secret {
    wire::Secret {
        id: new.id.clone(),
        token: secret,
        expires_at: new.expires_at.rfc3339(),
    }
}

fn parsed<T: std::str::FromStr<Err = InvalidValue>>(
    words: &[String],
) -> Result<Vec<T>, InvalidValue> {
    words.iter().map(|word| word.parse()).collect()
}

/// A new secret: 256 random bits, with letters before them by which a leaked one is found.
///
/// # Errors
///
/// What the system says when it gives none.
pub fn draw() -> io::Result<String> {
    let mut bytes = [0_u8; 32];
    fs_err::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("plugfarm_{}", hex::encode(bytes)))
}

impl From<&Token> for wire::Token {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            partner: token.partner.as_ref().map(ToString::to_string),
            person: token.person.as_ref().map(ToString::to_string),
            scopes: token.scopes.iter().map(ToString::to_string).collect(),
            namespaces: token.namespaces.iter().map(ToString::to_string).collect(),
            created_at: token.created_at.rfc3339(),
            expires_at: token.expires_at.rfc3339(),
            revoked_at: token.revoked_at.map(Timestamp::rfc3339),
        }
    }
}
