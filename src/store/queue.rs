//! What the queue decides from, in one read; and its lock.

use super::audit::note;
use super::people::Partner;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Actor, BuildId, Channel, PluginId, Priority, Target, Timestamp};

/// Everything that decides what runs next.
#[derive(Debug, Clone, Default)]
pub struct QueueView {
    /// The builds that wait, in the order in which they came.
    pub waiting: Vec<Waiting>,
    /// The attempts that run.
    pub running: Vec<Running>,
    /// What was used lately.
    pub used: Vec<Use>,
    /// The partners.
    pub partners: Vec<Partner>,
    /// Why nothing begins, if the queue is locked.
    pub locked: Option<String>,
}

/// A build that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The build.
    pub build: BuildId,
    /// Whose it is.
    pub partner: Actor,
    /// The plugin.
    pub plugin: PluginId,
    /// The Debian release.
    pub target: Target,
    /// The channel.
    pub channel: Channel,
    /// How urgent it is.
    pub priority: Priority,
    /// The earliest time of its next attempt.
    pub not_before: Timestamp,
}

/// An attempt that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its build.
    pub build: BuildId,
    /// Whose it is.
    pub partner: Actor,
    /// The plugin.
    pub plugin: PluginId,
    /// How urgent it is.
    pub priority: Priority,
    /// When it began.
    pub started_at: Timestamp,
}

/// What attempts used of the farm within a few minutes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Whose they were.
    pub partner: Actor,
    /// How urgent they were.
    pub priority: Priority,
    /// How long they took all together, in seconds.
    pub seconds: u64,
    /// How many they were.
    pub attempts: u64,
    /// When they ended.
    pub at: Timestamp,
}

/// How long an attempt took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Took {
    /// What it built.
    pub plugin: PluginId,
    /// In seconds.
    pub seconds: u64,
}

/// How long a piece of time is, in seconds, in which what was used is added up.
pub(super) const PIECE: i64 = 600;
/// How long what was used is remembered, in pieces.
pub(super) const REMEMBERED: i64 = 7 * 144;

/// Adds what an attempt used to what its partner has, in a transaction.
macro_rules! charge {
    ($tx:expr, $attempt:expr, $now:expr) => {{
        let piece = $now.seconds() / $crate::store::queue::PIECE;
        sqlx::query(
            "INSERT INTO used (partner, priority, piece, seconds, attempts) \
             SELECT b.partner, b.priority, $1, $2 - a.started_at, 1 FROM attempts a JOIN builds b ON b.id = a.build \
             WHERE a.id = $3 ON CONFLICT (partner, priority, piece) \
             DO UPDATE SET seconds = used.seconds + excluded.seconds, attempts = used.attempts + 1",
        )
        .bind(piece)
        .bind($now.seconds())
        .bind($attempt)
        .execute(&mut *$tx)
        .await?;
        sqlx::query("DELETE FROM used WHERE piece < $1")
            .bind(piece - $crate::store::queue::REMEMBERED)
            .execute(&mut *$tx)
            .await?;
    }};
}
pub(super) use charge;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Whose fault it was; none if it succeeded.
    pub blame: Option<String>,
    /// Whose build it was.
    pub partner: String,
    /// The plugin.
    pub plugin: String,
}

