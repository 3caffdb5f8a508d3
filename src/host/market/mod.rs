//! The market: what this host can install. The farms' repositories as apt has them, a market server beside them if one is set
//! up, and what is installed already.
//!
//! One strange entry is left out and breaks no list. A server that does not answer is passed over as long as there is anything
//! else to list.

mod entry;
mod query;
mod server;
mod version;

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

pub use query::{Direction, Query, Selection, Unorderable};
pub use version::compare;

use super::plugins::Plugins;
use super::shelf::Shelf;
use crate::wazo::Versions;
use entry::Here;
use server::Server;

/// An entry of the market.
pub type Entry = Map<String, Value>;

/// Nothing of the market can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the market cannot be read: {reason}")]
pub struct MarketError {
    /// Why.
    reason: String,
}

/// A plugin that only the market server knows, with what it is installed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its repository.
    pub url: String,
    /// The branch, the tag or the commit.
    pub reference: Option<String>,
    /// The plugin's folder there.
    pub subdirectory: Option<String>,
}

/// What this host can install. Clones are the same.
#[derive(Clone)]
pub struct Market {
    shelf: Arc<dyn Shelf>,
    plugins: Plugins,
    versions: Versions,
    server: Option<Server>,
}

impl Market {
    /// What `shelf` offers, and the server at `server`, if there is one.
    ///
    /// # Errors
    ///
    /// [`std::io::Error`] where this machine trusts no certificate authority.
    pub fn new(
        shelf: Arc<dyn Shelf>,
        plugins: Plugins,
        versions: Versions,
        server: Option<Url>,
    ) -> Result<Self, std::io::Error> {
        let server = server.map(Server::new).transpose()?;
        Ok(Self {
            shelf,
            plugins,
            versions,
            server,
        })
    }

    /// All entries, those of the farms first: a plugin that a farm has is taken from no server.
    ///
    /// # Errors
    ///
    /// [`MarketError`], where there is nothing to list and something could not be asked.
    pub async fn entries(&self) -> Result<Vec<Entry>, MarketError> {
        let here = self.here().await;
        let (offers, listed) = tokio::join!(self.shelf.available(), self.listed());
        let mut trouble = None;
        let mut entries = match offers {
            Ok(offers) => entry::of_farms(&offers, &here),
            Err(error) => {
                tracing::warn!(%error, "the farms' repositories cannot be read");
                trouble = Some(error.to_string());
                Vec::new()
            }
        };
        match listed {
            Ok(listed) => {
                let listed = listed
                    .into_iter()
                    .filter_map(|raw| entry::of_server(raw, &here));
                for entry in listed {
                    if !entries.iter().any(|known| entry::is_same(known, &entry)) {
                        entries.push(entry);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the market server cannot be read");
                trouble = Some(error);
            }
        }
        match trouble {
            Some(reason) if entries.is_empty() => Err(MarketError { reason }),
            _ => Ok(entries),
        }
    }

    /// The entry of a plugin.
    ///
    /// # Errors
    ///
    /// As [`Market::entries`].
    pub async fn entry(&self, namespace: &str, name: &str) -> Result<Option<Entry>, MarketError> {
        let mut entries = self.entries().await?.into_iter();
        Ok(entries.find(|entry| entry::is_named(entry, namespace, name)))
    }

    /// Where a plugin comes from that no farm has and the market server knows: the version asked for, or the first that fits
    /// this host.
    pub async fn elsewhere(
        &self,
        namespace: &str,
        name: &str,
        version: Option<&str>,
    ) -> Option<Elsewhere> {
        self.server.as_ref()?;
        let found = self.entry(namespace, name).await.ok()??;
        entry::source(&found, version)
    }

    async fn listed(&self) -> Result<Vec<Entry>, String> {
        match &self.server {
            None => Ok(Vec::new()),
            Some(server) => server.list().await.map_err(|error| error.to_string()),
        }
    }

    async fn here(&self) -> Here {
        let (wazo, installed) = tokio::join!(self.versions.current(), self.plugins.versions());
        Here {
            wazo: wazo
                .inspect_err(|error| tracing::warn!(%error, "limits of versions are not met"))
                .ok(),
            installed: installed
                .inspect_err(|error| tracing::warn!(%error, "nothing counts as installed"))
                .unwrap_or_default(),
        }
    }
}
