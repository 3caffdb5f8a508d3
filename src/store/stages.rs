//! The stages of attempts: when each began, and how long it took.

use std::time::Duration;

use super::{Store, StoreError, on, transaction};
use crate::model::{BuildId, Stage, Timestamp};

/// One stage of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRow {
    /// The stage's word.
    pub stage: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds, if it ended well.
    pub took_ms: Option<u64>,
    /// What came of it, in a few words.
    pub summary: Option<String>,
}

/// How a stage ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedStage {
    /// Which.
    pub stage: Stage,
    /// How long it took.
    pub took: Duration,
    /// What came of it, in a few words.
    pub summary: String,
}

/// Notes in a transaction that a stage ended well.
macro_rules! end {
    ($tx:expr, $attempt:expr, $ended:expr) => {{
        let ended: &EndedStage = $ended;
        sqlx::query(
            "UPDATE stages SET took_ms = $1, summary = $2 WHERE attempt = $3 AND stage = $4",
        )
        .bind(i64::try_from(ended.took.as_millis()).unwrap_or(i64::MAX))
        .bind(&ended.summary)
        .bind($attempt.as_str())
        .bind(ended.stage.word())
        .execute(&mut *$tx)
        .await?;
    }};
}

impl Store {
    /// Notes that a stage begins, and with it how the one before ended: both are one wait for the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn begin_stage(
        &self,
        attempt: &BuildId,
        stage: Stage,
        before: Option<&EndedStage>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            if let Some(ended) = before {
                end!(tx, attempt, ended);
            }
            sqlx::query(
                "INSERT INTO stages (attempt, stage, started_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            )
            .bind(attempt.as_str())
            .bind(stage.word())
            .bind(now.seconds())
            .execute(&mut *tx)
            .await?;
        })
    }

    /// Notes that a stage ended well.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn end_stage(&self, attempt: &BuildId, ended: &EndedStage) -> Result<(), StoreError> {
        transaction!(self, tx => { end!(tx, attempt, ended); })
    }

    /// Notes what the check of an attempt found the plugin to be, as a JSON object.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn note_plugin(&self, attempt: &BuildId, plugin: &str) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query("UPDATE attempts SET plugin = $1 WHERE id = $2")
            .bind(plugin)
            .bind(attempt.as_str())
            .execute(pool)
            .await
            .map(drop))?;
        Ok(())
    }

    /// The stages of an attempt, in their order.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn stages(&self, attempt: &BuildId) -> Result<Vec<StageRow>, StoreError> {
        const ORDER: [Stage; 8] = [
            Stage::Fetch,
            Stage::Check,
            Stage::Build,
            Stage::Package,
            Stage::Inspect,
            Stage::Assemble,
            Stage::Sign,
            Stage::Publish,
        ];
        let rows: Vec<(String, i64, Option<i64>, Option<String>)> = on!(self, pool => sqlx::query_as(
            "SELECT stage, started_at, took_ms, summary FROM stages WHERE attempt = $1",
        )
        .bind(attempt.as_str())
        .fetch_all(pool)
        .await)?;
        let row = |(stage, started, took, summary): (String, i64, Option<i64>, Option<String>)| {
            StageRow {
                stage,
                started_at: Timestamp::from_seconds(started),
                took_ms: took.map(i64::unsigned_abs),
                summary,
            }
        };
        let mut rows: Vec<_> = rows.into_iter().map(row).collect();
        rows.sort_by_key(|row| ORDER.iter().position(|stage| stage.word() == row.stage));
        Ok(rows)
    }
}
