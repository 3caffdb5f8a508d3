//! Builds: how they stand, and what people do about them.

use super::audit::note;
use super::people::missing;
use super::reader::{Reader, shown};
use super::{Store, StoreError, on, read, transaction};
use crate::model::{
    Actor, BuildId, BuildState, Channel, Namespace, PluginId, Priority, Target, Timestamp,
};

/// One build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its id.
    pub id: BuildId,
    /// Whose it is.
    pub partner: Actor,
    /// The plugin.
    pub plugin: PluginId,
    /// The Debian release.
    pub target: Target,
    /// The channel that it is published in.
    pub channel: Channel,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it is on its way.
    pub state: BuildState,
    /// The repository's URL.
    pub url: String,
    /// The plugin's folder in it; empty for the root.
    pub subdirectory: String,
    /// What was asked for: a branch, a tag, a commit, or the default branch.
    pub reference: Option<String>,
    /// The commit that it came to; every later attempt builds the same.
    pub commit: Option<String>,
    /// When it was submitted.
    pub created_at: Timestamp,
    /// When it last came into the queue.
    pub queued_at: Timestamp,
    /// The earliest time of its next attempt.
    pub not_before: Timestamp,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// What its last attempt came to, as a JSON object.
    pub result: Option<String>,
}

/// Which builds.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only this plugin's.
    pub plugin: Option<PluginId>,
    /// Only in this state.
    pub state: Option<BuildState>,
    /// Only those before this one, in the order of the list.
    pub before: Option<BuildId>,
    /// At most so many.
    pub limit: u32,
    /// Only those that are shown to whoever reads; only public ones, unless it is said.
    pub reader: Reader,
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<String>,
);

impl Build {
    fn from_row(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: read("builds.id", row.0)?,
            partner: read("builds.partner", row.1)?,
            plugin: read("builds.plugin", row.2)?,
            target: read("builds.target", row.3)?,
            channel: read("builds.channel", row.4)?,
            priority: read("builds.priority", row.5)?,
            state: read("builds.state", row.6)?,
            url: row.7,
            subdirectory: row.8,
            reference: row.9,
            commit: row.10,
            created_at: Timestamp::from_seconds(row.11),
            queued_at: Timestamp::from_seconds(row.12),
            not_before: Timestamp::from_seconds(row.13),
            ended_at: row.14.map(Timestamp::from_seconds),
            result: row.15,
        })
    }
}

/// After every id.
const LAST: &str = "g";

/// Selects builds, newest first.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, partner, plugin, target, channel, priority, state, url, subdirectory, reference, commit_id, ",
            "created_at, queued_at, not_before, ended_at, result FROM builds WHERE ",
            $which,
            " AND EXISTS (SELECT 1 FROM sources s WHERE s.plugin = builds.plugin AND ",
            shown!("$5", "$6", "$7"),
            ") ORDER BY id DESC LIMIT $4"
        )
    };
}

/// Moves a build into another state, if that is legal. Gives the state that it was in.
macro_rules! go {
    ($tx:expr, $build:expr, $next:expr) => {{
        let build: &$crate::model::BuildId = $build;
        let next: $crate::model::BuildState = $next;
        let found: Option<(String,)> = sqlx::query_as("SELECT state FROM builds WHERE id = $1")
            .bind(build.as_str())
            .fetch_optional(&mut *$tx)
            .await?;
        let (found,) =
            found.ok_or_else(|| $crate::store::people::missing("build", build.as_str()))?;
        let from: $crate::model::BuildState = $crate::store::read("builds.state", found)?;
        if !from.can_become(next) {
            return Err($crate::store::StoreError::Transition {
                build: build.clone(),
                from,
                to: next,
            });
        }
        // Where somebody else was faster, nothing is updated.
        let done = sqlx::query("UPDATE builds SET state = $1 WHERE id = $2 AND state = $3")
            .bind(next.word())
            .bind(build.as_str())
            .bind(from.word())
            .execute(&mut *$tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err($crate::store::StoreError::Busy);
        }
        from
    }};
}
pub(super) use go;

