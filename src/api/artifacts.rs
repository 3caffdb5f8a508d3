//! What builds left, to be downloaded.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::State;
use super::auth::Viewer;
use super::builds::find;
use super::problem::Problem;

/// Download one file that a build left
#[utoipa::path(get, path = "/builds/{id}/artifacts/{name}", params(("id" = String, Path), ("name" = String, Path)),
    responses(
        (status = 200, description = "this is it", content_type = "application/octet-stream", body = Vec<u8>)
    ))]
pub(super) async fn download(
    api: State,
    viewer: Viewer,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path((id, name)) = path.map_err(|_| Problem::missing("artifact"))?;
    let build = find(&api, Ok(Path(id)), &viewer.0).await?;
    let artifacts = api.store.artifacts(&build.id).await?;
    // The name is one that the farm has written down, not the one that was asked for.
    let found = artifacts.into_iter().find(|one| one.name == name);
    let found = found.ok_or_else(|| Problem::missing("artifact"))?;
    let file = api.builds.join(found.attempt.as_str()).join(&found.name);
    let tag = format!("\"{}\"", found.sha256);
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let mut request = Request::new(axum::body::Body::empty());
    *request.headers_mut() = headers;
    let Ok(response) = ServeFile::new(file).oneshot(request).await;
    let mut response = match response.status() {
        StatusCode::NOT_FOUND => return Err(gone()),
        status if status.is_server_error() => return Err(unreadable()),
        _ => response.map(axum::body::Body::new),
    };
    let kind = if found.name.ends_with(".deb") {
        "application/vnd.debian.binary-package"
    } else {
        "text/plain; charset=utf-8"
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether whoever asks has it already (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known.filter_map(|value| value.to_str().ok());
    known.any(|list| {
        list.split(',')
            .any(|one| one.trim().trim_start_matches("W/") == tag)
    })
}

fn gone() -> Problem {
    let words = "the file is kept no more";
    let hint = "build the same commit again: it gives the same bytes";
    Problem::new(StatusCode::NOT_FOUND, words, hint)
}

fn unreadable() -> Problem {
    let words = "the file cannot be read";
    let hint = "try again; if it stays so, tell the farm's operator";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, words, hint)
}
