//! The proxy that a server is asked through: as the words of `https_proxy`, `http_proxy` and `no_proxy` have it, in the form
//! that curl gave them.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::names::Names;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Which servers are asked through which proxy; none, unless it is said.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Matcher>>);

impl fmt::Debug for Proxies {
    /// Their addresses may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

impl Proxies {
    /// The proxies of servers that speak TLS, and of those that do not; and the hosts, networks and domains of neither.
    #[must_use]
    pub fn new(https: &str, http: &str, no: &str) -> Self {
        if https.is_empty() && http.is_empty() {
            return Self::default();
        }
        let matcher = Matcher::builder().https(https).http(http).no(no).build();
        Self(Some(Arc::new(matcher)))
    }

    fn of(&self, server: &Uri) -> Option<Intercept> {
        self.0.as_ref()?.intercept(server)
    }

    /// What a proxy wants to know that passes a request on as it is. Where there is a tunnel, it was told before.
    pub(super) fn credential(&self, server: &Uri) -> Option<HeaderValue> {
        let plain = server.scheme_str() == Some("http");
        let proxy = plain.then(|| self.of(server)).flatten()?;
        proxy.basic_auth().cloned()
    }
}

/// Why a proxy is of no use.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy} leads nowhere")]
struct NoWay {
    proxy: String,
    source: BoxError,
}

/// Makes connections, through proxies or without.
#[derive(Clone)]
pub(super) struct Ways {
    pub(super) direct: HttpConnector<Names>,
    pub(super) proxies: Proxies,
}

impl Service<Uri> for Ways {
    type Response = Way;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Way, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.of(&server) else {
            let connecting = self.direct.call(server);
            return Box::pin(async {
                let (stream, proxied) = (connecting.await?, false);
                Ok(Way { stream, proxied })
            });
        };
        let direct = self.direct.clone();
        Box::pin(async move {
            let named = proxy.uri().authority().map(ToString::to_string);
            through(&proxy, direct, server)
                .await
                .map_err(|source| NoWay {
                    // The name and the password before it are nobody's business.
                    proxy: named
                        .and_then(|name| name.rsplit('@').next().map(str::to_owned))
                        .unwrap_or_default(),
                    source,
                })
                .map_err(Into::into)
        })
    }
}

async fn through(
    proxy: &Intercept,
    mut direct: HttpConnector<Names>,
    server: Uri,
) -> Result<Way, BoxError> {
    if proxy.uri().scheme_str() != Some("http") {
        return Err("it must be one that is spoken to by http".into());
    }
    if server.scheme_str() != Some("https") {
        let (stream, proxied) = (direct.call(proxy.uri().clone()).await?, true);
        return Ok(Way { stream, proxied });
    }
    let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
    if let Some(credential) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(credential.clone());
    }
    let (stream, proxied) = (tunnel.call(server).await?, false);
    Ok(Way { stream, proxied })
}

/// A connection, and whether a proxy at its other end passes on what it is asked.
pub(super) struct Way {
    stream: TokioIo<TcpStream>,
    proxied: bool,
}

impl Connection for Way {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.proxied)
    }
}

impl Read for Way {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Way {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stub::{answer, server, server_that_keeps};
    use super::super::{Client, Reach, Request};
    use super::*;

    #[test]
    fn a_proxy_is_for_the_servers_that_it_is_named_for() {
        let proxies = Proxies::new("http://a:1", "b:2", "farm.example.org,10.0.0.0/8,.inner");
        let of = |url: &str| {
            let found = proxies.of(&url.parse().unwrap());
            found.map(|one| one.uri().to_string())
        };
        assert_eq!(of("https://else.org/x").unwrap(), "http://a:1/");
        assert_eq!(of("http://else.org/x").unwrap(), "http://b:2/");
        for direct in [
            "https://farm.example.org/",
            "http://10.1.2.3/",
            "https://x.inner/",
        ] {
            assert_eq!(of(direct), None, "{direct}");
        }
        assert!(Proxies::new("", "", "x").0.is_none());
    }

    #[tokio::test]
    async fn a_server_without_tls_is_asked_of_the_proxy_and_one_with_it_through_a_tunnel() {
        let (proxy, asked) = server_that_keeps(vec![
            answer("200 OK", "by the proxy"),
            answer("403 Forbidden", ""),
        ])
        .await;
        let mut named = proxy.clone();
        named.set_username("me").unwrap();
        named.set_password(Some("hunter2")).unwrap();
        let proxies = Proxies::new(named.as_str(), named.as_str(), "");
        let client = Client::new(Reach::Anywhere)
            .unwrap()
            .through(&proxies)
            .unwrap();
        let found = client.send(Request::get("http://farm.invalid/builds".parse().unwrap()));
        assert_eq!(
            found.await.unwrap().bytes(99).await.unwrap(),
            b"by the proxy"
        );
        let refused = client.send(Request::get("https://farm.invalid/builds".parse().unwrap()));
        let refused = refused.await.unwrap_err().to_string();
        assert!(refused.contains("the proxy 127.0.0.1:"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");

        let asked = asked.lock().unwrap();
        assert!(
            asked[0].starts_with("GET http://farm.invalid/builds HTTP/1.1\r\n"),
            "{asked:?}"
        );
        assert!(
            asked[1].starts_with("CONNECT farm.invalid:443 HTTP/1.1\r\n"),
            "{asked:?}"
        );
        for one in asked.iter() {
            let one = one.to_lowercase();
            assert!(
                one.contains("proxy-authorization: basic bwu6ahvudgvymg=="),
                "{one}"
            );
        }
    }

    #[tokio::test]
    async fn without_a_proxy_servers_are_asked_themselves() {
        let there = server(vec![answer("200 OK", "itself")]).await;
        let proxies = Proxies::new("", "http://127.0.0.1:1", "127.0.0.1");
        let client = Client::new(Reach::Anywhere)
            .unwrap()
            .through(&proxies)
            .unwrap();
        let found = client.send(Request::get(there)).await.unwrap();
        assert_eq!(found.bytes(99).await.unwrap(), b"itself");
    }
}
