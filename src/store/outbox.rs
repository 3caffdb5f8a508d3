//! What is to be told of outcomes. A row is written with the outcome itself, in one transaction: there is exactly one for each
//! subscription and attempt, whenever the farm is killed. Then it is sent, until somebody has taken it or nobody will.

use super::subscriptions::{Row as SubscriptionRow, Subscription};
use super::{Store, StoreError, on, read};
use crate::model::{BuildId, Timestamp};

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its id, which whoever is told twice knows it by.
    pub id: String,
    /// Who is told.
    pub subscription: Subscription,
    /// The build.
    pub build: BuildId,
    /// `succeeded`, `failed` or `recovered`; `halted` for a roll-out.
    pub event: String,
    /// What the build came to, as a JSON object.
    pub result: Option<String>,
    /// How often it was sent, this time too.
    pub tries: u32,
    /// When it happened.
    pub created_at: Timestamp,
}

/// How a letter stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its id.
    pub id: String,
    /// The build.
    pub build: BuildId,
    /// `succeeded`, `failed` or `recovered`; `halted` for a roll-out.
    pub event: String,
    /// `waiting`, `sent` or `given-up`.
    pub state: String,
    /// How often it was sent.
    pub tries: u32,
    /// What went wrong the last time.
    pub problem: Option<String>,
    /// When it happened.
    pub created_at: Timestamp,
}

/// Writes, in the transaction that ends a build's attempt, who is told of it. A build that goes back into the queue has no
/// outcome yet, and what somebody stopped is no news.
macro_rules! post {
    ($tx:expr, $ended:expr, $now:expr) => {{
        let ended: &$crate::store::Ended = $ended;
        let state = match ended.next {
            $crate::model::BuildState::Succeeded => Some("succeeded"),
            $crate::model::BuildState::Failed | $crate::model::BuildState::Quarantined => Some("failed"),
            _ => None,
        };
        if let Some(state) = state {
            let before: Option<(String,)> = sqlx::query_as(
                "SELECT o.state FROM outcomes o JOIN builds b ON b.plugin = o.plugin AND b.target = o.target \
                 AND b.channel = o.channel WHERE b.id = $1",
            )
            .bind(ended.build.as_str())
            .fetch_optional(&mut *$tx)
            .await?;
            let recovered = state == "succeeded" && before.is_some_and(|(before,)| before == "failed");
            let event = if recovered { "recovered" } else { state };
            sqlx::query(
                "INSERT INTO outcomes (plugin, target, channel, state) SELECT plugin, target, channel, $2 FROM builds \
                 WHERE id = $1 ON CONFLICT (plugin, target, channel) DO UPDATE SET state = excluded.state",
            )
            .bind(ended.build.as_str())
            .bind(state)
            .execute(&mut *$tx)
            .await?;
            // Whoever wants to hear of successes hears of a recovery, too.
            sqlx::query(
                "INSERT INTO outbox (id, subscription, build, attempt, event, result, state, not_before, created_at) \
                 SELECT s.id || '.' || $2, s.id, b.id, $2, $3, $4, 'waiting', $5, $5 FROM subscriptions s \
                 JOIN builds b ON b.partner = s.partner WHERE b.id = $1 AND (s.plugin IS NULL OR s.plugin = b.plugin) \
                 AND (' ' || s.events || ' ' LIKE '% ' || $3 || ' %' OR ' ' || s.events || ' ' LIKE '% ' || $6 || ' %') \
                 ON CONFLICT DO NOTHING",
            )
            .bind(ended.build.as_str())
            .bind(ended.attempt.as_str())
            .bind(event)
            .bind(ended.result.as_deref())
            .bind($now.seconds())
            .bind(state)
            .execute(&mut *$tx)
            .await?;
        }
    }};
}
pub(super) use post;

impl Store {
    /// The next letter that is to be sent, if there is one: whoever gets it sends it, and nobody else does before `until`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn take_letter(
        &self,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Letter>, StoreError> {
        type Row = (String, String, String, String, Option<String>, i64, i64);
        let row: Option<Row> = on!(self, pool => sqlx::query_as(
            "UPDATE outbox SET not_before = $1, tries = tries + 1 WHERE id = (SELECT id FROM outbox \
             WHERE state = 'waiting' AND not_before <= $2 ORDER BY not_before, id LIMIT 1) AND not_before <= $2 \
             RETURNING id, subscription, build, event, result, tries, created_at",
        )
        .bind(until.seconds())
        .bind(now.seconds())
        .fetch_optional(pool)
        .await)?;
        let Some((id, subscription, build, event, result, tries, at)) = row else {
            return Ok(None);
        };
        let subscription: Option<SubscriptionRow> = on!(self, pool => sqlx::query_as(
            "SELECT id, partner, plugin, kind, address, events, sealed, created_at FROM subscriptions WHERE id = $1",
        )
        .bind(subscription)
        .fetch_optional(pool)
        .await)?;
        // Somebody has ended it meanwhile: the letter has gone with it.
        let Some(subscription) = subscription else {
            return Ok(None);
        };
        Ok(Some(Letter {
            id,
            subscription: Subscription::from_row(subscription)?,
            build: read("outbox.build", build)?,
            event,
            result,
            tries: u32::try_from(tries).unwrap_or(u32::MAX),
            created_at: Timestamp::from_seconds(at),
        }))
    }

    /// Notes that a letter was taken.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn letter_sent(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        self.end_letter(id, ("sent", None), now).await
    }

    /// Notes that a letter was not taken: it is sent again at `again`, or never.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn letter_failed(
        &self,
        id: &str,
        problem: &str,
        again: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(again) = again else {
            return self.end_letter(id, ("given-up", Some(problem)), now).await;
        };
        on!(self, pool => sqlx::query("UPDATE outbox SET not_before = $1, problem = $2 WHERE id = $3")
            .bind(again.seconds())
            .bind(problem)
            .bind(id)
            .execute(pool)
            .await
            .map(drop))?;
        Ok(())
    }

    async fn end_letter(
        &self,
        id: &str,
        (state, problem): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query("UPDATE outbox SET state = $1, problem = $2, ended_at = $3 WHERE id = $4")
            .bind(state)
            .bind(problem)
            .bind(now.seconds())
            .bind(id)
            .execute(pool)
            .await
            .map(drop))?;
        Ok(())
    }

    /// Forgets letters that ended before `before`, and says how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn forget_letters(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(
            on!(self, pool => sqlx::query("DELETE FROM outbox WHERE ended_at < $1")
            .bind(before.seconds())
            .execute(pool)
            .await
            .map(|done| done.rows_affected()))?,
        )
    }

    /// The last letters of a subscription, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn letters(&self, subscription: &str, limit: u32) -> Result<Vec<Posted>, StoreError> {
        type Row = (String, String, String, String, i64, Option<String>, i64);
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, build, event, state, tries, problem, created_at FROM outbox WHERE subscription = $1 \
             ORDER BY created_at DESC, id DESC LIMIT $2",
        )
        .bind(subscription)
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await)?;
        let posted = |(id, build, event, state, tries, problem, at): Row| {
            Ok(Posted {
                id,
                build: read("outbox.build", build)?,
                event,
                state,
                tries: u32::try_from(tries).unwrap_or(u32::MAX),
                problem,
                created_at: Timestamp::from_seconds(at),
            })
        };
        rows.into_iter().map(posted).collect()
    }
}
