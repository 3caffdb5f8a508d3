//! What the agent is, and how it is.

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::State;
use super::answer::ok;
use super::guard::Tenants;
use super::refusal::Refusal;

/// `GET /config`: all settings, without secrets.
pub(super) async fn config(state: State, headers: HeaderMap) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.config.read", Tenants::Master)
        .await?;
    let mut config = state.config.merged.masked();
    // As Python numbers its levels.
    let level = match state.config.log {
        "debug" => 10,
        "info" => 20,
        "warn" => 30,
        _ => 40,
    };
    config.insert("log_level".to_owned(), level.into());
    if let (Some(Value::Object(auth)), Some(master)) =
        (config.get_mut("auth"), state.auth.master_tenant())
    {
        auth.insert("master_tenant_uuid".to_owned(), master.into());
    }
    Ok(ok(&config))
}

/// `GET /status`.
pub(super) async fn status(state: State, headers: HeaderMap) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.status.read", Tenants::All)
        .await?;
    let master = if state.auth.is_ready() { "ok" } else { "fail" };
    Ok(ok(
        &json!({"rest_api": {"status": "ok"}, "master_tenant": {"status": master}}),
    ))
}
