//! What is asked of a server.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use url::Url;

use super::{HttpError, Trouble};

/// One request. It has no `Debug`: its headers may be secret.
#[derive(Clone)]
pub struct Request {
    pub(super) url: Url,
    method: Method,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Request {
    /// Asks for what is at `url`.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self {
            url,
            method: Method::GET,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Sends `body`, which is of this content type.
    #[must_use]
    pub fn post(url: Url, kind: &str, body: impl Into<Bytes>) -> Self {
        let request = Self {
            method: Method::POST,
            body: body.into(),
            ..Self::get(url)
        };
        request.with(CONTENT_TYPE.as_str(), kind)
    }

    /// Asks for what is at `url` to go away.
    #[must_use]
    pub fn delete(url: Url) -> Self {
        Self {
            method: Method::DELETE,
            ..Self::get(url)
        }
    }

    /// Likewise, in the place of what is there.
    #[must_use]
    pub fn put(self) -> Self {
        Self {
            method: Method::PUT,
            ..self
        }
    }

    /// Likewise, without the body of the answer.
    #[must_use]
    pub fn head(self) -> Self {
        Self {
            method: Method::HEAD,
            ..self
        }
    }

    /// Likewise, with a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Likewise, by whoever has this token.
    #[must_use]
    pub fn by(self, token: &str) -> Self {
        self.with(AUTHORIZATION.as_str(), format!("Bearer {token}"))
    }

    pub(super) fn build(self) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
        let wrong = |reason: &str| HttpError::new(&self.url, Trouble::Setup, reason);
        let mut request = hyper::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        let uri = self.url.as_str().parse();
        *request.uri_mut() = uri.map_err(|_| wrong("it is no address of a web server"))?;
        let headers = request.headers_mut();
        let agent = concat!("plugfarm/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in &self.headers {
            let name = name.parse::<HeaderName>();
            let name = name.map_err(|_| wrong("a header's name cannot be sent"))?;
            let value = HeaderValue::from_str(value);
            let mut value = value.map_err(|_| wrong("a header's value cannot be sent"))?;
            value.set_sensitive(name == AUTHORIZATION);
            headers.append(name, value);
        }
        Ok(request)
    }
}
