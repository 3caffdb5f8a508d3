//! Whose is what: namespaces, and the repositories that plugins come from.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::{Caller, Viewer};
use super::builds::{folder, repository};
use super::problem::Problem;
use super::{Api, State};
use crate::model::{Actor, Namespace, PluginId, Scope};
use crate::pipeline::now;
use crate::store::{BoundSource, NamespaceOwner, Source};
use crate::wire;

/// The most sources that one list has.
const MAX_LIST: u32 = 200;

/// List the namespaces
#[utoipa::path(get, path = "/namespaces",
    responses((status = 200, description = "this is it", body = Vec<wire::Namespace>)))]
pub(super) async fn namespaces(api: State) -> Result<Json<Vec<wire::Namespace>>, Problem> {
    let owners = api.store.namespaces().await?.into_iter();
    Ok(Json(owners.map(Into::into).collect()))
}

/// Give a namespace to a partner, for good; the operator does
#[utoipa::path(post, path = "/namespaces", request_body = wire::Namespace, security(("token" = [])),
    responses(
        (status = 201, description = "it is the partner's", body = wire::Namespace),
        (status = 409, description = "it is somebody's already", body = Problem)
    ))]
pub(super) async fn give_namespace(
    api: State,
    caller: Caller,
    body: Result<Json<wire::Namespace>, JsonRejection>,
) -> Result<(StatusCode, Json<wire::Namespace>), Problem> {
    caller.must_operate()?;
    let Json(asked) = body?;
    let owner = NamespaceOwner {
        namespace: Namespace::new(&asked.namespace)?,
        partner: Actor::new(&asked.partner)?,
    };
    let actor = caller.actor();
    api.store.add_namespace(&owner, &actor, now()).await?;
    Ok((StatusCode::CREATED, Json(asked)))
}

/// Which sources.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only those of this namespace's plugins.
    namespace: Option<String>,
    /// Only those of plugins after this one: the last of the list before.
    after: Option<String>,
    /// At most so many; at most 200.
    #[param(format = "int64", maximum = 4_294_967_295_u32)]
    limit: Option<u32>,
}

/// List where plugins come from, by their names
#[utoipa::path(get, path = "/sources", params(Asked),
    responses((status = 200, description = "this is it", body = Vec<wire::Source>)))]
pub(super) async fn sources(
    api: State,
    viewer: Viewer,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Vec<wire::Source>>, Problem> {
    let Query(asked) = asked?;
    let namespace = asked.namespace.as_deref().map(str::parse).transpose()?;
    let after: Option<PluginId> = asked.after.as_deref().map(str::parse).transpose()?;
    let limit = asked.limit.unwrap_or(50).min(MAX_LIST);
    let (namespace, after) = (namespace.as_ref(), after.as_ref());
    let found = api
        .store
        .sources(namespace, after, limit, &viewer.0)
        .await?;
    Ok(Json(found.into_iter().map(Into::into).collect()))
}

/// Bind a plugin to the repository that it comes from. Who submits does the first time; only the operator moves one
#[utoipa::path(put, path = "/sources/{namespace}/{name}", request_body = wire::Binding,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "it comes from there", body = wire::Source),
        (status = 409, description = "it comes from elsewhere", body = Problem)
    ))]
pub(super) async fn bind(
    api: State,
    caller: Caller,
    id: Result<Path<(String, String)>, PathRejection>,
    body: Result<Json<wire::Binding>, JsonRejection>,
) -> Result<Json<wire::Source>, Problem> {
    let (plugin, owner) = owned(&api, id).await?;
    caller.may(Scope::Submit, &plugin.namespace, &owner)?;
    let Json(asked) = body?;
    if !caller.operates() {
        api.load.submission(&owner)?;
    }
    let url = repository(&asked.url)?;
    let subdirectory = folder(asked.subdirectory.as_deref())?;
    let source = Source {
        plugin,
        url,
        subdirectory,
    };
    let (moves, actor) = (caller.operates(), caller.actor());
    let bound = api.store.bind_source(&source, moves, &actor, now());
    bound.await?;
    let bound = api.store.bound_source(&source.plugin).await?;
    let bound = bound.ok_or_else(|| Problem::missing("plugin"))?;
    Ok(Json(bound.into()))
}

/// The plugin that a path names, in a namespace that is somebody's; and who that is.
async fn owned(
    api: &Api,
    id: Result<Path<(String, String)>, PathRejection>,
) -> Result<(PluginId, Actor), Problem> {
    let missing = || Problem::missing("namespace");
    let Path((namespace, name)) = id.map_err(|_| missing())?;
    let plugin: PluginId = format!("{namespace}/{name}").parse()?;
    let owners = api.store.namespaces().await?;
    let mut owners = owners.into_iter();
    let owner = owners.find(|one| one.namespace == plugin.namespace);
    Ok((plugin, owner.ok_or_else(missing)?.partner))
}

impl From<NamespaceOwner> for wire::Namespace {
    fn from(owner: NamespaceOwner) -> Self {
        Self {
            namespace: owner.namespace.to_string(),
            partner: owner.partner.to_string(),
        }
    }
}

impl From<BoundSource> for wire::Source {
    fn from(bound: BoundSource) -> Self {
        let source = bound.source;
        Self {
            private: bound.private,
            plugin: source.plugin.to_string(),
            url: source.url,
            subdirectory: Some(source.subdirectory).filter(|folder| !folder.is_empty()),
        }
    }
}
