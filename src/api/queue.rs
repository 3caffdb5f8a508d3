//! What waits and what runs; and the operator's lock.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use super::State;
use super::auth::{Caller, Viewer};
use super::problem::Problem;
use crate::model::{PluginId, Reason};
use crate::pipeline::now;
use crate::queue::Overview;
use crate::wire::{self, Queue};

/// The most builds that wait of which the answer tells.
const MAX_LIST: usize = 200;

/// Show what waits, in the order in which it is expected to begin, and what runs
#[utoipa::path(get, path = "/queue", responses((status = 200, description = "this is it", body = Queue)))]
pub(super) async fn show(api: State, viewer: Viewer) -> Result<Json<Queue>, Problem> {
    let all = api.forecast.all(&api.store, now()).await?;
    let hidden = api.store.hidden_plugins(&viewer.0).await?;
    Ok(Json(queue_of(&all, &hidden)))
}

/// What waits and what runs, but for what is hidden.
#[must_use]
pub fn queue_of(all: &Overview, hidden: &[PluginId]) -> Queue {
    let running = all.view.running.iter();
    let running = running
        .filter(|one| !hidden.contains(&one.plugin))
        .map(|one| wire::Running {
            build: one.build.to_string(),
            partner: one.partner.to_string(),
            plugin: one.plugin.to_string(),
            priority: one.priority.to_string(),
            started_at: one.started_at.rfc3339(),
        });
    let shown = all.view.waiting.iter();
    let shown = shown.filter(|one| !hidden.contains(&one.plugin));
    let shown: HashMap<_, _> = shown.map(|one| (&one.build, one)).collect();
    let order = all.forecast.order.iter();
    let waiting = order.filter_map(|build| Some((*shown.get(build)?, all.forecast.of(build)?)));
    let waiting = waiting.take(MAX_LIST).map(|(one, wait)| wire::Waiting {
        build: one.build.to_string(),
        partner: one.partner.to_string(),
        plugin: one.plugin.to_string(),
        target: one.target.to_string(),
        channel: one.channel.to_string(),
        priority: one.priority.to_string(),
        not_before: one.not_before.rfc3339(),
        reason: wait.to_string(),
    });
    Queue {
        running: running.collect(),
        waits: shown.len(),
        waiting: waiting.collect(),
        locked: all.view.locked.clone(),
    }
}

/// Let no build begin; the operator does
#[utoipa::path(post, path = "/queue/lock", request_body = wire::Lock, security(("token" = [])),
    responses((status = 204, description = "none begins")))]
pub(super) async fn lock(
    api: State,
    caller: Caller,
    body: Result<Json<wire::Lock>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.must_operate()?;
    let Json(asked) = body?;
    let reason = Reason::new(&asked.reason)?;
    let actor = caller.actor();
    let locked = api.store.lock_queue(reason.as_str(), &actor, now());
    locked.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let builds begin again; the operator does
#[utoipa::path(post, path = "/queue/unlock", security(("token" = [])),
    responses((status = 204, description = "they begin")))]
pub(super) async fn unlock(api: State, caller: Caller) -> Result<StatusCode, Problem> {
    caller.must_operate()?;
    api.store.unlock_queue(&caller.actor(), now()).await?;
    api.changed.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
