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

/// What an attempt used of the farm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Whose it was.
    pub partner: Actor,
    /// How urgent it was.
    pub priority: Priority,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl Store {
    /// What the queue decides from; of what was used, that which ended after `since` and was no fault of the farm's or of
    /// others, which are billed to nobody.
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
        let rows: Vec<(String, String, i64, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT b.partner, b.priority, a.ended_at - a.started_at, a.ended_at \
             FROM attempts a JOIN builds b ON b.id = a.build \
             WHERE a.ended_at > $1 AND a.state <> 'lost' AND COALESCE(a.blame, 'partner') = 'partner'",
        )
        .bind(since.seconds())
        .fetch_all(pool)
        .await)?;
        let used = |(partner, priority, seconds, ended): (String, String, i64, i64)| {
            Ok(Use {
                partner: read("builds.partner", partner)?,
                priority: read("builds.priority", priority)?,
                seconds: u64::try_from(seconds).unwrap_or(0),
                ended_at: Timestamp::from_seconds(ended),
            })
        };
        rows.into_iter().map(used).collect()
    }

    /// Whose fault the last `count` attempts were that did not die, newest first; none for one that succeeded.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn last_blames(&self, count: u32) -> Result<Vec<Option<String>>, StoreError> {
        let rows: Vec<(Option<String>,)> = on!(self, pool => sqlx::query_as(
            "SELECT blame FROM attempts WHERE state IN ('succeeded', 'failed') ORDER BY ended_at DESC, id DESC LIMIT $1",
        )
        .bind(i64::from(count))
        .fetch_all(pool)
        .await)?;
        Ok(rows.into_iter().map(|(blame,)| blame).collect())
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
