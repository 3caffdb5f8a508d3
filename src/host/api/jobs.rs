//! Jobs: what was asked for, and how far it is. wazo-plugind has no such thing.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use super::State;
use super::answer::ok;
use super::fields;
use super::guard::Tenants;
use super::refusal::{self, Refusal};
use crate::host::jobs::{Job, JobId, Step};

type Named = Result<Path<String>, PathRejection>;

/// How many jobs a list has unless it is asked for more.
const PAGE: usize = 100;

/// `GET /jobs`: the newest first.
pub(super) async fn list(state: State, headers: HeaderMap, uri: Uri) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.jobs.read", Tenants::Master)
        .await?;
    let (limit, offset) = page(uri.query().unwrap_or_default()).map_err(Refusal::fields)?;
    let jobs = state.jobs.list();
    let items: Vec<_> = jobs.iter().skip(offset).take(limit).map(shown).collect();
    Ok(ok(&json!({"items": items, "total": jobs.len()})))
}

fn page(query: &str) -> Result<(usize, usize), Map<String, Value>> {
    let (mut limit, mut offset, mut wrong) = (PAGE, 0, Map::new());
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let into = match key.as_ref() {
            "limit" => &mut limit,
            "offset" => &mut offset,
            _ => continue,
        };
        match fields::number(&value) {
            Ok(number) => *into = number,
            Err(error) => {
                wrong.insert(key.into_owned(), error);
            }
        }
    }
    match (wrong.is_empty(), limit) {
        (false, _) => Err(wrong),
        // As in the market.
        (true, 0) => Ok((usize::MAX, offset)),
        (true, limit) => Ok((limit, offset)),
    }
}

/// `GET /jobs/<uuid>`.
pub(super) async fn show(
    state: State,
    named: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.jobs.read", Tenants::Master)
        .await?;
    let job = find(&state, named)?;
    Ok(ok(&shown(&job)))
}

/// `GET /jobs/<uuid>/output`: what the job's commands printed.
pub(super) async fn output(
    state: State,
    named: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.jobs.read", Tenants::Master)
        .await?;
    let job = find(&state, named)?;
    let printed = state.jobs.output(&job.uuid).await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, printed).into_response())
}

/// `DELETE /jobs/<uuid>`: stops it, as long as that breaks nothing.
pub(super) async fn cancel(
    state: State,
    named: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.jobs.delete", Tenants::Master)
        .await?;
    let job = find(&state, named)?;
    state.jobs.cancel(&job.uuid).await?;
    Ok(ok(&json!({"uuid": job.uuid.as_str()})))
}

fn find(state: &State, named: Named) -> Result<Job, Refusal> {
    let text = named.map(|Path(text)| text).unwrap_or_default();
    let found = text.parse().ok().and_then(|id: JobId| state.jobs.get(&id));
    found.ok_or_else(|| refusal::no_job(&text))
}

/// A job as it is shown. What was asked for is in it as it was asked, with a secret in no place.
fn shown(job: &Job) -> Value {
    let step = |step: &Step| {
        json!({
            "status": step.status.word(),
            "started_at": step.started_at.rfc3339(),
            "ended_at": step.ended_at.map(|time| time.rfc3339()),
        })
    };
    json!({
        "uuid": job.uuid.as_str(),
        "kind": job.kind,
        "state": job.state,
        "options": job.asked.options(),
        "reinstall": job.reinstall,
        "namespace": job.plugin.as_ref().map(|id| id.namespace.as_str()),
        "name": job.plugin.as_ref().map(|id| id.name.as_str()),
        "version": job.plugin_version,
        "package_version": job.version.as_ref().map(ToString::to_string),
        "build": job.build,
        "created_at": job.created_at.rfc3339(),
        "ended_at": job.ended_at.map(|time| time.rfc3339()),
        "steps": job.steps.iter().map(step).collect::<Vec<_>>(),
        "errors": job.error,
    })
}
