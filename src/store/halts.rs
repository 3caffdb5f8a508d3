//! Roll-outs that the farm has halted, and that their partners are told of it.

use super::audit::note;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{DebianVersion, Timestamp};

/// A roll-out that the farm has halted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Its id.
    pub id: String,
    /// The package.
    pub package: String,
    /// Its version.
    pub version: DebianVersion,
    /// The suite.
    pub suite: String,
    /// On how many hosts the plugin's own script had failed.
    pub failures: u64,
    /// On how many it had been tried.
    pub hosts: u64,
    /// When.
    pub at: Timestamp,
}

type Row = (String, String, String, String, i64, i64, i64);

impl Halt {
    fn from_row(
        (id, package, version, suite, failures, hosts, at): Row,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id,
            package,
            version: read("halts.version", version)?,
            suite,
            failures: failures.unsigned_abs(),
            hosts: hosts.unsigned_abs(),
            at: Timestamp::from_seconds(at),
        })
    }
}

impl Store {
    /// Notes that a roll-out was halted, and has whoever wants to hear of failures told `result`, a JSON object. One that is
    /// halted already stays as it is; gives whether it was not.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn halt(&self, halt: &Halt, result: &str, actor: &str) -> Result<bool, StoreError> {
        let (version, suite) = (halt.version.to_string(), &halt.suite);
        transaction!(self, tx => {
            let done = sqlx::query(
                "INSERT INTO halts (id, package, version, suite, failures, hosts, halted_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            )
            .bind(&halt.id)
            .bind(&halt.package)
            .bind(&version)
            .bind(suite)
            .bind(number(halt.failures))
            .bind(number(halt.hosts))
            .bind(halt.at.seconds())
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            // What no build of this farm published is nobody's to be told of.
            sqlx::query(
                "INSERT INTO outbox (id, subscription, build, attempt, event, result, state, not_before, created_at) \
                 SELECT s.id || '.' || $1, s.id, b.id, $1, 'halted', $2, 'waiting', $3, $3 FROM subscriptions s \
                 JOIN builds b ON b.partner = s.partner WHERE b.id = (SELECT MIN(build) FROM publications \
                 WHERE package = $4 AND version = $5) AND (s.plugin IS NULL OR s.plugin = b.plugin) \
                 AND (' ' || s.events || ' ' LIKE '% halted %' OR ' ' || s.events || ' ' LIKE '% failed %') \
                 ON CONFLICT DO NOTHING",
            )
            .bind(&halt.id)
            .bind(result)
            .bind(halt.at.seconds())
            .bind(&halt.package)
            .bind(&version)
            .execute(&mut *tx)
            .await?;
            let subject = format!("{} {version} in {suite}", halt.package);
            note!(tx, halt.at, actor, "rollout.halt", subject);
            true
        })
    }

    /// The roll-outs that are halted, of `package` alone if one is named, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn halted(&self, package: Option<&str>) -> Result<Vec<Halt>, StoreError> {
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, package, version, suite, failures, hosts, halted_at FROM halts \
             WHERE over_at IS NULL AND ($1 = '' OR package = $1) ORDER BY halted_at, id",
        )
        .bind(package.unwrap_or_default())
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(Halt::from_row).collect()
    }

    /// Notes that somebody has decided about a roll-out that was halted: what was told of the version until now is not counted
    /// against it again.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn halt_is_over(&self, halt: &Halt, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, tx => {
            sqlx::query("UPDATE halts SET over_at = $1 WHERE id = $2 AND over_at IS NULL")
                .bind(now.seconds())
                .bind(&halt.id)
                .execute(&mut *tx)
                .await?;
            sqlx::query("UPDATE reports SET verdict = 'spent' WHERE package = $1 AND version = $2 AND verdict <> 'neither'")
                .bind(&halt.package)
                .bind(halt.version.to_string())
                .execute(&mut *tx)
                .await?;
        })
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
