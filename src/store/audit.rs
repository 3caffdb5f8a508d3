//! Who did what, and when. Written in the transaction that does it; never changed.

use super::{Store, StoreError, on};
use crate::model::Timestamp;

/// Something that somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Who: a token as `token:ID`, somebody at the command line as `operator`, or the `farm` itself.
    pub actor: String,
    /// What, such as `build.submit`.
    pub action: String,
    /// To what.
    pub subject: String,
}

/// Notes an event in a transaction.
macro_rules! note {
    ($tx:expr, $at:expr, $actor:expr, $action:expr, $subject:expr) => {
        sqlx::query("INSERT INTO audit (at, actor, action, subject) VALUES ($1, $2, $3, $4)")
            .bind($at.seconds())
            .bind($actor.to_string())
            .bind($action)
            .bind($subject.to_string())
            .execute(&mut *$tx)
            .await?
    };
}
pub(super) use note;

impl Store {
    /// The last `limit` events, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn events(&self, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<(i64, String, String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT at, actor, action, subject FROM audit ORDER BY id DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await)?;
        let event = |(at, actor, action, subject)| Event {
            at: Timestamp::from_seconds(at),
            actor,
            action,
            subject,
        };
        Ok(rows.into_iter().map(event).collect())
    }
}
