//! From what went wrong to the problem document (RFC 9457) that says so.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::model::{FailureCode, InvalidValue};
use crate::repo::RepoError;
use crate::source::LocationError;
use crate::store::StoreError;
pub(super) use crate::wire::Problem;

/// What to do about a request that says something wrong.
const CORRECT: &str = "correct the request, and send it again";

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>, hint: &str) -> Self {
        Self {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            detail: detail.into(),
            hint: hint.to_owned(),
            retry_after: None,
        }
    }

    /// What time alone mends.
    pub(super) fn later(status: StatusCode, detail: impl Into<String>, wait: Duration) -> Self {
        // A second too much is better than one too little.
        let seconds = wait.as_secs() + 1;
        let hint = format!("try again in {seconds} s");
        Self {
            retry_after: Some(seconds),
            ..Self::new(status, detail, &hint)
        }
    }

    pub(super) fn missing(what: &str) -> Self {
        let detail = format!("there is no such {what}");
        Self::new(
            StatusCode::NOT_FOUND,
            detail,
            "see /openapi.json for what there is",
        )
    }

    pub(super) fn method() -> Self {
        let detail = "this page does not take that method";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            detail,
            "see /openapi.json for what it takes",
        )
    }

    pub(super) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail, CORRECT)
    }

    /// The farm itself failed; its log says why.
    pub(super) fn broken() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the farm could not do it",
            "try again; if it stays, tell the farm's operator, whose log says why",
        )
    }
}

impl From<InvalidValue> for Problem {
    fn from(error: InvalidValue) -> Self {
        Self::wrong(error.to_string())
    }
}

impl From<LocationError> for Problem {
    fn from(error: LocationError) -> Self {
        Self::wrong(error.to_string())
    }
}

impl From<JsonRejection> for Problem {
    fn from(error: JsonRejection) -> Self {
        Self::new(error.status(), error.body_text(), CORRECT)
    }
}

impl From<QueryRejection> for Problem {
    fn from(error: QueryRejection) -> Self {
        Self::wrong(error.body_text())
    }
}

impl From<RepoError> for Problem {
    fn from(error: RepoError) -> Self {
        let (code, hint) = error.code_and_hint();
        let status = match code {
            FailureCode::NotPublished => StatusCode::NOT_FOUND,
            FailureCode::Usage => StatusCode::UNPROCESSABLE_ENTITY,
            FailureCode::VersionUsed
            | FailureCode::VersionNotHigher
            | FailureCode::VersionWithdrawn
            | FailureCode::ApprovalNeeded
            | FailureCode::EvidenceInvalid => StatusCode::CONFLICT,
            FailureCode::PublishConflict | FailureCode::SignUnavailable => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => {
                // Where the farm keeps its files is nobody's business outside.
                tracing::error!(%error, "the repository did not do what it was asked");
                return Self::broken();
            }
        };
        Self::new(status, error.to_string(), hint)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::Missing { .. } => StatusCode::NOT_FOUND,
            StoreError::NotOwner { .. } => StatusCode::FORBIDDEN,
            StoreError::Transition { .. }
            | StoreError::Taken { .. }
            | StoreError::SourceBound { .. }
            | StoreError::LeaseLost { .. } => StatusCode::CONFLICT,
            StoreError::QueueFull { .. } => StatusCode::TOO_MANY_REQUESTS,
            StoreError::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
            StoreError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::Open { .. }
            | StoreError::Migrate { .. }
            | StoreError::Database { .. }
            | StoreError::Dump { .. }
            | StoreError::NotEmpty { .. }
            | StoreError::Damaged { .. } => {
                // What a database says is nobody's business outside.
                tracing::error!(error = ?error, "a request failed");
                let words = "the farm's state could not be read or written";
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, words, error.hint());
            }
        };
        Self::new(status, error.to_string(), error.hint())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        if let Some(seconds) = retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
