//! Where plugins come from: each from one folder of one repository.

use super::audit::note;
use super::people::missing;
use super::reader::{Reader, shown};
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Actor, Namespace, PluginId, Timestamp};

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

pub(super) type Row = (String, String, String, String, i64);

impl BoundSource {
    pub(super) fn from_row(
        (plugin, url, folder, partner, private): Row,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            source: Source::from_row((plugin, url, folder))?,
            partner: read("namespaces.partner", partner)?,
            private: private != 0,
        })
    }
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
    /// At most `limit` plugins after `after`, by name, as far as `reader` may know; of `namespace` alone, if one is named.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn sources(
        &self,
        namespace: Option<&Namespace>,
        after: Option<&PluginId>,
        limit: u32,
        reader: &Reader,
    ) -> Result<Vec<BoundSource>, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT s.plugin, s.url, s.subdirectory, o.partner, s.private \
             FROM sources s JOIN namespaces o ON o.name = s.namespace \
             WHERE ($4 = '' OR s.namespace = $4) AND s.plugin > $5 AND ",
            shown!("$1", "$2", "$3"), " ORDER BY s.plugin LIMIT $6",
        ))
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .bind(namespace.map(Namespace::as_str).unwrap_or_default())
        .bind(after.map(ToString::to_string).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(BoundSource::from_row).collect()
    }

    /// Where a plugin comes from, if `reader` may know.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn shown_source(
        &self,
        plugin: &PluginId,
        reader: &Reader,
    ) -> Result<Option<BoundSource>, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let row: Option<Row> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT s.plugin, s.url, s.subdirectory, o.partner, s.private \
             FROM sources s JOIN namespaces o ON o.name = s.namespace WHERE s.plugin = $4 AND ",
            shown!("$1", "$2", "$3"),
        ))
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .bind(plugin.to_string())
        .fetch_optional(pool)
        .await)?;
        row.map(BoundSource::from_row).transpose()
    }

    /// Binds a plugin to its repository. One that is bound elsewhere moves only where `moves` says so; what is in the queue
    /// stays as it was asked for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] for a namespace that nobody has, [`StoreError::SourceBound`].
    pub async fn bind_source(
        &self,
        source: &Source,
        moves: bool,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Source {
            plugin,
            url,
            subdirectory,
        } = source;
        let namespace = plugin.namespace.as_str();
        transaction!(self, tx => {
            let owned: Option<(String,)> = sqlx::query_as("SELECT partner FROM namespaces WHERE name = $1")
                .bind(namespace)
                .fetch_optional(&mut *tx)
                .await?;
            if owned.is_none() {
                return Err(missing("namespace", namespace));
            }
            let done = sqlx::query(
                "INSERT INTO sources (plugin, namespace, url, subdirectory, created_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT DO NOTHING",
            )
            .bind(plugin.to_string())
            .bind(namespace)
            .bind(url)
            .bind(subdirectory)
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                let (old, folder): (String, String) =
                    sqlx::query_as("SELECT url, subdirectory FROM sources WHERE plugin = $1")
                        .bind(plugin.to_string())
                        .fetch_one(&mut *tx)
                        .await?;
                if old == *url && folder == *subdirectory {
                    return Ok(());
                }
                if !moves {
                    let bound = if folder.is_empty() { old } else { format!("{folder} in {old}") };
                    return Err(StoreError::SourceBound { plugin: plugin.clone(), bound });
                }
                sqlx::query("UPDATE sources SET url = $1, subdirectory = $2 WHERE plugin = $3")
                    .bind(url)
                    .bind(subdirectory)
                    .bind(plugin.to_string())
                    .execute(&mut *tx)
                    .await?;
                // What opened the old place is not shown to the new one.
                sqlx::query("DELETE FROM credentials WHERE plugin = $1")
                    .bind(plugin.to_string())
                    .execute(&mut *tx)
                    .await?;
            }
            note!(tx, now, actor, "source.bind", format!("{plugin} to {url}"));
        })
    }

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
        let row: Option<Row> = on!(self, pool => sqlx::query_as(
            "SELECT s.plugin, s.url, s.subdirectory, n.partner, s.private FROM sources s \
             JOIN namespaces n ON n.name = s.namespace WHERE s.plugin = $1",
        )
        .bind(plugin.to_string())
        .fetch_optional(pool)
        .await)?;
        row.map(BoundSource::from_row).transpose()
    }

    /// Those of these plugins, at most `limit`, that no source is bound to.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn unbound(
        &self,
        plugins: impl Iterator<Item = PluginId>,
        limit: usize,
    ) -> Result<Vec<PluginId>, StoreError> {
        let mut plugins: Vec<_> = plugins.map(|plugin| (plugin.to_string(), plugin)).collect();
        plugins.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut found = Vec::new();
        for (name, plugin) in plugins {
            if found.len() == limit {
                break;
            }
            let row: Option<(i32,)> = on!(self, pool => sqlx::query_as("SELECT 1 FROM sources WHERE plugin = $1")
                .bind(&name)
                .fetch_optional(pool)
                .await)?;
            if row.is_none() {
                found.push(plugin);
            }
        }
        Ok(found)
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
