//! A web server that has a repository: asked over HTTP or TLS, with limits on time and bytes, and never led to another host.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use url::Url;

use super::ImportError;

/// How long a server may take to begin an answer, or to go on with one.
const SILENCE: Duration = Duration::from_secs(30);

/// How often a server may send us on.
const REDIRECTS: usize = 5;

/// How often something is asked for.
const ATTEMPTS: u32 = 4;

/// A web server's folder.
#[derive(Debug)]
pub struct Server {
    /// It ends with a slash.
    url: Url,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// Why an answer did not come, or did not end.
enum Trouble {
    /// It may come when asked for again.
    Passing(String),
    /// It will not.
    Final(ImportError),
}

impl Server {
    pub(super) fn new(mut url: Url) -> Result<Self, ImportError> {
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map_err(|error| ImportError::Fetch {
                url: url.to_string(),
                reason: format!("this machine trusts no certificate authority: {error}"),
            })?
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { url, client })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// How a message names what is at `key`.
    pub(super) fn place(&self, key: &str) -> String {
        self.at(key).to_string()
    }

    fn at(&self, key: &str) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(key.split('/'));
        }
        url
    }

    /// Writes what is at `key` to `out`; gives whether there is anything.
    pub(super) async fn copy(
        &self,
        key: &str,
        limit: u64,
        out: &mut (dyn Write + Send),
    ) -> Result<bool, ImportError> {
        let url = self.at(key);
        let mut tries = 1;
        let answer = loop {
            match self.ask(&url).await {
                Ok(answer) => break answer,
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(reason)) if tries >= ATTEMPTS => {
                    let url = url.to_string();
                    return Err(ImportError::Fetch { url, reason });
                }
                Err(Trouble::Passing(reason)) => {
                    tracing::debug!(%url, reason, "asking again");
                    tokio::time::sleep(Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
            }
        };
        match answer {
            Some(answer) => receive(&url, answer, limit, out).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Asks for `url`, and goes where the server says, on the same host.
    async fn ask(&self, url: &Url) -> Result<Option<Response<Incoming>>, Trouble> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.request(&url).await?;
            let status = answer.status();
            if status.is_success() {
                return Ok(Some(answer));
            }
            if [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&status) {
                return Ok(None);
            }
            let reason = format!("the server answered {status}");
            if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                return Err(Trouble::Passing(reason));
            }
            if !status.is_redirection() {
                return Err(fatal(&url, reason));
            }
            url = next(&url, &answer)?;
        }
        Err(fatal(
            &url,
            format!("it sends on more than {REDIRECTS} times"),
        ))
    }

    async fn request(&self, url: &Url) -> Result<Response<Incoming>, Trouble> {
        let agent = concat!("plugfarm/", env!("CARGO_PKG_VERSION"));
        let request = Request::get(url.as_str())
            .header(USER_AGENT, agent)
            .body(Empty::new());
        let request = request.map_err(|error| fatal(url, error.to_string()))?;
        match timeout(SILENCE, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Trouble::Passing(causes(&error))),
            Err(_) => Err(Trouble::Passing(silent())),
        }
    }
}

fn fatal(url: &Url, reason: String) -> Trouble {
    let url = url.to_string();
    Trouble::Final(ImportError::Fetch { url, reason })
}

fn silent() -> String {
    format!("the server said nothing for {} seconds", SILENCE.as_secs())
}

/// Where a server sends on to. What one host is trusted to say, no other one is.
fn next(url: &Url, answer: &Response<Incoming>) -> Result<Url, Trouble> {
    let location = answer.headers().get(LOCATION);
    let location = location.and_then(|value| value.to_str().ok());
    let next = location.and_then(|location| url.join(location).ok());
    let next = next.ok_or_else(|| fatal(url, "it sends on to nowhere".to_owned()))?;
    let safer = next.scheme() == "https" && url.scheme() == "http" && url.port().is_none();
    let same = next.scheme() == url.scheme() && next.port() == url.port();
    if next.host_str() == url.host_str() && (same || safer) {
        return Ok(next);
    }
    let origin = next.origin().ascii_serialization();
    Err(fatal(
        url,
        format!("it sends on to another server, {origin}; name that one"),
    ))
}

async fn receive(
    url: &Url,
    answer: Response<Incoming>,
    limit: u64,
    out: &mut (dyn Write + Send),
) -> Result<(), ImportError> {
    let failed = |reason: String| ImportError::Fetch {
        url: url.to_string(),
        reason,
    };
    let (mut body, mut received) = (answer.into_body(), 0_u64);
    loop {
        let frame = timeout(SILENCE, body.frame()).await;
        let Some(frame) = frame.map_err(|_| failed(silent()))? else {
            return Ok(());
        };
        let frame = frame.map_err(|error| failed(causes(&error)))?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        received = received.saturating_add(bytes.len() as u64);
        if received > limit {
            return Err(ImportError::TooLarge {
                place: url.to_string(),
                limit,
                what: "bytes",
            });
        }
        out.write_all(&bytes)
            .map_err(|error| failed(format!("it cannot be kept: {error}")))?;
    }
}

/// An error with its causes, which say more than itself.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        said = format!("{said}: {next}");
        cause = next.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_servers_folder_and_keeps_its_letters() {
        let server = Server::new(Url::parse("https://apt.example.org/debian").unwrap()).unwrap();
        assert_eq!(server.url().as_str(), "https://apt.example.org/debian/");
        assert_eq!(
            server.place("pool/a/a_1.0+x~rc1%2f?_all.deb"),
            "https://apt.example.org/debian/pool/a/a_1.0+x~rc1%252f%3F_all.deb"
        );
    }
}
