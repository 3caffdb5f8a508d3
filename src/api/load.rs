//! How much one caller may ask for. What is asked for too often, or by too many, is refused with the time to come again.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;
use super::rate::Buckets;
use super::repository;
use crate::config::LoadLimits;
use crate::listen::{Origin, Peer, Place, Places, Refused};
use crate::model::Actor;

/// When whoever found no place may come again.
const LATER: Duration = Duration::from_secs(5);

/// How many installations one host may tell of at once, and after these in a minute.
const REPORTS: (u32, u32) = (120, 2);

/// What callers have asked for lately.
#[derive(Debug)]
pub struct Load {
    proxies: Vec<IpAddr>,
    addresses: Buckets<Origin>,
    tokens: Buckets<String>,
    submissions: Buckets<Actor>,
    reports: Buckets<String>,
    readers: Places,
    limits: LoadLimits,
}

impl Load {
    /// Nothing was asked for yet.
    #[must_use]
    pub fn new(limits: LoadLimits, proxies: Vec<IpAddr>) -> Self {
        Self {
            proxies,
            addresses: Buckets::new(limits.requests_per_minute),
            tokens: Buckets::new(limits.requests_per_minute),
            submissions: Buckets::new(limits.submissions_per_minute),
            reports: Buckets::of(REPORTS.0, REPORTS.1),
            readers: Places::new(limits.log_readers, limits.log_readers_per_address),
            limits,
        }
    }

    /// How many builds of one partner may wait.
    pub(super) fn queued_per_partner(&self) -> u32 {
        self.limits.queued_per_partner
    }

    /// A request with a token.
    pub(super) fn token(&self, id: &str) -> Result<(), Problem> {
        let taken = self.tokens.take(id.to_owned(), Instant::now());
        taken.map_err(|wait| {
            let words = "this token is used more often than the farm lets one be";
            Problem::later(StatusCode::TOO_MANY_REQUESTS, words, wait)
        })
    }

    /// A submission of a partner's.
    pub(super) fn submission(&self, partner: &Actor) -> Result<(), Problem> {
        let taken = self.submissions.take(partner.clone(), Instant::now());
        taken.map_err(|wait| {
            let most = self.limits.submissions_per_minute;
            let words = format!("{partner} submits more than {most} builds a minute");
            Problem::later(StatusCode::TOO_MANY_REQUESTS, words, wait)
        })
    }

    /// An installation that a host tells of.
    pub(super) fn report(&self, reporter: &str) -> Result<(), Problem> {
        let taken = self.reports.take(reporter.to_owned(), Instant::now());
        taken.map_err(|wait| {
            let words = "this token tells of more installations than the farm takes of one host";
            Problem::later(StatusCode::TOO_MANY_REQUESTS, words, wait)
        })
    }

    /// A place for somebody who reads a log as it grows.
    pub(super) fn reader(&self, origin: Origin) -> Result<Place, Problem> {
        self.readers.take(Some(origin)).map_err(|refused| {
            let (status, words) = match refused {
                Refused::Full => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "as many read logs as the farm lets at once",
                ),
                Refused::Own => (
                    StatusCode::TOO_MANY_REQUESTS,
                    "this address reads as many logs as one may at once",
                ),
            };
            Problem::later(status, words, LATER)
        })
    }

    /// Who asks: the other end of the connection, or whom a proxy of the farm's says that it asks for.
    fn origin(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Origin {
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        if !self.proxies.contains(&peer.to_canonical()) {
            return peer.into();
        }
        // Only the last address is the proxy's word; what is before it came with the request.
        let named = headers.get_all("x-forwarded-for").iter().next_back();
        let named = named.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        let named = named.and_then(|text| text.trim().parse().ok());
        named.unwrap_or(peer).into()
    }
}

/// Refuses whoever asks too often. Hosts that fetch packages are let be: many may be behind one address.
pub(super) async fn limit(
    State(load): State<Arc<Load>>,
    mut request: Request,
    next: Next,
) -> Response {
    let origin = load.origin(request.extensions().get(), request.headers());
    if !repository::is_for_hosts(request.uri().path())
        && let Err(wait) = load.addresses.take(origin, Instant::now())
    {
        let words = "this address asks more often than the farm lets one do";
        return Problem::later(StatusCode::TOO_MANY_REQUESTS, words, wait).into_response();
    }
    request.extensions_mut().insert(origin);
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let origin = parts.extensions.get().copied();
        Ok(origin.unwrap_or_else(|| IpAddr::V4(Ipv4Addr::UNSPECIFIED).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxys_own_word_counts() {
        let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let limits = crate::config::Config::default().serve.limits;
        let load = Load::new(limits, vec![proxy]);
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9, 192.0.2.7".parse().unwrap());
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        let of = |peer: &str| load.origin(Some(&Peer(peer.parse().unwrap())), &headers);
        assert_eq!(of("127.0.0.1"), origin("192.0.2.7"));
        assert_eq!(of("::ffff:127.0.0.1"), origin("192.0.2.7"));
        assert_eq!(of("198.51.100.1"), origin("198.51.100.1"));
        headers.insert("x-forwarded-for", "nonsense".parse().unwrap());
        let asked = load.origin(Some(&Peer(proxy)), &headers);
        assert_eq!(asked, origin("127.0.0.1"));
    }
}
