//! Builds: submitted, listed, shown, stopped, tried again.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::auth::{Caller, Viewer};
use super::problem::Problem;
use super::{Api, State};
use crate::model::{BuildId, BuildState, Channel, InvalidValue, PluginId, Priority, Scope, Target};
use crate::pipeline::now;
use crate::source::{Asker, Location, LocationError, RequestedRef, Subdirectory};
use crate::store::{Build, Filter, Reader, Submission};
use crate::wire::{self, Detailed, Submitted, Waits};

/// The header that makes asking twice the same as asking once.
const KEY: &str = "idempotency-key";
/// The most builds that one list has.
const MAX_LIST: u32 = 200;

/// Submit a build
#[utoipa::path(post, path = "/builds", request_body = wire::Submission,
    params(("Idempotency-Key" = Option<String>, Header, description = "makes asking twice the same as asking once")),
    security(("token" = [])),
    responses(
        (status = 201, description = "it is new, and waits", body = Submitted),
        (status = 200, description = "the same key asked for it before", body = Submitted),
        (status = 409, description = "it is not the time for it", body = Problem)
    ))]
pub(super) async fn submit(
    api: State,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<wire::Submission>, JsonRejection>,
) -> Result<(StatusCode, Json<Submitted>), Problem> {
    let Json(asked) = body?;
    let submission = check(&api, &caller, &headers, asked).await?;
    api.load.submission(&submission.partner)?;
    let submitted = api.store.submit(&submission, now()).await?;
    api.changed.notify_one();
    let status = if submitted.fresh {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let answer = Submitted {
        id: submitted.build.to_string(),
        fresh: submitted.fresh,
        superseded: submitted
            .superseded
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    Ok((status, Json(answer)))
}

async fn check(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    asked: wire::Submission,
) -> Result<Submission, Problem> {
    let url = repository(&asked.url)?;
    let subdirectory = folder(asked.subdirectory.as_deref())?;
    let reference = asked
        .reference
        .as_deref()
        .or(asked.preview.as_deref())
        .map(RequestedRef::new)
        .transpose()?;
    let plugin = match &asked.plugin {
        Some(plugin) => plugin.parse()?,
        None => known_plugin(api, &url, &subdirectory, &caller.reader()).await?,
    };
    let target = asked
        .target
        .as_deref()
        .map(str::parse::<Target>)
        .transpose()?;
    let priority = asked
        .priority
        .as_deref()
        .map(str::parse::<Priority>)
        .transpose()?;
    let priority = priority.unwrap_or(Priority::Normal);
    if priority == Priority::Urgent && !caller.operates() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "only the farm's operator says what is urgent",
            "leave the priority out",
        ));
    }
    let partner = caller.partner()?.clone();
    caller.may(Scope::Submit, &plugin.namespace, &partner)?;
    Ok(Submission {
        id: (api.new_id)(),
        partner,
        plugin,
        url,
        subdirectory,
        reference: reference.map(|reference| reference.to_string()),
        target: target.unwrap_or(Target::Bookworm),
        channel: channel(api, caller, &asked)?,
        priority,
        idempotency_key: headers.get(KEY).map(key).transpose()?,
        most_waiting: api.load.queued_per_partner(),
        actor: caller.actor(),
    })
}

/// The plugin that came from there before.
async fn known_plugin(
    api: &Api,
    url: &str,
    subdirectory: &str,
    reader: &Reader,
) -> Result<PluginId, Problem> {
    let mut known = api.store.sources_at(url, subdirectory, reader).await?;
    match known.pop() {
        Some(source) if known.is_empty() => Ok(source.plugin),
        _ => Err(Problem::wrong(
            "which plugin it is has to be said, as namespace/name, the first time that a repository is submitted",
        )),
    }
}

/// The URL of a repository, as it is stored.
///
/// # Errors
///
/// [`LocationError`] for what is no URL that the farm fetches from, and for one with a credential, which would be stored.
pub fn repository(url: &str) -> Result<String, LocationError> {
    match Location::parse(url, Asker::Stranger)? {
        Location::Repository(url) if url.has_credential() => Err(LocationError {
            rule: "it must hold no credential, which would be stored",
        }),
        Location::Repository(url) => Ok(url.to_string()),
        Location::Folder(_) => Err(LocationError {
            rule: "it must be the URL of a repository, and no folder of this machine",
        }),
    }
}

/// A plugin's folder in its repository, as it is stored: empty for the root.
///
/// # Errors
///
/// [`InvalidValue`].
pub fn folder(named: Option<&str>) -> Result<String, InvalidValue> {
    let folder = named.map(Subdirectory::new).transpose()?;
    Ok(folder.map_or_else(String::new, |folder| folder.to_string()))
}

/// The channel to publish in. What comes after the first takes what was promoted, and approved by people.
pub(super) fn channel(
    api: &Api,
    caller: &Caller,
    asked: &wire::Submission,
) -> Result<Channel, Problem> {
    let named = asked.channel.as_deref();
    if let Some(branch) = &asked.preview {
        return match named {
            None => Ok(Channel::preview(branch)?),
            Some(_) => Err(Problem::wrong(
                "a preview has a channel of its own: name none",
            )),
        };
    }
    let first = api.channels.first();
    let mut all = api.channels.iter();
    let found = named.map_or(first, |named| all.find(|one| one.as_str() == named));
    let found = found.ok_or_else(|| Problem::wrong("the farm has no such channel"))?;
    if Some(found) != first && !caller.operates() {
        let first = first.map_or("", Channel::as_str);
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("builds enter the channel {first}, and {found} takes what was promoted to it"),
            "leave the channel out, and ask for the package to be promoted once it is tried",
        ));
    }
    Ok(found.clone())
}

