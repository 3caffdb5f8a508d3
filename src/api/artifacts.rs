//! What builds left, to be downloaded.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderValue, Request, header};
use axum::response::IntoResponse;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use super::State;
use super::auth::Viewer;
use super::builds::find;
use super::problem::Problem;

/// Download one file that a build left
#[utoipa::path(get, path = "/builds/{id}/artifacts/{name}", params(("id" = String, Path), ("name" = String, Path)),
    responses(
        (status = 200, description = "this is it", content_type = "application/octet-stream", body = Vec<u8>),
        (status = "4XX", description = "it is refused", body = Problem)
    ))]
pub(super) async fn download(
    api: State,
    viewer: Viewer,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let Path((id, name)) = path.map_err(|_| Problem::missing("artifact"))?;
    let build = find(&api, Ok(Path(id)), &viewer.0).await?;
    let artifacts = api.store.artifacts(&build.id).await?;
    // The name is one that the farm has written down, not the one that was asked for.
    let found = artifacts.into_iter().find(|one| one.name == name);
    let found = found.ok_or_else(|| Problem::missing("artifact"))?;
    let file = api.builds.join(found.attempt.as_str()).join(&found.name);
    let mut request = Request::new(axum::body::Body::empty());
    *request.headers_mut() = headers;
    let Ok(mut response) = ServeFile::new(file).oneshot(request).await;
    let kind = if found.name.ends_with(".deb") {
        "application/vnd.debian.binary-package"
    } else {
        "text/plain; charset=utf-8"
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(digest) = HeaderValue::from_str(&format!("\"{}\"", found.sha256)) {
        headers.insert(header::ETAG, digest);
    }
    Ok(response)
}
