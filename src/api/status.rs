//! How the farm is: for people, for whoever restarts it, and for whoever draws curves.

use std::fmt::Write as _;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;
use super::problem::Problem;
use crate::upkeep::Notice;
use crate::wire::{self, Status};

/// How the farm is
#[utoipa::path(get, path = "/status",
    responses(
        (status = 200, description = "this is it", body = Status)
    ))]
pub(super) async fn status(api: State) -> Result<Json<Status>, Problem> {
    let counts = api.store.count_builds().await?.into_iter();
    Ok(Json(Status {
        farm: api.farm.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        banner: api.store.queue_lock().await?,
        notices: api.notices.all().into_iter().map(shown).collect(),
        builds: counts
            .map(|(state, count)| (state.to_string(), count))
            .collect(),
    }))
}

fn shown(notice: Notice) -> wire::Notice {
    wire::Notice {
        about: notice.about.to_owned(),
        words: notice.words,
        since: notice.since.rfc3339(),
    }
}

/// Whether the process lives
#[utoipa::path(get, path = "/health", responses((status = 200, description = "this is it")))]
pub(super) async fn health() -> StatusCode {
    StatusCode::OK
}

/// Whether the farm can take builds: its state answers
#[utoipa::path(get, path = "/ready",
    responses(
        (status = 200, description = "this is it"),
        (status = "5XX", description = "not now", body = Problem)
    ))]
pub(super) async fn ready(api: State) -> Result<StatusCode, Problem> {
    api.store.ping().await?;
    Ok(StatusCode::OK)
}

/// Figures, in the text format of Prometheus
#[utoipa::path(get, path = "/metrics",
    responses(
        (status = 200, description = "this is it", content_type = "text/plain", body = String)
    ))]
pub(super) async fn metrics(api: State) -> Result<impl IntoResponse, Problem> {
    let mut text = String::from(
        "# HELP plugfarm_builds Builds in each state.\n# TYPE plugfarm_builds gauge\n",
    );
    for (state, count) in api.store.count_builds().await? {
        writeln!(text, "plugfarm_builds{{state=\"{state}\"}} {count}").unwrap_or_default();
    }
    let locked = u8::from(api.store.queue_lock().await?.is_some());
    text.push_str("# HELP plugfarm_queue_locked Whether no build begins.\n# TYPE plugfarm_queue_locked gauge\n");
    writeln!(text, "plugfarm_queue_locked {locked}").unwrap_or_default();
    text.push_str("# HELP plugfarm_notice What the operator has to know, by subject.\n# TYPE plugfarm_notice gauge\n");
    for notice in api.notices.all() {
        writeln!(text, "plugfarm_notice{{about=\"{}\"}} 1", notice.about).unwrap_or_default();
    }
    text.push_str("# HELP plugfarm_installations What hosts have told of installations, as long as it is kept, by whose fault it was.\n# TYPE plugfarm_installations gauge\n");
    for (blame, count) in api.store.installations_by_blame().await? {
        let blame = if blame.is_empty() { "nobody" } else { &blame };
        writeln!(text, "plugfarm_installations{{blame=\"{blame}\"}} {count}").unwrap_or_default();
    }
    let halted = api.store.halted(None).await?.len();
    text.push_str("# HELP plugfarm_rollouts_halted Roll-outs that the farm has halted.\n# TYPE plugfarm_rollouts_halted gauge\n");
    writeln!(text, "plugfarm_rollouts_halted {halted}").unwrap_or_default();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}
