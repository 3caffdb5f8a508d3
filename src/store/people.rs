//! Partners, and the namespaces that are theirs.

use super::audit::note;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Actor, Namespace, Timestamp};

/// Somebody who has plugins built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// The partner's name.
    pub name: Actor,
    /// The partner's share of the farm, relative to others': 1 to 1000.
    pub weight: u32,
    /// How many of the partner's builds run at once, at most.
    pub running_cap: u32,
}

/// A namespace, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceOwner {
    /// The namespace.
    pub namespace: Namespace,
    /// The partner.
    pub partner: Actor,
}

impl Store {
    /// Adds a partner.
    ///
    /// # Errors
    ///
    /// [`StoreError::Taken`].
    pub async fn add_partner(
        &self,
        partner: &Partner,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            let done = sqlx::query(
                "INSERT INTO partners (name, weight, running_cap, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            )
            .bind(partner.name.as_str())
            .bind(i64::from(partner.weight))
            .bind(i64::from(partner.running_cap))
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Err(taken("partner", partner.name.as_str()));
            }
            note!(tx, now, actor, "partner.add", partner.name);
        })
    }

    /// Every partner, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn partners(&self) -> Result<Vec<Partner>, StoreError> {
        let rows: Vec<(String, i64, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT name, weight, running_cap FROM partners ORDER BY name",
        )
        .fetch_all(pool)
        .await)?;
        let partner = |(name, weight, cap): (String, i64, i64)| {
            Ok(Partner {
                name: read("partners.name", name)?,
                weight: u32::try_from(weight).unwrap_or(1),
                running_cap: u32::try_from(cap).unwrap_or(1),
            })
        };
        rows.into_iter().map(partner).collect()
    }

    /// Gives a namespace to a partner.
    ///
    /// # Errors
    ///
    /// [`StoreError::Taken`], or [`StoreError::Missing`] if there is no such partner.
    pub async fn add_namespace(
        &self,
        owner: &NamespaceOwner,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (namespace, partner) = (owner.namespace.as_str(), owner.partner.as_str());
        transaction!(self, tx => {
            let known: Option<(String,)> = sqlx::query_as("SELECT name FROM partners WHERE name = $1")
                .bind(partner)
                .fetch_optional(&mut *tx)
                .await?;
            if known.is_none() {
                return Err(missing("partner", partner));
            }
            let done = sqlx::query(
                "INSERT INTO namespaces (name, partner, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(namespace)
            .bind(partner)
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Err(taken("namespace", namespace));
            }
            note!(tx, now, actor, "namespace.add", format!("{namespace} of {partner}"));
        })
    }

    /// Every namespace, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn namespaces(&self) -> Result<Vec<NamespaceOwner>, StoreError> {
        let rows: Vec<(String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT name, partner FROM namespaces ORDER BY name",
        )
        .fetch_all(pool)
        .await)?;
        let owner = |(namespace, partner)| {
            Ok(NamespaceOwner {
                namespace: read("namespaces.name", namespace)?,
                partner: read("namespaces.partner", partner)?,
            })
        };
        rows.into_iter().map(owner).collect()
    }
}

pub(super) fn taken(what: &'static str, name: &str) -> StoreError {
    StoreError::Taken {
        what,
        name: name.to_owned(),
    }
}

pub(super) fn missing(what: &'static str, name: &str) -> StoreError {
    StoreError::Missing {
        what,
        name: name.to_owned(),
    }
}
