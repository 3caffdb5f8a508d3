//! Whoever asks servers.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{LOCATION, PROXY_AUTHORIZATION};
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use url::{Host, Url};

use super::names::Names;
use super::proxy::{Proxies, Ways};
use super::{HttpError, Request, Response, SILENCE, Trouble};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How often a server may send on.
const REDIRECTS: usize = 5;

/// How often something is asked for.
const ATTEMPTS: u32 = 4;

/// Which addresses are connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Every address: who names the server may use this machine.
    Anywhere,
    /// Public ones alone: who names the server is a stranger.
    Checked {
        /// Those of company networks, too.
        private_networks: bool,
    },
}

/// Asks servers over HTTP or TLS. Connections are kept for the next request; clones share them.
#[derive(Debug, Clone)]
pub struct Client {
    inner: hyper_util::client::legacy::Client<HttpsConnector<Ways>, Full<Bytes>>,
    reach: Reach,
    proxies: Proxies,
}

impl Client {
    /// A client that connects to addresses of this kind.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where this machine trusts no certificate authority.
    pub fn new(reach: Reach) -> Result<Self, std::io::Error> {
        Self::build(reach, Proxies::default())
    }

    /// Likewise, through proxies. Which addresses those connect to is their own business.
    ///
    /// # Errors
    ///
    /// As [`Client::new`].
    pub fn through(&self, proxies: &Proxies) -> Result<Self, std::io::Error> {
        Self::build(self.reach, proxies.clone())
    }