fn key(value: &axum::http::HeaderValue) -> Result<String, Problem> {
    match value.to_str() {
        Ok(text) if (1..=200).contains(&text.len()) => Ok(text.to_owned()),
        _ => Err(Problem::wrong(
            "an idempotency key has 1 to 200 printable characters",
        )),
    }
}

/// Which builds.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only this plugin's.
    plugin: Option<String>,
    /// Only in this state.
    state: Option<String>,
    /// Only those older than this build: the last of the list before.
    before: Option<String>,
    /// At most so many; at most 200.
    #[param(format = "int64", maximum = 4_294_967_295_u32)]
    limit: Option<u32>,
}

/// List builds, newest first
#[utoipa::path(get, path = "/builds", params(Asked),
    responses(
        (status = 200, description = "this is it", body = Vec<wire::Build>)
    ))]
pub(super) async fn list(
    api: State,
    viewer: Viewer,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Vec<wire::Build>>, Problem> {
    let Query(asked) = asked?;
    let filter = Filter {
        plugin: asked.plugin.as_deref().map(str::parse).transpose()?,
        state: asked.state.as_deref().map(str::parse).transpose()?,
        before: asked.before.as_deref().map(BuildId::new).transpose()?,
        limit: asked.limit.unwrap_or(50).min(MAX_LIST),
        reader: viewer.0,
    };
    let builds = api.store.builds(&filter).await?;
    Ok(Json(builds.into_iter().map(Into::into).collect()))
}

/// A build's id in a path.
pub(super) type Id = Result<Path<String>, PathRejection>;

/// The build that a path names. One that is not shown to whoever reads is not there.
pub(super) async fn find(api: &Api, id: Id, reader: &Reader) -> Result<Build, Problem> {
    let id = id.ok().and_then(|Path(text)| BuildId::new(&text).ok());
    let id = id.ok_or_else(|| Problem::missing("build"))?;
    let found = match api.store.shows(&id, reader).await? {
        true => api.store.build(&id).await?,
        false => None,
    };
    found.ok_or_else(|| Problem::missing("build"))
}

/// Show a build
#[utoipa::path(get, path = "/builds/{id}", params(("id" = String, Path)),
    responses(
        (status = 200, description = "this is it", body = Detailed)
    ))]
pub(super) async fn show(api: State, viewer: Viewer, id: Id) -> Result<Json<Detailed>, Problem> {
    let build = find(&api, id, &viewer.0).await?;
    let mut attempts = Vec::new();
    for attempt in api.store.attempts(&build.id).await? {
        let stages = api.store.stages(&attempt.id).await?;
        attempts.push((attempt, stages));
    }
    let publication = api.store.publication(&build.id).await?;
    let last = attempts.last();
    let last = last.map(|(attempt, stages)| (attempt, stages.as_slice()));
    let timeline = build.moments(last, publication.as_ref());
    let attempts = attempts.into_iter();
    let attempts = attempts.map(|(attempt, stages)| wire::Attempt::new(attempt, stages));
    let artifacts = api.store.artifacts(&build.id).await?;
    Ok(Json(Detailed {
        attempts: attempts.collect(),
        artifacts: artifacts.into_iter().map(Into::into).collect(),
        publication: publication.map(Into::into),
        timeline: timeline.into_iter().map(Into::into).collect(),
        build: build.into(),
    }))
}

/// Say why a build waits
#[utoipa::path(get, path = "/builds/{id}/why", params(("id" = String, Path)),
    responses(
        (status = 200, description = "this is it", body = Waits)
    ))]
pub(super) async fn why(api: State, viewer: Viewer, id: Id) -> Result<Json<Waits>, Problem> {
    let build = find(&api, id, &viewer.0).await?;
    let wait = match build.state {
        BuildState::Queued => api.forecast.of(&api.store, &build.id, now()).await?,
        BuildState::Parked => {
            let awaited = api.store.awaited(&build.id, &viewer.0).await?;
            return Ok(Json(Waits::parked(&awaited)));
        }
        _ => None,
    };
    Ok(Json(Waits::new(build.state.word(), wait.as_ref())))
}

/// Stop a build
#[utoipa::path(post, path = "/builds/{id}/cancel", params(("id" = String, Path)), security(("token" = [])),
    responses(
        (status = 202, description = "it is asked for"),
        (status = 409, description = "it is not the time for it", body = Problem)
    ))]
pub(super) async fn cancel(api: State, caller: Caller, id: Id) -> Result<StatusCode, Problem> {
    let build = find(&api, id, &caller.reader()).await?;
    caller.may(Scope::Manage, &build.plugin.namespace, &build.partner)?;
    api.store.cancel(&build.id, &caller.actor(), now()).await?;
    // Where it runs in another process, that one hears of it with its next heartbeat.
    api.live.cancel(&build.id);
    Ok(StatusCode::ACCEPTED)
}

/// Try a build again that failed, was cancelled or is in quarantine
#[utoipa::path(post, path = "/builds/{id}/retry", params(("id" = String, Path)), security(("token" = [])),
    responses(
        (status = 202, description = "it is asked for"),
        (status = 409, description = "it is not the time for it", body = Problem)
    ))]
pub(super) async fn retry(api: State, caller: Caller, id: Id) -> Result<StatusCode, Problem> {
    let build = find(&api, id, &caller.reader()).await?;
    caller.may(Scope::Manage, &build.plugin.namespace, &build.partner)?;
    if build.state == BuildState::Quarantined && !caller.operates() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "the farm died too often while this build ran, and it is left alone",
            "ask the farm's operator, who may try it again",
        ));
    }
    api.store.retry(&build.id, &caller.actor(), now()).await?;
    api.changed.notify_one();
    Ok(StatusCode::ACCEPTED)
}
