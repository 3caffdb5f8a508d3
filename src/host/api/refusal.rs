//! What whoever asks is told when something is refused: wazo-plugind's envelope, and the plainer words of what it is made of.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::answer::json_line;
use crate::apt::AptError;
use crate::host::jobs::JobsError;
use crate::host::market::{MarketError, Unorderable};

/// Something that is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    error_id: &'static str,
    message: String,
    resource: Option<&'static str>,
    details: Box<Value>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        error_id: &'static str,
        message: impl Into<String>,
        details: Value,
    ) -> Self {
        Self {
            status,
            error_id,
            message: message.into(),
            resource: None,
            details: details.into(),
        }
    }

    fn about(self, resource: &'static str) -> Self {
        Self {
            resource: Some(resource),
            ..self
        }
    }

    /// Fields of a body or of a query that are not as they must be.
    pub(super) fn fields(details: Map<String, Value>) -> Self {
        let details = Value::Object(details);
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-data",
            "Invalid data",
            details,
        )
        .about("plugins")
    }

    /// A plugin that is not there.
    pub(super) fn no_plugin(namespace: &str, name: &str) -> Self {
        let message = format!("Plugin not found {namespace}/{name}");
        let details = json!({"name": name, "namespace": namespace});
        Self::new(StatusCode::NOT_FOUND, "plugin-not-found", message, details).about("plugins")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let now = jiff::Timestamp::now().as_microsecond();
        let seconds = std::time::Duration::from_micros(u64::try_from(now).unwrap_or_default());
        let mut body = json!({
            "message": self.message,
            "error_id": self.error_id,
            "details": self.details,
            "timestamp": seconds.as_secs_f64(),
        });
        if let (Some(resource), Some(body)) = (self.resource, body.as_object_mut()) {
            body.insert("resource".to_owned(), resource.into());
        }
        json_line(self.status, &body)
    }
}

impl From<MarketError> for Refusal {
    fn from(_: MarketError) -> Self {
        let (id, message) = ("market-service-unavailable", "Market Service Unavailable");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, id, message, json!({})).about("market")
    }
}

impl From<Unorderable> for Refusal {
    fn from(error: Unorderable) -> Self {
        let details = json!({
            error.order.as_str(): {"constraint_id": "orderable", "message": error.to_string()},
        });
        let message = "Invalid sort parameters";
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-sort-params",
            message,
            details,
        )
        .about("market")
    }
}

impl From<AptError> for Refusal {
    fn from(error: AptError) -> Self {
        tracing::error!(%error, "this machine's packages are not known");
        let details = json!({"reason": error.to_string()});
        let message = "Package manager unavailable";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "package-manager-unavailable", message, details).about("plugins")
    }
}

/// A job that is not there.
pub(super) fn no_job(uuid: &str) -> Refusal {
    let message = format!("Job not found {uuid}");
    Refusal::new(
        StatusCode::NOT_FOUND,
        "job-not-found",
        message,
        json!({"uuid": uuid}),
    )
    .about("jobs")
}

impl From<JobsError> for Refusal {
    fn from(error: JobsError) -> Self {
        let (status, id) = match &error {
            JobsError::Unknown { .. } => (StatusCode::NOT_FOUND, "job-not-found"),
            JobsError::Ended { .. } => (StatusCode::CONFLICT, "job-ended"),
            JobsError::TooLate { .. } => (StatusCode::CONFLICT, "job-not-cancellable"),
            JobsError::Full { .. } => (StatusCode::SERVICE_UNAVAILABLE, "too-many-jobs"),
            JobsError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "agent-stopping"),
            JobsError::File { .. } => {
                tracing::error!(%error, "a job cannot be kept");
                (StatusCode::SERVICE_UNAVAILABLE, "jobs-unavailable")
            }
        };
        Self::new(status, id, error.to_string(), json!({})).about("jobs")
    }
}

/// What Flask says of a body that is no JSON.
pub(super) fn bad_body() -> Response {
    let message = "The browser (or proxy) sent a request that this server could not understand.";
    plain(StatusCode::BAD_REQUEST, message)
}

/// Only a message, as for what never reached the API.
pub(super) fn plain(status: StatusCode, message: &str) -> Response {
    json_line(status, &json!({"message": message}))
}

/// An address that is none.
pub(super) fn no_page() -> Response {
    const PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n\
        <p>There is nothing at this address.</p>\n";
    let kind = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    (StatusCode::NOT_FOUND, [kind], PAGE).into_response()
}
