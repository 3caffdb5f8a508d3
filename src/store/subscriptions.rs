//! Who is told of outcomes: web addresses and mail addresses, of partners.

use super::audit::note;
use super::people::missing;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Actor, PluginId, Timestamp};

/// How many subscriptions a partner has, at most.
pub const MAX_SUBSCRIPTIONS: i64 = 50;

/// Somebody who is told of outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Whose builds it is about.
    pub partner: Actor,
    /// Only this plugin's.
    pub plugin: Option<PluginId>,
    /// `webhook` or `mail`.
    pub kind: String,
    /// A web address, or a mail address.
    pub address: String,
    /// `succeeded`, `failed`, `recovered`, `halted`.
    pub events: Vec<String>,
    /// The secret that signs what is sent to a web address, sealed.
    pub sealed: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

pub(super) type Row = (
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    Option<String>,
    i64,
);

impl Subscription {
    pub(super) fn from_row(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.0,
            partner: read("subscriptions.partner", row.1)?,
            plugin: row
                .2
                .map(|plugin| read("subscriptions.plugin", plugin))
                .transpose()?,
            kind: row.3,
            address: row.4,
            events: row.5.split_whitespace().map(str::to_owned).collect(),
            sealed: row.6,
            created_at: Timestamp::from_seconds(row.7),
        })
    }
}

impl Store {
    /// Adds a subscription.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] if there is no such partner, or no such plugin of the partner's; [`StoreError::Taken`] if the
    /// partner has as many as there may be.
    pub async fn subscribe(&self, one: &Subscription, actor: &str) -> Result<(), StoreError> {
        let (partner, plugin) = (
            one.partner.as_str(),
            one.plugin.as_ref().map(ToString::to_string),
        );
        transaction!(self, tx => {
            let known: Option<(String,)> = sqlx::query_as("SELECT name FROM partners WHERE name = $1")
                .bind(partner)
                .fetch_optional(&mut *tx)
                .await?;
            if known.is_none() {
                return Err(missing("partner", partner));
            }
            if let Some(plugin) = &plugin {
                let own: Option<(String,)> = sqlx::query_as(
                    "SELECT s.plugin FROM sources s JOIN namespaces n ON n.name = s.namespace \
                     WHERE s.plugin = $1 AND n.partner = $2",
                )
                .bind(plugin)
                .bind(partner)
                .fetch_optional(&mut *tx)
                .await?;
                if own.is_none() {
                    return Err(missing("source", plugin));
                }
            }
            let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM subscriptions WHERE partner = $1")
                .bind(partner)
                .fetch_one(&mut *tx)
                .await?;
            if count >= MAX_SUBSCRIPTIONS {
                return Err(StoreError::Taken {
                    what: "subscription in each of the partner's places for one,",
                    name: one.address.clone(),
                });
            }
            sqlx::query(
                "INSERT INTO subscriptions (id, partner, plugin, kind, address, events, sealed, created_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&one.id)
            .bind(partner)
            .bind(plugin)
            .bind(&one.kind)
            .bind(&one.address)
            .bind(one.events.join(" "))
            .bind(one.sealed.as_deref())
            .bind(one.created_at.seconds())
            .execute(&mut *tx)
            .await?;
            note!(tx, one.created_at, actor, "subscription.add", one.id);
        })
    }

    /// The subscriptions of a partner, or of all, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn subscriptions(
        &self,
        partner: Option<&Actor>,
    ) -> Result<Vec<Subscription>, StoreError> {
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, partner, plugin, kind, address, events, sealed, created_at FROM subscriptions \
             WHERE ($1 = '' OR partner = $1) ORDER BY created_at, id",
        )
        .bind(partner.map_or("", Actor::as_str))
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(Subscription::from_row).collect()
    }

    /// Ends a subscription, with what was still to be told.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`], also if it is another partner's than the one that is named.
    pub async fn unsubscribe(
        &self,
        id: &str,
        partner: Option<&Actor>,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            let done = sqlx::query("DELETE FROM subscriptions WHERE id = $1 AND ($2 = '' OR partner = $2)")
                .bind(id)
                .bind(partner.map_or("", Actor::as_str))
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(missing("subscription", id));
            }
            note!(tx, now, actor, "subscription.remove", id);
        })
    }
}
