//! A market server as wazo-plugind knows them: one document with all plugins, `<base>/plugins`.

use serde_json::Value;
use url::Url;

use super::Entry;
use crate::wazo::{Service, ServiceError};

/// How many entries of a server are listed.
const MOST: usize = 10_000;

/// A market server.
#[derive(Debug, Clone)]
pub(super) struct Server(Service);

impl Server {
    pub(super) fn new(base: Url) -> Result<Self, std::io::Error> {
        Ok(Self(Service::new(base)?))
    }

    /// All its entries, as they come.
    pub(super) async fn list(&self) -> Result<Vec<Entry>, ServiceError> {
        let mut document = self.0.get("plugins", None).await?;
        let items = match document.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => return Err(self.0.form("plugins", "a market's document")),
        };
        let entries = items.into_iter().take(MOST);
        Ok(entries
            .filter_map(|item| match item {
                Value::Object(entry) => Some(entry),
                _ => None,
            })
            .collect())
    }
}
