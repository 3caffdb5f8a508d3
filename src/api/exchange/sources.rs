//! What of a source is built by itself, what opens it, and to whom it is shown.

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use super::super::auth::Caller;
use super::super::builds::channel;
use super::super::problem::Problem;
use super::super::{Api, State};
use super::{Named, named, readable};
use crate::forge::RefPattern;
use crate::model::{PluginId, Target};
use crate::pipeline::now;
use crate::source::{Asker, Credential, Location};
use crate::store;
use crate::wire::{NewCredential, NewPrivacy, NewWatch, Privacy, Submission, Watch};

/// The most patterns of one kind.
const MAX_PATTERNS: usize = 20;

/// Say what of a source is built by itself
#[utoipa::path(put, path = "/sources/{namespace}/{name}/watch", request_body = NewWatch,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "it is, from the next push on", body = Watch),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn watch(
    api: State,
    caller: Caller,
    path: Named,
    body: Result<Json<NewWatch>, JsonRejection>,
) -> Result<Json<Watch>, Problem> {
    let bound = named(&api, &caller, path).await?;
    let Json(asked) = body?;
    let plugin = bound.source.plugin;
    let watch = check(&api, &caller, &plugin, asked)?;
    api.store.set_watch(&watch, &caller.actor(), now()).await?;
    shown(&api, &plugin).await
}

/// Show what of a source is built by itself
#[utoipa::path(get, path = "/sources/{namespace}/{name}/watch",
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "this is it", body = Watch),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn show_watch(
    api: State,
    caller: Caller,
    path: Named,
) -> Result<Json<Watch>, Problem> {
    let Path((namespace, name)) = path.map_err(|_| Problem::missing("source"))?;
    let bound = readable(&api, &caller, &namespace, &name).await?;
    shown(&api, &bound.source.plugin).await
}

/// Let nothing of a source be built by itself any more
#[utoipa::path(delete, path = "/sources/{namespace}/{name}/watch",
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 204, description = "nothing is"),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn unwatch(
    api: State,
    caller: Caller,
    path: Named,
) -> Result<StatusCode, Problem> {
    let bound = named(&api, &caller, path).await?;
    let plugin = &bound.source.plugin;
    api.store
        .remove_watch(plugin, &caller.actor(), now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set what opens a source's repository; the source is private from then on
#[utoipa::path(put, path = "/sources/{namespace}/{name}/credential", request_body = NewCredential,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 204, description = "it is kept, and never shown"),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn set_credential(
    api: State,
    caller: Caller,
    path: Named,
    body: Result<Json<NewCredential>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let bound = named(&api, &caller, path).await?;
    // The words of what could not be read may hold the secret.
    let Json(asked) = body.map_err(|error| {
        let words = "the body must be JSON with `key`, or with `token` and perhaps `user`";
        Problem::new(
            error.status(),
            words,
            "correct the request, and send it again",
        )
    })?;
    let credential = match (&asked.token, &asked.key) {
        (Some(token), None) => Credential::token(asked.user.as_deref().unwrap_or("git"), token),
        (None, Some(key)) => Credential::key(key),
        _ => {
            return Err(Problem::wrong(
                "a source is opened by a token, or by a key: name one",
            ));
        }
    };
    let credential = credential.map_err(|error| Problem::wrong(error.to_string()))?;
    let fits = match Location::parse(&bound.source.url, Asker::Stranger) {
        Ok(Location::Repository(url)) => credential.fits(url.scheme()),
        _ => false,
    };
    if !fits {
        return Err(Problem::wrong(
            "a token opens https repositories, and a key opens ssh ones: this source is none of that kind",
        ));
    }
    let plugin = &bound.source.plugin;
    let (actor, secrets) = (caller.actor(), &api.watching.secrets);
    let kept = secrets.set_credential(plugin, &credential, &actor, now());
    kept.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget what opens a source's repository; the source stays private
#[utoipa::path(delete, path = "/sources/{namespace}/{name}/credential",
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 204, description = "it is forgotten"),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn remove_credential(
    api: State,
    caller: Caller,
    path: Named,
) -> Result<StatusCode, Problem> {
    let bound = named(&api, &caller, path).await?;
    let plugin = &bound.source.plugin;
    api.store
        .remove_credential(plugin, &caller.actor(), now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Say to whom a source is shown, and whether something opens it
#[utoipa::path(get, path = "/sources/{namespace}/{name}/private",
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 200, description = "this is it", body = Privacy),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn privacy(
    api: State,
    caller: Caller,
    path: Named,
) -> Result<Json<Privacy>, Problem> {
    let Path((namespace, name)) = path.map_err(|_| Problem::missing("source"))?;
    let bound = readable(&api, &caller, &namespace, &name).await?;
    let kind = api.store.credential_kind(&bound.source.plugin).await?;
    let (credential, since) = kind.unzip();
    Ok(Json(Privacy {
        private: bound.private,
        credential,
        since: since.map(|time| time.rfc3339()),
    }))
}

/// Show a source, and all its builds, to its partner and to auditors alone, or to everybody
#[utoipa::path(put, path = "/sources/{namespace}/{name}/private", request_body = NewPrivacy,
    params(("namespace" = String, Path), ("name" = String, Path)), security(("token" = [])),
    responses(
        (status = 204, description = "it is"),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(in crate::api) async fn set_privacy(
    api: State,
    caller: Caller,
    path: Named,
    body: Result<Json<NewPrivacy>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let bound = named(&api, &caller, path).await?;
    let Json(asked) = body?;
    let plugin = &bound.source.plugin;
    api.store
        .set_private(plugin, asked.private, &caller.actor(), now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(
    api: &Api,
    caller: &Caller,
    plugin: &PluginId,
    asked: NewWatch,
) -> Result<store::Watch, Problem> {
    for patterns in [&asked.branches, &asked.tags] {
        if patterns.len() > MAX_PATTERNS {
            let words = format!("there are more than {MAX_PATTERNS} patterns");
            return Err(Problem::wrong(words));
        }
        for pattern in patterns {
            pattern.parse::<RefPattern>()?;
        }
    }
    if asked.branches.is_empty() && asked.tags.is_empty() {
        return Err(Problem::wrong(
            "no branch and no tag is named: name patterns of those that are to be built",
        ));
    }
    let settings = &api.watch;
    let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let every = asked.every.unwrap_or(seconds(settings.every));
    if every != 0 && every < seconds(settings.floor) {
        let words = format!(
            "a repository is asked no more often than every {} seconds; hooks are faster",
            settings.floor.as_secs()
        );
        return Err(Problem::wrong(words));
    }
    let target = asked.target.as_deref().map(str::parse::<Target>);
    Ok(store::Watch {
        plugin: plugin.clone(),
        branches: asked.branches,
        tags: asked.tags,
        target: target.transpose()?.unwrap_or(Target::Bookworm),
        channel: channel(
            api,
            caller,
            &Submission {
                channel: asked.channel,
                ..Submission::default()
            },
        )?,
        lists: every,
    })
}

async fn shown(api: &Api, plugin: &PluginId) -> Result<Json<Watch>, Problem> {
    let found = api.store.watch(plugin).await?;
    let found = found.ok_or_else(|| Problem::missing("watch"))?;
    Ok(Json(found.into()))
}
