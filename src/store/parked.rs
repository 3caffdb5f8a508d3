//! Builds that are parked: they wait for plugins that they depend on.

use super::audit::note;
use super::builds::go;
use super::reader::{Reader, shown};
use super::{Store, StoreError, on, read, transaction};
use crate::model::{BuildId, BuildState, Channel, PluginId, Target, Timestamp};

/// A build that is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The build.
    pub build: BuildId,
    /// What it builds.
    pub plugin: PluginId,
    /// The channel that both are published in.
    pub channel: Channel,
    /// The Debian release.
    pub target: Target,
    /// What it waits for.
    pub awaits: Vec<PluginId>,
}

/// A plugin that a parked build waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// The plugin.
    pub plugin: PluginId,
    /// Its last build for the same channel and release, if there is one.
    pub last: Option<(BuildId, BuildState)>,
}

/// Notes what a parked build waits for, in a transaction.
macro_rules! park {
    ($tx:expr, $build:expr, $awaits:expr) => {{
        sqlx::query("DELETE FROM awaited WHERE build = $1")
            .bind($build)
            .execute(&mut *$tx)
            .await?;
        for plugin in $awaits {
            sqlx::query("INSERT INTO awaited (build, plugin) VALUES ($1, $2)")
                .bind($build)
                .bind(plugin.to_string())
                .execute(&mut *$tx)
                .await?;
        }
    }};
}

/// Puts back into the queue what waited only for a plugin that has just been published, in a transaction. Gives how many.
macro_rules! wake {
    ($tx:expr, $now:expr, $plugin:expr, $channel:expr, $target:expr) => {{
        let parked: Vec<(String,)> = sqlx::query_as(
            "SELECT b.id FROM builds b JOIN awaited w ON w.build = b.id \
             WHERE w.plugin = $1 AND b.channel = $2 AND b.target = $3 AND b.state = 'parked'",
        )
        .bind(&$plugin)
        .bind(&$channel)
        .bind(&$target)
        .fetch_all(&mut *$tx)
        .await?;
        let mut woken = 0_usize;
        for (build,) in parked {
            sqlx::query("DELETE FROM awaited WHERE build = $1 AND plugin = $2")
                .bind(&build)
                .bind(&$plugin)
                .execute(&mut *$tx)
                .await?;
            let (left,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM awaited WHERE build = $1")
                .bind(&build)
                .fetch_one(&mut *$tx)
                .await?;
            if left == 0 {
                let id: $crate::model::BuildId = $crate::store::read("builds.id", build)?;
                $crate::store::builds::go!($tx, &id, $crate::model::BuildState::Queued);
                sqlx::query(
                    "UPDATE builds SET queued_at = $1, not_before = $1, \
                     attempts_before = (SELECT COUNT(*) FROM attempts WHERE attempts.build = builds.id) WHERE id = $2",
                )
                .bind($now.seconds())
                .bind(id.as_str())
                .execute(&mut *$tx)
                .await?;
                woken += 1;
            }
        }
        woken
    }};
}
pub(super) use {park, wake};

impl Store {
    /// Every build that is parked, the oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn parked(&self) -> Result<Vec<Parked>, StoreError> {
        let rows: Vec<(String, String, String, String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT b.id, b.plugin, b.channel, b.target, w.plugin FROM builds b JOIN awaited w ON w.build = b.id \
             WHERE b.state = 'parked' ORDER BY b.id, w.plugin",
        )
        .fetch_all(pool)
        .await)?;
        let mut parked: Vec<Parked> = Vec::new();
        for (build, plugin, channel, target, awaited) in rows {
            let build: BuildId = read("builds.id", build)?;
            let awaited = read("awaited.plugin", awaited)?;
            match parked.last_mut().filter(|last| last.build == build) {
                Some(last) => last.awaits.push(awaited),
                None => parked.push(Parked {
                    build,
                    plugin: read("builds.plugin", plugin)?,
                    channel: read("builds.channel", channel)?,
                    target: read("builds.target", target)?,
                    awaits: vec![awaited],
                }),
            }
        }
        Ok(parked)
    }

    /// What a parked build waits for, and how that stands as far as it is shown to whoever reads.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn awaited(
        &self,
        build: &BuildId,
        reader: &Reader,
    ) -> Result<Vec<Awaited>, StoreError> {
        let (all, partner, namespaces) = reader.columns();
        let rows: Vec<(String, Option<String>, Option<String>)> = on!(self, pool => sqlx::query_as(concat!(
            "SELECT w.plugin, o.id, o.state FROM awaited w JOIN builds b ON b.id = w.build \
             LEFT JOIN builds o ON o.id = (SELECT MAX(l.id) FROM builds l JOIN sources s ON s.plugin = l.plugin \
             WHERE l.plugin = w.plugin AND l.channel = b.channel AND l.target = b.target AND ",
            shown!("$2", "$3", "$4"),
            ") WHERE w.build = $1 AND b.state = 'parked' ORDER BY w.plugin",
        ))
        .bind(build.as_str())
        .bind(all)
        .bind(partner)
        .bind(&namespaces)
        .fetch_all(pool)
        .await)?;
        let awaited = |(plugin, last, state): (String, Option<String>, Option<String>)| {
            let last = match last.zip(state) {
                Some((last, state)) => {
                    Some((read("builds.id", last)?, read("builds.state", state)?))
                }
                None => None,
            };
            Ok(Awaited {
                plugin: read("awaited.plugin", plugin)?,
                last,
            })
        };
        rows.into_iter().map(awaited).collect()
    }

    /// Puts back into the queue what waited only for a plugin that is published now. Gives how many builds that were.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn wake(
        &self,
        plugin: &PluginId,
        channel: &Channel,
        target: Target,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let (plugin, channel) = (plugin.to_string(), channel.to_string());
        let target = target.codename();
        transaction!(self, tx => { wake!(tx, now, plugin, channel, target) })
    }

    /// Refuses a parked build, with what there is to say about it as a JSON object.
    ///
    /// # Errors
    ///
    /// [`StoreError::Transition`] if it is parked no more.
    pub async fn refuse_parked(
        &self,
        build: &BuildId,
        result: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            let from = go!(tx, build, BuildState::Failed);
            if from != BuildState::Parked {
                let (build, to) = (build.clone(), BuildState::Failed);
                return Err(StoreError::Transition { build, from, to });
            }
            sqlx::query("UPDATE builds SET ended_at = $1, result = $2 WHERE id = $3")
                .bind(now.seconds())
                .bind(result)
                .bind(build.as_str())
                .execute(&mut *tx)
                .await?;
            note!(tx, now, "farm", "build.refuse", build);
        })
    }
}