impl Store {
    /// One build.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn build(&self, id: &BuildId) -> Result<Option<Build>, StoreError> {
        let row: Option<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, partner, plugin, target, channel, priority, state, url, subdirectory, reference, commit_id, \
             created_at, queued_at, not_before, ended_at, result FROM builds WHERE id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(pool)
        .await)?;
        row.map(Build::from_row).transpose()
    }

    /// Builds, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn builds(&self, filter: &Filter) -> Result<Vec<Build>, StoreError> {
        let (all, partner, namespaces) = filter.reader.columns();
        // Ids are UUIDs of version 7: their order is the builds'. Each has an index of its own.
        let sql = match (&filter.plugin, filter.state) {
            (None, None) => select!("id < $1 AND $2 = $3"),
            (Some(_), None) => select!("id < $1 AND plugin = $2 AND $3 = $3"),
            (None, Some(_)) => select!("id < $1 AND $2 = $2 AND state = $3"),
            (Some(_), Some(_)) => select!("id < $1 AND plugin = $2 AND state = $3"),
        };
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(sql)
            .bind(filter.before.as_ref().map_or(LAST, BuildId::as_str))
            .bind(filter.plugin.as_ref().map(ToString::to_string).unwrap_or_default())
            .bind(filter.state.map(BuildState::word).unwrap_or_default())
            .bind(i64::from(filter.limit))
            .bind(all)
            .bind(partner)
            .bind(&namespaces)
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(Build::from_row).collect()
    }

    /// At most `limit` builds of the commit that begins with `digits`, newest first; none, if these are less than 7.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn builds_of_commit(
        &self,
        digits: &str,
        limit: u32,
        reader: &Reader,
    ) -> Result<Vec<Build>, StoreError> {
        let digits = digits.to_ascii_lowercase();
        if digits.len() < 7 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let sql = select!("id < $1 AND commit_id LIKE $2 AND $3 = $3");
        self.builds_like(sql, format!("{digits}%"), limit, reader)
            .await
    }

    /// At most `limit` builds of plugins in a namespace, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn builds_in(
        &self,
        namespace: &Namespace,
        limit: u32,
        reader: &Reader,
    ) -> Result<Vec<Build>, StoreError> {
        // No namespace has a character that means anything to LIKE.
        let sql = select!("id < $1 AND plugin LIKE $2 AND $3 = $3");
        self.builds_like(sql, format!("{namespace}/%"), limit, reader)
            .await
    }

    async fn builds_like(
        &self,
        sql: &'static str,
        pattern: String,
        limit: u32,
        reader: &Reader,
    ) -> Result<Vec<Build>, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(sql)
            .bind(LAST)
            .bind(&pattern)
            .bind("")
            .bind(i64::from(limit))
            .bind(all)
            .bind(partner)
            .bind(&namespaces)
            .fetch_all(pool)
            .await)?;
        rows.into_iter().map(Build::from_row).collect()
    }

    /// How many builds are in each state that any is in.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn count_builds(&self) -> Result<Vec<(BuildState, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT state, COUNT(*) FROM builds GROUP BY state ORDER BY state",
        )
        .fetch_all(pool)
        .await)?;
        let count = |(state, count)| Ok((read("builds.state", state)?, i64::unsigned_abs(count)));
        rows.into_iter().map(count).collect()
    }

    /// Stops a build: one that waits at once, one that runs as soon as its worker hears of it. Stopping twice is the same as
    /// once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Transition`] if it came to another end already, [`StoreError::Missing`].
    pub async fn cancel(
        &self,
        id: &BuildId,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            let asked: Option<(String,)> = sqlx::query_as(
                "UPDATE builds SET cancel_asked = 1 WHERE id = $1 RETURNING state",
            )
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
            let (state,) = asked.ok_or_else(|| missing("build", id.as_str()))?;
            let state: BuildState = read("builds.state", state)?;
            if !matches!(state, BuildState::Running | BuildState::Cancelled) {
                go!(tx, id, BuildState::Cancelled);
                sqlx::query("UPDATE builds SET ended_at = $1 WHERE id = $2")
                    .bind(now.seconds())
                    .bind(id.as_str())
                    .execute(&mut *tx)
                    .await?;
            }
            note!(tx, now, actor, "build.cancel", id);
        })
    }

    /// Puts a build that failed, was cancelled or is in quarantine back into the queue.
    ///
    /// # Errors
    ///
    /// [`StoreError::Transition`] if it is none of these, [`StoreError::Missing`].
    pub async fn retry(&self, id: &BuildId, actor: &str, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, tx => {
            go!(tx, id, BuildState::Queued);
            sqlx::query(
                "UPDATE builds SET queued_at = $1, not_before = $1, ended_at = NULL, result = NULL, cancel_asked = 0, \
                 attempts_before = (SELECT COUNT(*) FROM attempts WHERE attempts.build = builds.id) \
                 WHERE id = $2",
            )
            .bind(now.seconds())
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
            note!(tx, now, actor, "build.retry", id);
        })
    }
}
