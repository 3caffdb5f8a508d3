//! Hooks, by which forges say that somebody has pushed, and what came in by them.

use super::audit::note;
use super::people::missing;
use super::{Store, StoreError, on, read, transaction};
use crate::forge::Forge;
use crate::model::{BuildId, PluginId, Timestamp};

/// How many deliveries of a hook are kept.
const KEPT: i64 = 200;
/// How many refused ones: anybody can send those, and must not push out the others.
const KEPT_REFUSED: i64 = 20;

/// A hook of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its id, which is in its address, and no secret.
    pub id: String,
    /// The plugin.
    pub plugin: PluginId,
    /// Who sends.
    pub forge: Forge,
    /// Its secret, sealed.
    pub sealed: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What came in by a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id here; in the order in which they came.
    pub id: String,
    /// The forge's id of it.
    pub delivery: String,
    /// When it came.
    pub received_at: Timestamp,
    /// The event, in the forge's word.
    pub event: String,
    /// The ref that was pushed.
    pub reference: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// `received`, then `built`, `ignored`, `failed`; or `refused`.
    pub verdict: String,
    /// Why, in a sentence.
    pub reason: String,
    /// The build that it led to.
    pub build: Option<BuildId>,
}

type DeliveryRow = (
    String,
    String,
    i64,
    String,
    Option<String>,
    Option<String>,
    String,
    String,
    Option<String>,
);

impl Delivery {
    fn from_row(row: DeliveryRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.0,
            delivery: row.1,
            received_at: Timestamp::from_seconds(row.2),
            event: row.3,
            reference: row.4,
            commit: row.5,
            verdict: row.6,
            reason: row.7,
            build: row
                .8
                .map(|build| read("deliveries.build", build))
                .transpose()?,
        })
    }
}

type HookRow = (String, String, String, String, i64);

fn hook((id, plugin, forge, sealed, at): HookRow) -> Result<Hook, StoreError> {
    Ok(Hook {
        id,
        plugin: read("hooks.plugin", plugin)?,
        forge: read("hooks.forge", forge)?,
        sealed,
        created_at: Timestamp::from_seconds(at),
    })
}

impl Store {
    /// Adds a hook.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] if there is no such source.
    pub async fn add_hook(&self, hook: &Hook, actor: &str) -> Result<(), StoreError> {
        let plugin = hook.plugin.to_string();
        transaction!(self, tx => {
            let bound: Option<(String,)> = sqlx::query_as("SELECT plugin FROM sources WHERE plugin = $1")
                .bind(&plugin)
                .fetch_optional(&mut *tx)
                .await?;
            if bound.is_none() {
                return Err(missing("source", &plugin));
            }
            sqlx::query("INSERT INTO hooks (id, plugin, forge, sealed, created_at) VALUES ($1, $2, $3, $4, $5)")
                .bind(&hook.id)
                .bind(&plugin)
                .bind(hook.forge.word())
                .bind(&hook.sealed)
                .bind(hook.created_at.seconds())
                .execute(&mut *tx)
                .await?;
            note!(tx, hook.created_at, actor, "hook.add", format!("{} of {plugin}", hook.id));
        })
    }

    /// The hooks of a source, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn hooks(&self, plugin: &PluginId) -> Result<Vec<Hook>, StoreError> {
        let rows: Vec<HookRow> = on!(self, pool => sqlx::query_as(
            "SELECT id, plugin, forge, sealed, created_at FROM hooks WHERE plugin = $1 ORDER BY created_at, id",
        )
        .bind(plugin.to_string())
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(hook).collect()
    }

    /// One hook.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn hook(&self, id: &str) -> Result<Option<Hook>, StoreError> {
        let row: Option<HookRow> = on!(self, pool => sqlx::query_as(
            "SELECT id, plugin, forge, sealed, created_at FROM hooks WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(pool)
        .await)?;
        row.map(hook).transpose()
    }

    /// Removes a hook, with what came in by it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`].
    pub async fn remove_hook(
        &self,
        id: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            let done = sqlx::query("DELETE FROM hooks WHERE id = $1").bind(id).execute(&mut *tx).await?;
            if done.rows_affected() == 0 {
                return Err(missing("hook", id));
            }
            note!(tx, now, actor, "hook.remove", id);
        })
    }

    /// Notes what came in by a hook, before anything is done about it. What the forge has sent before is given as it was.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn add_delivery(
        &self,
        hook: &str,
        delivery: &Delivery,
    ) -> Result<Delivery, StoreError> {
        let refused = i64::from(delivery.verdict == "refused");
        let row: Result<DeliveryRow, StoreError> = transaction!(self, tx => {
            sqlx::query(
                "INSERT INTO deliveries (id, hook, delivery, received_at, event, reference, commit_id, verdict, reason) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            )
            .bind(&delivery.id)
            .bind(hook)
            .bind(&delivery.delivery)
            .bind(delivery.received_at.seconds())
            .bind(&delivery.event)
            .bind(delivery.reference.as_deref())
            .bind(delivery.commit.as_deref())
            .bind(&delivery.verdict)
            .bind(&delivery.reason)
            .execute(&mut *tx)
            .await?;
            // Those that are kept are the newest, of the refused and of the others apart.
            sqlx::query(
                "DELETE FROM deliveries WHERE hook = $1 AND (CASE WHEN verdict = 'refused' THEN 1 ELSE 0 END) = $2 \
                 AND id NOT IN (SELECT id FROM deliveries WHERE hook = $1 \
                 AND (CASE WHEN verdict = 'refused' THEN 1 ELSE 0 END) = $2 ORDER BY id DESC LIMIT $3)",
            )
            .bind(hook)
            .bind(refused)
            .bind(if refused == 1 { KEPT_REFUSED } else { KEPT })
            .execute(&mut *tx)
            .await?;
            sqlx::query_as(
                "SELECT id, delivery, received_at, event, reference, commit_id, verdict, reason, build FROM deliveries \
                 WHERE hook = $1 AND delivery = $2",
            )
            .bind(hook)
            .bind(&delivery.delivery)
            .fetch_one(&mut *tx)
            .await?
        });
        Delivery::from_row(row?)
    }

    /// Notes what became of a delivery.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn end_delivery(
        &self,
        id: &str,
        verdict: &str,
        reason: &str,
        build: Option<&BuildId>,
    ) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query(
            "UPDATE deliveries SET verdict = $1, reason = $2, build = $3 WHERE id = $4",
        )
        .bind(verdict)
        .bind(reason)
        .bind(build.map(BuildId::as_str))
        .bind(id)
        .execute(pool)
        .await
        .map(drop))?;
        Ok(())
    }

    /// What came in by a hook, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn deliveries(&self, hook: &str) -> Result<Vec<Delivery>, StoreError> {
        let rows: Vec<DeliveryRow> = on!(self, pool => sqlx::query_as(
            "SELECT id, delivery, received_at, event, reference, commit_id, verdict, reason, build FROM deliveries \
             WHERE hook = $1 ORDER BY id DESC",
        )
        .bind(hook)
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(Delivery::from_row).collect()
    }
}
