//! Who is told of outcomes.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::StatusCode;

use super::super::auth::Caller;
use super::super::problem::Problem;
use super::super::{Api, State};
use crate::model::{Actor, Scope};
use crate::notify::{self, SubscribeError, subscribe};
use crate::pipeline::now;
use crate::wire::{Letter, NewSubscription, Subscription};

/// How many letters are listed.
const LISTED: u32 = 100;

/// Have somebody told of outcomes
#[utoipa::path(post, path = "/subscriptions", request_body = NewSubscription, security(("token" = [])),
    responses(
        (status = 201, description = "they are; the secret is shown this once", body = Subscription),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn add(
    api: State,
    caller: Caller,
    body: Result<Json<NewSubscription>, JsonRejection>,
) -> Result<(StatusCode, Json<Subscription>), Problem> {
    caller.manages()?;
    let Json(asked) = body?;
    let partner = caller.partner()?.clone();
    let plugin = asked.plugin.as_deref().map(str::parse).transpose()?;
    caller.within(plugin.as_ref())?;
    let new = notify::NewSubscription {
        partner,
        plugin,
        address: asked.address,
        events: asked.events,
    };
    let (store, secrets) = (&api.store, &api.watching.secrets);
    let plain = api.notify.private_networks;
    let actor = caller.actor();
    let added = subscribe((store, secrets), new, plain, &actor, now());
    let (subscription, secret) = added.await?;
    let subscription = Subscription {
        secret,
        ..subscription.into()
    };
    Ok((StatusCode::CREATED, Json(subscription)))
}

/// List who is told of outcomes
#[utoipa::path(get, path = "/subscriptions", security(("token" = [])),
    responses(
        (status = 200, description = "these are they", body = Vec<Subscription>),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn list(
    api: State,
    caller: Caller,
) -> Result<Json<Vec<Subscription>>, Problem> {
    caller.manages()?;
    let all = api.store.subscriptions(whose(&caller)?).await?;
    Ok(Json(all.into_iter().map(Into::into).collect()))
}

/// Have somebody told no more
#[utoipa::path(delete, path = "/subscriptions/{id}", params(("id" = String, Path)), security(("token" = [])),
    responses(
        (status = 204, description = "they are not"),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn remove(
    api: State,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id.map_err(|_| Problem::missing("subscription"))?;
    caller.manages()?;
    let whose = whose(&caller)?;
    api.store
        .unsubscribe(&id, whose, &caller.actor(), now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List what somebody was, or is to be, told, newest first
#[utoipa::path(get, path = "/subscriptions/{id}/letters", params(("id" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "this is it", body = Vec<Letter>),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn letters(
    api: State,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Vec<Letter>>, Problem> {
    let Path(id) = id.map_err(|_| Problem::missing("subscription"))?;
    caller.manages()?;
    let own = own(&api, &caller, &id).await?;
    if !own {
        return Err(Problem::missing("subscription"));
    }
    let letters = api.store.letters(&id, LISTED).await?;
    Ok(Json(letters.into_iter().map(Into::into).collect()))
}

async fn own(api: &Api, caller: &Caller, id: &str) -> Result<bool, Problem> {
    let all = api.store.subscriptions(whose(caller)?).await?;
    Ok(all.iter().any(|one| one.id == id))
}

/// Whose subscriptions the caller sees; the operator sees all.
fn whose(caller: &Caller) -> Result<Option<&Actor>, Problem> {
    if caller.operates() {
        return Ok(None);
    }
    caller.partner().map(Some)
}

impl Caller {
    /// Refuses what a token does not allow that may only submit.
    fn manages(&self) -> Result<(), Problem> {
        if self.allows(Scope::Manage) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this token does not allow to say who is told of outcomes",
            "use a token that was made with --scope manage",
        ))
    }
}

impl From<SubscribeError> for Problem {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::Store { source } => source.into(),
            SubscribeError::Secrets { source } => source.into(),
            SubscribeError::Address | SubscribeError::Event => Self::wrong(error.to_string()),
        }
    }
}
