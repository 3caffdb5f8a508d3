//! What of sources is built by itself, and what their repositories had when they were asked last.

use super::audit::note;
use super::people::missing;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Channel, PluginId, Target, Timestamp};

/// What of a source is built by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The plugin.
    pub plugin: PluginId,
    /// Patterns of the branches.
    pub branches: Vec<String>,
    /// Patterns of the tags.
    pub tags: Vec<String>,
    /// The Debian release to build for.
    pub target: Target,
    /// The channel to publish in.
    pub channel: Channel,
    /// How often the repository is asked what it has, in seconds; 0 is never.
    pub lists: u32,
}

/// How the asking of a watched repository goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What is watched.
    pub watch: Watch,
    /// Whether it was ever known what the repository has.
    pub known: bool,
    /// How often in a row it could not be asked.
    pub failures: u32,
    /// Why not, the last time.
    pub problem: Option<String>,
    /// When it is asked next.
    pub next_at: Timestamp,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    i64,
    Option<String>,
    i64,
);

impl Watched {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Ok(Self {
            watch: Watch {
                plugin: read("watches.plugin", row.0)?,
                branches: words(&row.1),
                tags: words(&row.2),
                target: read("watches.target", row.3)?,
                channel: read("watches.channel", row.4)?,
                lists: u32::try_from(row.5).unwrap_or(0),
            },
            known: row.6 != 0,
            failures: u32::try_from(row.7).unwrap_or(0),
            problem: row.8,
            next_at: Timestamp::from_seconds(row.9),
        })
    }
}

impl Store {
    /// Says what of a source is built by itself, in place of what was. What its repository has by now is not built.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] if there is no such source.
    pub async fn set_watch(
        &self,
        watch: &Watch,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let plugin = watch.plugin.to_string();
        transaction!(self, tx => {
            let bound: Option<(String,)> = sqlx::query_as("SELECT plugin FROM sources WHERE plugin = $1")
                .bind(&plugin)
                .fetch_optional(&mut *tx)
                .await?;
            if bound.is_none() {
                return Err(missing("source", &plugin));
            }
            sqlx::query("DELETE FROM heads WHERE plugin = $1").bind(&plugin).execute(&mut *tx).await?;
            sqlx::query("DELETE FROM watches WHERE plugin = $1").bind(&plugin).execute(&mut *tx).await?;
            sqlx::query(
                "INSERT INTO watches (plugin, branches, tags, target, channel, lists, next_at, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
            )
            .bind(&plugin)
            .bind(watch.branches.join(" "))
            .bind(watch.tags.join(" "))
            .bind(watch.target.codename())
            .bind(watch.channel.as_str())
            .bind(i64::from(watch.lists))
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
            note!(tx, now, actor, "watch.set", watch.plugin);
        })
    }

    /// Lets nothing of a source be built by itself any more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`].
    pub async fn remove_watch(
        &self,
        plugin: &PluginId,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = plugin.to_string();
        transaction!(self, tx => {
            sqlx::query("DELETE FROM heads WHERE plugin = $1").bind(&name).execute(&mut *tx).await?;
            let done = sqlx::query("DELETE FROM watches WHERE plugin = $1").bind(&name).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(missing("watch", &name));
            }
            note!(tx, now, actor, "watch.remove", plugin);
        })
    }

    /// What of a source is built by itself.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn watch(&self, plugin: &PluginId) -> Result<Option<Watched>, StoreError> {
        let row: Option<Row> = on!(self, pool => sqlx::query_as(
            "SELECT plugin, branches, tags, target, channel, lists, known, failures, problem, next_at FROM watches \
             WHERE plugin = $1",
        )
        .bind(plugin.to_string())
        .fetch_optional(pool)
        .await)?;
        row.map(Watched::from_row).transpose()
    }

    /// A watched source whose repository is to be asked now, if there is one: whoever gets it asks, nobody else does before
    /// `until`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn take_watch(
        &self,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Watched>, StoreError> {
        let row: Option<Row> = on!(self, pool => sqlx::query_as(
            "UPDATE watches SET next_at = $1 WHERE plugin = (SELECT plugin FROM watches WHERE lists > 0 \
             AND next_at <= $2 ORDER BY next_at, plugin LIMIT 1) AND next_at <= $2 \
             RETURNING plugin, branches, tags, target, channel, lists, known, failures, problem, next_at",
        )
        .bind(until.seconds())
        .bind(now.seconds())
        .fetch_optional(pool)
        .await)?;
        row.map(Watched::from_row).transpose()
    }

    /// What a watched repository had when it was asked last: refs by their full names, and their commits.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn heads(&self, plugin: &PluginId) -> Result<Vec<(String, String)>, StoreError> {
        Ok(on!(self, pool => sqlx::query_as(
            "SELECT reference, commit_id FROM heads WHERE plugin = $1 ORDER BY reference",
        )
        .bind(plugin.to_string())
        .fetch_all(pool)
        .await)?)
    }

    /// Notes what a watched repository has, and when it is asked next. Does nothing if it is watched in another way by now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn note_heads(
        &self,
        watch: &Watch,
        heads: &[(String, String)],
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let plugin = watch.plugin.to_string();
        transaction!(self, tx => {
            let done = sqlx::query(
                "UPDATE watches SET known = 1, failures = 0, problem = NULL, next_at = $1 \
                 WHERE plugin = $2 AND branches = $3 AND tags = $4",
            )
            .bind(next_at.seconds())
            .bind(&plugin)
            .bind(watch.branches.join(" "))
            .bind(watch.tags.join(" "))
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() > 0 {
                sqlx::query("DELETE FROM heads WHERE plugin = $1").bind(&plugin).execute(&mut *tx).await?;
                for (reference, commit) in heads {
                    sqlx::query("INSERT INTO heads (plugin, reference, commit_id) VALUES ($1, $2, $3)")
                        .bind(&plugin)
                        .bind(reference)
                        .bind(commit)
                        .execute(&mut *tx)
                        .await?;
                }
            }
        })
    }

    /// Notes that a watched repository could not be asked, and when it is asked next.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn note_unlisted(
        &self,
        plugin: &PluginId,
        problem: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query(
            "UPDATE watches SET failures = failures + 1, problem = $1, next_at = $2 WHERE plugin = $3",
        )
        .bind(problem)
        .bind(next_at.seconds())
        .bind(plugin.to_string())
        .execute(pool)
        .await
        .map(drop))?;
        Ok(())
    }
}
