//! Answers as wazo-plugind's clients know them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

/// A JSON document with a line end after it.
pub(super) fn json_line(status: StatusCode, body: &impl Serialize) -> Response {
    let mut text = match serde_json::to_string(body) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            "null".to_owned()
        }
    };
    text.push('\n');
    let kind = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    (status, [kind], text).into_response()
}

/// That it is done, or what was asked for.
pub(super) fn ok(body: &impl Serialize) -> Response {
    json_line(StatusCode::OK, body)
}
