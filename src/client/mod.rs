//! The typed client of the farm's API, for the command line and for tests: one function for each thing that can be asked.
//!
//! What fails in passing is asked for again, with growing pauses, for as long as whoever uses it has patience, and only where
//! asking twice is the same as asking once. A log that is followed goes on where it broke off.

mod ask;
mod calls;
mod error;
mod events;
mod exchange;
mod follow;

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::http::{self, Proxies, Reach};

pub use calls::{Lines, Listed};
pub use error::ClientError;
pub use follow::{Follower, Happened};

/// How long a farm that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Is told what goes on meanwhile, in a line of words.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// Asks one farm. Its clones share connections.
#[derive(Clone)]
pub struct Client {
    http: http::Client,
    /// It ends with a slash.
    farm: Url,
    token: Option<String>,
    notice: Notice,
    patience: Duration,
}

impl Client {
    /// A client of the farm at `farm`, for whoever has `token`; without one, for reading alone.
    ///
    /// # Errors
    ///
    /// [`ClientError::Address`], [`ClientError::Setup`]. Nothing is asked of the farm yet.
    pub fn new(farm: &str, token: Option<String>, notice: Notice) -> Result<Self, ClientError> {
        let http = http::Client::new(Reach::Anywhere);
        let client = Self {
            http: http.map_err(|source| ClientError::Setup { source })?,
            farm: error::address(farm)?,
            token,
            notice,
            patience: PATIENCE,
        };
        if client.token.is_some() && client.is_readable_on_the_way() {
            let host = client.farm.host_str().unwrap_or_default();
            (client.notice)(&format!(
                "the token goes to {host} unencrypted, for everybody on the way to read; use https"
            ));
        }
        Ok(client)
    }

    /// Likewise, through proxies.
    ///
    /// # Errors
    ///
    /// [`ClientError::Setup`].
    pub fn with_proxies(self, proxies: &Proxies) -> Result<Self, ClientError> {
        let http = self.http.through(proxies);
        let http = http.map_err(|source| ClientError::Setup { source })?;
        Ok(Self { http, ..self })
    }

    /// Likewise, with other patience.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The farm's address.
    #[must_use]
    pub fn farm(&self) -> &Url {
        &self.farm
    }

    /// Whether what is sent leaves this machine as it is.
    fn is_readable_on_the_way(&self) -> bool {
        let near = match self.farm.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.farm.scheme() == "http" && !near
    }
}
