//! One of Wazo's services, asked over HTTP.

use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use super::{MAX_ANSWER, PATIENCE};
use crate::http::{Client, HttpError, Reach, Request};

/// Why a service did not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// It could not be reached.
    #[error(transparent)]
    Unreachable(#[from] HttpError),
    /// It took too long.
    #[error("{url} did not answer within {seconds} seconds")]
    Slow {
        /// What was asked.
        url: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It answered with a status that nobody asked for.
    #[error("{url} answered with status {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Its answer has not the form that it should have.
    #[error("{url} answered with something else than {expected}")]
    Form {
        /// What was asked.
        url: String,
        /// What was expected.
        expected: &'static str,
    },
    /// What it is asked with cannot be had.
    #[error("{reason}")]
    Setup {
        /// What is missing.
        reason: String,
    },
}

/// A service: its base address, and who asks it. Clones share connections.
#[derive(Debug, Clone)]
pub struct Service {
    base: Url,
    client: Client,
}

impl Service {
    /// The service at `base`, which ends with a slash.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where this machine trusts no certificate authority.
    pub fn new(base: Url) -> Result<Self, std::io::Error> {
        // Most of them are on this machine, which may trust nobody.
        let client = match base.scheme() {
            "http" => Client::plain(Reach::Anywhere)?,
            _ => Client::new(Reach::Anywhere)?,
        };
        Ok(Self { base, client })
    }

    /// The address of what is at `path`, each part of which is a stranger's text.
    pub(super) fn at(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Asks once. Gives the status, and the answer's body, as far as it is JSON.
    pub(super) async fn ask(
        &self,
        shown: &str,
        request: Request,
    ) -> Result<(u16, Value), ServiceError> {
        let url = || format!("{}{shown}", self.base);
        let asked = async {
            let answer = self.client.send(request).await?;
            let status = answer.status();
            let body = answer.bytes(MAX_ANSWER).await?;
            Ok::<_, HttpError>((status, serde_json::from_slice(&body).unwrap_or_default()))
        };
        match timeout(PATIENCE, asked).await {
            // What was asked may hold a token.
            Ok(answered) => answered.map_err(|error| {
                HttpError {
                    url: url(),
                    ..error
                }
                .into()
            }),
            Err(_) => Err(ServiceError::Slow {
                url: url(),
                seconds: PATIENCE.as_secs(),
            }),
        }
    }

    pub(super) fn status(&self, shown: &str, status: u16) -> ServiceError {
        ServiceError::Status {
            url: format!("{}{shown}", self.base),
            status,
        }
    }

    /// That an answer has not the form that it should have.
    #[must_use]
    pub fn form(&self, shown: &str, expected: &'static str) -> ServiceError {
        ServiceError::Form {
            url: format!("{}{shown}", self.base),
            expected,
        }
    }

    /// Asks for a JSON document.
    ///
    /// # Errors
    ///
    /// [`ServiceError`]; any status but a good one, too.
    pub async fn get(&self, path: &str, token: Option<&str>) -> Result<Value, ServiceError> {
        let mut request = Request::get(self.at(&[path], &[])).with("accept", "application/json");
        if let Some(token) = token {
            request = request.with("x-auth-token", token);
        }
        match self.ask(path, request).await? {
            (200..300, body) => Ok(body),
            (status, _) => Err(self.status(path, status)),
        }
    }
}