impl Store {
    /// What the queue decides from; of what was used, that which ended after `since`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn queue(&self, since: Timestamp) -> Result<QueueView, StoreError> {
        Ok(QueueView {
            waiting: self.waiting().await?,
            running: self.running().await?,
            used: self.used(since).await?,
            partners: self.partners().await?,
            locked: self.queue_lock().await?,
        })
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        type Row = (String, String, String, String, String, String, i64);
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, partner, plugin, target, channel, priority, not_before FROM builds WHERE state = 'queued' \
             ORDER BY queued_at, id",
        )
        .fetch_all(pool)
        .await)?;
        let waiting = |row: Row| {
            Ok(Waiting {
                build: read("builds.id", row.0)?,
                partner: read("builds.partner", row.1)?,
                plugin: read("builds.plugin", row.2)?,
                target: read("builds.target", row.3)?,
                channel: read("builds.channel", row.4)?,
                priority: read("builds.priority", row.5)?,
                not_before: Timestamp::from_seconds(row.6),
            })
        };
        rows.into_iter().map(waiting).collect()
    }

    async fn running(&self) -> Result<Vec<Running>, StoreError> {
        let rows: Vec<(String, String, String, String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT b.id, b.partner, b.plugin, b.priority, a.started_at FROM attempts a JOIN builds b ON b.id = a.build \
             WHERE a.state = 'running' ORDER BY a.started_at, a.id",
        )
        .fetch_all(pool)
        .await)?;
        let running = |(build, partner, plugin, priority, started)| {
            Ok(Running {
                build: read("builds.id", build)?,
                partner: read("builds.partner", partner)?,
                plugin: read("builds.plugin", plugin)?,
                priority: read("builds.priority", priority)?,
                started_at: Timestamp::from_seconds(started),
            })
        };
        rows.into_iter().map(running).collect()
    }

    async fn used(&self, since: Timestamp) -> Result<Vec<Use>, StoreError> {
        let rows: Vec<(String, String, i64, i64, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT partner, priority, piece, seconds, attempts FROM used WHERE piece >= $1",
        )
        .bind(since.seconds() / PIECE)
        .fetch_all(pool)
        .await)?;
        let used =
            |(partner, priority, piece, seconds, attempts): (String, String, i64, i64, i64)| {
                Ok(Use {
                    partner: read("used.partner", partner)?,
                    priority: read("used.priority", priority)?,
                    seconds: u64::try_from(seconds).unwrap_or(0),
                    attempts: u64::try_from(attempts).unwrap_or(0),
                    at: Timestamp::from_seconds((piece + 1) * PIECE),
                })
            };
        rows.into_iter().map(used).collect()
    }

    /// How long the last `count` attempts took that gave a package.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn took(&self, count: u32) -> Result<Vec<Took>, StoreError> {
        let rows: Vec<(String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT b.plugin, a.ended_at - a.started_at FROM attempts a JOIN builds b ON b.id = a.build \
             WHERE a.ended_at IS NOT NULL AND a.state = 'succeeded' ORDER BY a.ended_at DESC LIMIT $1",
        )
        .bind(i64::from(count))
        .fetch_all(pool)
        .await)?;
        let took = |(plugin, seconds)| {
            Ok(Took {
                plugin: read("builds.plugin", plugin)?,
                seconds: u64::try_from(seconds).unwrap_or(0).max(1),
            })
        };
        rows.into_iter().map(took).collect()
    }

    /// How the last `count` attempts ended that did not die, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn last_endings(&self, count: u32) -> Result<Vec<Ending>, StoreError> {
        let rows: Vec<(Option<String>, String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT a.blame, b.partner, b.plugin FROM attempts a JOIN builds b ON b.id = a.build \
             WHERE a.state IN ('succeeded', 'failed') ORDER BY a.ended_at DESC, a.id DESC LIMIT $1",
        )
        .bind(i64::from(count))
        .fetch_all(pool)
        .await)?;
        let ending = |(blame, partner, plugin)| Ending {
            blame,
            partner,
            plugin,
        };
        Ok(rows.into_iter().map(ending).collect())
    }

    /// How many builds wait for another try after one that failed with `code`, and since when the first of them does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn waiting_after(&self, code: &str) -> Result<Option<(u64, Timestamp)>, StoreError> {
        let (count, since): (i64, Option<i64>) = on!(self, pool => sqlx::query_as(
            "SELECT COUNT(*), MIN(b.created_at) FROM builds b JOIN attempts a ON a.build = b.id \
             WHERE b.state = 'queued' AND a.code = $1 \
             AND a.number = (SELECT MAX(number) FROM attempts WHERE build = b.id)",
        )
        .bind(code)
        .fetch_one(pool)
        .await)?;
        let count = u64::try_from(count).unwrap_or(0);
        Ok(since.map(|since| (count, Timestamp::from_seconds(since))))
    }

    /// Why no attempt begins, if the queue is locked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn queue_lock(&self) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = on!(self, pool => sqlx::query_as("SELECT reason FROM queue_lock")
            .fetch_optional(pool)
            .await)?;
        Ok(row.map(|(reason,)| reason))
    }

    /// Locks the queue: until it is unlocked, no attempt begins. The first reason stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn lock_queue(
        &self,
        reason: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            sqlx::query(
                "INSERT INTO queue_lock (one, reason, locked_at) VALUES (1, $1, $2) ON CONFLICT DO NOTHING",
            )
            .bind(reason)
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
            note!(tx, now, actor, "queue.lock", reason);
        })
    }

    /// Unlocks the queue, and says whether it was locked.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn unlock_queue(&self, actor: &str, now: Timestamp) -> Result<bool, StoreError> {
        transaction!(self, tx => {
            let done = sqlx::query("DELETE FROM queue_lock").execute(&mut *tx).await?;
            note!(tx, now, actor, "queue.unlock", "queue");
            done.rows_affected() > 0
        })
    }
}
