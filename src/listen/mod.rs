//! Listening: how many connections there are, how long their beginnings may take, how long nothing may move, and their end
//! when the process stops. What is answered is known above; the farm and a host's agent both listen with this.

mod places;
mod stall;

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::sandbox::Cancel;
use stall::Impatient;

pub use places::{Origin, Place, Places, Refused};

/// How long a request's head may take to come, and how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(20);
/// How long somebody may take none of what is sent.
const STALL: Duration = Duration::from_secs(30);
/// How many at once are told that there is no place for them, and how long that may take. Others are hung up on.
const REFUSALS: usize = 64;
const FAREWELL: Duration = Duration::from_secs(1);
/// The most bytes that are read of what they ask.
const MAX_ASKED: u64 = 16 << 10;
/// How long requests have to end when the process stops.
const GRACE: Duration = Duration::from_secs(5);
/// What whoever finds no place is told.
const FULL: &str = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Type: application/problem+json\r\n\r\n\
    {\"status\":503,\"title\":\"Service Unavailable\",\"detail\":\"there are as many connections as may be\",\
    \"hint\":\"come again in a few seconds\"}\n";

/// The address at the other end of a connection; every request has it among its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// How many may ask at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections.
    pub connections: usize,
    /// Connections from one address that is no proxy's.
    pub connections_per_address: usize,
    /// The proxies: behind each are many.
    pub proxies: Vec<IpAddr>,
}

/// Serves until somebody asks to stop.
///
/// # Errors
///
/// None after it has begun to listen: whoever breaks a connection hurts nobody else.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    mut stop: Cancel,
) -> io::Result<()> {
    let places = Places::new(limits.connections, limits.connections_per_address);
    let refusals = Places::new(REFUSALS, REFUSALS);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                // Too many open files, perhaps; it passes.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Behind a proxy are many.
        let origin = (!limits.proxies.contains(&peer)).then(|| peer.into());
        match places.take(origin) {
            Ok(place) => {
                connections.spawn(connection(
                    stream,
                    peer,
                    place,
                    router.clone(),
                    stop.clone(),
                ));
            }
            Err(refused) => {
                tracing::debug!(%peer, ?refused, "a connection found no place");
                if let Ok(place) = refusals.take(None) {
                    connections.spawn(refuse(stream, place));
                }
            }
        }
        while connections.try_join_next().is_some() {}
    }
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

/// Says so, and hangs up. What was asked is read first: whoever hangs up on it takes the answer back.
async fn refuse(mut stream: TcpStream, _place: Place) {
    let words = async {
        stream.write_all(FULL.as_bytes()).await?;
        stream.shutdown().await?;
        let mut asked = (&mut stream).take(MAX_ASKED);
        tokio::io::copy(&mut asked, &mut tokio::io::sink()).await
    };
    if !matches!(tokio::time::timeout(FAREWELL, words).await, Ok(Ok(_))) {
        tracing::debug!("a connection could not be refused in words");
    }
}

async fn connection(
    stream: TcpStream,
    peer: IpAddr,
    _place: Place,
    router: Router,
    mut stop: Cancel,
) {
    let stall = u32::try_from(STALL.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = set_tcp_user_timeout(&stream, stall) {
        tracing::debug!(%error, "a connection cannot be watched by the kernel");
    }
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let router = router.clone();
        request.extensions_mut().insert(Peer(peer));
        async move {
            Ok::<_, Infallible>(
                router
                    .oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(Impatient::new(stream, STALL)), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
