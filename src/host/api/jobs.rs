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
use crate::host::jobs::{Job, JobId};

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
    let items: Vec<_> = jobs
        .iter()
        .skip(offset)
        .take(limit)
        .map(Job::shown)
        .collect();
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
    Ok(ok(&job.shown()))
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
