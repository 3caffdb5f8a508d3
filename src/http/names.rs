//! From a server's name to the addresses that are connected to: those that were checked, and no others.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use super::Reach;
use super::address::refusal;
use super::error::Refused;

/// Looks names up for a client.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) reach: Reach,
}

impl Reach {
    /// Refuses an address that is not connected to.
    pub(super) fn check(self, address: IpAddr) -> Result<(), Refused> {
        let Self::Checked { private_networks } = self else {
            return Ok(());
        };
        match refusal(address, private_networks) {
            Some(kind) => Err(Refused { address, kind }),
            None => Ok(()),
        }
    }
}

impl Service<Name> for Names {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.reach;
        Box::pin(async move {
            // The port is the connector's.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<_> = found.collect();
            // If one is refused, all are: who mixes them means no good.
            for one in &found {
                reach.check(one.ip()).map_err(io::Error::other)?;
            }
            Ok(found.into_iter())
        })
    }
}
