//! Where plugins come from: each from one folder of one repository.

use super::audit::note;
use super::people::missing;
use super::reader::{Reader, shown};
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Actor, PluginId, Timestamp};

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

/// A source, and who may know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSource {
    /// Where the plugin comes from.
    pub source: Source,
    /// Whose its namespace is.
    pub partner: Actor,
    /// Whether it is shown to its partner and to auditors alone.
    pub private: bool,
}

impl Source {
    fn from_row((plugin, url, subdirectory): (String, String, String)) -> Result<Self, StoreError> {
        Ok(Self {
            plugin: read("sources.plugin", plugin)?,
            url,
            subdirectory,
        })
    }
}

impl Store {
    /// The plugins that come from this folder of this repository, as far as `reader` may know.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn sources_at(
        &self,
        url: &str,
        subdirectory: &str,
        reader: &Reader,
    ) -> Result<Vec<Source>, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let rows: Vec<(String, String, String)> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT s.plugin, s.url, s.subdirectory FROM sources s WHERE s.url = $4 AND s.subdirectory = $5 AND ",
            shown!("$1", "$2", "$3"), " ORDER BY s.plugin",
        ))
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .bind(url)
        .bind(subdirectory)
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(Source::from_row).collect()
    }

    /// Where a plugin comes from.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn bound_source(&self, plugin: &PluginId) -> Result<Option<BoundSource>, StoreError> {
        let row: Option<(String, String, String, String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT s.plugin, s.url, s.subdirectory, n.partner, s.private FROM sources s \
             JOIN namespaces n ON n.name = s.namespace WHERE s.plugin = $1",
        )
        .bind(plugin.to_string())
        .fetch_optional(pool)
        .await)?;
        let bound = |(plugin, url, folder, partner, private)| {
            Ok(BoundSource {
                source: Source::from_row((plugin, url, folder))?,
                partner: read("namespaces.partner", partner)?,
                private: private != 0,
            })
        };
        row.map(bound).transpose()
    }

    /// Shows a source to its partner and to auditors alone from now on, or to everybody: all its builds, older ones too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`].
    pub async fn set_private(
        &self,
        plugin: &PluginId,
        private: bool,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            let done = sqlx::query("UPDATE sources SET private = $1 WHERE plugin = $2")
                .bind(i64::from(private))
                .bind(plugin.to_string())
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(missing("source", &plugin.to_string()));
            }
            let action = if private { "source.private" } else { "source.public" };
            note!(tx, now, actor, action, plugin);
        })
    }
}
