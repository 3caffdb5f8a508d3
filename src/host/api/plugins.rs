//! The plugins that are installed: what they are, and that others come and these go.

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::answer::ok;
use super::guard::{Tenants, word};
use super::refusal::{self, Refusal};
use super::{Host, State, fields, install as schema};
use crate::host::jobs::Asked;
use crate::model::PluginId;

/// A plugin as an address names it.
pub(super) type Named = Result<Path<(String, String)>, PathRejection>;

/// The namespace and the name; none, where one of them is no text at all, and so there is no such address.
pub(super) fn parts(named: Named) -> Option<(String, String)> {
    let Path((namespace, name)) = named.ok()?;
    let both = !namespace.is_empty() && !name.is_empty();
    both.then_some((namespace, name))
}

/// `GET /plugins`.
pub(super) async fn list(state: State, headers: HeaderMap) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.plugins.read", Tenants::Master)
        .await?;
    let items = state.plugins.list().await?;
    let total = items.len();
    Ok(ok(&json!({"items": items, "total": total})))
}

/// `GET /plugins/<namespace>/<name>`.
pub(super) async fn show(
    state: State,
    named: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Some((namespace, name)) = parts(named) else {
        return Ok(refusal::no_page());
    };
    let access = access(&namespace, &name, "read");
    state.admit(&headers, &access, Tenants::Master).await?;
    let missing = || Refusal::no_plugin(&namespace, &name);
    let id = id(&namespace, &name).ok_or_else(missing)?;
    let metadata = state.plugins.get(&id).await?.ok_or_else(missing)?;
    Ok(ok(&metadata))
}

/// `DELETE /plugins/<namespace>/<name>`.
pub(super) async fn uninstall(
    state: State,
    named: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let Some((namespace, name)) = parts(named) else {
        return Ok(refusal::no_page());
    };
    let access = access(&namespace, &name, "delete");
    state.admit(&headers, &access, Tenants::Master).await?;
    let id = installed(&state, &namespace, &name).await?;
    let uuid = state.jobs.uninstall(id).await?;
    Ok(ok(&json!({"uuid": uuid.as_str()})))
}

/// A plugin that must be installed.
pub(super) async fn installed(
    state: &State,
    namespace: &str,
    name: &str,
) -> Result<PluginId, Refusal> {
    let missing = || Refusal::no_plugin(namespace, name);
    let id = id(namespace, name).ok_or_else(missing)?;
    match state.plugins.has(&id).await? {
        true => Ok(id),
        false => Err(missing()),
    }
}

/// `POST /plugins`.
pub(super) async fn install(
    state: State,
    headers: HeaderMap,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    state
        .admit(&headers, "plugind.plugins.create", Tenants::Master)
        .await?;
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let message = "The data value transmitted exceeds the capacity limit.";
            return Ok(refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        Err(_) => return Ok(refusal::bad_body()),
    };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return Ok(refusal::bad_body());
    };
    let asked = schema::read(&body).map_err(Refusal::fields)?;
    let reinstall = reinstall(&uri)?;
    let asked = state.resolved(asked).await;
    let uuid = state.jobs.install(asked, reinstall).await?;
    Ok(ok(&json!({"uuid": uuid.as_str()})).into_response())
}

/// Whether it is installed even if it is installed already.
fn reinstall(uri: &Uri) -> Result<bool, Refusal> {
    let mut pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let Some((_, value)) = pairs.find(|(key, _)| key == "reinstall") else {
        return Ok(false);
    };
    fields::boolean(&value).map_err(|wrong| {
        let wrong = [("reinstall".to_owned(), wrong)];
        Refusal::fields(wrong.into_iter().collect())
    })
}

impl Host {
    /// What no farm has and a market server knows is a repository.
    async fn resolved(&self, asked: Asked) -> Asked {
        let Asked::Market {
            namespace,
            name,
            version,
        } = &asked
        else {
            return asked;
        };
        let found = self
            .market
            .elsewhere(namespace, name, version.as_deref())
            .await;
        match found {
            Some(found) => Asked::git(&found.url, found.reference, found.subdirectory),
            None => asked,
        }
    }
}

pub(super) fn id(namespace: &str, name: &str) -> Option<PluginId> {
    format!("{namespace}/{name}").parse().ok()
}

fn access(namespace: &str, name: &str, verb: &str) -> String {
    format!("plugind.plugins.{}.{}.{verb}", word(namespace), word(name))
}
