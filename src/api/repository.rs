//! The apt repository, for hosts: read-only, with ranges and conditional requests, as apt makes them.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use tower_http::services::ServeDir;

use super::problem::Problem;

/// Where it is.
const PLACE: &str = "/apt";
/// What is named by its content never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What may change is asked about each time.
const MUTABLE: &str = "no-cache";

/// Serves the folder of the repository, but for what is the farm's own.
pub(super) fn router(folder: &Path) -> Router {
    let files = ServeDir::new(folder).append_index_html_on_directories(false);
    Router::new()
        .nest_service(PLACE, files)
        .layer(from_fn(guard))
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
