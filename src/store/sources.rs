//! Where plugins come from: each from one folder of one repository.

use super::{Store, StoreError, on, read};
use crate::model::PluginId;

/// A plugin, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The plugin.
    pub plugin: PluginId,
    /// The repository's URL.
    pub url: String,
    /// The plugin's folder in it; empty for the root.
    pub subdirectory: String,
}

impl Store {
    /// The plugins that come from this folder of this repository.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn sources_at(
        &self,
        url: &str,
        subdirectory: &str,
    ) -> Result<Vec<Source>, StoreError> {
        let rows: Vec<(String, String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT plugin, url, subdirectory FROM sources WHERE url = $1 AND subdirectory = $2 ORDER BY plugin",
        )
        .bind(url)
        .bind(subdirectory)
        .fetch_all(pool)
        .await)?;
        let source = |(plugin, url, subdirectory)| {
            Ok(Source {
                plugin: read("sources.plugin", plugin)?,
                url,
                subdirectory,
            })
        };
        rows.into_iter().map(source).collect()
    }
}