    /// A client for servers that speak no TLS: it needs no certificate authority, and trusts none.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where TLS cannot be set up.
    pub fn plain(reach: Reach) -> Result<Self, std::io::Error> {
        let provider = rustls::crypto::ring::default_provider();
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config);
        Ok(Self::with(connector, reach, Proxies::default()))
    }

    fn build(reach: Reach, proxies: Proxies) -> Result<Self, std::io::Error> {
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        Ok(Self::with(connector, reach, proxies))
    }

    fn with(
        connector: HttpsConnectorBuilder<WantsSchemes>,
        reach: Reach,
        proxies: Proxies,
    ) -> Self {
        let mut direct = HttpConnector::new_with_resolver(Names { reach });
        direct.enforce_http(false);
        direct.set_connect_timeout(Some(CONNECT));
        direct.set_nodelay(true);
        let ways = Ways {
            direct,
            proxies: proxies.clone(),
        };
        let connector = connector
            .https_or_http()
            .enable_http1()
            .wrap_connector(ways);
        let inner =
            hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self {
            inner,
            reach,
            proxies,
        }
    }

    /// Asks once, and takes whatever the server answers: it is followed nowhere.
    ///
    /// # Errors
    ///
    /// [`HttpError`], of any kind but [`Trouble::Refused`], [`Trouble::Redirect`] and [`Trouble::TooLarge`].
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let url = request.url.clone();
        self.check(&url)?;
        let mut request = request.build()?;
        if let Some(credential) = self.proxies.credential(request.uri()) {
            request
                .headers_mut()
                .insert(PROXY_AUTHORIZATION, credential);
        }
        match timeout(SILENCE, self.inner.request(request)).await {
            Ok(Ok(answer)) => Ok(Response::new(url, answer)),
            Ok(Err(error)) => Err(HttpError::broken(&url, &error)),
            Err(_) => Err(silent(&url)),
        }
    }

    /// Asks for what is at `url`, again where that may help, and goes where the server says, on the same host. None where
    /// there is nothing (404 and 410).
    ///
    /// # Errors
    ///
    /// [`HttpError`].
    pub async fn get(&self, url: &Url) -> Result<Option<Response>, HttpError> {
        let mut tries = 1;
        loop {
            match self.follow(url).await {
                Err(error) if error.passes() && tries < ATTEMPTS => {
                    tracing::debug!(%url, %error, "asking again");
                    tokio::time::sleep(Duration::from_millis(200 << tries)).await;
                    tries += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn follow(&self, url: &Url) -> Result<Option<Response>, HttpError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.send(Request::get(url.clone())).await?;
            match answer.status() {
                200..300 => return Ok(Some(answer)),
                404 | 410 => return Ok(None),
                300..400 => url = next(&url, &answer)?,
                status => {
                    let reason = format!("the server answered {}", in_words(status));
                    return Err(HttpError::new(&url, Trouble::Refused(status), reason));
                }
            }
        }
        let reason = format!("it sends on more than {REDIRECTS} times");
        Err(HttpError::new(&url, Trouble::Redirect, reason))
    }

    /// A name is checked when it is looked up; an address in the URL is not looked up.
    fn check(&self, url: &Url) -> Result<(), HttpError> {
        let checked = match url.host() {
            Some(Host::Ipv4(address)) => self.reach.check(address.into()),
            Some(Host::Ipv6(address)) => self.reach.check(address.into()),
            _ => Ok(()),
        };
        checked.map_err(|refused| HttpError::new(url, Trouble::Forbidden, refused.to_string()))
    }
}

/// A status with its words.
fn in_words(status: u16) -> String {
    let known = hyper::StatusCode::from_u16(status);
    known.map_or_else(|_| status.to_string(), |known| known.to_string())
}

pub(super) fn silent(url: &Url) -> HttpError {
    let seconds = SILENCE.as_secs();
    let reason = format!("the server said nothing for {seconds} seconds");
    HttpError::new(url, Trouble::Silent, reason)
}

/// Where a server sends on to. What one host is trusted to say, no other one is.
fn next(url: &Url, answer: &Response) -> Result<Url, HttpError> {
    let wrong = |reason| HttpError::new(url, Trouble::Redirect, reason);
    let next = answer.header(LOCATION.as_str());
    let next = next.and_then(|location| url.join(location).ok());
    let next = next.ok_or_else(|| wrong("it sends on to nowhere".to_owned()))?;
    let safer = next.scheme() == "https" && url.scheme() == "http" && url.port().is_none();
    let same = next.scheme() == url.scheme() && next.port() == url.port();
    if next.host_str() == url.host_str() && (same || safer) {
        return Ok(next);
    }
    let origin = next.origin().ascii_serialization();
    let reason = format!("it sends on to another server, {origin}; name that one");
    Err(wrong(reason))
}

#[cfg(test)]
mod tests {
    use super::super::stub::{answer, server};
    use super::*;

    #[tokio::test]
    async fn what_fails_in_passing_is_asked_for_again() {
        let answers = vec![
            answer("503 Service Unavailable", ""),
            String::new(),
            answer("200 OK", "hello"),
        ];
        let url = server(answers).await;
        let client = Client::new(Reach::Anywhere).unwrap();
        let found = client.get(&url).await.unwrap().unwrap();
        assert_eq!(found.bytes(5).await.unwrap(), b"hello");
    }

    #[tokio::test]
    async fn a_body_beyond_its_limit_is_an_error() {
        let url = server(vec![answer("200 OK", "hello")]).await;
        let client = Client::new(Reach::Anywhere).unwrap();
        let found = client.send(Request::get(url)).await.unwrap();
        let error = found.bytes(4).await.unwrap_err();
        assert_eq!(error.trouble, Trouble::TooLarge(4));
    }

    #[tokio::test]
    async fn a_server_may_send_on_within_itself_alone() {
        let client = Client::new(Reach::Anywhere).unwrap();
        let within = vec![
            answer("302 Found\r\nLocation: /there", ""),
            answer("200 OK", "x"),
        ];
        let url = server(within).await;
        let found = client.get(&url).await.unwrap().unwrap();
        assert_eq!(found.url().path(), "/there");
        let away = answer("302 Found\r\nLocation: http://127.0.0.2/", "");
        let error = client.get(&server(vec![away]).await).await.unwrap_err();
        assert_eq!(error.trouble, Trouble::Redirect);
        assert!(error.reason.contains("http://127.0.0.2"), "{error}");
    }

    #[tokio::test]
    async fn a_strangers_server_is_not_this_machine_by_address_or_by_name() {
        let client = Client::new(Reach::Checked {
            private_networks: true,
        });
        let client = client.unwrap();
        let there = server(vec![answer("200 OK", "secret")]).await;
        for host in ["127.0.0.1", "localhost", "[::1]", "0x7f.1"] {
            let mut url = there.clone();
            url.set_host(Some(host)).unwrap();
            let error = client.send(Request::get(url)).await.unwrap_err();
            assert_eq!(error.trouble, Trouble::Forbidden, "{error}");
        }
        // The control: whoever may, gets an answer there.
        let anywhere = Client::new(Reach::Anywhere).unwrap();
        let found = anywhere.send(Request::get(there)).await.unwrap();
        assert_eq!(found.status(), 200);
    }

    #[tokio::test]
    async fn whoever_speaks_no_tls_is_not_asked_again() {
        let mut url = server(vec![answer("400 Bad Request", "")]).await;
        url.set_scheme("https").unwrap();
        let client = Client::new(Reach::Anywhere).unwrap();
        let error = client.get(&url).await.unwrap_err();
        assert_eq!(error.trouble, Trouble::Tls, "{error}");
    }

    #[tokio::test]
    async fn credentials_are_in_no_message() {
        let client = Client::new(Reach::Anywhere).unwrap();
        let url = "http://user:hunter2@127.0.0.1:1/x?token=hunter2"
            .parse()
            .unwrap();
        let error = client.send(Request::get(url)).await.unwrap_err();
        assert_eq!(error.trouble, Trouble::Unreachable);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        let wrong = Request::get("http://127.0.0.1:1/".parse().unwrap()).by("hunter2\n");
        let error = client.send(wrong).await.unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
