//! What a server answered.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::HeaderMap;
use hyper::body::Incoming;
use tokio::time::timeout;
use url::Url;

use super::client::silent;
use super::{HttpError, SILENCE, Trouble};

/// An answer, whose body comes piece by piece.
#[derive(Debug)]
pub struct Response {
    url: Url,
    status: u16,
    headers: HeaderMap,
    body: Incoming,
}

impl Response {
    pub(super) fn new(url: Url, answer: hyper::Response<Incoming>) -> Self {
        let (parts, body) = answer.into_parts();
        Self {
            url,
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    /// Where it came from, after what redirects there were.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status says that it was done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header, if it is there and a text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    ///
    /// [`Trouble::Silent`], [`Trouble::Unreachable`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let frame = timeout(SILENCE, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| silent(&self.url))? else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| HttpError::broken(&self.url, &error))?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }

    /// The whole body, which has at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// [`Trouble::TooLarge`]; else as [`Response::chunk`].
    pub async fn bytes(mut self, limit: u64) -> Result<Vec<u8>, HttpError> {
        let mut whole = Vec::new();
        while let Some(bytes) = self.chunk().await? {
            whole.extend_from_slice(&bytes);
            if whole.len() as u64 > limit {
                let reason = format!("it answers with more than {limit} bytes");
                return Err(HttpError::new(&self.url, Trouble::TooLarge(limit), reason));
            }
        }
        Ok(whole)
    }
}
