//! The apt repository, for hosts: read-only, with ranges and conditional requests, as apt makes them.

mod fresh;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts as _, Request, State as Shown};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tower_http::services::ServeDir;

use super::Api;
use super::auth::Viewer;
use super::problem::Problem;
use crate::model::{PluginId, Sha256};
use crate::pipeline::now;
use fresh::Version;

/// Where it is.
const PLACE: &str = "/apt";
/// What is named by its content never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What may change is asked about each time.
const MUTABLE: &str = "no-cache";

/// Serves the folder of the repository, but for what is the farm's own; and what is said of a private source's packages only
/// to whoever may read it. The packages themselves are published: hosts install them.
pub(super) fn router(folder: &Path, api: &Arc<Api>) -> Router {
    let files = ServeDir::new(folder).append_index_html_on_directories(false);
    let shown = (folder.to_owned(), Arc::clone(api));
    Router::new()
        .nest_service(PLACE, files)
        .layer(from_fn_with_state(folder.to_owned(), compare))
        .layer(from_fn_with_state(shown, hide))
        .layer(from_fn(guard))
}

/// Sends what may change only to whoever has another version of it.
async fn compare(Shown(folder): Shown<PathBuf>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let place = path.strip_prefix(PLACE).unwrap_or(&path);
    let place = place.trim_start_matches('/');
    // What is written in an unusual way, or leads elsewhere, is the next one's to refuse or to find.
    let usual = !place.contains(['%', '\\']) && place.split('/').all(|part| part != "..");
    if is_immutable(&path) || !usual {
        return next.run(request).await;
    }
    let Some(version) = Version::of(&folder.join(place), now()).await else {
        return next.run(request).await;
    };
    if version.settle(request.headers_mut()) {
        return version.unchanged();
    }
    let mut response = next.run(request).await;
    if response.status().is_success() {
        version.label(response.headers_mut());
    }
    response
}

/// Hides evidence about the packages of private sources.
async fn hide(
    Shown((folder, api)): Shown<(PathBuf, Arc<Api>)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let path = request.uri().path().to_owned();
    let place = path.strip_prefix(PLACE).unwrap_or(&path);
    let Some(digest) = evidence_of(place) else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let Viewer(reader) = Viewer::from_request_parts(&mut parts, &api).await?;
    let hidden = api.store.hidden_plugins(&reader).await?;
    if !hidden.is_empty() && is_about(&folder, digest, &hidden).await {
        return Err(Problem::missing("file"));
    }
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// The digest of the package that the evidence at `place` is about, if it is evidence. A place that is written in an unusual
/// way is taken for one that is about nothing known, and is hidden.
fn evidence_of(place: &str) -> Option<&str> {
    let place = place.trim_start_matches('/');
    if place.starts_with("pool/") || place.starts_with("dists/") {
        return None;
    }
    if place.contains('%') || place.contains("//") {
        return Some("");
    }
    let (folder, rest) = place.split_once('/')?;
    let digest = rest.split(['/', '.']).next().unwrap_or_default();
    ["attestations", "evidence", "approvals"]
        .contains(&folder)
        .then_some(digest)
}

/// Whether the package with this digest is one of these plugins', or nobody can say.
async fn is_about(folder: &Path, digest: &str, plugins: &[PluginId]) -> bool {
    let Ok(digest) = digest.parse::<Sha256>() else {
        return true;
    };
    let path = folder.join(format!("attestations/{digest}.intoto.jsonl"));
    let read = tokio::task::spawn_blocking(move || fs_err::read_to_string(path)).await;
    let Ok(Ok(text)) = read else { return true };
    let subjects: Vec<String> = text.lines().flat_map(subjects).collect();
    let about = |plugin: &PluginId| {
        let beginning = format!("{}_", plugin.package());
        subjects.iter().any(|name| name.starts_with(&beginning))
    };
    subjects.is_empty() || plugins.iter().any(about)
}

/// The names of the files that an envelope's statement is about.
fn subjects(envelope: &str) -> Vec<String> {
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let payload = json(envelope.as_bytes())
        .and_then(|envelope| STANDARD.decode(envelope["payload"].as_str()?).ok());
    let Some(statement) = payload.and_then(|payload| json(&payload)) else {
        return Vec::new();
    };
    let named = statement["subject"].as_array().into_iter().flatten();
    named
        .filter_map(|subject| Some(subject["name"].as_str()?.to_owned()))
        .collect()
}

/// Whether a path is one that hosts fetch again and again.
pub(super) fn is_for_hosts(path: &str) -> bool {
    path.strip_prefix(PLACE)
        .is_some_and(|rest| rest.starts_with("/dists/") || rest.starts_with("/pool/"))
}

async fn guard(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::method().into_response();
    }
    // What starts with a dot is the farm's own, however it is written.
    if path.contains("/.") || path.to_ascii_lowercase().contains("%2e") {
        return Problem::missing("file").into_response();
    }
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        return Problem::missing("file").into_response();
    }
    let headers = response.headers_mut();
    let policy = if is_immutable(&path) {
        IMMUTABLE
    } else {
        MUTABLE
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(policy));
    response
}

fn is_immutable(path: &str) -> bool {
    let place = path.strip_prefix(PLACE).unwrap_or(path);
    place.starts_with("/pool/") || place.contains("/by-hash/")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_file_that_is_replaced_within_its_second_is_sent_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dists/bookworm/InRelease");
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        let files = Router::new()
            .nest_service(PLACE, ServeDir::new(folder.path()))
            .layer(from_fn_with_state(folder.path().to_owned(), compare));
        let get = async |name: &str, value: &str| {
            let request = axum::http::Request::get("/apt/dists/bookworm/InRelease");
            let request = request.header(name, value).body(Body::empty()).unwrap();
            let answer = files.clone().oneshot(request).await.unwrap();
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            (answer.status(), header("last-modified"), header("etag"))
        };
        for version in 0..20 {
            let new = folder.path().join("new");
            fs_err::write(&new, format!("version {version}")).unwrap();
            let (_, date, tag) = match version {
                0 => (StatusCode::OK, "x".to_owned(), "x".to_owned()),
                _ => get("x-nothing", "x").await,
            };
            fs_err::rename(&new, &file).unwrap();
            for (name, known) in [("if-modified-since", &date), ("if-none-match", &tag)] {
                let (status, ..) = get(name, known).await;
                assert_eq!(status, StatusCode::OK, "{version}: {name} {known}");
            }
        }
        let (_, _, tag) = get("x-nothing", "x").await;
        let (status, ..) = get("if-none-match", &tag).await;
        assert_eq!(status, StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn evidence_is_known_by_its_place() {
        assert_eq!(evidence_of("/attestations/ab.intoto.jsonl"), Some("ab"));
        assert_eq!(evidence_of("/evidence/ab/x_1_all.log"), Some("ab"));
        assert_eq!(evidence_of("/approvals/ab/cd.intoto.jsonl"), Some("ab"));
        assert_eq!(evidence_of("/evid%65nce/ab/x.log"), Some(""));
        assert_eq!(evidence_of("//evidence//ab"), Some(""));
        assert_eq!(evidence_of("/evidence%2fab%2fx.log"), Some(""));
        assert_eq!(evidence_of("/pool/x/y_1.0%2bdeb12u1_all.deb"), None);
        assert_eq!(evidence_of("/dists/bookworm/InRelease"), None);
    }
}
