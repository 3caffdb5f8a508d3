//! Hooks of sources: made, listed, removed, and what came in by them.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::http::StatusCode;

use super::super::auth::Caller;
use super::super::problem::Problem;
use super::super::{Api, State};
use super::{Named, managed, named, readable};
use crate::forge::Forge;
use crate::pipeline::now;
use crate::store;
use crate::wire::{Delivery, Hook, NewHook};

/// A plugin and a hook in a path.
type Three = Result<Path<(String, String, String)>, PathRejection>;
/// A plugin, a hook and a delivery in a path.
type Four = Result<Path<(String, String, String, String)>, PathRejection>;

/// Add a hook to a source
#[utoipa::path(post, path = "/sources/{namespace}/{name}/hooks", request_body = NewHook,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 201, description = "it is there; its secret is shown this once", body = Hook),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn add(
    api: State,
    caller: Caller,
    path: Named,
    body: Result<Json<NewHook>, JsonRejection>,
) -> Result<(StatusCode, Json<Hook>), Problem> {
    let bound = named(&api, &caller, path).await?;
    let Json(asked) = body?;
    let forge: Forge = asked.forge.parse()?;
    let plugin = &bound.source.plugin;
    let actor = caller.actor();
    let added = api.watching.add_hook(plugin, forge, &actor, now());
    let (hook, secret) = added.await?;
    let hook = Hook {
        secret: Some(secret),
        ..hook.into()
    };
    Ok((StatusCode::CREATED, Json(hook)))
}

/// List the hooks of a source
#[utoipa::path(get, path = "/sources/{namespace}/{name}/hooks",
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "these are they", body = Vec<Hook>),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn list(
    api: State,
    caller: Caller,
    path: Named,
) -> Result<Json<Vec<Hook>>, Problem> {
    let Path((namespace, name)) = path.map_err(|_| Problem::missing("source"))?;
    let bound = readable(&api, &caller, &namespace, &name).await?;
    let hooks = api.store.hooks(&bound.source.plugin).await?;
    Ok(Json(hooks.into_iter().map(Into::into).collect()))
}

/// Remove a hook, with what came in by it
#[utoipa::path(delete, path = "/sources/{namespace}/{name}/hooks/{id}",
    params(("namespace" = String, Path), ("name" = String, Path), ("id" = String, Path)), security(("token" = [])),
    responses(
        (status = 204, description = "it is gone"),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn remove(
    api: State,
    caller: Caller,
    path: Three,
) -> Result<StatusCode, Problem> {
    let hook = find(&api, &caller, path).await?;
    api.store
        .remove_hook(&hook.id, &caller.actor(), now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List what came in by a hook, newest first
#[utoipa::path(get, path = "/sources/{namespace}/{name}/hooks/{id}/deliveries",
    params(("namespace" = String, Path), ("name" = String, Path), ("id" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "this is it", body = Vec<Delivery>),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn deliveries(
    api: State,
    caller: Caller,
    path: Three,
) -> Result<Json<Vec<Delivery>>, Problem> {
    let hook = find(&api, &caller, path).await?;
    let deliveries = api.store.deliveries(&hook.id).await?;
    Ok(Json(deliveries.into_iter().map(Into::into).collect()))
}

/// Decide once more about a delivery that led to no build
#[utoipa::path(post, path = "/sources/{namespace}/{name}/hooks/{id}/deliveries/{delivery}/replay",
    params(("namespace" = String, Path), ("name" = String, Path), ("id" = String, Path), ("delivery" = String, Path)),
    security(("token" = [])),
    responses(
        (status = 200, description = "this became of it; one that led to a build is as it was", body = Delivery),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn replay(
    api: State,
    caller: Caller,
    path: Four,
) -> Result<Json<Delivery>, Problem> {
    let missing = || Problem::missing("delivery");
    let Path((namespace, name, id, delivery)) = path.map_err(|_| missing())?;
    let hook = find(&api, &caller, Ok(Path((namespace, name, id)))).await?;
    let found = api.watching.replay(&hook, &delivery, now()).await?;
    Ok(Json(found.ok_or_else(missing)?.into()))
}

/// The hook that a path names, which the caller may manage.
async fn find(api: &Api, caller: &Caller, path: Three) -> Result<store::Hook, Problem> {
    let missing = || Problem::missing("hook");
    let Path((namespace, name, id)) = path.map_err(|_| missing())?;
    let bound = managed(api, caller, &namespace, &name).await?;
    let hook = api.store.hook(&id).await?;
    hook.filter(|hook| hook.plugin == bound.source.plugin)
        .ok_or_else(missing)
}
