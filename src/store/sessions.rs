//! Sessions: whoever has signed in with a browser, by the token that they showed.

use super::audit::note;
use super::tokens::{Row, Token};
use super::{Store, StoreError, on, transaction};
use crate::model::{Sha256, Timestamp};

impl Store {
    /// Begins a session of whoever has `token`, whose secret has the digest `sha256`. What is over is forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn begin_session(
        &self,
        sha256: Sha256,
        token: &Token,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            sqlx::query("DELETE FROM sessions WHERE expires_at <= $1")
                .bind(now.seconds())
                .execute(&mut *tx)
                .await?;
            sqlx::query("INSERT INTO sessions (sha256, token, created_at, expires_at) VALUES ($1, $2, $3, $4)")
                .bind(sha256.to_string())
                .bind(&token.id)
                .bind(now.seconds())
                .bind(expires_at.seconds())
                .execute(&mut *tx)
                .await?;
            note!(tx, now, token.actor(), "session.begin", token.id);
        })
    }

    /// The token of a session, unless either has ended.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn session(
        &self,
        sha256: Sha256,
        now: Timestamp,
    ) -> Result<Option<Token>, StoreError> {
        let row: Option<Row> = on!(self, pool => sqlx::query_as(
            "SELECT t.id, t.partner, t.person, t.scopes, t.namespaces, t.created_at, t.expires_at, t.revoked_at, t.made_with \
             FROM sessions s JOIN tokens t ON t.id = s.token \
             WHERE s.sha256 = $1 AND s.expires_at > $2 AND t.expires_at > $2 AND t.revoked_at IS NULL",
        )
        .bind(sha256.to_string())
        .bind(now.seconds())
        .fetch_optional(pool)
        .await)?;
        row.map(Token::from_row).transpose()
    }

    /// Ends a session. Ending one that is not there changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn end_session(&self, sha256: Sha256) -> Result<(), StoreError> {
        on!(self, pool => sqlx::query("DELETE FROM sessions WHERE sha256 = $1")
            .bind(sha256.to_string())
            .execute(pool)
            .await
            .map(drop))?;
        Ok(())
    }
}
