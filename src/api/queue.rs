//! What waits and what runs; and the operator's lock.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use super::State;
use super::auth::{Caller, Viewer};
use super::problem::Problem;
use crate::model::Reason;
use crate::pipeline::now;
use crate::store::QueueView;
use crate::wire::{self, Queue};

/// The most builds that wait of which the answer tells.
const MAX_LIST: usize = 200;

/// Show what waits and what runs
#[utoipa::path(get, path = "/queue", responses((status = 200, description = "this is it", body = Queue)))]
pub(super) async fn show(api: State, viewer: Viewer) -> Result<Json<Queue>, Problem> {
    // What was used lately is nothing to look at: none of it is after now.
    let mut view = api.store.queue(now()).await?;
    let hidden = api.store.hidden_plugins(&viewer.0).await?;
    view.running.retain(|one| !hidden.contains(&one.plugin));
    view.waiting.retain(|one| !hidden.contains(&one.plugin));
    Ok(Json(view.into()))
}

impl From<QueueView> for Queue {
    fn from(view: QueueView) -> Self {
        let running = view.running.iter().map(|one| wire::Running {
            build: one.build.to_string(),
            partner: one.partner.to_string(),
            plugin: one.plugin.to_string(),
            priority: one.priority.to_string(),
            started_at: one.started_at.rfc3339(),
        });
        let waiting = view.waiting.iter().take(MAX_LIST);
        let waiting = waiting.map(|one| wire::Waiting {
            build: one.build.to_string(),
            partner: one.partner.to_string(),
            plugin: one.plugin.to_string(),
            target: one.target.to_string(),
            channel: one.channel.to_string(),
            priority: one.priority.to_string(),
            not_before: one.not_before.rfc3339(),
        });
        Self {
            running: running.collect(),
            waits: view.waiting.len(),
            waiting: waiting.collect(),
            locked: view.locked,
        }
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
