//! The market: what can be installed.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::State;
use super::answer::ok;
use super::fields::{self, Wrong};
use super::guard::Tenants;
use super::plugins::{Named, parts};
use super::refusal::{self, Refusal};
use crate::host::market::{Direction, Entry, Query};

/// What a list says of an entry, in this order.
const SHOWN: [&str; 14] = [
    "homepage",
    "color",
    "display_name",
    "name",
    "namespace",
    "tags",
    "author",
    "versions",
    "screenshots",
    "icon",
    "description",
    "short_description",
    "license",
    "installed_version",
];
/// What it says of a version.
const SHOWN_OF_VERSIONS: [&str; 4] = [
    "upgradable",
    "version",
    "min_wazo_version",
    "max_wazo_version",
];

/// `GET /market`.
pub(super) async fn list(state: State, headers: HeaderMap, uri: Uri) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.market.read", Tenants::Master)
        .await?;
    let query = query(uri.query().unwrap_or_default()).map_err(Refusal::fields)?;
    let found = query.select(state.market.entries().await?)?;
    let items: Vec<_> = found.items.iter().map(stripped).collect();
    Ok(ok(
        &json!({"items": items, "total": found.total, "filtered": found.filtered}),
    ))
}

/// `GET /market/<namespace>/<name>`.
pub(super) async fn show(
    state: State,
    named: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Some((namespace, name)) = parts(named) else {
        return Ok(refusal::no_page());
    };
    state
        .admit(&headers, "plugind.market.read", Tenants::Master)
        .await?;
    let entry = state.market.entry(&namespace, &name).await?;
    let entry = entry.ok_or_else(|| Refusal::no_plugin(&namespace, &name))?;
    Ok(ok(&entry))
}

fn query(text: &str) -> Result<Query, Map<String, Value>> {
    let mut query = Query::default();
    let mut wrong = Map::new();
    let mut seen: Vec<String> = Vec::new();
    for (key, value) in url::form_urlencoded::parse(text.as_bytes()) {
        // The first of several counts.
        if seen.contains(&key.to_string()) {
            continue;
        }
        seen.push(key.to_string());
        if let Err(error) = set(&mut query, &key, &value) {
            wrong.insert(key.into_owned(), error);
        }
    }
    if wrong.is_empty() {
        Ok(query)
    } else {
        Err(wrong)
    }
}

fn set(query: &mut Query, key: &str, value: &str) -> Result<(), Wrong> {
    match key {
        "limit" => query.limit = fields::number(value)?,
        "offset" => query.offset = fields::number(value)?,
        "order" if value.is_empty() => return Err(fields::too_short()),
        "order" => value.clone_into(&mut query.order),
        "direction" => {
            query.direction = match value {
                "asc" => Direction::Ascending,
                "desc" => Direction::Descending,
                _ => return Err(fields::choices(&["asc", "desc"])),
            }
        }
        "search" => query.search = Some(value.to_owned()),
        "installed" => query.installed = Some(fields::boolean(value)?),
        _ => query.filters.push((key.to_owned(), value.to_owned())),
    }
    Ok(())
}

/// An entry without what a list has no place for.
fn stripped(entry: &Entry) -> Map<String, Value> {
    let mut shown = picked(entry, &SHOWN);
    if let Some(Value::Array(versions)) = shown.get_mut("versions") {
        for version in versions {
            if let Value::Object(fields) = version {
                *fields = picked(fields, &SHOWN_OF_VERSIONS);
            }
        }
    }
    shown
}

fn picked(map: &Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    let found = keys.iter().filter_map(|key| map.get_key_value(*key));
    found
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
