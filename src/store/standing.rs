//! How a database stands, for whoever only looks: nothing is made, and nothing is changed.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::driver::{POSTGRES, SQLITE};
use super::{Store, StoreError, on};

/// What was done to a database so far.
const APPLIED: &str =
    "SELECT COUNT(*), COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success";

/// How a database stands to what this plugfarm expects of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is as it should be.
    Current,
    /// An older plugfarm made it; it is brought up to date when it is opened. How many steps that takes.
    Older(usize),
    /// A newer plugfarm has used it; this one does not open it.
    Newer,
}

impl Standing {
    fn of(count: i64, last: i64, known: usize) -> Self {
        let count = usize::try_from(count).unwrap_or_default();
        if usize::try_from(last).is_ok_and(|last| last > known) {
            return Self::Newer;
        }
        match known.saturating_sub(count) {
            0 => Self::Current,
            missing => Self::Older(missing),
        }
    }

    /// How the SQLite database in the file `path` stands, which must be there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`].
    pub async fn of_sqlite(path: &Path) -> Result<Self, StoreError> {
        let open = |source| StoreError::Open {
            place: path.display().to_string(),
            source,
        };
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options)
            .await
            .map_err(open)?;
        let found = sqlx::query_as(APPLIED).fetch_one(&mut connection).await;
        let (count, last) = found.or_else(nothing_yet).map_err(open)?;
        Ok(Self::of(count, last, SQLITE.len()))
    }

    /// How the PostgreSQL database at `url` stands.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`].
    pub async fn of_postgres(url: &str) -> Result<Self, StoreError> {
        // The URL may hold a password.
        let open = |source| StoreError::Open {
            place: "the PostgreSQL database".to_owned(),
            source,
        };
        let options: PgConnectOptions = url.parse().map_err(open)?;
        let mut connection = PgConnection::connect_with(&options).await.map_err(open)?;
        let found = sqlx::query_as(APPLIED).fetch_one(&mut connection).await;
        let (count, last) = found.or_else(nothing_yet).map_err(open)?;
        Ok(Self::of(count, last, POSTGRES.len()))
    }
}

/// A new database has no list of what was done to it.
fn nothing_yet(error: sqlx::Error) -> Result<(i64, i64), sqlx::Error> {
    match &error {
        sqlx::Error::Database(said) if said.message().contains("_sqlx_migrations") => Ok((0, 0)),
        _ => Err(error),
    }
}

impl Store {
    /// Everything that is sealed, with the plugin, the hook or the subscription that it belongs to.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`], [`StoreError::Database`].
    pub async fn sealed(&self) -> Result<Vec<Sealed>, StoreError> {
        let rows: Vec<(String, String, String)> = on!(self, pool => sqlx::query_as(
            "SELECT 'credential', plugin, sealed FROM credentials \
             UNION ALL SELECT 'hook', id, sealed FROM hooks \
             UNION ALL SELECT 'subscription', id, sealed FROM subscriptions WHERE sealed IS NOT NULL",
        )
        .fetch_all(pool)
        .await)?;
        let sealed = rows.into_iter().map(|(kind, of, sealed)| Sealed {
            is_credential: kind == "credential",
            of,
            sealed,
        });
        Ok(sealed.collect())
    }
}

/// Something that is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Whether it opens a repository; else it signs.
    pub is_credential: bool,
    /// The plugin, or the id of the hook or the subscription.
    pub of: String,
    /// What it is, sealed.
    pub sealed: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_is_looked_at_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("farm.sqlite");
        assert!(Standing::of_sqlite(&path).await.is_err());
        assert!(!path.exists(), "nothing was made");
        fs_err::write(&path, "").unwrap();
        let new = Standing::of_sqlite(&path).await.unwrap();
        assert_eq!(new, Standing::Older(SQLITE.len()));
        Store::sqlite(&path).await.unwrap().close().await;
        let made = Standing::of_sqlite(&path).await.unwrap();
        assert_eq!(made, Standing::Current);
        assert_eq!(Standing::of(7, 99, 6), Standing::Newer);
        assert_eq!(Standing::of(5, 5, 6), Standing::Older(1));
    }
}
