//! What opens private repositories, sealed: whoever reads the database alone learns nothing from it.

use super::audit::note;
use super::people::missing;
use super::{Store, StoreError, on, transaction};
use crate::model::{PluginId, Timestamp};

impl Store {
    /// Keeps what opens a source's repository, in place of what did before, and makes the source private.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] if there is no such source.
    pub async fn set_credential(
        &self,
        plugin: &PluginId,
        kind: &str,
        sealed: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = plugin.to_string();
        transaction!(self, tx => {
            let done = sqlx::query("UPDATE sources SET private = 1 WHERE plugin = $1")
                .bind(&name)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(missing("source", &name));
            }
            sqlx::query("DELETE FROM credentials WHERE plugin = $1").bind(&name).execute(&mut *tx).await?;
            sqlx::query("INSERT INTO credentials (plugin, kind, sealed, created_at) VALUES ($1, $2, $3, $4)")
                .bind(&name)
                .bind(kind)
                .bind(sealed)
                .bind(now.seconds())
                .execute(&mut *tx)
                .await?;
            note!(tx, now, actor, "credential.set", plugin);
        })
    }

    /// Forgets what opens a source's repository. The source stays private.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] if there is none.
    pub async fn remove_credential(
        &self,
        plugin: &PluginId,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let name = plugin.to_string();
        transaction!(self, tx => {
            let done = sqlx::query("DELETE FROM credentials WHERE plugin = $1")
                .bind(&name)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(missing("credential", &name));
            }
            note!(tx, now, actor, "credential.remove", plugin);
        })
    }

    /// What opens a source's repository, sealed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn credential(&self, plugin: &PluginId) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = on!(self, pool => sqlx::query_as(
            "SELECT sealed FROM credentials WHERE plugin = $1",
        )
        .bind(plugin.to_string())
        .fetch_optional(pool)
        .await)?;
        Ok(row.map(|(sealed,)| sealed))
    }

    /// Which kind of credential opens a source's repository, and since when, if one does.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn credential_kind(
        &self,
        plugin: &PluginId,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        let row: Option<(String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT kind, created_at FROM credentials WHERE plugin = $1",
        )
        .bind(plugin.to_string())
        .fetch_optional(pool)
        .await)?;
        Ok(row.map(|(kind, at)| (kind, Timestamp::from_seconds(at))))
    }
}
