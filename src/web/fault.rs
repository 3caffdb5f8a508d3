//! What went wrong, as a page: what happened, and what to do.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::html;
use serde::Deserialize;

use super::Web;
use super::layout::bare;
use crate::model::InvalidValue;
use crate::repo::RepoError;
use crate::store::StoreError;

/// Why there is no page.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    status: StatusCode,
    detail: String,
    hint: String,
}

/// What the API says of it.
#[derive(Debug, Deserialize)]
pub(super) struct Explained {
    detail: String,
    hint: String,
}

impl Fault {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>, hint: &str) -> Self {
        Self {
            status,
            detail: detail.into(),
            hint: hint.to_owned(),
        }
    }

    pub(super) fn missing(what: &str) -> Self {
        let detail = format!("There is no such {what}.");
        Self::new(
            StatusCode::NOT_FOUND,
            detail,
            "Look for it from the first page.",
        )
    }

    pub(super) fn missing_page() -> Self {
        Self::missing("page")
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        let hint = "Sign in with a token that allows it, or ask the farm's operator for one.";
        Self::new(StatusCode::FORBIDDEN, detail, hint)
    }

    pub(super) fn method() -> Self {
        let detail = "This page does not take that.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            detail,
            "Use the buttons of the page before.",
        )
    }

    pub(super) fn slow() -> Self {
        let hint = "Try again in a minute.";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The page took too long.",
            hint,
        )
    }

    pub(super) fn from_problem(status: StatusCode, problem: Explained) -> Self {
        // Where a page is missing, the API refers to its own document.
        if status == StatusCode::NOT_FOUND {
            return Self {
                status,
                detail: sentence(&problem.detail),
                ..Self::missing_page()
            };
        }
        Self {
            status,
            detail: sentence(&problem.detail),
            hint: sentence(&problem.hint),
        }
    }

    /// The page that says it.
    pub(super) fn page(&self, web: &Web, status: StatusCode) -> Response {
        let title = status.canonical_reason().unwrap_or("Something went wrong");
        let body = html! {
            p.eyebrow { (status.as_u16()) }
            h1 { (title) }
            p.lede { (self.detail) }
            p { (self.hint) }
            p {
                @if status == StatusCode::UNAUTHORIZED { a href="/login" { "Sign in" } " · " }
                a href="/" { "To the first page" }
            }
        };
        (status, bare(web, title, &body)).into_response()
    }
}

/// The words of an error as a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut characters = words.trim().chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), characters.as_str());
    if text.is_empty() || text.ends_with(['.', '!', '?', '…', ':']) {
        text
    } else {
        text + "."
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<InvalidValue> for Fault {
    fn from(error: InvalidValue) -> Self {
        let hint = "Correct it, and try again.";
        Self::new(StatusCode::BAD_REQUEST, sentence(&error.to_string()), hint)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let status = match &error {
            StoreError::Missing { .. } => StatusCode::NOT_FOUND,
            StoreError::Transition { .. } => StatusCode::CONFLICT,
            StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
            StoreError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            other => {
                // What a database says is nobody's business outside.
                tracing::error!(error = ?other, "a page could not be made");
                let words = "The farm's state could not be read or written.";
                let hint = sentence(other.hint());
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, words, &hint);
            }
        };
        Self::new(
            status,
            sentence(&error.to_string()),
            &sentence(error.hint()),
        )
    }
}

impl From<RepoError> for Fault {
    fn from(error: RepoError) -> Self {
        tracing::error!(error = ?error, "a page could not be made");
        let words = "The repository could not be read.";
        let hint = "Try again; if it stays so, the farm's operator has to look at its log.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, words, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_a_sentence_once() {
        assert_eq!(sentence("there is no build"), "There is no build.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), "");
    }
}
