//! Updates: plugins follow what is published, as far as apt would by itself. wazo-plugind has no such thing.

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;

use super::State;
use super::answer::ok;
use super::guard::{Tenants, word};
use super::plugins::{Named, installed, parts};
use super::refusal::{self, Refusal};

/// `POST /updates`: all plugins, each by a job of its own.
pub(super) async fn all(state: State, headers: HeaderMap) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.updates.create", Tenants::Master)
        .await?;
    let uuid = state.jobs.update_all().await?;
    Ok(ok(&json!({"uuid": uuid.as_str()})))
}

/// `POST /updates/<namespace>/<name>`: one that is installed.
pub(super) async fn one(
    state: State,
    named: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Some((namespace, name)) = parts(named) else {
        return Ok(refusal::no_page());
    };
    let access = format!(
        "plugind.updates.{}.{}.create",
        word(&namespace),
        word(&name)
    );
    state.admit(&headers, &access, Tenants::Master).await?;
    let id = installed(&state, &namespace, &name).await?;
    let uuid = state.jobs.update(id).await?;
    Ok(ok(&json!({"uuid": uuid.as_str()})))
}
