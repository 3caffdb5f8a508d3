//! What the farm does by itself: publications that hosts were not seen to get yet, and what attempts left that is kept no
//! longer.

use super::{Publication, Store, StoreError, on, read, transaction};
use crate::model::{BuildId, Timestamp};

/// What an attempt left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The attempt, in whose folder it is.
    pub attempt: BuildId,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Whether its log is there still.
    pub log: bool,
}

impl Store {
    /// The publications since `since` that hosts were not seen to get yet, the oldest first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn unseen(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(BuildId, Publication)>, StoreError> {
        let rows: Vec<(String, String, String, String, i64)> = on!(self, pool => sqlx::query_as(
            "SELECT build, suite, package, version, published_at FROM publications \
             WHERE visible_at IS NULL AND published_at >= $1 ORDER BY published_at, build LIMIT $2",
        )
        .bind(since.seconds())
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await)?;
        let publication = |(build, suite, package, version, at)| {
            let published = Publication {
                suite,
                package,
                version,
                published_at: Timestamp::from_seconds(at),
                visible_at: None,
            };
            Ok((read("publications.build", build)?, published))
        };
        rows.into_iter().map(publication).collect()
    }

    /// Notes that hosts get what the build published.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn see(&self, build: &BuildId, now: Timestamp) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query(
            "UPDATE publications SET visible_at = $1 WHERE build = $2 AND visible_at IS NULL",
        )
        .bind(now.seconds())
        .bind(build.as_str())
        .execute(pool)
        .await
        .map(drop))?;
        Ok(())
    }

    /// The attempts that ended before `before` and have files still, the oldest first, at most `limit`: a log or, unless
    /// `logs` are asked for alone, artifacts.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn leftovers(
        &self,
        before: Timestamp,
        logs: bool,
        limit: u32,
    ) -> Result<Vec<Leftover>, StoreError> {
        let rows: Vec<(String, i64, Option<String>)> = on!(self, pool => sqlx::query_as(
            "SELECT id, ended_at, log FROM attempts WHERE ended_at < $1 AND CASE WHEN $2 = 1 THEN log IS NOT NULL \
             ELSE EXISTS (SELECT 1 FROM artifacts WHERE artifacts.attempt = attempts.id) END ORDER BY ended_at, id LIMIT $3",
        )
        .bind(before.seconds())
        .bind(i64::from(logs))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await)?;
        let leftover = |(attempt, ended_at, log): (String, i64, Option<String>)| {
            Ok(Leftover {
                attempt: read("attempts.id", attempt)?,
                ended_at: Timestamp::from_seconds(ended_at),
                log: log.is_some(),
            })
        };
        rows.into_iter().map(leftover).collect()
    }

    /// Notes that the artifacts of an attempt are kept no longer, and if `log` is said its log neither.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn forget(&self, attempt: &BuildId, log: bool) -> Result<(), StoreError> {
        transaction!(self, tx => {
            sqlx::query("DELETE FROM artifacts WHERE attempt = $1")
                .bind(attempt.as_str())
                .execute(&mut *tx)
                .await?;
            if log {
                sqlx::query("UPDATE attempts SET log = NULL WHERE id = $1")
                    .bind(attempt.as_str())
                    .execute(&mut *tx)
                    .await?;
            }
        })
    }
}
