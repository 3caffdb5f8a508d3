//! What is around every request: where the interface is mounted, and how long an answer may take.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::refusal;

/// How long an answer may take. Clients wait for ten seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// The header in which a proxy says where it has mounted the interface.
const SCRIPT_NAME: &str = "x-script-name";

/// Takes the prefix off an address which a proxy has left there; and refuses what is no address.
pub(super) async fn prefix(mut request: Request, next: Next) -> Response {
    if !request.uri().to_string().is_ascii() {
        let kind = (header::CONTENT_TYPE, "text/plain");
        let words = "an address has no characters but those of ASCII\n";
        return (StatusCode::BAD_REQUEST, [kind], words).into_response();
    }
    let inner = script_name(request.headers()).and_then(|prefix| {
        let whole = request.uri().path_and_query()?.as_str();
        let inner = whole.strip_prefix(prefix)?;
        inner.starts_with('/').then(|| inner.parse::<Uri>().ok())?
    });
    if let Some(inner) = inner {
        *request.uri_mut() = inner;
    }
    let mut response = next.run(request).await;
    let agent = concat!("plugfarm-host/", env!("CARGO_PKG_VERSION"));
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(agent));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Where a proxy says that it has mounted the interface, such as `/api/plugind`; nothing at all, if it is no such path.
pub(super) fn script_name(headers: &HeaderMap) -> Option<&str> {
    let named = headers.get(SCRIPT_NAME)?.to_str().ok()?;
    let named = named.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let is_path = named.starts_with('/') && named.len() <= 200 && named.chars().all(plain);
    is_path.then_some(named)
}

/// Whatever takes too long is given up.
pub(super) async fn patience(request: Request, next: Next) -> Response {
    match timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refusal::plain(
            StatusCode::GATEWAY_TIMEOUT,
            "The answer took too long; what was asked for may happen yet.",
        ),
    }
}
