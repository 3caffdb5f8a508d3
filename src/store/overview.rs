//! What pages put together: plugins by a word, what was published, what failed.

use super::reader::{Reader, shown};
use super::sources::Row as SourceRow;
use super::{BoundSource, Publication, Store, StoreError, on, read};
use crate::model::{BuildId, Channel, PluginId, Target, Timestamp};

/// What a build published, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRow {
    /// The build.
    pub build: BuildId,
    /// The plugin.
    pub plugin: PluginId,
    /// The Debian release.
    pub target: Target,
    /// The channel that it entered first.
    pub channel: Channel,
    /// The commit that it was built from.
    pub commit: Option<String>,
    /// The package.
    pub publication: Publication,
}

/// How many attempts failed for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureCount {
    /// Whose fault it was.
    pub blame: String,
    /// Why.
    pub code: String,
    /// How many.
    pub count: u64,
}

type PublishedColumns = (
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    i64,
    Option<i64>,
);

impl PublishedRow {
    fn from_row(row: PublishedColumns) -> Result<Self, StoreError> {
        Ok(Self {
            build: read("builds.id", row.0)?,
            plugin: read("builds.plugin", row.1)?,
            target: read("builds.target", row.2)?,
            channel: read("builds.channel", row.3)?,
            commit: row.4,
            publication: Publication {
                suite: row.5,
                package: row.6,
                version: row.7,
                published_at: Timestamp::from_seconds(row.8),
                visible_at: row.9.map(Timestamp::from_seconds),
            },
        })
    }
}

impl Store {
    /// At most `limit` plugins whose `namespace/name` contains `word`, by name; all, if the word is empty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn plugins(
        &self,
        word: &str,
        limit: u32,
        reader: &Reader,
    ) -> Result<Vec<BoundSource>, StoreError> {
        // No name has another character; and none of these means anything to LIKE.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/');
        let word = word.trim().to_ascii_lowercase();
        if !word.chars().all(plain) {
            return Ok(Vec::new());
        }
        let (all, partner, namespaces) = reader.columns();
        let rows: Vec<SourceRow> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT s.plugin, s.url, s.subdirectory, o.partner, s.private FROM sources s \
             JOIN namespaces o ON o.name = s.namespace WHERE s.plugin LIKE $1 AND ",
            shown!("$3", "$4", "$5"),
            " ORDER BY s.plugin LIMIT $2",
        ))
        .bind(format!("%{word}%"))
        .bind(i64::from(limit))
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(BoundSource::from_row).collect()
    }

    /// What builds published lately, newest first: of one plugin, or of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn publications(
        &self,
        plugin: Option<&PluginId>,
        limit: u32,
        reader: &Reader,
    ) -> Result<Vec<PublishedRow>, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let rows: Vec<PublishedColumns> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT b.id, b.plugin, b.target, b.channel, b.commit_id, p.suite, p.package, p.version, p.published_at, p.visible_at \
             FROM publications p JOIN builds b ON b.id = p.build JOIN sources s ON s.plugin = b.plugin \
             WHERE ($1 = '' OR b.plugin = $1) AND ",
            shown!("$3", "$4", "$5"),
            " ORDER BY p.published_at DESC, b.id DESC LIMIT $2",
        ))
        .bind(plugin.map(ToString::to_string).unwrap_or_default())
        .bind(i64::from(limit))
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(PublishedRow::from_row).collect()
    }

    /// Why attempts failed that ended after `since`: the most frequent reason first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn failures(&self, since: Timestamp) -> Result<Vec<FailureCount>, StoreError> {
        let rows: Vec<(String, String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT blame, code, COUNT(*) FROM attempts WHERE ended_at > $1 AND blame IS NOT NULL AND code IS NOT NULL \
             GROUP BY blame, code ORDER BY COUNT(*) DESC, blame, code",
        )
        .bind(since.seconds())
        .fetch_all(pool)
        .await)?;
        let count = |(blame, code, count): (String, String, i64)| FailureCount {
            blame,
            code,
            count: count.unsigned_abs(),
        };
        Ok(rows.into_iter().map(count).collect())
    }
}
