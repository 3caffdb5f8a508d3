//! What the interface promises, as an OpenAPI 2.0 document.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};

use super::around::script_name;

/// Written by hand: there is no code that such a document could be made from, and it has to stay as clients know it.
pub(super) const DOCUMENT: &str = include_str!("api.yml");

/// `GET /api/api.yml`, which says where a proxy has mounted the interface.
pub(super) async fn show(headers: HeaderMap) -> Response {
    let prefix = script_name(&headers).unwrap_or_default();
    let document = DOCUMENT.replacen("basePath: /0.2\n", &format!("basePath: {prefix}/0.2\n"), 1);
    ([(header::CONTENT_TYPE, "application/x-yaml")], document).into_response()
}
