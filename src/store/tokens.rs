//! Tokens: what they allow, and to whom. The token itself is never stored; its digest is.

use super::audit::note;
use super::people::missing;
use super::{Store, StoreError, on, read, transaction};
use crate::model::{Actor, Namespace, Scope, Sha256, Timestamp};

/// A token that is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Its id, which is no secret.
    pub id: String,
    /// The digest of the secret.
    pub sha256: Sha256,
    /// Whose it is; nobody's is the operator's.
    pub partner: Option<Actor>,
    /// Who holds it, if that was said.
    pub person: Option<Actor>,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// For which of the partner's namespaces; none named means all.
    pub namespaces: Vec<Namespace>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The id of the token that it is made with, and ends with; none, if the operator makes it.
    pub made_with: Option<String>,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, which is no secret.
    pub id: String,
    /// Whose it is; nobody's is the operator's.
    pub partner: Option<Actor>,
    /// Who holds it, if that was said.
    pub person: Option<Actor>,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// For which of the partner's namespaces; none named means all.
    pub namespaces: Vec<Namespace>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When somebody ended it before.
    pub revoked_at: Option<Timestamp>,
    /// The id of the token that it was made with, and ends with; none, if the operator made it.
    pub made_with: Option<String>,
}

pub(super) type Row = (
    String,
    Option<String>,
    Option<String>,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<String>,
);

impl Token {
    /// Whether it may do `scope`, for plugins of `namespace` where it is about one.
    #[must_use]
    pub fn allows(&self, scope: Scope, namespace: Option<&Namespace>) -> bool {
        let scoped = self.scopes.contains(&scope) || self.scopes.contains(&Scope::Operate);
        let within = self.namespaces.is_empty()
            || namespace.is_none_or(|namespace| self.namespaces.contains(namespace));
        scoped && within
    }

    /// Whether it is worth anything.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at > now
    }

    /// Whether it may do `scope` to what is `partner`'s in `namespace`.
    #[must_use]
    pub fn may(&self, scope: Scope, namespace: &Namespace, partner: &Actor) -> bool {
        let own = self.partner.as_ref() == Some(partner) || self.operates();
        own && self.allows(scope, Some(namespace))
    }

    /// Whether it is the operator's.
    #[must_use]
    pub fn operates(&self) -> bool {
        self.allows(Scope::Operate, None)
    }

    /// Who decides with it, as approvals and the repository's audit log name them: whoever holds it, else its partner. Somebody
    /// with two tokens is one person.
    #[must_use]
    pub fn decider(&self) -> Actor {
        let named = self.person.as_ref().or(self.partner.as_ref());
        named.cloned().unwrap_or_else(Actor::operator)
    }

    /// Who approves with it, where `approvals` people must: somebody, by name. Whoever shares a token is nobody.
    #[must_use]
    pub fn approver(&self, approvals: usize) -> Option<Actor> {
        (approvals < 2 || self.person.is_some()).then(|| self.decider())
    }

    /// Who has it, for the audit.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("token:{}", self.id)
    }

    pub(super) fn from_row(row: Row) -> Result<Self, StoreError> {
        let (id, partner, person, scopes, namespaces, created, expires, revoked, made_with) = row;
        let words =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        Ok(Self {
            id,
            partner: partner
                .map(|name| read("tokens.partner", name))
                .transpose()?,
            person: person.map(|name| read("tokens.person", name)).transpose()?,
            scopes: words(&scopes)
                .into_iter()
                .map(|word| read("tokens.scopes", word))
                .collect::<Result<_, _>>()?,
            namespaces: words(&namespaces)
                .into_iter()
                .map(|word| read("tokens.namespaces", word))
                .collect::<Result<_, _>>()?,
            created_at: Timestamp::from_seconds(created),
            expires_at: Timestamp::from_seconds(expires),
            revoked_at: revoked.map(Timestamp::from_seconds),
            made_with,
        })
    }
}

fn joined<T: ToString>(words: &[T]) -> String {
    words
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

impl Store {
    /// Adds a token.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`] if there is no such partner.
    pub async fn add_token(
        &self,
        token: &NewToken,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let partner = token.partner.as_ref().map(Actor::as_str);
        transaction!(self, tx => {
            if let Some(name) = partner {
                let known: Option<(String,)> = sqlx::query_as("SELECT name FROM partners WHERE name = $1")
                    .bind(name)
                    .fetch_optional(&mut *tx)
                    .await?;
                if known.is_none() {
                    return Err(missing("partner", name));
                }
            }
            sqlx::query(
                "INSERT INTO tokens (id, sha256, partner, scopes, namespaces, created_at, expires_at, person, \
                 made_with) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(&token.id)
            .bind(token.sha256.to_string())
            .bind(partner)
            .bind(joined(&token.scopes))
            .bind(joined(&token.namespaces))
            .bind(now.seconds())
            .bind(token.expires_at.seconds())
            .bind(token.person.as_ref().map(Actor::as_str))
            .bind(token.made_with.as_deref())
            .execute(&mut *tx)
            .await?;
            note!(tx, now, actor, "token.create", token.id);
        })
    }

    /// Every token, newest first, those that ended too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        let rows: Vec<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, partner, person, scopes, namespaces, created_at, expires_at, revoked_at, made_with FROM tokens \
             ORDER BY created_at DESC, id",
        )
        .fetch_all(pool)
        .await)?;
        rows.into_iter().map(Token::from_row).collect()
    }

    /// The token whose secret has this digest, unless it has ended.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn authenticate(
        &self,
        sha256: Sha256,
        now: Timestamp,
    ) -> Result<Option<Token>, StoreError> {
        let row: Option<Row> = on!(self, pool => sqlx::query_as(
            "SELECT id, partner, person, scopes, namespaces, created_at, expires_at, revoked_at, made_with FROM tokens \
             WHERE sha256 = $1 AND expires_at > $2 AND revoked_at IS NULL",
        )
        .bind(sha256.to_string())
        .bind(now.seconds())
        .fetch_optional(pool)
        .await)?;
        row.map(Token::from_row).transpose()
    }

    /// Ends a token now, and those that were made with it. Ending it twice is the same as once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Missing`].
    pub async fn revoke_token(
        &self,
        id: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        transaction!(self, tx => {
            let done = sqlx::query(
                "WITH RECURSIVE own (id) AS (SELECT id FROM tokens WHERE id = $2 \
                 UNION SELECT t.id FROM tokens t JOIN own ON t.made_with = own.id) \
                 UPDATE tokens SET revoked_at = COALESCE(revoked_at, $1) WHERE id IN (SELECT id FROM own)",
            )
                .bind(now.seconds())
                .bind(id)
                .execute(&mut *tx)
                .await?;
            if done.rows_affected() == 0 {
                return Err(missing("token", id));
            }
            note!(tx, now, actor, "token.revoke", id);
        })
    }
}
